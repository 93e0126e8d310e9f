/**
 * What a relay costs: datagrams as fast as one host can send them, and the throughput of a tunnel, directly and through a third host, by
 * the kernel there and by a process; and what 20 000 pairs cost. Beside it coturn, with the same datagrams, and nebula with its own tunnel.
 * The ways take turns, so that whatever else the machine does meets them alike. Needs root. RUNS=4 says how many turns, ALONE=1 leaves the
 * others out.
 */

import assert from 'node:assert/strict'
import { createLab, type Host } from '../lab/lab.ts'
import { bind, pa, pairOf, pb, RelayServer, throughput, tunnel, type World, w, world } from '../system/relay-lab.ts'
import { type Blast, blastSettings, count, lossless, type Target } from './blast.ts'
import { Coturn, hasCoturn } from './rivals/coturn.ts'
import { NebulaRelay } from './rivals/nebula-relay.ts'

/** `router`: what Linux itself has for it, a rule each of DNAT and SNAT, with conntrack and ip_forward. */
const ways = ['direct', 'router', 'kernel', 'process'] as const
type Way = (typeof ways)[number]
type PacketWay = Way | 'coturn'
/** Its tunnel is another one: relayed is compared with its own direct. */
const nebulaWays = ['nebula direct', 'nebula relay'] as const
type TunnelWay = Way | (typeof nebulaWays)[number]

const goals: Partial<Record<string, { packets: number; tunnel: number }>> = { kernel: { packets: 0.65, tunnel: 0.85 } }
const loadingGoal = 3

const turns = Number(process.env.RUNS ?? 6)
const seconds = 2
const pairs = 20_000
const { size, tolerable } = blastSettings
/** That of legs is not what is measured. */
const limit = { rate: 10_000_000, burst: 1_000_000 }

export async function run(): Promise<void> {
  await using lab = await createLab()
  const it = await world(lab, ['public', 'public'])
  for (const host of [it.a, it.b]) await host.ok(['nft', 'flush', 'ruleset'])
  const others = !process.env.ALONE
  await packets(it, others && (await hasCoturn()) ? [...ways, 'coturn'] : ways)
  await many(it)
  await tunnels(it, others ? await NebulaRelay.open(it) : null)
}

async function packets(it: World, ways: readonly PacketWay[]): Promise<void> {
  await count(it.b)
  const found = new Map<PacketWay, Blast[]>(ways.map(way => [way, []]))
  for (let turn = 0; turn < turns; turn++) {
    for (const way of rotated(ways, turn)) {
      await relayed(it, way, async to => void found.get(way)!.push(await lossless(it.a, to, it.b)))
    }
  }
  print(`datagrams of ${size} bytes, the most of one flow that come, but for ${100 * tolerable} %, ${seconds} s`, found)
}

async function many(it: World): Promise<void> {
  const server = await RelayServer.start(it.relay.host, { mode: 'kernel', limit })
  const to = { host: it.relay.address, port: pb }
  const legs = await bound(it, server)
  await server.connect(legs)
  const away: [string, string] = ['198.18.0.1', '198.18.0.2']
  const [few, full]: [Blast[], Blast[]] = [[], []]
  const loading: number[] = []
  const changing: number[] = []
  for (let turn = 0; turn < Math.ceil(turns / 2); turn++) {
    few.push(await lossless(it.a, to, it.b))
    loading.push(await server.pairs(pairs, away))
    for (let i = 0; i < 20; i++) changing.push((await server.disconnect(legs)) + (await server.connect(legs)))
    full.push(await lossless(it.a, to, it.b))
    await server.unpair(pairs, away)
  }
  const all = loading.map(ms => (ms / 1000).toFixed(1)).join(', ')
  console.log(
    `\n${pairs} pairs beside: loaded in ${all} s (goal ≤ ${loadingGoal}); one more or less then in ${(median(changing) / 2).toFixed(1)} ms`,
  )
  const [without, beside] = [rates(few), rates(full)]
  const ratios = beside.map((rate, i) => rate / without[i]!)
  console.log(
    `one flow with them ${median(beside).toFixed(0)} packets/s, without ${median(without).toFixed(0)} (goal: the same); ratios ${range(ratios)}`,
  )
  await server.pairs(pairs, away)
  await server.kill()
  const start = performance.now()
  const next = await RelayServer.start(it.relay.host, { mode: 'kernel', limit })
  console.log(`taken over by another program after ${((performance.now() - start) / 1000).toFixed(1)} s`)
  await next.close()
}

