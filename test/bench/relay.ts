/**
 * What a relay costs: datagrams as fast as one host can send them, and the throughput of a tunnel, directly and through a third host, by
 * the kernel there and by a process; and what 20 000 pairs cost. The ways take turns, so that whatever else the machine does meets them
 * alike. Needs root.
 */

import { createLab, type Host } from '../lab/lab.ts'
import { bind, pa, pairOf, pb, RelayServer, throughput, tunnel, type World, w, world } from '../system/relay-lab.ts'

/** `router`: what Linux itself has for it, a rule each of DNAT and SNAT, with conntrack and ip_forward. */
const ways = ['direct', 'router', 'kernel', 'process'] as const
type Way = (typeof ways)[number]

const turns = Number(process.env.RUNS ?? 6)
const seconds = 2
const size = 1_400
const pairs = 20_000
/** Part of what is sent. */
const tolerable = 0.001
/** That of legs is not what is measured. */
const limit = { rate: 10_000_000, burst: 1_000_000 }

type Blast = { readonly sent: number; readonly received: number; readonly seconds: number }

export async function run(): Promise<void> {
  await using lab = await createLab()
  const it = await world(lab, ['public', 'public'])
  for (const host of [it.a, it.b]) await host.ok(['nft', 'flush', 'ruleset'])
  await packets(it)
  await many(it)
  await tunnels(it)
}

