/** The numbers of homes and calls, with their units and reasons. docs/protocol/home.md explains the rules that use them. */

import { minute, second, type Time } from '../../base/time.ts'

/** Homes that a node has at once, as many as a record names: two may fail at the same moment. */
export const homesAtOnce = 3

/** How long a lease lasts, seconds: three refreshes of the default pause, so that one may get lost. */
export const leaseSeconds = 90

/** A lease is refreshed at least so long before its end, ms: time for three tries. */
export const leaseMargin = 15 * second

/** Between two refreshes, ms. Below the 30 s after which many NATs forget (RFC 4787 §4.3 asks for 2 minutes). */
export const refreshEvery = 25 * second

/** Nobody is asked for a refresh sooner than this, ms, whatever it says about its lease. */
export const refreshLeast = 5 * second

/** Pauses are drawn between (1 - jitter) and 1 times their length, so that the nodes of one home do not come in step. */
export const jitter = 0.25

/** After how long a home that was silent is asked again, ms; the last one repeats. */
export const askAgain: readonly Time[] = [1, 3, 10, 30, 60, 120, 300].map(seconds => seconds * second)

/** A home that was silent so many times in a row is lost. */
export const silencesOfLost = 3

/** A home that is full is left alone for so long, ms. */
export const fullFor = 10 * minute

/** A LEASE may say `prove` so many times in a row: once for no token or an old one, once more for a token that ran out on its way. */
export const provesInRow = 2

/** Homes are asked because we have moved at most once in this time, ms. */
export const moveEvery = 1 * second

/** A token is good in the epoch in which it was given and in the next, ms: for 10 to 20 minutes. */
export const tokenEpoch = 10 * minute

/** Leases that a home gives. Each keeps a node's mapping alive: 1024 cost it 14 HOMEs a second, 1 % of a small core. */
export const leasesAtOnce = 1_024

/** Of these, to strangers of one IPv4 address or IPv6 /64: who makes many keys shall not take all. */
export const leasesPerSource = 128

/** A caller can be reached for the answer for so long, ms, though it has no lease. */
export const callerLife = 30 * second

/** Callers, and keys that have moved, that a home remembers; the least recently used one makes room. */
export const callersKept = 1_024

/**
 * CALLs of one caller, to whomever: a hunt needs four, and a birthday three, and at its start a node looks for all its members at once.
 * A CALL costs the home some 0.4 ms.
 */
export const callerBudget = { burst: 100, rate: 10 } as const

/** CALLs to one target: once for all callers that are strangers, and once for all members. */
export const targetBudget = { burst: 100, rate: 20 } as const
