/**
 * The numbers of the path machine, each with its unit and its reason. docs/protocol/path.md explains the rules that use them.
 */

import { minute, second, type Time } from '../../base/time.ts'

/**
 * When a candidate is probed after its first probe, ms. The gaps double from 100 ms: a NAT filter that the peer opens a moment after
 * our first probe is caught at once, and a round trip of 1 s still gets its answer before the ladder ends.
 */
export const ladder = [0, 100, 300, 700, 1_500, 3_100] as const

/** Rungs of the ladder that decide whether the endpoint in use is dead. Harmless if wrong: the hunt that follows probes it again. */
export const checkRungs = 4

/** Rungs for an endpoint that a PING came from: its sender repeats, we need not. */
export const heardRungs = 1

/** How long the last rung of a ladder waits for its answer, ms, or `answerRtts` times the round trip where that is longer. */
export const answerWait = 800
export const answerRtts = 3

/** Candidates a peer may have, by who said so. A record has 16 endpoints at most. The sum bounds the table: 32. */
export const room = { file: 4, record: 16, cache: 4, lan: 4, heard: 3, tunnel: 1 } as const

/** Probes to one peer: one full ladder for a full table at once, then one a second. */
export const probeBurst = 32 * ladder.length
export const probesPerSecond = 1

/** Probes because a PING was heard: whoever replays PINGs from invented addresses gets no more out of us. */
export const heardBurst = 4
export const heardPerSecond = 0.5

/** A new hunt of the same candidates, ms: doubling from the first to the last. Below 30 s, NATs still hold what the hunt before opened. */
export const huntAgain = { first: 15 * second, last: 5 * minute } as const

/** The record looked up again, ms: doubling from the first to the last. Two nodes that start together publish within a second. */
export const lookUpAgain = { first: 1 * second, last: 5 * minute } as const

/** Pauses are drawn between (1 - jitter) and 1 times their length, so that peers of one outage do not come back in step. */
export const jitter = 0.25

/** While candidates are being tried, the directory is left alone for so long, ms: an endpoint that still holds answers sooner. */
export const lookUpGrace = 300

/** A look-up that does not end, ms, frees the hunt's place; its record is welcome later. */
export const lookUpLimit = 5 * second

/** An answer so old, ms, is still good enough to go over to the candidate when the endpoint in use dies. */
export const freshFor = 10 * second

/**
 * WireGuard sends and nothing comes back for so long, ms: the endpoint is checked. An answer to data comes in a round trip, or, where
 * nobody has anything to say, after KEEPALIVE_TIMEOUT = 10 s (whitepaper §6.5): so this is a reason to ask, not yet a verdict.
 */
export const silentAfter = 2 * second

/** The same for a peer that never answered a PING, a plain WireGuard: KEEPALIVE_TIMEOUT + REKEY_TIMEOUT, when WireGuard doubts itself. */
export const silentAfterUnproved = 16 * second

/** Between two checks of the endpoint in use, ms: traffic in one direction would ask all the time. */
export const checkAgain = 2 * second

/** PINGs are answered and the tunnel is not, for so long, ms: the endpoint is set once more (a source address that is gone heals so). */
export const wedgedAfter = 15 * second

/** Setting an endpoint against WireGuard's own will, ms: doubling from the first to the last. */
export const insistAgain = { first: 30 * second, last: 60 * minute } as const

/** A `use` needs so long, ms, to reach the interface and a poll; before that, another endpoint there is no roaming. */
export const settleTime = 3 * second

/** Another endpoint of the same rank must be faster by this share and by so many ms, or paths would flap. */
export const fasterShare = 0.2
export const fasterBy = 10

/** Traffic so recent, ms, makes a hunt urgent. */
export const inUseFor = 60 * second

/** WireGuard's REJECT_AFTER_TIME (whitepaper §6.1), ms: no session is older. */
export const sessionLife = 180 * second

/** PersistentKeepalive, seconds: below the 30 s after which many NATs forget (RFC 4787 §4.3 asks for 2 minutes). */
export const keepaliveSeconds = 25

/** `never` on a monotonic clock. */
export const never: Time = Number.POSITIVE_INFINITY

/** Hunts at the same time, over all peers. One lasts 5 s at most, so 10 000 silent members are gone through in half an hour. */
export const huntsAtOnce = 32

/** Of these, kept for peers that somebody talks to. */
export const huntsForUrgent = 8
