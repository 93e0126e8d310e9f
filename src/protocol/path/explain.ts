/**
 * Why the path to a peer is what it is, in words: what was tried and what came back, why this endpoint and no other, and what would make
 * it better. Nothing is decided here.
 */

import { type Endpoint, formatEndpoint } from '../../base/ip.ts'
import { minute, type Time, type WallTime } from '../../base/time.ts'
import { type Climbed, outcomes, rungWords, type Server, serverWords } from '../carrier/words.ts'
import type { NodeRecord } from '../directory/record.ts'
import type { BirthdayView } from '../nat/birthday.ts'
import type { FamilyReport } from '../nat/classify.ts'
import { natWords, span } from '../nat/words.ts'
import { accountOf, hintOf } from './account.ts'
import type { Surroundings } from './candidate.ts'
import { count, isUnseen } from './cause.ts'
import { causeOf } from './causes.ts'
import type { Asked, Heard } from './life.ts'
import type { PathView } from './view.ts'

/** What we know of our own side. */
export type Ours = Pick<NodeRecord, 'nat' | 'filtering'> & {
  /** How this node is called. */
  readonly name: string
  readonly around: Surroundings
  /** Where others see us. */
  readonly reflexive: readonly Endpoint[]
  /** The better of the families, when that was last looked at; `null`: not checked yet. */
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

/** Carriers of ours, in the place of UDP, and nodes to which one was tried since UDP was last answered. */
export type Carried = { readonly by: readonly Server[]; readonly tried: readonly Climbed[] }

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
  /** How the relay is called that the path in use leads through. */
  readonly relay?: string
  /** Absent: UDP gets out. */
  readonly carried?: Carried
  /** Birthday probing; `null` where there is none, by a setting or because the machine has no branches. */
  readonly guessing: BirthdayView | null
  /** The last PING of it, whatever way it came. */
  readonly heard?: Heard | null
  /** `null`, or none: nobody was asked for this. */
  readonly asked?: Asked | null
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

function factsOf(subject: Subject): string[] {
  const { name, now, wall, view, theirs, guessing, latestHandshake } = subject
  const facts = [...outOf(subject), ...othersOf(subject)]
  if (theirs) {
    const homes = theirs.homes.length === 0 ? 'no homes' : `homes ${theirs.homes.join(', ')}`
    const left = theirs.expires - wall
    facts.push(
      `${isUnseen(theirs) ? `no node sees ${name} by UDP` : natWords(name, theirs)}; its record names ${homes}, and ${left > 0 ? `is valid for ${span(left)}` : `expired ${span(-left)} ago`}`,
    )
  } else {
    facts.push(`no record of ${name} is known`)
  }
  facts.push(...callsOf(subject))
  if (guessing && guessing.startedAt !== null) {
    facts.push(
      `birthday probing: ${guessing.state}, ${count(guessing.probes, 'probe')}, begun ${span(now - guessing.startedAt)} ago (${guessing.why})`,
    )
  }
  if (view.beatsSent > 0) facts.push(`${view.beatsMissed} of ${view.beatsSent} PINGs on the path in use got no answer`)
  if (latestHandshake !== undefined) facts.push(`the last WireGuard handshake was ${span(wall - latestHandshake)} ago`)
  return facts
}

/** How what we send leaves our network. */
function outOf({ ours, carried }: Subject): string[] {
  if (!carried) return [natWords(ours.name, ours)]
  if (carried.by.length > 0) return [`UDP gets no answer from any node; ${serverWords(carried.by, 'leads to')}`]
  const came = outcomes(carried.tried).map(({ rung, words }) => `by ${rungWords[rung]} (${words})`)
  if (came.length === 0) return [natWords(ours.name, ours)]
  const names = carried.tried.map(({ name }) => name).join(', ')
  return [`UDP gets no answer from any node, and no carrier leads to ${names}, be it ${came.join(', ')}`]
}

function othersOf({ asked, ours, carried }: Subject): string[] {
  if (!asked || asked.others.length === 0) return []
  const { others, answered } = asked
  const who = `${count(others.length, 'other node')} asked just now (${others.join(', ')})`
  return [
    `${answered === 0 ? 'none' : answered} of ${who} answered ${ours.name}${answered > 0 && carried && carried.by.length > 0 ? ', though not by UDP' : ''}`,
  ]
}

function callsOf({ view, call, now }: Subject): string[] {
  const last = Math.max(view.lastOfferedAt ?? -Infinity, call?.at ?? -Infinity)
  if (last === -Infinity) return []
  const homes = call?.homes.map(home => `${home.name} (${home.state})`) ?? []
  const through = homes.length > 0 ? ` through ${homes.join(', ')}` : ''
  const came = view.peerOfferedAt
  const back = came === null ? 'none of its own ever came' : `the last of its own came ${span(now - came)} ago`
  return [`called ${span(now - last)} ago${through}; ${back}`]
}

/** What this machine itself could do better. */
function ownAdvice({ ours, view, name: peer }: Subject): string[] {
  const { clockAhead, name, firewall, around } = ours
  const advice: string[] = []
  if (firewall === 'closed' && (view.state !== 'direct' || view.relayed)) {
    advice.push(`${name}'s host firewall closes UDP ${around.port}: opening it would let ${peer} begin`)
  }
  if (clockAhead !== null && Math.abs(clockAhead) > clockTolerance) {
    const side = clockAhead > 0 ? 'behind' : 'ahead'
    advice.push(`set the clock of ${name}: it is ${span(Math.abs(clockAhead))} ${side}, and records may be refused`)
  }
  return advice
}
