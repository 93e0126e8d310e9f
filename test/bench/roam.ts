/**
 * How long a running ping (one in 50 ms) stays without replies, from the moment the network works again: after a change of address,
 * a router that restarts with another public address, and a router that forgets its mappings; on the side that sends, and on the side
 * that only answers. Beside `wh`: wireguard-go as a person sets it up, and nebula. RUNS=10 and ONLY=TEXT choose; ALONE=1
 * leaves the others out; REST=3 lets 3 s pass between two events instead of 10.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { createLab, type Program } from '../lab/lab.ts'
import type { Home, Nat } from '../lab/nat/home.ts'
import { type Pair, Stage } from '../nat/pair.ts'
import { wh } from '../system/mesh.ts'
import { Nebula } from './rivals/nebula.ts'
import { PlainWireGuard } from './rivals/wireguard.ts'

const runs = Number(process.env.RUNS ?? 5)
/** Longer than the slowest is known to need. */
const patience = 75_000
/** Between two events, ms. */
const rest = Number(process.env.REST ?? 10) * 1_000

type Rover = {
  readonly name: string
  readonly overlays: readonly [string, string]
  up(pair: Pair): Promise<void>
  down(pair: Pair): Promise<void>
}

type Event = {
  readonly name: string
  /** Where it happens, and where the other is. */
  readonly here: Nat
  readonly there: Nat
  /** Without: so that a program which depends on being heard by strangers has its chance. */
  readonly firewall: 'closed' | 'none'
  readonly happen: (home: Home) => Promise<unknown>
}

const outage = 500
const restart = { name: 'router restarts with another address', happen: (home: Home) => home.restart(outage) }
const flush = { name: 'router forgets its mappings', happen: (home: Home) => home.flush() }
const renumber = { name: 'own address changes', happen: (home: Home) => home.renumber() }
const open = { there: 'public', firewall: 'none' } as const
const closed = { there: 'port-restricted', firewall: 'closed' } as const

const events: readonly Event[] = [
  { ...renumber, here: 'public', ...open },
  { ...renumber, here: 'public', ...closed },
  { ...restart, here: 'port-restricted', ...open },
  { ...restart, here: 'port-restricted', ...closed },
  { ...flush, here: 'port-restricted', ...open },
  { ...flush, here: 'port-restricted', ...closed },
  { ...flush, here: 'symmetric', ...open },
]

const whRover: Rover = {
  name: 'wh',
  overlays: ['10.0.42.1', '10.0.42.2'],
  up: pair => pair.warm(),
  down: async ({ members }) => {
    for (const { host } of members) await wh(host, 'down')
  },
}

export async function run(): Promise<void> {
  const nebula = process.env.ALONE ? null : await Nebula.open()
  const rovers: Rover[] = [whRover, ...(process.env.ALONE ? [] : [new PlainWireGuard()]), ...(nebula ? [nebula] : [])]
  try {
    await using lab = await createLab()
    const stage = await Stage.build(lab)
    await nebula?.serve(stage)
    console.log(`\nseconds without replies, ${runs} runs: median (longest)`)
    console.log(`${''.padEnd(110)}${rovers.map(({ name }) => name.padStart(20)).join('')}`)
    for (const event of events) {
      for (const who of ['sender', 'answerer'] as const) {
        const firewall = event.firewall === 'closed' ? ', firewalls closed' : ''
        const title = `${event.name}, ${who}'s side (${event.here}, to ${event.there}${firewall})`
        if (!title.includes(process.env.ONLY ?? '')) continue
        const cells: string[] = []
        for (const rover of rovers) cells.push(cell(await measure(stage, event, who, rover)).padStart(20))
        console.log(`${title.padEnd(110)}${cells.join('')}`)
      }
    }
  } finally {
    await nebula?.close()
  }
}

/** A fresh pair of homes for each, so that no program lives with another's traffic. */
async function measure(stage: Stage, event: Event, who: 'sender' | 'answerer', rover: Rover): Promise<number[]> {
  const { here, there, firewall } = event
  const [first, second] = who === 'sender' ? [there, here] : [here, there]
  const pair = await stage.pair({ first, second, firewall, path: 'direct' })
  const gaps: number[] = []
  try {
    await rover.up(pair)
    const [answerer, sender] = pair.members
    const ping = sender.host.spawn(['ping', '-n', '-D', '-i', '0.05', rover.overlays[0]])
    await ping.says(/bytes from/, 60_000)
    await sleep(rest)
    for (let i = 0; i < runs; i++) {
      gaps.push(await gap(ping, () => event.happen((who === 'sender' ? sender : answerer).home)))
      if (gaps.at(-1) === Number.POSITIVE_INFINITY) break // it does not know any more where the other is
      await sleep(rest)
    }
    ping.kill('SIGINT')
    await rover.down(pair)
  } finally {
    await pair.end()
  }
  return gaps
}

/** Seconds from the end of the event to the first reply after it. */
async function gap(ping: Program, happen: () => Promise<unknown>): Promise<number> {
  await happen()
  const works = Date.now() / 1000
  const end = performance.now() + patience
  for (;;) {
    const last = /\[(\d+\.\d+)\] \d+ bytes from[^\n]*\n$/.exec(ping.out)
    if (last && Number(last[1]) > works) return firstAfter(ping.out, works) - works
    if (performance.now() > end) return Number.POSITIVE_INFINITY
    await sleep(10)
  }
}

function firstAfter(out: string, time: number): number {
  return [...out.matchAll(/\[(\d+\.\d+)\] \d+ bytes from/g)].map(match => Number(match[1])).find(it => it > time)!
}

function cell(gaps: readonly number[]): string {
  const sorted = gaps.toSorted((a, b) => a - b)
  const text = (seconds: number) => (Number.isFinite(seconds) ? seconds.toFixed(2) : `> ${patience / 1000}`)
  return `${text(sorted[sorted.length >> 1]!)} (${text(sorted.at(-1)!)})`
}
