/** What can happen to the path to one peer, and what the node must do about it. */

import type { Endpoint } from '../../base/ip.ts'
import type { WallTime } from '../../base/time.ts'
import type { Named, Surroundings } from './candidate.ts'

/** What WireGuard says of a peer now: fields as in its dump, and the wall clock when that was read. */
export type TunnelState = {
  readonly wall: WallTime
  readonly latestHandshake?: WallTime
  readonly received: number
  readonly sent: number
  readonly endpoint?: Endpoint
}

/** Who comes first when places are few: somebody sends to the peer; there are candidates; there is only a name. */
export type Urgency = 'urgent' | 'known' | 'unknown'

export type Input =
  /** `wakeAt` has come. */
  | { readonly kind: 'timer' }
  /** Find the peer, whatever was tried before: at the node's start, and `wh p2p`. `urgent` where a person waits. */
  | { readonly kind: 'wanted'; readonly urgent: boolean }
  /** All endpoints that the file has for it now, names resolved. Replaces the ones before. */
  | { readonly kind: 'file'; readonly endpoints: readonly Endpoint[] }
  /** Last good endpoints, from disk. Replaces. */
  | { readonly kind: 'cache'; readonly endpoints: readonly Endpoint[] }
  /** A valid record, newer than all before (or the same again: the end of a look-up). Replaces. */
  | { readonly kind: 'record'; readonly endpoints: readonly Named[] }
  /**
   * Ports of relays that pass all on to the peer: as its record and its OFFERs say, and only those that would serve us. Replaces. Before a
   * probe to one of them, and while one is in use, the relay must be told (BIND) where we are: that is the node's business.
   */
  | { readonly kind: 'relays'; readonly endpoints: readonly Named[] }
  /** A look-up has ended without a record. */
  | { readonly kind: 'no record' }
  /** A LAN announcement that matches the peer's key. */
  | { readonly kind: 'announced'; readonly endpoint: Endpoint }
  /** An authenticated PING of the peer came from there. `inUse`: it said that its WireGuard sends to us by this path. */
  | { readonly kind: 'heard'; readonly endpoint: Endpoint; readonly inUse?: boolean }
  /**
   * A PONG of the peer with a transaction of ours. `endpoint` is where it came from, `candidate` the id that our PING had (kept with the
   * transaction, not read from the packet), `rtt` in ms.
   */
  | { readonly kind: 'pong'; readonly endpoint: Endpoint; readonly candidate: number; readonly rtt: number }
  /** Every few seconds. */
  | ({ readonly kind: 'tunnel' } & TunnelState)
  /** Our own addresses, as they are now: nothing happens where they are as before, unless `moved` says that a route has changed. */
  | { readonly kind: 'network'; readonly surroundings: Surroundings; readonly moved?: boolean }
  /** Our router has opened a port for us: a peer that looks for us in vain can come through it. */
  | { readonly kind: 'mapped' }
  /** An OFFER of the peer came: these are its endpoints now, and it looks for us at this moment. `answer`: to an OFFER of ours. */
  | { readonly kind: 'offered'; readonly endpoints: readonly Named[]; readonly answer: boolean }
  /** Whether OFFERs can be sent to the peer at all now. */
  | { readonly kind: 'far'; readonly reachable: boolean }
  /** A PONG to a PING that was sprayed came from there; `rtt` in ms. */
  | { readonly kind: 'hit'; readonly endpoint: Endpoint; readonly rtt: number }
  /** Whether WireGuard can be pointed at the doorbell, and a packet to the peer be heard there. */
  | { readonly kind: 'doorbell'; readonly works: boolean }
  /** The doorbell: a packet wants to go to the peer. */
  | { readonly kind: 'rung' }
  /** The hunt that was asked for may begin. */
  | { readonly kind: 'granted' }
  /** `wh forget`: all that was learnt, but not what the file says. */
  | { readonly kind: 'reset' }

export type UseReason =
  /** The file's endpoint, unproved, because there is nothing better. */
  | 'the file says so'
  | 'answered first'
  | 'ranks better'
  | 'the one before stopped answering'
  /** Set although nothing changed: our network did, or WireGuard is stuck. */
  | 'once more'
  /** The doorbell rang, and the endpoint that we remember answered a moment ago. */
  | 'woken'

export type Output =
  /** Send a PING with a fresh transaction; `candidate` is its candidate id. `inUse`: WireGuard sends there. */
  | { readonly kind: 'probe'; readonly endpoint: Endpoint; readonly candidate: number; readonly inUse?: true }
  /** Set WireGuard's endpoint, even if it is the same. */
  | { readonly kind: 'use'; readonly endpoint: Endpoint; readonly because: UseReason }
  /** Send an OFFER to the peer now, through its homes. */
  | { readonly kind: 'offer' }
  /** Point WireGuard at the doorbell: there is no path, or nobody needs one. */
  | { readonly kind: 'park' }
  /** The path is direct, for both: the relays shall pass on nothing more to us, from now on (not only when the binding ends). */
  | { readonly kind: 'leave' }
  /** Have WireGuard begin a session with the peer, at the endpoint that it has. */
  | { readonly kind: 'shake' }
  /** Read WireGuard's counters of the peer now. Ends in `tunnel`. */
  | { readonly kind: 'look' }
  /**
   * The handshake under way has got no word: have WireGuard forget it, and begin another one at once. Not where more has come from the peer than
   * `received` bytes.
   */
  | { readonly kind: 'anew'; readonly received: number }
  /** WireGuard's keepalive for the peer, on or off. Off at first. */
  | { readonly kind: 'hold'; readonly on: boolean }
  /** Find the record: members first, then the directory. Ends in `record` or `no record`. */
  | { readonly kind: 'look up' }
  /** Asks for a place in `Hunts`; asked again, the higher urgency counts. Ends in `granted`. */
  | { readonly kind: 'ask'; readonly urgency: Urgency }
  /** Gives the place back, or the wish up. */
  | { readonly kind: 'done' }
  /**
   * The state has changed: for the log, for who waits, and (a `direct` proved by a PONG, and not relayed) for the cache on disk. `direct`
   * means that there is a path.
   */
  | {
      readonly kind: 'tell'
      readonly state: 'idle' | 'hunting' | 'direct'
      readonly endpoint?: Endpoint
      /** `direct`: who proved it, a PONG or WireGuard itself. */
      readonly proof?: 'pong' | 'tunnel'
      /** The endpoint is a relay's: whatever makes a direct path (birthday probing) must go on. */
      readonly relayed?: true
    }
