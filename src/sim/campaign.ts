/**
 * Many worlds, one after the other, and what came of their pairs. A birthday may fail by bad luck, and so it is judged by how many do; every
 * other pair must do what the oracle says.
 */

import type { Time } from '../base/time.ts'
import { drawWorld, type WorldOptions } from './draw.ts'
import { Flow } from './flow.ts'
import { type Finding, isSettled, judge, type Phase } from './judge.ts'
import { type Means, meansInOrder } from './oracle.ts'
import type { Turn } from './simulation.ts'
import { Trial } from './trial.ts'
import { type World, worldText } from './world.ts'

export type CampaignOptions = WorldOptions & {
  readonly seed: number
  /** At least so many. */
  readonly pairs: number
  readonly turn: Turn
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
/** Pairs that nothing happens to wait no longer for what will not come. */
const quiet = 8_000

export async function campaign(options: CampaignOptions): Promise<Report> {
  const { pairs: wanted, turn, progress, signal } = options
  const findings: (Finding & { seed: number })[] = []
  let pairs = 0
  let worlds = 0
  for (let { seed } = options; pairs < wanted && !signal?.aborted; seed++) {
    const world = drawWorld(seed, options)
    const trial = new Trial(world, { turn, enough: running => isSettled(running, quiet) })
    await trial.run()
    for (const finding of judge(trial, options.within)) findings.push({ ...finding, seed })
    pairs += trial.conversations().length
    worlds += 1
    progress?.(pairs, findings.filter(({ failure }) => failure !== undefined).length)
  }
  const failures = findings.filter((finding): finding is Failed => finding.failure !== undefined)
  const groups = groupsOf(findings)
  return { worlds, pairs, groups, failures, ok: groups.every(isWell) }
}

/** The packets of a pair that failed: its world runs again, and is watched. */
export async function replay(failed: Failed, options: CampaignOptions): Promise<{ world: World; mermaid: string }> {
  const world = drawWorld(failed.seed, options)
  const flow = new Flow(world, failed.from, failed.to)
  const trial = new Trial(world, {
    turn: options.turn,
    watch: flow.see,
    enough: running => isSettled(running, quiet),
  })
  await trial.run()
  const begun = world.happenings.find(it =>
    failed.phase === 'start'
      ? it.kind === 'ping' && it.from === failed.from && it.to === failed.to
      : it.kind === failed.phase,
  )
  return { world, mermaid: flow.mermaid(failed.phase === 'start' ? 0 : begun?.at) }
}

/** World and packets of a failed pair, for a person. */
export async function story(failed: Failed, options: CampaignOptions): Promise<string> {
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