async function tunnels(it: World, nebula: NebulaRelay | null): Promise<void> {
  await it.b.ok(['nft', 'flush', 'ruleset'])
  const endpoints = { a: await addressOf(it.a), b: await addressOf(it.b) }
  await tunnel(it, { a: it.relay.address, b: it.relay.address })
  const all: readonly TunnelWay[] = nebula ? [...ways, ...nebulaWays] : ways
  const found = new Map<TunnelWay, number[]>(all.map(way => [way, []]))
  for (let turn = 0; turn < turns; turn++) {
    for (const way of rotated(all, turn)) {
      const direct = way.endsWith('direct')
      const measure = async (peer = '10.0.42.2') => {
        await it.a.until(['ping', '-c', '1', '-W', '1', peer], ({ code }) => code === 0)
        found.get(way)!.push(await checked(it.relay.host, direct, () => throughput(it, seconds, peer)))
      }
      if (way === 'nebula direct' || way === 'nebula relay') {
        await measure(await nebula!.up(!direct))
        await nebula!.down()
        continue
      }
      await point(it.a, direct ? `${endpoints.b}:${w}` : `${it.relay.address}:${pb}`)
      await point(it.b, direct ? `${endpoints.a}:${w}` : `${it.relay.address}:${pa}`)
      if (way === 'direct') await measure()
      else if (way === 'router') await routed(it, measure)
      else await served(it, way, endpoints, measure)
    }
  }
  console.log(
    `\nthroughput through the tunnel (iperf3, ${seconds} s; medians of ${turns} turns, ratios within each turn)`,
  )
  console.log(`${''.padEnd(15)}${'Mbit/s'.padStart(8)}${'of direct'.padStart(11)}${'range'.padStart(15)}`)
  for (const [way, all] of found) {
    const base = found.get(way.startsWith('nebula') ? 'nebula direct' : 'direct')!
    const ratios = all.map((rate, i) => rate / base[i]!)
    const cells = [median(all).toFixed(0).padStart(8), median(ratios).toFixed(2).padStart(11)]
    console.log(`${way.padEnd(15)}${cells.join('')}${range(ratios).padStart(15)}${goal(way, 'tunnel')}`)
  }
}

/** Whether it went by the relay's host is not what the settings say, but what was seen there. */
async function checked(relay: Host, direct: boolean, work: () => Promise<number>): Promise<number> {
  const seen = async () => {
    const [link] = JSON.parse(await relay.ok(['ip', '-j', '-s', 'link', 'show', 'dev', 'eth0']))
    return link.stats64.rx.bytes as number
  }
  const before = await seen()
  const rate = await work()
  const part = (await seen()) - before
  const all = (rate * 1e6 * seconds) / 8
  assert.ok(direct ? part < 0.01 * all : part > 0.9 * all, `${part} of ${all} bytes came by the relay's host`)
  return rate
}

const addressOf = async (host: Host) => (await host.ok(['hostname', '-I'])).trim().split(' ')[0]!

async function served(
  { relay }: World,
  mode: 'kernel' | 'process',
  { a, b }: { a: string; b: string },
  work: () => Promise<void>,
): Promise<void> {
  const server = await RelayServer.start(relay.host, { mode, limit })
  for (const port of [pa, pb]) await server.open(port)
  await server.connect(pairOf({ host: a, port: w }, { host: b, port: w }))
  await work()
  await server.close()
}

