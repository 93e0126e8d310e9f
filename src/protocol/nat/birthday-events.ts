/** What goes into a birthday machine and what comes out: plain data, so that a run can be written down and played again. */

import type { Endpoint } from '../../base/ip.ts'
import type { Time } from '../../base/time.ts'
import type { Spray } from '../control/message.ts'
import type { NoRole, Role, Side } from './roles.ts'

export type Input =
  /** An OFFER of the peer came, and ours is with it or on its way. `target`: where the peer's packets are to be sent to, in IPv4. */
  | {
      readonly kind: 'crossed'
      readonly own: Side
      readonly peer: Side
      readonly target: Endpoint | null
      /** Our next ports can be told. */
      readonly regular: boolean
      /** Whether branches can be had here. */
      readonly able: boolean
    }
  /** The peer has opened its branches. */
  | { readonly kind: 'sprayed'; readonly own: Side; readonly spray: Spray }
  | { readonly kind: 'granted' }
  /** The branches are open, and a PING has left from each. */
  | { readonly kind: 'opened' }
  | { readonly kind: 'not opened'; readonly problem: string }
  /** A PING of the peer came to W from there: it may be from a branch whose port we have written to before it was open. */
  | { readonly kind: 'heard'; readonly endpoint: Endpoint }
  /** Hard: a branch has heard the peer. Easy: a PONG came to a probe. */
  | { readonly kind: 'hit' }
  /** Hard: what became of the PING from W to the target, through the branch. */
  | { readonly kind: 'proof'; readonly held: boolean }
  /** The path machine's word. */
  | { readonly kind: 'path'; readonly direct: boolean }
  /** Our network is another one. */
  | { readonly kind: 'moved' }
  /** This machine has slept: what failed before may work now, and what is bound may still work. */
  | { readonly kind: 'slept' }
  /** Nobody here uses the path any more, or looks for one. */
  | { readonly kind: 'released' }
  /** It is no member any more, or this node stops. */
  | { readonly kind: 'forgotten' }
  | { readonly kind: 'timer' }

export type Output =
  /** Asks for a place among those at work; ends in `granted`. `done` gives it back. */
  | { readonly kind: 'ask' }
  | { readonly kind: 'done' }
  /** Open so many branches, and send a PING to the target from each. Those that were open are closed. */
  | { readonly kind: 'open'; readonly sockets: number; readonly target: Endpoint }
  /** Send an OFFER with the spray. */
  | { readonly kind: 'tell' }
  /** Send a PING from W. */
  | { readonly kind: 'probe'; readonly endpoint: Endpoint }
  /** Close the branches: the one that has met the peer too, where `bound` says so. */
  | { readonly kind: 'close'; readonly bound: boolean }

/** Why nothing is under way, or what is: a few words. */
export type Why = NoRole | string

/** For people: what was tried with this peer, and what came of it. */
export type BirthdayView = {
  readonly state: 'rest' | 'planned' | 'waiting' | 'opening' | 'open' | 'spraying' | 'proving' | 'met'
  readonly role: Role | null
  readonly why: Why
  /** In the last attempt. */
  readonly sockets: number
  readonly probes: number
  readonly startedAt: Time | null
  readonly endedAt: Time | null
}
