// Somebody closes his notebook while others talk to him: his programs stand still, and go on where they were. Asserted is that the
// pings come back; how soon is printed.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLab, type Host, noLab, type Program } from '../lab/lab.ts'
import { daemonPid } from '../system/mesh.ts'
import { type Pair, Stage } from './pair.ts'
import type { PairSpec } from './pairs.ts'

const spec: PairSpec = { first: 'port-restricted', second: 'port-restricted', path: 'direct' }
/** Long enough that the other one has given up the path. */
const asleep = 40_000
const interval = 200
/** So much later, what is answered was sent while all were awake. */
const settle = 1_000
const watched = 10_000

/** `a night`: it has no link either, so nothing waits for it in sockets, and its router and firewall have forgotten everything. */
const kinds = ['daemon and wireguard-go', 'daemon alone', 'a night'] as const
type Kind = (typeof kinds)[number]

describe(`${asleep / 1000} s asleep under traffic`, { skip: noLab, concurrency: 3 }, () => {
  for (const kind of kinds) {
    for (const which of [0, 1] as const) {
      const whose = which === 0 ? 'the one that is pinged' : 'the one that pings'
      test(`${kind}, ${whose}: pings come back`, { timeout: 180_000 }, async t => {
        await using lab = await createLab()
        const stage = await Stage.build(lab)
        const pair = await stage.pair(spec)
        await pair.warm()
        const { way } = await pair.connect()
        if (way !== 'direct') assert.fail(await pair.evidence())
        await sleeps(pair, which, kind, line => t.diagnostic(line))
      })
    }
  }
})

async function sleeps(pair: Pair, which: 0 | 1, kind: Kind, say: (line: string) => void): Promise<void> {
  const [first, second] = pair.members
  const { host, home } = pair.members[which]
  const tunnel = kind !== 'daemon alone'
  const pids = [await daemonPid(host), ...(tunnel ? await tunnelPids(host) : [])]
  const pings = second.host.spawn(['ping', '-n', '-D', '-i', String(interval / 1000), first.overlay])
  await replyAfter(pings, 0, 10_000)

  await host.ok(['kill', '-STOP', ...pids])
  const stopped = Date.now()
  if (kind === 'a night') await home.link().unplug()
  await sleep(asleep)
  if (kind === 'a night') {
    await home.flush({ hosts: true })
    await home.link().plug()
  }
  const during = replies(pings).filter(at => at > stopped + settle).length
  await host.ok(['kill', '-CONT', ...pids])
  const awake = Date.now()
  const sent = (asleep - settle) / interval
  if (tunnel) assert.equal(during, 0)
  else assert.ok(during > sent * 0.8, `${during} of ${sent} answered while the daemon alone stood still`)

  const back = await replyAfter(pings, awake, 30_000).catch(async error => {
    assert.fail(`${error.message}\n${await pair.evidence()}`)
  })
  // what came back stays: the first reply may be to a packet that had waited
  await sleep(watched)
  const after = replies(pings).filter(at => at > awake)
  const late = after.filter(at => at > Date.now() - watched / 2).length
  say(
    `${during} of ${sent} answered meanwhile; back after ${back - awake} ms, then ${after.length} replies in ${Date.now() - awake} ms, longest silence ${longestGap(after)} ms`,
  )
  const enough = (watched / 2 / interval) * 0.8
  assert.ok(late > enough, `${late} replies in the last ${watched / 2} ms\n${await pair.evidence()}`)
  pings.kill()
}

/** When each reply came, ms since 1970. */
function replies({ out }: Program): number[] {
  return [...out.matchAll(/^\[(\d+\.\d+)\] \d+ bytes from/gm)].map(([, at]) => Number(at) * 1000)
}

async function replyAfter(pings: Program, time: number, patience: number): Promise<number> {
  const end = Date.now() + patience
  for (;;) {
    const at = replies(pings).find(at => at > time)
    if (at !== undefined) return Math.round(at)
    if (Date.now() > end) throw new Error(`no reply within ${patience} ms`)
    await sleep(50)
  }
}

function longestGap(times: readonly number[]): number {
  return Math.round(Math.max(...times.slice(1).map((at, i) => at - times[i]!)))
}

async function tunnelPids(host: Host): Promise<string[]> {
  return (await host.ok(['pgrep', '-f', 'wireguard-go'])).trim().split('\n')
}
