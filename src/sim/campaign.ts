/**
 * Many worlds, and what came of their pairs. A birthday may fail by bad luck, and so it is judged by how many do; every
 * other pair must do what the oracle says.
 */

import type { Time } from '../base/time.ts'
import type { Threads } from '../os/threads.ts'
import { drawWorld, type WorldOptions } from './draw.ts'
import { Flow } from './flow.ts'
import type { Finding, Phase } from './judge.ts'
import { type Means, meansInOrder } from './oracle.ts'
import { play, type Round, trialOptions } from './round.ts'
import { Trial } from './trial.ts'
import type { Order } from './worker.ts'
import { type World, worldText } from './world.ts'

export type CampaignOptions = WorldOptions & {
  readonly seed: number
  /** At least so many. */
  readonly pairs: number
  readonly progress?: (pairs: number, failures: number) => void
  readonly signal?: AbortSignal
}

export type Failed = Finding & { readonly seed: number; readonly failure: string }

export type Group = {
  readonly phase: Phase
  readonly means: Means
  readonly pairs: number
  readonly direct: number
  /** Of those that are: ms until the first answer. */
  readonly p50: Time | null
  readonly p95: Time | null
  readonly failures: number
}

export type Report = {
  readonly worlds: number
  readonly pairs: number
  readonly groups: readonly Group[]
  readonly failures: readonly Failed[]
  /** Nothing failed, but birthdays as often as bad luck explains. */
  readonly ok: boolean
}

/** A birthday's share of bad luck: 1 - (1 - 256/64512)^1000 is 98 % (docs/protocol/birthday.md). */
const badLuck = 0.02

/** @param threads where the worlds are played at the same time; without, here, one after the other */
export async function campaign(options: CampaignOptions, threads?: Threads): Promise<Report> {
  const { pairs: wanted, progress, signal } = options
  const findings: (Finding & { seed: number })[] = []
  let pairs = 0
  let worlds = 0
  for await (const round of threads ? playInThreads(options, threads) : playHere(options)) {
    if (signal?.aborted) break
    for (const finding of round.findings) findings.push({ ...finding, seed: round.seed })
    pairs += round.pairs
    worlds += 1
    progress?.(pairs, findings.filter(({ failure }) => failure !== undefined).length)
    if (pairs >= wanted) break
  }
  const failures = findings.filter((finding): finding is Failed => finding.failure !== undefined)
  const groups = groupsOf(findings)
  return { worlds, pairs, groups, failures, ok: groups.every(isWell) }
}

async function* playHere(options: CampaignOptions): AsyncGenerator<Round> {
  for (let { seed } = options; ; seed++) yield await play(seed, options)
}

/** In the order of their seeds, so that the same seed and number give the same report on any machine. */
async function* playInThreads(options: CampaignOptions, system: Threads): AsyncGenerator<Round> {
  const { signal, progress: _progress, ...order } = options
  const rounds = new Map<number, Round>()
  let news = Promise.withResolvers<void>()
  const on = {
    message(round: Round) {
      rounds.set(round.seed, round)
      news.resolve()
    },
    failed: (error: Error) => news.reject(error),
  }
  const step = system.cores()
  const threads = Array.from({ length: step }, (_, i) =>
    system.start('sim/worker', { seed: options.seed + i, step, options: order } satisfies Order, on),
  )
  const stop = () => news.resolve()
  signal?.addEventListener('abort', stop)
  try {
    for (let { seed } = options; !signal?.aborted; ) {
      const round = rounds.get(seed)
      if (round) {
        rounds.delete(seed++)
        yield round
      } else {
        await news.promise
        news = Promise.withResolvers()
      }
    }
  } finally {
    signal?.removeEventListener('abort', stop)
    await Promise.all(threads.map(thread => thread.stop()))
  }
}

/** The packets of a pair that failed: its world runs again, and is watched. */
export async function replay(failed: Failed, options: WorldOptions): Promise<{ world: World; mermaid: string }> {
  const world = drawWorld(failed.seed, options)
  const flow = new Flow(world, failed.from, failed.to)
  await new Trial(world, { ...trialOptions, watch: flow.see }).run()
  const begun = world.happenings.find(it =>
    failed.phase === 'start'
      ? it.kind === 'ping' && it.from === failed.from && it.to === failed.to
      : it.kind === failed.phase,
  )
  return { world, mermaid: flow.mermaid(failed.phase === 'start' ? 0 : begun?.at) }
}

/** World and packets of a failed pair, for a person. */
export async function story(failed: Failed, options: WorldOptions): Promise<string> {
  const { world, mermaid } = await replay(failed, options)
  return `${worldText(world)}\n\n${mermaid}`
}

function groupsOf(findings: readonly Finding[]): Group[] {
  const phases = [...new Set(findings.map(({ phase }) => phase))]
  return phases.flatMap(phase =>
    meansInOrder.flatMap(means => {
      const all = findings.filter(finding => finding.phase === phase && finding.means === means)
      if (all.length === 0) return []
      const times = all.flatMap(({ time }) => (time === null ? [] : [time])).sort((a, b) => a - b)
      const failures = all.filter(({ failure }) => failure !== undefined).length
      const part = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? null
      return [{ phase, means, pairs: all.length, direct: times.length, p50: part(0.5), p95: part(0.95), failures }]
    }),
  )
}

/** Three standard deviations above what bad luck gives are none. */
function isWell({ means, pairs, failures }: Group): boolean {
  const expected = badLuck * pairs
  return failures <= (means === 'birthday' ? Math.floor(expected + 3 * Math.sqrt(expected)) : 0)
}
