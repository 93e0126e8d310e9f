/**
 * A trial against the oracle: every pair that can talk directly must, within a time; none that cannot may say that it does; and after
 * trouble it must go on.
 */

import type { Time } from '../base/time.ts'
import { isCutOff, type Means, meansOf, worldAt } from './oracle.ts'
import type { Conversation, Echo, Trial } from './trial.ts'
import type { Happening, World } from './world.ts'

/** How long pings must be answered before a path counts as settled, ms. */
const settled = 2_000
/** How long a path may be claimed before a ping must be answered, ms: two handshakes may be lost, each of which costs 5 s (REKEY_TIMEOUT). */
const believed = 11_000

export type Phase = 'start' | Exclude<Happening['kind'], 'start' | 'ping'>

export type Finding = {
  readonly phase: Phase
  readonly from: string
  readonly to: string
  readonly means: Means
  /** Until the first ping was answered, ms; `null`: none was. */
  readonly time: Time | null
  /** What is wrong. */
  readonly failure?: string
}

type Part = {
  readonly phase: Phase
  /** From then on pings count. */
  readonly from: Time
  readonly until: Time
  readonly world: World
}

/** What happens to the paths of a world, and when it is over. */
function partsOf(world: World): Part[] {
  const troubles = world.happenings.filter(it => it.kind !== 'start' && it.kind !== 'ping')
  const [first] = troubles
  const start: Part = { phase: 'start', from: 0, until: first?.at ?? world.until, world: worldAt(world, 0) }
  return [
    start,
    ...troubles.map((it): Part => {
      const over = it.at + ('time' in it ? it.time : 0)
      return { phase: it.kind as Phase, from: over, until: world.until, world: worldAt(world, it.at) }
    }),
  ]
}

/** The first ping of this part that was answered: when, and when counting began. */
function firstAnswer(echoes: readonly Echo[], began: Time, part: Part): Time | null {
  const from = Math.max(began, part.from)
  const found = echoes.filter(({ sent, answered }) => sent >= from && answered !== null && answered < part.until)
  return found.length > 0 ? Math.min(...found.map(({ answered }) => answered!)) - from : null
}

export function judge(trial: Trial, within: Time): Finding[] {
  const { world } = trial
  const now = trial.simulation.now()
  return partsOf(world).flatMap(part =>
    part.from > now ? [] : trial.conversations().map(conversation => findingOf(conversation, part, within, trial)),
  )
}

function findingOf(conversation: Conversation, part: Part, within: Time, trial: Trial): Finding {
  const now = trial.simulation.now()
  const { from, to, began, echoes, claimed } = conversation
  const means = meansOf(part.world, from, to)
  const time = firstAnswer(echoes, began, part)
  const last = part.until >= now
  const claims = last && claimed > believed
  const relayed = last && trial.isRelayed(from, to)
  const failure = part.world.relays
    ? failureWithRelays(means, time, within, relayed, isCutOff(part.world, from, to))
    : failureOf(means, time, within, claims)
  return { phase: part.phase, from, to, means, time, ...(failure !== null && { failure }) }
}

function failureOf(means: Means, time: Time | null, within: Time, claims: boolean): string | null {
  if (means === 'none') {
    if (time !== null) return 'answered, and the oracle says that it cannot be: the oracle is wrong'
    return claims ? 'says that it has a path, and no ping is answered' : null
  }
  if (time !== null) return time > within ? `answered only after ${(time / 1000).toFixed(1)} s` : null
  if (means === 'unclear') return claims ? 'says that it has a path, and no ping is answered' : null
  return 'no ping was answered'
}

/** Always connected, and directly where that can surely be. */
function failureWithRelays(
  means: Means,
  time: Time | null,
  within: Time,
  relayed: boolean,
  cutOff: boolean,
): string | null {
  if (time === null) return cutOff ? null : 'no ping was answered'
  if (time > within) return `answered only after ${(time / 1000).toFixed(1)} s`
  return relayed && mustBeDirect(means) ? 'still relayed' : null
}

const mustBeDirect = (means: Means) =>
  means === 'inside' || means === 'open' || means === 'punch' || means === 'hairpin'

/** Everybody who can answer does, for a while: the rest of the time would tell nothing. Where something happens later, it is waited for. */
export function isSettled(trial: Trial, quiet: Time): boolean {
  const { world, simulation } = trial
  const now = simulation.now()
  const part = partsOf(world).at(-1)!
  const begun = Math.max(...world.happenings.map(it => it.at), part.from)
  if (now < begun + quiet) return false
  return world.happenings.every(it => {
    if (it.kind !== 'ping') return true
    const first = trial
      .echoes(it.from, it.to)
      .find(({ sent, answered }) => answered !== null && sent >= Math.max(it.at, part.from))
    const means = meansOf(part.world, it.from, it.to)
    if (first && world.relays && mustBeDirect(means) && trial.isRelayed(it.from, it.to)) return false
    // who cannot need not be waited for, unless he says that he can
    if (first === undefined && (means === 'none' || means === 'unclear')) return trial.claimed(it.from, it.to) === 0
    return first !== undefined && now - first.answered! >= settled
  })
}
