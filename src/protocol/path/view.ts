/** A peer's path as people want to see it: what it is, and why every other candidate is not it. */

import type { Endpoint } from '../../base/ip.ts'
import type { Time } from '../../base/time.ts'
import type { Candidate, Kind, Refusal, Source, Why } from './candidate.ts'
import { kindOf } from './score.ts'

export type PathView = {
  readonly state: 'idle' | 'hunting' | 'direct'
  readonly hunt: 'rest' | 'waiting' | 'active'
  /** When the state began. */
  readonly since: Time
  /** The endpoint in use, and who proved it: a PONG, or WireGuard itself. */
  readonly endpoint?: Endpoint
  readonly kind?: Kind
  readonly proof?: 'pong' | 'tunnel'
  /** Smoothed, ms; `null`: nothing has answered a PING there. */
  readonly rtt?: number | null
  /** Best first. */
  readonly candidates: readonly CandidateView[]
  readonly refused: readonly { readonly endpoint: string; readonly why: Refusal }[]
}

export type CandidateView = {
  readonly endpoint: Endpoint
  readonly kind: Kind
  readonly sources: readonly Source[]
  readonly why: Why
  readonly rtt: number | null
  /** Sent so far. */
  readonly probes: number
}

export function candidateView(candidate: Candidate): CandidateView {
  const { endpoint, sources, why, rtt, probes } = candidate
  return { endpoint, kind: kindOf(candidate), sources: [...sources.keys()], why, rtt, probes }
}
