/**
 * What it costs to be where UDP is blocked: throughput of a tunnel, and how long a ping takes while it is full, by each rung of the ladder,
 * beside the same tunnel relayed by UDP; one pair of members after the other, each through the same helper, but by WebRTC from one to the other.
 * RUNS=3 chooses.
 */

import { createLab, type Host } from '../lab/lab.ts'
import type { NatRule } from '../lab/nat/rules.ts'
import { type Pair, Stage } from '../nat/pair.ts'
import { settles } from '../nat/way.ts'
import { bin, file, wh } from '../system/mesh.ts'

const runs = Number(process.env.RUNS ?? 3)
const seconds = 5
const proxyPort = 3_128

type Case = {
  readonly name: string
  readonly first: NatRule
  readonly environment: readonly string[]
  /** The other side is within reach of a call. */
  readonly call?: true
}

const cases: readonly Case[] = [
  { name: 'UDP, relayed', first: 'symmetric', environment: [] },
  { name: 'tcp', first: 'tcp-only', environment: [] },
  { name: 'wss', first: 'udp-blocked', environment: [] },
  { name: 'proxy', first: 'proxy-only', environment: [`HTTPS_PROXY=http://192.168.1.1:${proxyPort}`] },
  { name: 'webrtc, direct', first: 'calls-only', environment: [], call: true },
]

type Found = { readonly idle: number[]; readonly loaded: number[]; readonly up: number; readonly down: number }

export async function run(): Promise<void> {
  const found = new Map<Case, Found[]>(cases.map(it => [it, []]))
  for (let turn = 0; turn < runs; turn++) {
    for (const it of cases) found.get(it)!.push(await measure(it))
  }
  console.log(
    `tunnels through one helper, iperf3 for ${seconds} s each way, pings of 20 ms beside it; medians of ${runs} runs`,
  )
  console.log('by              Mbit/s up   down   of UDP   ping p50, p99 idle   p50, p99 under load   lost')
  const rate = ({ up, down }: Found) => (up + down) / 2
  const base = median(found.get(cases[0]!)!.map(rate))
  for (const [{ name }, all] of found) {
    const [idle, loaded] = [all.flatMap(each => each.idle), all.flatMap(each => each.loaded)]
    const offered = all.length * 2 * seconds * 50
    const cells = [
      name.padEnd(14),
      median(all.map(({ up }) => up))
        .toFixed(0)
        .padStart(10),
      median(all.map(({ down }) => down))
        .toFixed(0)
        .padStart(7),
      (median(all.map(rate)) / base).toFixed(2).padStart(8),
      `${quantile(idle, 0.5).toFixed(1)}, ${quantile(idle, 0.99).toFixed(1)} ms`.padStart(20),
      `${quantile(loaded, 0.5).toFixed(1)}, ${quantile(loaded, 0.99).toFixed(1)} ms`.padStart(21),
      `${(100 * (1 - loaded.length / offered)).toFixed(0)} %`.padStart(6),
    ]
    console.log(cells.join(' '))
  }
}

async function measure({ first, environment, call }: Case): Promise<Found> {
  await using lab = await createLab()
  const stage = await Stage.build(lab, 1)
  const onRouter = async (router: Host) => {
    const proxy = [process.execPath, `${import.meta.dirname}/../lab/http-proxy.ts`, '0.0.0.0', String(proxyPort)]
    await router.spawn(proxy).says(/ready/)
  }
  const path = first === 'symmetric' ? 'relayed' : 'carried'
  // hard on the other side, so that every way leads through the helper, but a call's
  const pair = await stage.pair(
    { first, second: call ? 'port-restricted' : 'symmetric', path, firewall: 'none' },
    first === 'proxy-only' ? [{ onRouter }] : [],
  )
  const [a, b] = pair.members
  await a.host.ok(['env', ...environment, bin, 'up', file], { timeout: 60_000 })
  await b.host.ok([bin, 'up', file], { timeout: 60_000 })
  await b.host.until(['ping', '-n', '-c1', '-W1', a.overlay], ({ code }) => code === 0, { timeout: 60_000 })
  const { at, way } = await settles(pair, path, 30_000)
  if (at === null && !call) throw new Error(`${first}: the way is ${way}`)
  if (call) {
    const called = ({ out }: { out: string }) => out.includes('"by": "webrtc"')
    await a.host.until([bin, 'explain', 'b.test', '--json'], called, { timeout: 60_000 })
  }
  const idle = await pings(a.host, b.overlay, seconds)
  const [[up, withUp], [down, withDown]] = [await throughput(pair, []), await throughput(pair, ['-R'])]
  for (const { host } of pair.members) await wh(host, 'down')
  return { idle, loaded: [...withUp, ...withDown], up, down }
}

/** Mbit/s from the first to the second, and the times of pings meanwhile. */
async function throughput({ members: [a, b] }: Pair, more: readonly string[]): Promise<[number, number[]]> {
  const server = b.host.spawn(['iperf3', '-s', '-1', '--forceflush'])
  await server.says(/listening/)
  const beside = pings(a.host, b.overlay, seconds)
  const out = await a.host.ok(['iperf3', '-c', b.overlay, '-t', String(seconds), '-J', ...more], { timeout: 60_000 })
  await server.ended
  return [JSON.parse(out).end.sum_received.bits_per_second / 1e6, await beside]
}

/** Round trips, ms, of those that came back. */
async function pings(host: Host, to: string, time: number): Promise<number[]> {
  const { out } = await host.run(['ping', '-n', '-i', '0.02', '-c', String(time * 50), '-W', '5', to], {
    timeout: 60_000,
  })
  return [...out.matchAll(/time=([\d.]+) ms/g)].map(([, ms]) => Number(ms))
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

const median = (values: readonly number[]) => quantile(values, 0.5)
