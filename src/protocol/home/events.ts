/** What can happen to a node's homes, and what the node must do about it. */

import type { Endpoint } from '../../base/ip.ts'
import type { Time } from '../../base/time.ts'
import type { LeaseState } from '../control/message.ts'
import type { PublicKey } from '../identity/key.ts'

/** A node that may be a home: it is reachable, as far as we know. */
export type KnownNode = {
  readonly key: PublicKey
  readonly endpoint: Endpoint
  readonly member: boolean
  /** Round trip, ms. */
  readonly rtt?: number
}

export type GivenLease = {
  readonly state: LeaseState
  readonly token: Uint8Array
  readonly seconds: number
  readonly observed: Endpoint
  /** Our port there, if it relays for us. */
  readonly relay?: number
}

export type HomesInput =
  /** `wakeAt` has come. */
  | { readonly kind: 'timer' }
  /** All nodes that may be homes now. Who is held stays, whether it is named or not. */
  | { readonly kind: 'known'; readonly nodes: readonly KnownNode[] }
  /** Whether we need homes, since nobody can begin to talk to us. Where not, leases run out. */
  | { readonly kind: 'needed'; readonly needed: boolean }
  /** The answer to an `ask`. */
  | { readonly kind: 'lease'; readonly key: PublicKey; readonly endpoint: Endpoint; readonly lease: GivenLease }
  /** An `ask` was not answered. */
  | { readonly kind: 'silent'; readonly key: PublicKey; readonly endpoint: Endpoint }
  /** Our own addresses or mappings may be others now. */
  | { readonly kind: 'moved' }
  /** How long our NAT keeps a mapping, as far as we know, ms. */
  | { readonly kind: 'every'; readonly pause: Time }

export type HomesOutput =
  /** Send a HOME with this token. Ends in `lease` or `silent`, once for each. */
  | { readonly kind: 'ask'; readonly key: PublicKey; readonly endpoint: Endpoint; readonly token: Uint8Array | null }
  /** `current()` names others, or in another order, or other ports. */
  | { readonly kind: 'changed' }

export type CurrentHome = {
  readonly key: PublicKey
  readonly endpoint: Endpoint
  readonly token: Uint8Array
  /** Where it sees us. */
  readonly observed: Endpoint
  /** Our port there, if it relays for us. */
  readonly relay?: number
}
