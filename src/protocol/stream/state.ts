/**
 * What a connection is doing, and what it wants done.
 *
 *     client   opening ----a packet of the server came----> open
 *     server   half-open --one of its packets was acknowledged--> open      (10 s without: gone)
 *
 *     any of these  --both ends finished; reset--> closing --time--> gone       CLOSE answers whatever comes
 *                   --CLOSE came, all was well--> unread --the reader is through--> draining
 *                   --CLOSE came--> draining --time--> gone                     nothing is said any more
 *                   --12 s without an answer; 5 min idle--> gone
 */

import type { Time } from '../../base/time.ts'

/** Why a connection is over. */
export type CloseReason =
  | 'finished'
  | 'reset'
  | 'reset by peer'
  | 'no answer'
  | 'idle'
  | 'unconfirmed'
  | 'protocol violation'
  | 'too many connections'

export type DropReason = 'malformed' | 'duplicate' | 'not authentic' | 'out of room' | 'closed'

export type Output =
  /** @param open the packet has to travel in an OPEN */
  | { readonly kind: 'send'; readonly packet: Uint8Array; readonly open: boolean }
  /** After a `write` that was cut short: there is room. */
  | { readonly kind: 'drain' }
  /** The last word, once. */
  | { readonly kind: 'closed'; readonly reason: CloseReason }
  /** A packet was of no use. */
  | { readonly kind: 'dropped'; readonly reason: DropReason }

/** Bytes of UDP payload that may still be sent: not more than came, before it is proved who asked (RFC 9000 §8.1). */
type Credit = { credit: number }

export type Closing = {
  readonly name: 'closing'
  readonly until: Time
  /** Of CLOSE. */
  readonly code: number
  /** The peer never answered, so CLOSE too has to travel in an OPEN. */
  readonly inOpen: boolean
  /** When CLOSE may be said again. */
  quietUntil: Time
  /** Somebody spoke since it was said. */
  heard: boolean
} & Credit

export type State =
  | { readonly name: 'opening' }
  | ({ readonly name: 'half-open'; readonly until: Time } & Credit)
  | { readonly name: 'open' }
  | { readonly name: 'unread' }
  | Closing
  | { readonly name: 'draining'; readonly until: Time }
  | { readonly name: 'gone' }
