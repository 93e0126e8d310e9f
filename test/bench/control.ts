/**
 * What sharing WireGuard's port costs: each way of doing it beside a plain UDP socket, between two lab hosts, and the throughput of
 * the tunnel with each way active beside none. The ways take turns, so that whatever else the machine does meets them alike. Needs root.
 */

import { createLab, type Host } from '../lab/lab.ts'
import { createTunnel, type End, Peer, port, type Race } from '../system/control-lab.ts'

type Way = { readonly name: string; readonly options: Parameters<typeof Peer.start>[1]; readonly port: number }

const turns = 5
const window = 32
const packets = 20_000
const pings = 3_000
const seconds = 2
const loadTurns = 12

const plain: Way = { name: 'plain UDP socket', options: { owner: 'nobody', listenPort: port + 1 }, port: port + 1 }
const ways: readonly Way[] = [
  plain,
  { name: 'nft', options: { capture: 'nft' }, port },
  { name: 'nft, with a tap beside', options: { capture: 'auto' }, port },
  { name: 'pcap', options: { capture: 'pcap' }, port },
]

export async function run(): Promise<void> {
  await using lab = await createLab()
  const ends = await createTunnel(lab)
  // nobody sends there, but auto sees a firewall that drops, and listens in front of it
  for (const { host } of ends) {
    const chain = 'chain in { type filter hook input priority 0; udp dport 9 drop; }'
    await host.ok(['nft', '-f', '-'], { input: `table inet fw { ${chain}\n }\n` })
  }
  await packetsAndLatency(ends)
  await dataPlane(ends)
}

async function packetsAndLatency(ends: readonly [End, End]): Promise<void> {
  const fast = new Map<Way, Race[]>(ways.map(way => [way, []]))
  const alone = new Map<Way, Race[]>(ways.map(way => [way, []]))
  for (let turn = 0; turn < turns; turn++) {
    for (const way of ways) {
      await between(ends, way, async ([, b], to) => {
        fast.get(way)!.push(await b.race(to, packets, window))
        alone.get(way)!.push(await b.race(to, pings, 1))
      })
    }
  }
  console.log(`\nrequest and answer of 200 bytes, two hosts (median of ${turns} turns)`)
  console.log(`${''.padEnd(26)}packets/s   ratio     lost   RTT p50       p99   added p50`)
  const rate = (way: Way) => median(fast.get(way)!.map(it => (2 * packets) / it.seconds))
  for (const way of ways) {
    const lost = fast.get(way)!.reduce((sum, it) => sum + it.lost, 0)
    const [p50, p99] = [median(alone.get(way)!.map(it => it.p50)), median(alone.get(way)!.map(it => it.p99))]
    const added = p50 - median(alone.get(plain)!.map(it => it.p50))
    console.log(
      way.name.padEnd(26) +
        rate(way).toFixed(0).padStart(9) +
        (rate(way) / rate(plain)).toFixed(2).padStart(8) +
        `${lost}/${turns * packets}`.padStart(9) +
        `${p50.toFixed(3)} ms`.padStart(10) +
        `${p99.toFixed(3)} ms`.padStart(10) +
        `${added.toFixed(3)} ms`.padStart(12),
    )
  }
}

async function dataPlane(ends: readonly [End, End]): Promise<void> {
  const nothing = { name: 'no control port' } as const
  const all = [nothing, ...ways.slice(1)]
  const rates = new Map(all.map(it => [it.name, [] as number[]]))
  for (let turn = 0; turn < loadTurns; turn++) {
    // another one first each time: a machine that others use, too, has tides
    for (const way of [...all.slice(turn % all.length), ...all.slice(0, turn % all.length)]) {
      const measure = async () => void rates.get(way.name)!.push(await throughput(ends[0].host, ends[1].host))
      if ('port' in way) await between(ends, way, measure)
      else await measure()
    }
  }
  const base = rates.get(nothing.name)!
  console.log(
    `\nthroughput through the tunnel (iperf3, ${seconds} s; medians of ${loadTurns} turns, ratios within each turn)`,
  )
  console.log(`${''.padEnd(26)}       rate   ratio   quartiles`)
  for (const [name, them] of rates) {
    const ratios = them.map((it, i) => it / base[i]!).toSorted((a, b) => a - b)
    const quartiles = [0.25, 0.75].map(part => ratios[Math.floor(ratios.length * part)]!.toFixed(2))
    const rate = `${median(them).toFixed(0)} Mbit/s`
    const ratio = median(ratios).toFixed(2)
    console.log(`${name.padEnd(26)}${rate.padStart(13)}${ratio.padStart(8)}   ${quartiles.join(' to ')}`)
  }
}

/** Both ends have the port open in this way while `work` runs. */
async function between(
  ends: readonly [End, End],
  way: Way,
  work: (peers: [Peer, Peer], to: { host: string; port: number }) => Promise<void>,
): Promise<void> {
  const peers: [Peer, Peer] = [await Peer.start(ends[0].host, way.options), await Peer.start(ends[1].host, way.options)]
  await work(peers, { host: ends[0].addresses[4], port: way.port })
  for (const peer of peers) await peer.close()
}

/** Megabits per second from b to a. */
async function throughput(a: Host, b: Host): Promise<number> {
  const server = a.spawn(['iperf3', '-s', '-1', '--forceflush'])
  await server.says(/Server listening/)
  const { end } = JSON.parse(await b.ok(['iperf3', '-c', '10.0.42.1', '-t', String(seconds), '-J']))
  await server.ended
  return end.sum_received.bits_per_second / 1e6
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
