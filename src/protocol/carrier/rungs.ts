/**
 * The ladder: how a node is reached, the best first. UDP is asked first; where it is silent, the others are begun one after the other, and
 * the first that is through is taken. Each gets a head start before the next, ms after UDP was asked: a machine that starts, or a satellite, may
 * take a second for its first answer.
 */

import { second, type Time } from '../../base/time.ts'

export type Rung = {
  readonly name: 'tcp' | 'wss' | 'proxy'
  readonly after: Time
}

export const rungs: readonly Rung[] = [
  /** TCP, to the number of the UDP port. */
  { name: 'tcp', after: 1_200 },
  /** A WebSocket in TLS to port 443, which passes where only the web does. */
  { name: 'wss', after: 1_500 },
  /** The same through the HTTP proxy of the environment, where there is one. */
  { name: 'proxy', after: 1_700 },
]

/**
 * Between two members of which neither can be reached, where a network knows WireGuard and drops it, and lets calls pass: WebRTC, which a home
 * of theirs brings together. It is no rung towards the home, but the way past it.
 */
export type CarriedBy = Rung['name'] | 'webrtc'

/** To a member that is reached through a relay only: first so long after that is known, ms, then doubling to the last. */
export const callMember = { first: 2 * second, last: 5 * 60 * second } as const

/** For ICE: it asks for where it is seen, and tries some ten pairs of addresses, 50 ms apart. */
export const callTime = 15 * second

/** Where UDP is known to be silent, there is no reason to wait for it. */
export const headStart = rungs[0]!.after

/** An attempt that takes longer, ms, leads nowhere. */
export const attemptTime = 5 * second

/** After a ladder that led nowhere, ms: doubling from the first to the last. */
export const climbAgain = { first: 2 * second, last: 5 * 60 * second } as const

/** UDP is asked so often whether it gets through again, ms, doubling from the first to the last: at first it may just have been slow. */
export const askUdp = { first: 1 * second, last: 15 * second } as const

/** Nodes that carry for us at the same time: as many as homes, and one of a peer. */
export const carriersMost = 6
