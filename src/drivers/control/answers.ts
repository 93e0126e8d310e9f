/** What others say to questions of ours, with what only the asker knows: where the answer came from, and how long it took. */

import type { Address, Endpoint } from '../../base/ip.ts'
import type { Time, WallTime } from '../../base/time.ts'
import type { BoundState, LeaseState } from '../../protocol/control/message.ts'
import type { Way } from './responder.ts'

export type Pong = {
  /** Where our PING came from, as the other one saw it. */
  readonly observed: Endpoint
  /** The other one's wall clock, whole seconds in milliseconds. */
  readonly clock: WallTime
  readonly rtt: Time
  /** Where the PONG came from: where we asked, unless we asked for an answer from elsewhere. */
  readonly from: Endpoint
  /** Whether it is a node of our network, if we asked; some older ones do not say. */
  readonly sameNetwork?: boolean
  /** By which way the PONG came. Absent: W. */
  readonly via?: Way
}

export type Lease = {
  readonly state: LeaseState
  /** Proves to the same node that we were heard at `observed`. It gives one whatever the state. */
  readonly token: Uint8Array
  /** How long it lasts; 0 where there is none. */
  readonly seconds: number
  readonly observed: Endpoint
  readonly clock: WallTime
  readonly rtt: Time
  /** From where else it can answer a PING. */
  readonly other: { readonly port?: number; readonly address?: Address }
  /** Our port there, if we wanted one and it has one for us. */
  readonly relay?: number
}

export type Bound = {
  readonly state: BoundState
  /** Proves to the same node that we were heard at `observed`, whatever the state. */
  readonly token: Uint8Array
  /** How long the binding lasts; 0 where there is none. */
  readonly seconds: number
  readonly observed: Endpoint
  readonly rtt: Time
}
