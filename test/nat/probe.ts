/**
 * A program that finds out how the NAT in front of it behaves, after RFC 5780, with no code of `wh`: `node probe.ts ADDRESS
 * ADDRESS [PORT]`, the addresses of a reflector and the own port. Prints JSON. A packet that has not come for 300 ms is taken for one that never does.
 */

import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

export type Behaviour = {
  /** A UDP answer came at all. */
  readonly udp: boolean
  /** Where the reflector saw us, each time from one socket. */
  readonly seen: readonly string[]
  readonly mapping: 'endpoint-independent' | 'address-dependent' | 'address-and-port-dependent'
  readonly filtering: 'endpoint-independent' | 'address-dependent' | 'address-and-port-dependent'
  readonly portKept: boolean
  /** How much the mapped port grew from one destination to the next. */
  readonly steps: readonly number[]
  /** From which of its endpoints a second socket here was heard at the first one's mapped endpoint; null: not at all. */
  readonly hairpin: 'inside' | 'outside' | null
}

const patience = 300
const ports = [7001, 7002] as const
const [first, second] = process.argv.slice(2) as [string, string]
const destinations = [
  [first, 0, 0],
  [first, 0, 1],
  [second, 1, 0],
  [second, 1, 1],
] as const

class Ear {
  readonly socket: Socket
  readonly heard: { text: string; address: string; port: number }[] = []
  constructor(socket: Socket) {
    this.socket = socket
    socket.on('message', (bytes, { address, port }) => this.heard.push({ text: String(bytes), address, port }))
  }
  static async open(port = 0): Promise<Ear> {
    const ear = new Ear(createSocket(first.includes(':') ? 'udp6' : 'udp4'))
    ear.socket.bind(port)
    await once(ear.socket, 'listening')
    return ear
  }
  get port(): number {
    return this.socket.address().port
  }
  /** Where the answer of that endpoint of the reflector says that we are. */
  async ask(address: string, port: number, from: string): Promise<{ host: string; port: number } | null> {
    this.socket.send(from, port, address)
    for (let waited = 0; waited < patience; waited += 5) {
      const answer = this.heard.find(it => it.text.startsWith(`${from} `))
      if (answer) {
        const [, , host, mapped] = answer.text.split(' ')
        return { host: host!, port: Number(mapped) }
      }
      await sleep(5)
    }
    return null
  }
}

async function mapping(): Promise<{ all: { host: string; port: number }[]; local: number }> {
  const ear = await Ear.open(Number(process.argv[4] ?? 0))
  const all: { host: string; port: number }[] = []
  for (const [address, a, p] of destinations) {
    const seen = await ear.ask(address, ports[p], `${a} ${p}`)
    if (seen) all.push(seen)
  }
  return { all, local: ear.port }
}

async function filtering(): Promise<Behaviour['filtering']> {
  const other = await Ear.open()
  if (await other.ask(first, ports[0], '1 1')) return 'endpoint-independent'
  const near = await Ear.open()
  return (await near.ask(first, ports[0], '0 1')) ? 'address-dependent' : 'address-and-port-dependent'
}

async function hairpin(): Promise<Behaviour['hairpin']> {
  const [a, b] = [await Ear.open(), await Ear.open()]
  const target = await a.ask(first, ports[0], '0 0')
  const own = await b.ask(first, ports[0], '0 0')
  if (!target || !own) return null
  // where filtering wants it, a has sent to b's endpoint first
  a.socket.send('hole', own.port, own.host)
  await sleep(20)
  b.socket.send('hairpin', target.port, target.host)
  await sleep(patience)
  const heard = a.heard.find(it => it.text === 'hairpin')
  if (!heard) return null
  return heard.address === own.host && heard.port === own.port ? 'outside' : 'inside'
}

const { all, local } = await mapping()
const udp = all.length === destinations.length
const same = (i: number, j: number) => all[i]!.host === all[j]!.host && all[i]!.port === all[j]!.port
const behaviour: Behaviour = {
  udp,
  seen: all.map(({ host, port }) => `${host} ${port}`),
  mapping:
    !udp || !same(0, 1) ? 'address-and-port-dependent' : same(0, 2) ? 'endpoint-independent' : 'address-dependent',
  filtering: udp ? await filtering() : 'address-and-port-dependent',
  portKept: udp && all[0]!.port === local,
  steps: all.slice(1).map((it, i) => it.port - all[i]!.port),
  hairpin: udp ? await hairpin() : null,
}
console.log(JSON.stringify(behaviour))
process.exit(0)
