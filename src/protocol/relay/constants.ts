/** The numbers of relays, with their units and reasons. docs/protocol/relay.md explains the rules that use them. */

import { minute, second, type Time } from '../../base/time.ts'

/** Ports that are given by default: above those that Linux gives to sockets without one (32768 to 60999), below 65535. */
export const portRange = { first: 61_000, last: 65_000 } as const

/** Ports given at once: one for each lease that a home gives. Each costs the relay a socket. */
export const portsAtOnce = 1_024

/** Of these, to strangers of one IPv4 address or IPv6 /64: as many as leases. */
export const portsPerSource = 128

/** How long a binding lasts, seconds: three refreshes, so that two may get lost. */
export const bindingSeconds = 60

/** Bindings of one node, so peers that it reaches through one relay: more than a network mostly has. */
export const bindingsOfMember = 64

/** A stranger's peers that need a relay are few: a whole network that is behind bad NATs has homes among its own members, or brings one. */
export const bindingsOfStranger = 16

/** All bindings. Two are two legs: 20 000 legs were installed in 2 s, and what a packet costs did not depend on their number. */
export const bindingsAtOnce = 20_000

/** Between two BINDs for a binding that stands, ms. Below the 30 s after which many NATs forget (RFC 4787 §4.3 asks for 2 minutes). */
export const refreshEvery = 20 * second

/** Pauses are drawn between (1 - jitter) and 1 times their length, so that the bindings of one node do not come in step. */
export const jitter = 0.25

/** When a BIND is sent, counted from the first, ms; and after how long without an answer it was in vain. */
export const sendTimes: readonly Time[] = [0, 200, 500, 1_000]
export const answerTimeout = 2 * second

/** After how long a relay is asked again that was silent, or said `absent` or `waiting`, ms; the last one repeats. */
export const askAgain: readonly Time[] = [1, 2, 4, 8, 15].map(seconds => seconds * second)

/** A relay that was silent so many times in a row counts as silent, though it has answered before. */
export const silencesOfSilent = 2

/** A BOUND may say `prove` so many times in a row: for no token or an old one, and for a token that ran out on its way. */
export const provesInRow = 2

/** A relay that is full is asked again after this, ms: a binding of somebody may have ended. */
export const fullFor = 1 * minute

/** A relay that refuses is asked again after this, ms: its owner may have changed his mind. */
export const refusedFor = 10 * minute

/** A relay is asked because we have moved at most once in this time, ms. */
export const moveEvery = 1 * second
