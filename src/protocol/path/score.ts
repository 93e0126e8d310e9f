/**
 * Which of two candidates is the better path: a tuple, compared from left to right, smaller is better. The order of the fields is
 * the policy.
 *
 *     answered? · tier · round trip, in steps · kind · IPv6 before IPv4 · text of the endpoint
 *
 * Both ends of a path rank by the same rules, so they come to the same answer without talking about it.
 */

import { familyOf, formatEndpoint } from '../../base/ip.ts'
import { isGuest } from '../carrier/guest.ts'
import { type Candidate, type Kind, onLink, type Surroundings } from './candidate.ts'
import { fasterBy, fasterShare } from './constants.ts'

export type Score = readonly [number, number, number, number, number, string]

/** Best first: decides between equals, and names a candidate that several sources know. */
const kinds: readonly Kind[] = [
  ...(['lan', 'fixed', 'host', 'mapped', 'reflexive', 'punched', 'roamed', 'cached', 'heard'] as const),
  'relayed',
]

/** The best of the kinds under which a candidate is known. */
export function kindOf(candidate: Candidate): Kind {
  if (candidate.relayed) return 'relayed'
  const known = new Set(candidate.sources.values())
  return kinds.find(kind => known.has(kind)) ?? 'heard'
}

/**
 * 0: on our own link, or what a person wrote. 1: an address that the peer has, or holds on its router by agreement. 2: what
 * only a NAT's mapping or a moment's observation keeps up. 3: a carrier between the two, which is no UDP. 4: a relay, even one on our own link.
 */
export function tier(candidate: Candidate, around: Surroundings): 0 | 1 | 2 | 3 | 4 {
  const kind = kindOf(candidate)
  if (kind === 'relayed') return 4
  if (isGuest(candidate.endpoint.host)) return 3
  if (kind === 'lan' || kind === 'fixed' || onLink(candidate.endpoint.host, around)) return 0
  return kind === 'host' || kind === 'mapped' ? 1 : 2
}

/** Below 10 ms 0, then one for each doubling. Without an answer: behind all. */
function rttStep(rtt: number | null): number {
  if (rtt === null) return 99
  return rtt < fasterBy ? 0 : 1 + Math.floor(Math.log2(rtt / fasterBy))
}

export function score(candidate: Candidate, around: Surroundings): Score {
  return [
    candidate.answeredAt === null ? 1 : 0,
    tier(candidate, around),
    rttStep(candidate.rtt),
    kinds.indexOf(kindOf(candidate)),
    familyOf(candidate.endpoint.host) === 6 ? 0 : 1,
    formatEndpoint(candidate.endpoint),
  ]
}

/** The best first. */
export function ranked(candidates: readonly Candidate[], around: Surroundings): Candidate[] {
  const scored = candidates.map(candidate => ({ candidate, score: score(candidate, around) }))
  return scored.sort((a, b) => compareScores(a.score, b.score)).map(({ candidate }) => candidate)
}

function compareScores(a: Score, b: Score): number {
  for (let at = 0; at < a.length; at++) {
    if (a[at]! < b[at]!) return -1
    if (a[at]! > b[at]!) return 1
  }
  return 0
}

/**
 * May a candidate that has answered take the place of the endpoint in use? A better tier may; within a tier only one that is faster
 * by a margin, and never because of what merely breaks ties.
 */
export function displaces(challenger: Candidate, incumbent: Candidate, around: Surroundings): boolean {
  const [theirs, ours] = [tier(challenger, around), tier(incumbent, around)]
  if (theirs !== ours) return theirs < ours
  if (challenger.rtt === null || incumbent.rtt === null) return false
  return challenger.rtt < incumbent.rtt * (1 - fasterShare) && challenger.rtt < incumbent.rtt - fasterBy
}
