/**
 * How much of a carrier may be under way. A byte stream loses nothing and keeps what it cannot send, so without a bound it would become a
 * queue of seconds, in which each packet's own retransmission waits behind the first one. So the other end says how much has come, and what
 * would wait longer than `delay` is dropped here: then the connections inside see loss, as on any full link, and slow down.
 *
 *     answer comes soon                    ──▶ limit + what came     where at least half of it was used; after the first shrinking, a few
 *                                                                    datagrams a round trip
 *     no answer came soon for a while      ──▶ limit × 0.7
 *
 * The measure is the time that bytes take there and back beyond the least that was seen lately (as in LEDBAT, RFC 6817); and it is the best
 * time of a while that counts (as in CoDel, RFC 8289 §3): a queue that stands is one that never empties, and a busy machine is none.
 */

import { second, type Time } from '../../base/time.ts'

/** Beyond the round trip of an empty carrier, ms: what a call on the telephone bears. */
const delay = 60
/** Bytes. A few datagrams may always be under way. */
const [least, first, most] = [16 * 1024, 64 * 1024, 4 * 1024 * 1024]
const decrease = 0.7
/** Bytes a round trip, once it is known where the end is. */
const increase = 8 * 1_400
/** So long no answer must have come soon, ms, or a round trip, if that is longer. */
const interval = 100
/** Half of how long the shortest round trip counts: routes change. */
const memory = 10 * second
/** Bytes are under way, and none of them has come for so long, ms: the stream is dead. TCP itself would try for minutes. */
export const stalledAfter = 6 * second

type Sent = { readonly end: number; readonly at: Time }

export class Window {
  limit: number = first
  #sent = 0
  #received = 0
  readonly #marks: Sent[] = []
  #shortest = Number.POSITIVE_INFINITY
  /** Of the time before. */
  #shortestBefore = Number.POSITIVE_INFINITY
  #memoryAt: Time = Number.NEGATIVE_INFINITY
  #hasShrunk = false
  /** The best time of the interval that began then. */
  #best = Number.POSITIVE_INFINITY
  #intervalAt: Time = Number.NEGATIVE_INFINITY
  #heardAt: Time = Number.NEGATIVE_INFINITY

  get underWay(): number {
    return this.#sent - this.#received
  }

  /** May so many bytes be sent? Then they count as sent. */
  take(bytes: number, now: Time): boolean {
    if (this.underWay > 0 && this.underWay + bytes > this.limit) return false
    if (this.underWay === 0) this.#heardAt = now
    this.#sent += bytes
    this.#marks.push({ end: this.#sent, at: now })
    return true
  }

  /** @param total so many have come, modulo 2^32. One that cannot be is ignored. */
  came(total: number, now: Time): void {
    const more = (total - (this.#received % 2 ** 32) + 2 ** 32) % 2 ** 32
    if (more === 0 || more > this.underWay) return
    const used = this.underWay
    this.#received += more
    this.#heardAt = now
    let mark: Sent | undefined
    while (this.#marks[0] && this.#marks[0].end <= this.#received) mark = this.#marks.shift()
    if (mark) this.#measure(now - mark.at, more, used, now)
  }

  /** When it counts as dead, if nothing more comes. */
  get stalledAt(): Time {
    return this.underWay > 0 ? this.#heardAt + stalledAfter : Number.POSITIVE_INFINITY
  }

  #measure(time: Time, bytes: number, used: number, now: Time): void {
    if (now - this.#memoryAt > memory) {
      this.#shortestBefore = this.#shortest
      this.#shortest = Number.POSITIVE_INFINITY
      this.#memoryAt = now
    }
    this.#shortest = Math.min(this.#shortest, time)
    const base = Math.min(this.#shortest, this.#shortestBefore)
    this.#judge(time, base, now)
    // what is not used says nothing of what there is room for
    if (time - base > delay || 2 * used < this.limit) return
    this.limit = Math.min(most, this.limit + (this.#hasShrunk ? (increase * bytes) / this.limit : bytes))
  }

  #judge(time: Time, base: Time, now: Time): void {
    this.#best = Math.min(this.#best, time)
    if (now - this.#intervalAt < Math.max(interval, base)) return
    if (this.#best - base > delay) {
      this.limit = Math.max(least, Math.floor(this.limit * decrease))
      this.#hasShrunk = true
    }
    this.#best = Number.POSITIVE_INFINITY
    this.#intervalAt = now
  }
}
