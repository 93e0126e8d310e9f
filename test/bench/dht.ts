/**
 * The DHT: 50 nodes in this process on a network in memory, with all that a real one does (Noise, yamux, identify, signatures).
 * Records are put and got; then 15 of the nodes go silent without farewell, and everything is looked up again. All nodes share one
 * core, so the times are of computing, and upper figures.
 */

import { keyWith, recordOf, until, World } from '../drivers/dht/world.ts'
import { links } from './dht-links.ts'

const nodes = 50
const killed = 15
const records = 40

export async function run(): Promise<void> {
  const world = new World()
  const begin = performance.now()
  await world.grow(nodes)
  const settled = () => Math.min(...world.nodes.map(({ directory }) => directory.status().peers)) >= 10
  await until(settled, 60_000)
  console.log(
    `${nodes} nodes, alpha 3, 2 disjoint paths, k 10; joined in ${((performance.now() - begin) / 1000).toFixed(1)} s`,
  )
  console.log(
    `${''.padEnd(40)}${['n', 'ok', 'p50 ms', 'p95 ms', 'asked', 'hops'].map(head => head.padStart(9)).join('')}`,
  )

  const held = Array.from({ length: records }, () => recordOf(keyWith(0)))
  const pick = (i: number) => alive()[(i * 7) % alive().length]!
  const alive = () => world.nodes.filter(({ port }) => !port.cut)

  const puts = new Series('put')
  for (const [i, { id, value }] of held.entries()) {
    await puts.measure(async () => (await pick(i).directory.publish(id, value)).stored > 0)
  }
  puts.print()
  await getAll('get, whole walk', false)
  await getAll('get, first value', true)

  for (let i = 0; i < killed; i++) world.nodes[(i * 3 + 1) % nodes]!.port.cut = true
  await getAll(`${killed} silent: get, first value`, true)
  await getAll('  again: whole walk', false)
  await getAll('  again: first value', true)
  const again = new Series('  put')
  for (const [i] of held.entries()) {
    const { id, value } = recordOf(keyWith(0))
    await again.measure(async () => (await pick(i).directory.publish(id, value)).stored > 0)
  }
  again.print()
  console.log(
    `resident memory ${Math.round(process.memoryUsage().rss / 2 ** 20)} MB, ${(process.memoryUsage().rss / 2 ** 20 / nodes).toFixed(1)} MB a node`,
  )
  await world.stop()
  await links()

  async function getAll(name: string, first: boolean): Promise<void> {
    const series = new Series(name)
    for (const [i, { id }] of held.entries()) {
      // somebody who does not hold it
      const others = alive()
      let node = others[(i * 11 + 5) % others.length]!
      for (let at = 0; (await node.directory.local(id)) && at < others.length; at++)
        node = others[(i * 11 + 6 + at) % others.length]!
      await series.measure(async () => {
        let found = false
        let values = 0
        const onStep = ({ answered }: { answered: string }) => {
          series.asked++
          if (values === 0 && answered !== 'error') series.hops++
        }
        for await (const _ of node.directory.find(id, { onStep })) {
          found = true
          values++
          if (first) break
        }
        return found
      })
    }
    series.print()
  }
}

class Series {
  readonly #name: string
  readonly #times: number[] = []
  #ok = 0
  asked = 0
  /** Answers until the first value, that one included. */
  hops = 0

  constructor(name: string) {
    this.#name = name
  }

  async measure(body: () => Promise<boolean>): Promise<void> {
    const start = performance.now()
    if (await body()) this.#ok++
    this.#times.push(performance.now() - start)
  }

  print(): void {
    const times = this.#times.sort((a, b) => a - b)
    const at = (part: number) => times[Math.min(times.length - 1, Math.floor(part * times.length))]!.toFixed(0)
    const each = (count: number) => (count === 0 ? '' : (count / times.length).toFixed(1))
    const ok = `${((100 * this.#ok) / times.length).toFixed(0)} %`
    const cells = [times.length, ok, at(0.5), at(0.95), each(this.asked), each(this.hops)]
    console.log(`${this.#name.padEnd(40)}${cells.map(cell => String(cell).padStart(9)).join('')}`)
  }
}