async function relayed(it: World, way: PacketWay, work: (to: Target) => Promise<void>): Promise<void> {
  if (way === 'direct') return await work({ host: await addressOf(it.b), port: w })
  if (way === 'router') return await routed(it, () => work({ host: it.relay.address, port: pb }))
  if (way === 'coturn') {
    const server = await Coturn.start(it.relay.host, it.relay.address)
    const header = await server.channel(it.a, w, { host: await addressOf(it.b), port: w }, size)
    await work({ ...server.endpoint, header })
    return await server.close()
  }
  const server = await RelayServer.start(it.relay.host, { mode: way, limit })
  await server.connect(await bound(it, server))
  await work({ host: it.relay.address, port: pb })
  await server.close()
}

async function routed({ a, b, relay }: World, work: () => Promise<void>): Promise<void> {
  const [hostA, hostB] = [await addressOf(a), await addressOf(b)]
  const forward = (on: 0 | 1) => relay.host.ok(['sh', '-c', `echo ${on} >/proc/sys/net/ipv4/ip_forward`])
  await forward(1)
  await relay.host.ok(['nft', '-f', '-'], {
    input: `table ip router {
  chain pre { type nat hook prerouting priority -100
    udp dport ${pb} dnat to ${hostB}:${w}
    udp dport ${pa} dnat to ${hostA}:${w}; }
  chain post { type nat hook postrouting priority 100
    ip daddr ${hostB} udp dport ${w} snat to ${relay.address}:${pa}
    ip daddr ${hostA} udp dport ${w} snat to ${relay.address}:${pb}; }
}
`,
  })
  await work()
  await relay.host.ok(['nft', 'delete', 'table', 'ip', 'router'])
  await relay.host.run(['conntrack', '-F'])
  await forward(0)
}

async function bound({ a, b, relay }: World, server: RelayServer) {
  for (const port of [pa, pb]) await server.open(port)
  const [boundA, boundB] = [await bind(a, server, relay.address, pb), await bind(b, server, relay.address, pa)]
  return pairOf(boundA.source, boundB.source)
}

async function point(host: Host, endpoint: string): Promise<void> {
  const peer = (await host.ok(['wg', 'show', 'wg0', 'peers'])).trim()
  await host.ok(['wg', 'set', 'wg0', 'peer', peer, 'endpoint', endpoint])
}

/** Another one first each time: a machine that others use, too, has tides. */
function rotated<T>(all: readonly T[], turn: number): T[] {
  return [...all.slice(turn % all.length), ...all.slice(0, turn % all.length)]
}

function print(title: string, found: ReadonlyMap<PacketWay, Blast[]>): void {
  console.log(`\n${title} (medians of ${turns} turns, ratios within each turn)`)
  const head = ['sent/s', 'came/s', 'of direct', 'range', 'lost']
  console.log(''.padEnd(10) + head.map((it, i) => it.padStart(widths[i]!)).join(''))
  const base = rates(found.get('direct')!)
  for (const [way, all] of found) {
    const ratios = rates(all).map((it, i) => it / base[i]!)
    const cells = [
      median(all.map(it => it.sent / it.seconds)).toFixed(0),
      median(rates(all)).toFixed(0),
      median(ratios).toFixed(2),
      range(ratios),
      `${(100 * median(all.map(it => 1 - it.received / it.sent))).toFixed(2)} %`,
    ]
    console.log(way.padEnd(10) + cells.map((it, i) => it.padStart(widths[i]!)).join('') + goal(way, 'packets'))
  }
}

const widths = [10, 10, 11, 15, 9]

const goal = (way: string, of: 'packets' | 'tunnel') => (goals[way] ? `   goal ≥ ${goals[way][of]}` : '')

const rates = (all: readonly Blast[]) => all.map(it => it.received / it.seconds)

const range = (all: readonly number[]) => `${Math.min(...all).toFixed(2)} to ${Math.max(...all).toFixed(2)}`

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
