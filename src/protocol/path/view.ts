/** A peer's path as people want to see it: what it is, and why every other candidate is not it. */

import type { Endpoint } from '../../base/ip.ts'
import type { Time } from '../../base/time.ts'
import type { Candidate, Kind, Refusal, Source, Why } from './candidate.ts'
import type { Path } from './path.ts'
import { kindOf, ranked } from './score.ts'
import type { Search } from './search.ts'

export type PathView = {
  readonly state: 'idle' | 'hunting' | 'direct'
  readonly hunt: 'rest' | 'waiting' | 'active'
  /** When the state began. */
  readonly since: Time
  /** The endpoint in use; in `idle`, where the peer was last, which is where it will be looked for first. */
  readonly endpoint?: Endpoint
  readonly kind?: Kind
  /** That endpoint is a relay's. */
  readonly relayed?: true
  /** Where the path is relayed and in use, and no hunt is on: when a direct one is tried next. */
  readonly directAt?: Time
  /** Who proved it: a PONG, or WireGuard itself. */
  readonly proof?: 'pong' | 'tunnel'
  /** Smoothed, ms; `null`: nothing has answered a PING there. */
  readonly rtt?: number | null
  /** Somebody sends to the peer, or it to us. */
  readonly inUse: boolean
  /** WireGuard is pointed at the doorbell. */
  readonly parked: boolean
  /** WireGuard's keepalive is on. */
  readonly held: boolean
  /** OFFERs can be sent to it. */
  readonly far: boolean
  readonly offersSent: number
  /** When we last sent one. */
  readonly lastOfferedAt: Time | null
  /** OFFERs of the peer that answered ours: it is up, wherever it is. */
  readonly offersAnswered: number
  /** When an OFFER of the peer last came, answer or not. */
  readonly peerOfferedAt: Time | null
  /** PINGs to the endpoint in use while it was in use, and those that nothing answered. */
  readonly beatsSent: number
  readonly beatsMissed: number
  /** Best first. */
  readonly candidates: readonly CandidateView[]
  readonly refused: readonly { readonly endpoint: string; readonly why: Refusal }[]
}

export type CandidateView = {
  readonly endpoint: Endpoint
  readonly kind: Kind
  readonly sources: readonly Source[]
  readonly why: Why
  /** When that was found. */
  readonly whyAt: Time | null
  readonly rtt: number | null
  /** Sent so far. */
  readonly probes: number
  readonly lastProbeAt: Time | null
  /** The last PONG from there, however long ago. */
  readonly answeredAt: Time | null
}

export function candidateView(candidate: Candidate): CandidateView {
  const { endpoint, sources, why, whyAt, rtt, probes, lastProbeAt, lastAnswerAt: answeredAt } = candidate
  const kind = kindOf(candidate)
  return { endpoint, kind, sources: [...sources.keys()], why, whyAt, rtt, probes, lastProbeAt, answeredAt }
}

export function pathView(path: Path, { hunt, offers, candidates, around }: Search, inUse: boolean): PathView {
  const { state, since, kept, target, pulse } = path
  const ofPath = state.name !== 'hunting' && kept ? candidateView(kept) : null
  return {
    ...{ state: state.name, hunt: hunt.name, since },
    ...(ofPath && { endpoint: ofPath.endpoint, kind: ofPath.kind, rtt: ofPath.rtt }),
    ...(ofPath?.kind === 'relayed' && { relayed: true as const }),
    ...(path.isRelayed && hunt.isSeeking && hunt.name === 'rest' && { directAt: hunt.tryAt }),
    ...(state.name === 'direct' && { proof: state.proof }),
    ...{ inUse, parked: target.parked, held: target.held, far: offers.reachable },
    ...{ offersSent: offers.sent, lastOfferedAt: offers.sentAt },
    ...{ offersAnswered: offers.answered, peerOfferedAt: offers.heardAt },
    ...{ beatsSent: pulse.sent, beatsMissed: pulse.missed },
    candidates: ranked(candidates.all, around).map(candidateView),
    refused: [...candidates.refused].map(([endpoint, why]) => ({ endpoint, why })),
  }
}
