/** What a relay must do for its guests, and what can happen to the way of one of them through it. */

import type { Endpoint } from '../../base/ip.ts'
import type { BoundState } from '../control/message.ts'

/**
 * One direction between two guests: what comes from `from` to our port `at` goes on to `to`, from our port `via`. No two legs that are
 * connected at the same time have the same `from` and `at`.
 */
export type Leg = { readonly from: Endpoint; readonly at: number; readonly to: Endpoint; readonly via: number }

/** Both directions. */
export type Legs = readonly [Leg, Leg]

export type RelayOutput =
  /** Hold this port: answer from there, and forward what comes. */
  | { readonly kind: 'open'; readonly port: number }
  /** Its legs are disconnected before. */
  | { readonly kind: 'close'; readonly port: number }
  | { readonly kind: 'connect'; readonly legs: Legs }
  /** Names the same legs as their `connect`. */
  | { readonly kind: 'disconnect'; readonly legs: Legs }

/** What a BOUND says, but for what its sender knows without a relay. */
export type GivenBinding = {
  readonly state: BoundState
  readonly token: Uint8Array
  readonly seconds: number
}

/**
 * - `binding`: no answer yet
 * - `waiting`: we are bound, the peer is not yet
 * - `bound`: packets pass
 * - `refused`: the relay does not let us, for now
 * - `silent`: it does not answer
 */
export type PassageState = 'binding' | 'waiting' | 'bound' | 'refused' | 'silent'

/** `prove`: the relay asks for token after token. */
export type PassageReason = 'prove' | 'absent' | 'full' | 'refused' | 'no answer'

export type PassageInput =
  /** `wakeAt` has come. */
  | { readonly kind: 'timer' }
  /** The answer to a `bind`. */
  | { readonly kind: 'bound'; readonly bound: GivenBinding }
  /** A `bind` was not answered. */
  | { readonly kind: 'silent' }
  /** Our own addresses or mappings may be others now. */
  | { readonly kind: 'moved' }

export type PassageOutput =
  /** Send a BIND with this token. Ends in `bound` or `silent`, once for each. */
  | { readonly kind: 'bind'; readonly token: Uint8Array | null }
  /** State or reason is another. */
  | { readonly kind: 'changed' }
