/**
 * Which packets arrived, and when to say so (RFC 9000 §13.2): at once for every second packet that asks for it and for one
 * out of order, else after `maxAckDelay`. What lies below the remembered ranges counts as received, so no packet is taken twice.
 */

import type { Time } from '../../base/time.ts'
import { ackEvery, maxAckDelay, maxRanges } from './constants.ts'
import type { AckFrame } from './frame.ts'
import { RangeSet } from './range-set.ts'

export class ReceivedPackets {
  readonly #numbers = new RangeSet()
  #floor = 0
  #largest = -1
  #largestAt: Time = 0
  /** Packets that ask for an ACK and got none yet. */
  #unacknowledged = 0
  /** When an ACK has to leave by itself. */
  ackAt: Time = Number.POSITIVE_INFINITY

  /** Whether there is something new to acknowledge, should a packet leave anyway. */
  get pending(): boolean {
    return this.#unacknowledged > 0
  }

  /** Whether anything came at all. */
  get any(): boolean {
    return this.#largest >= 0
  }

  isDuplicate(number: number): boolean {
    return number < this.#floor || this.#numbers.has(number)
  }

  /** @param eliciting whether it asks for an ACK: it has more in it than ACK, PADDING and CLOSE */
  record(number: number, eliciting: boolean, now: Time): void {
    const expected = this.#largest < 0 || number === this.#largest + 1
    this.#numbers.add(number, number + 1)
    if (this.#numbers.size > maxRanges) this.forget(this.#numbers.first()!.to - 1)
    if (number > this.#largest) {
      this.#largest = number
      this.#largestAt = now
    }
    if (!eliciting) return
    this.#unacknowledged++
    this.ackAt = !expected || this.#unacknowledged >= ackEvery ? now : Math.min(this.ackAt, now + maxAckDelay)
  }

  /** What arrived so far, the newest first. Counts as said. */
  acknowledge(now: Time): AckFrame {
    this.#unacknowledged = 0
    this.ackAt = Number.POSITIVE_INFINITY
    const ranges = this.#numbers.ranges.map(({ from, to }) => ({ from, to: to - 1 })).reverse()
    return { type: 'ack', delay: now - this.#largestAt, ranges }
  }

  /** The peer knows that everything up to `number` arrived, or it shall not matter any more. */
  forget(number: number): void {
    if (number < this.#floor) return
    this.#floor = number + 1
    // the largest stays: an ACK has to name something
    this.#numbers.remove(0, Math.min(this.#floor, this.#largest))
  }
}