async function packets(it: World): Promise<void> {
  await count(it.b)
  const found = new Map<Way, Blast[]>(ways.map(way => [way, []]))
  for (let turn = 0; turn < turns; turn++) {
    for (const way of rotated(turn)) {
      await relayed(it, way, async to => void found.get(way)!.push(await lossless(it, to)))
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
    few.push(await lossless(it, to))
    loading.push(await server.pairs(pairs, away))
    for (let i = 0; i < 20; i++) changing.push((await server.disconnect(legs)) + (await server.connect(legs)))
    full.push(await lossless(it, to))
    await server.unpair(pairs, away)
  }
  const all = loading.map(ms => (ms / 1000).toFixed(1)).join(', ')
  console.log(
    `\n${pairs} pairs beside: loaded in ${all} s; one more or less then in ${(median(changing) / 2).toFixed(1)} ms`,
  )
  const rate = (all: readonly Blast[]) => median(all.map(each => each.received / each.seconds))
  console.log(`one flow with them ${rate(full).toFixed(0)} packets/s, without ${rate(few).toFixed(0)}`)
  await server.pairs(pairs, away)
  await server.kill()
  const start = performance.now()
  const next = await RelayServer.start(it.relay.host, { mode: 'kernel', limit })
  console.log(`taken over by another program after ${((performance.now() - start) / 1000).toFixed(1)} s`)
  await next.close()
}

async function tunnels(it: World): Promise<void> {
  await it.b.ok(['nft', 'flush', 'ruleset'])
  const endpoints = { a: await addressOf(it.a), b: await addressOf(it.b) }
  await tunnel(it, { a: it.relay.address, b: it.relay.address })
  const found = new Map<Way, number[]>(ways.map(way => [way, []]))
  for (let turn = 0; turn < turns; turn++) {
    for (const way of rotated(turn)) {
      const direct = way === 'direct'
      await point(it.a, direct ? `${endpoints.b}:${w}` : `${it.relay.address}:${pb}`)
      await point(it.b, direct ? `${endpoints.a}:${w}` : `${it.relay.address}:${pa}`)
      const measure = async () => {
        await it.a.until(['ping', '-c', '1', '-W', '1', '10.0.42.2'], ({ code }) => code === 0)
        found.get(way)!.push(await throughput(it, seconds))
      }
      if (direct) await measure()
      else if (way === 'router') await routed(it, measure)
      else await served(it, way, endpoints, measure)
    }
  }
  const base = found.get('direct')!
  console.log(
    `\nthroughput through the tunnel (iperf3, ${seconds} s; medians of ${turns} turns, ratios within each turn)`,
  )
  for (const [way, all] of found) {
    const ratios = all.map((rate, i) => rate / base[i]!).toSorted((x, y) => x - y)
    const quartiles = [0.25, 0.75].map(part => ratios[Math.floor(ratios.length * part)]!.toFixed(2)).join(' to ')
    console.log(
      `${way.padEnd(10)}${median(all).toFixed(0).padStart(6)} Mbit/s${median(ratios).toFixed(2).padStart(7)}   ${quartiles}`,
    )
  }
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

/** Counts what comes to W of `host`, and gives it to nobody: no program there has to keep pace. */
async function count(host: Host): Promise<void> {
  const chain = `chain in { type filter hook prerouting priority -400; udp dport ${w} @th,64,8 7 counter drop; }`
  await host.ok(['nft', '-f', '-'], { input: `table inet count { ${chain}\n }\n` })
}

async function counted(host: Host): Promise<number> {
  return Number(/counter packets (\d+)/.exec(await host.ok(['nft', 'list', 'table', 'inet', 'count']))![1])
}

/** From W, like WireGuard; there is none. @param rate packets/s, or as fast as it goes */
async function blast({ a, b }: World, to: { host: string; port: number }, rate = 1e9): Promise<Blast> {
  const before = await counted(b)
  const script = `
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', ${w})); s.connect(('${to.host}', ${to.port}))
data = b'\x07' * ${size}; sent = 0; start = now = time.monotonic(); end = start + ${seconds}
while now < end:
    if sent <= (now - start) * ${rate}:
        for _ in range(16):
            try: s.send(data); sent += 1
            except OSError: pass
    now = time.monotonic()
print(sent, now - start)`
  const [sent, took] = (await a.ok(['python3', '-c', script])).trim().split(' ').map(Number)
  // what waits in the process's sockets
  await new Promise(resolve => setTimeout(resolve, 200))
  return { sent: sent!, seconds: took!, received: (await counted(b)) - before }
}

/** The fastest that loses next to nothing, looked for downwards. */
async function lossless(it: World, to: { host: string; port: number }): Promise<Blast> {
  let found = await blast(it, to)
  while (found.received < (1 - tolerable) * found.sent) {
    // what came is about what it can; what was sent a bound
    const next = Math.min(0.9 * (found.sent / found.seconds), 1.2 * (found.received / found.seconds))
    found = await blast(it, to, next)
  }
  return found
}

async function relayed(
  it: World,
  way: Way,
  work: (to: { host: string; port: number }) => Promise<void>,
): Promise<void> {
  if (way === 'direct') return await work({ host: await addressOf(it.b), port: w })
  if (way === 'router') return await routed(it, () => work({ host: it.relay.address, port: pb }))
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
function rotated(turn: number): Way[] {
  return [...ways.slice(turn % ways.length), ...ways.slice(0, turn % ways.length)]
}

function print(title: string, found: ReadonlyMap<Way, Blast[]>): void {
  console.log(`\n${title} (medians of ${turns} turns, ratios within each turn)`)
  console.log(
    `${''.padEnd(10)}${'sent/s'.padStart(10)}${'came/s'.padStart(10)}${'of direct'.padStart(11)}${'lost'.padStart(9)}`,
  )
  const rate = (all: readonly Blast[]) => all.map(it => it.received / it.seconds)
  const base = rate(found.get('direct')!)
  for (const [way, all] of found) {
    const ratio = median(rate(all).map((it, i) => it / base[i]!))
    const lost = median(all.map(it => 1 - it.received / it.sent))
    console.log(
      way.padEnd(10) +
        median(all.map(it => it.sent / it.seconds))
          .toFixed(0)
          .padStart(10) +
        median(rate(all)).toFixed(0).padStart(10) +
        ratio.toFixed(2).padStart(11) +
        `${(100 * lost).toFixed(2)} %`.padStart(9),
    )
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
