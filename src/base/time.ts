/**
 * Time as everybody in this program writes it: milliseconds on a clock that only moves forward.
 * Machines get it as an argument (`now`); only `os/clock.ts` can read it.
 */

/** Monotonic milliseconds. The origin is arbitrary: only differences mean something. */
export type Time = number

/** Milliseconds since 1970 UTC, for people and for what other programs report (WireGuard's handshake times). */
export type WallTime = number

export const second = 1_000
export const minute = 60 * second
export const hour = 60 * minute
export const day = 24 * hour
