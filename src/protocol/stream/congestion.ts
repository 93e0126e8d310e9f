/**
 * How many bytes may be under way: NewReno as in RFC 9002 §7, with two changes for paths that lose packets without being full,
 * as radio links do.
 *
 * - Westwood's answer to a loss (Mascolo et al., "TCP Westwood", MobiCom 2001). NewReno halves the window, as if each loss meant
 *   a full queue. Westwood goes back to what the path was seen to deliver in its least RTT: where the queue was full that is what
 *   empties it, where it was not it is nearly the window there was. Never below half, which is what NewReno dares.
 * - Slow start does not end with a few losses while the RTT shows no queue.
 *
 *     slow start --loss--> recovery --a packet sent since is acknowledged--> congestion avoidance --loss--> recovery
 */

import type { Time } from '../../base/time.ts'
import { forgetPathAfter, granularity, initialCongestionWindow, maxDatagram, minCongestionWindow } from './constants.ts'
import type { SentPacket } from './loss.ts'
import type { RoundTripTime } from './rtt.ts'

/** The best rate of the last one to two spans counts; a span is this many RTTs. */
const rateSpan = 5

/** An RTT beyond this many of the least one shows a queue. */
const queueing = 1.25

/** Losses in one RTT that slow start passes over, as a part of the window. */
const noise = 1 / 8

export class Congestion {
  window = initialCongestionWindow
  /** Bytes under way. */
  inFlight = 0
  #threshold = Number.POSITIVE_INFINITY
  #recoveryFrom: Time = Number.NEGATIVE_INFINITY
  /** The window and the threshold before the last answer to a loss, and how many losses that was the answer to. */
  #before = { window: 0, threshold: 0, losses: 0 }
  /** What slow start passed over since a time. */
  #passed = { bytes: 0, since: 0 }
  #delivered = 0
  #deliveredAt: Time = 0
  /** Bytes a millisecond: the best of this span and of the one before. */
  #rate = 0
  #rateBefore = 0
  #spanEnds: Time = 0
  #lastSentAt: Time = 0

  get slowStart(): boolean {
    return this.window < this.#threshold
  }

  /** Bytes that may leave now. */
  get room(): number {
    return Math.max(0, this.window - this.inFlight)
  }

  /** What a packet has to remember when it leaves. */
  snapshot(now: Time): { delivered: number; deliveredAt: Time } {
    if (this.inFlight === 0) this.#deliveredAt = now
    return { delivered: this.#delivered, deliveredAt: this.#deliveredAt }
  }

  sent(size: number, now: Time): void {
    this.inFlight += size
    this.#lastSentAt = now
  }

  /** After a pause the window would leave as one burst (RFC 9002 §7.8); after a long one it says nothing about the path. */
  restart(now: Time, rtt: RoundTripTime): void {
    if (this.inFlight > 0) return
    const pause = now - this.#lastSentAt
    if (pause > rtt.probeTimeout) this.window = Math.min(this.window, initialCongestionWindow)
    if (pause < Math.max(forgetPathAfter, rtt.probeTimeout)) return
    this.window = initialCongestionWindow
    this.#threshold = Number.POSITIVE_INFINITY
  }

  /** @param limited whether the window was what held the sender back; else it has not been tried, and may not grow */
  acknowledged(packets: readonly SentPacket[], now: Time, rtt: RoundTripTime, limited: boolean): void {
    const eliciting = packets.filter(packet => packet.eliciting)
    if (eliciting.length === 0) return
    for (const { size } of eliciting) {
      this.inFlight -= size
      this.#delivered += size
    }
    this.#deliveredAt = now
    for (const packet of eliciting) {
      this.#measure(packet, now, rtt)
      if (!limited || packet.sentAt <= this.#recoveryFrom) continue
      this.window += this.slowStart ? packet.size : (maxDatagram * packet.size) / this.window
    }
  }

  /** The delivery rate over the life of a packet (draft-cheng-iccrg-delivery-rate-estimation §3). */
  #measure(packet: SentPacket, now: Time, rtt: RoundTripTime): void {
    if (!rtt.measured) return
    if (now >= this.#spanEnds) {
      this.#rateBefore = this.#rate
      this.#rate = 0
      this.#spanEnds = now + rateSpan * rtt.min
    }
    const time = Math.max(now - packet.deliveredAt, rtt.min)
    if (time > 0) this.#rate = Math.max(this.#rate, (this.#delivered - packet.delivered) / time)
  }

  /** @param persistent nothing got through for long (RFC 9002 §7.6) */
  lost(packets: readonly SentPacket[], now: Time, rtt: RoundTripTime, persistent: boolean): void {
    const eliciting = packets.filter(packet => packet.eliciting)
    const last = eliciting.at(-1)
    if (!last) return
    const bytes = eliciting.reduce((sum, { size }) => sum + size, 0)
    this.inFlight -= bytes
    // one answer for all that was under way when the first loss was noticed (RFC 9002 §7.3.2)
    if (last.sentAt <= this.#recoveryFrom) this.#before.losses += eliciting.length
    else if (persistent || !this.#isNoise(bytes, now, rtt)) this.#reduce(eliciting.length, now, rtt)
    if (!persistent) return
    this.window = minCongestionWindow
    this.#recoveryFrom = Number.NEGATIVE_INFINITY
  }

  #isNoise(bytes: number, now: Time, rtt: RoundTripTime): boolean {
    if (!this.slowStart || !rtt.measured || rtt.latest > queueing * rtt.min + granularity) return false
    if (now - this.#passed.since > rtt.smoothed) this.#passed = { bytes: 0, since: now }
    this.#passed.bytes += bytes
    return this.#passed.bytes <= noise * this.window
  }

  #reduce(losses: number, now: Time, rtt: RoundTripTime): void {
    this.#before = { window: this.window, threshold: this.#threshold, losses }
    this.#recoveryFrom = now
    const seen = rtt.measured ? Math.max(this.#rate, this.#rateBefore) * rtt.min : 0
    this.#threshold = Math.max(minCongestionWindow, this.window / 2, Math.min(this.window, seen))
    this.window = this.#threshold
  }

  /** Packets of which `lost` was told have arrived. If that was all there was to a loss, it is undone (as in RFC 4015). */
  late(packets: readonly SentPacket[]): void {
    for (const { eliciting, size, sentAt } of packets) {
      if (!eliciting) continue
      this.#delivered += size
      if (sentAt > this.#recoveryFrom || --this.#before.losses !== 0) continue
      this.window = Math.max(this.window, this.#before.window)
      this.#threshold = Math.max(this.#threshold, this.#before.threshold)
    }
  }
}
