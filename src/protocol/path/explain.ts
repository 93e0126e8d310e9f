/**
 * Why the path to a peer is what it is, in words: what was tried and what came back, why this endpoint and no other, and what would make
 * it better. Nothing is decided here.
 */

import { type Endpoint, formatEndpoint } from '../../base/ip.ts'
import { minute, type Time, type WallTime } from '../../base/time.ts'
import type { NodeRecord } from '../directory/record.ts'
import type { BirthdayView } from '../nat/birthday.ts'
import type { FamilyReport } from '../nat/classify.ts'
import { natWords, span } from '../nat/words.ts'
import { accountOf, hintOf } from './account.ts'
import type { Surroundings } from './candidate.ts'
import { causeOf, count } from './causes.ts'
import type { PathView } from './view.ts'

/** What we know of our own side. */
export type Ours = Pick<NodeRecord, 'nat' | 'filtering'> & {
  /** How this node is called. */
  readonly name: string
  readonly around: Surroundings
  /** Where others see us. */
  readonly reflexive: readonly Endpoint[]
  /** The better of the families; `null`: not checked yet. */
  readonly udp: FamilyReport['udp'] | null
  /** Our firewall drops what strangers send, and we do not hear it. */
  readonly firewall: 'open' | 'closed' | null
  /** Clocks of others less ours, ms. */
  readonly clockAhead: number | null
}

/** What its record says. */
export type Theirs = Pick<NodeRecord, 'nat' | 'filtering' | 'endpoints' | 'expires'> & {
  /** How its homes are called. */
  readonly homes: readonly string[]
}

/** Our last OFFER to it, and what became of it at each home. */
export type Call = {
  readonly at: Time
  readonly homes: readonly { readonly name: string; readonly state: string }[]
}

export type Subject = {
  readonly name: string
  readonly now: Time
  readonly wall: WallTime
  readonly view: PathView
  readonly ours: Ours
  readonly theirs: Theirs | null
  readonly call: Call | null
  /** Birthday probing; `null` where there is none, by a setting or because the machine has no branches. */
  readonly guessing: BirthdayView | null
  /** WireGuard's. */
  readonly latestHandshake?: WallTime
}

export type Explanation = {
  /** One line. */
  readonly verdict: string
  /** There is a path, or one that rests. */
  readonly reachable: boolean
  /** What is known of both sides, a sentence each. */
  readonly facts: readonly string[]
  readonly candidates: readonly { readonly endpoint: string; readonly kind: string; readonly account: string }[]
  /** What would make it better, the most useful first. */
  readonly advice: readonly string[]
}

/** A clock that is wrong by less hurts nobody. */
const clockTolerance = 1 * minute

export function explain(subject: Subject): Explanation {
  const { name, view } = subject
  const { words, reachable = false, advice } = causeOf(subject)
  const hints = view.candidates.flatMap(candidate => hintOf(candidate, subject) ?? [])
  return {
    verdict: `${name}: ${words}`,
    reachable,
    facts: factsOf(subject),
    candidates: [
      ...view.candidates.map(candidate => ({
        endpoint: formatEndpoint(candidate.endpoint),
        kind: candidate.kind,
        account: accountOf(candidate, subject),
      })),
      ...view.refused.map(({ endpoint, why }) => ({ endpoint, kind: 'refused', account: `never tried: ${why}` })),
    ],
    advice: [...new Set([...hints, ...advice, ...ownAdvice(subject)])],
  }
}

function factsOf({ name, now, wall, view, ours, theirs, call, guessing, latestHandshake }: Subject): string[] {
  const facts = [natWords(ours.name, ours)]
  if (theirs) {
    const homes = theirs.homes.length === 0 ? 'no homes' : `homes ${theirs.homes.join(', ')}`
    const left = theirs.expires - wall
    facts.push(
      `${natWords(name, theirs)}; its record names ${homes}, and ${left > 0 ? `is valid for ${span(left)}` : `expired ${span(-left)} ago`}`,
    )
  } else {
    facts.push(`no record of ${name} is known`)
  }
  if (view.offersSent > 0) {
    const last = view.lastOfferedAt === null ? '' : `, the last ${span(now - view.lastOfferedAt)} ago`
    const through =
      call && call.homes.length > 0
        ? ` through ${call.homes.map(home => `${home.name} (${home.state})`).join(', ')}`
        : ''
    facts.push(`${count(view.offersSent, 'call')} sent${last}${through}; ${view.offersAnswered} answered`)
  }
  if (guessing && guessing.startedAt !== null) {
    facts.push(
      `birthday probing: ${guessing.state}, ${count(guessing.probes, 'probe')}, begun ${span(now - guessing.startedAt)} ago (${guessing.why})`,
    )
  }
  if (view.beatsSent > 0) facts.push(`${view.beatsMissed} of ${view.beatsSent} PINGs on the path in use got no answer`)
  if (latestHandshake !== undefined) facts.push(`the last WireGuard handshake was ${span(wall - latestHandshake)} ago`)
  return facts
}

/** What this machine itself could do better. */
function ownAdvice({ ours, view, name: peer }: Subject): string[] {
  const { clockAhead, name, firewall, around } = ours
  const advice: string[] = []
  if (firewall === 'closed' && view.state !== 'direct') {
    advice.push(`${name}'s host firewall closes UDP ${around.port}: opening it would let ${peer} begin`)
  }
  if (clockAhead !== null && Math.abs(clockAhead) > clockTolerance) {
    const side = clockAhead > 0 ? 'behind' : 'ahead'
    advice.push(`set the clock of ${name}: it is ${span(Math.abs(clockAhead))} ${side}, and records may be refused`)
  }
  return advice
}
