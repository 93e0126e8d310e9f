/**
 * Packets under way, and what became of them: RFC 9002 §6. A packet is lost when one sent three later, or 9/8 of an RTT later,
 * was acknowledged. Where no acknowledgement comes at all, a probe asks for one (probe time-out, PTO), with growing pauses.
 *
 * A packet that was given up and is acknowledged after all was overtaken: then more patience is due (RFC 9002 §6.1.1).
 */

import type { Time } from '../../base/time.ts'
import {
  granularity,
  maxPacketThreshold,
  maxProbeInterval,
  maxTimeThreshold,
  packetThreshold,
  persistentCongestion,
  timeThreshold,
} from './constants.ts'
import type { AckFrame } from './frame.ts'
import { RoundTripTime } from './rtt.ts'
import type { Piece } from './send-buffer.ts'

export type SentPacket = {
  readonly number: number
  readonly sentAt: Time
  readonly size: number
  /** Asks for an ACK, and counts as under way. */
  readonly eliciting: boolean
  readonly pieces: readonly Piece[]
  readonly maxData: boolean
  /** The largest number that its own ACK named, or -1. */
  readonly acknowledges: number
  /** What had been delivered when it left, and when that was last known: the congestion controller's notes. */
  readonly delivered: number
  readonly deliveredAt: Time
  fate: 'unknown' | 'acknowledged' | 'lost'
}

export type AckOutcome = {
  readonly acknowledged: readonly SentPacket[]
  /** Acknowledged too, but already given up before. */
  readonly late: readonly SentPacket[]
  readonly lost: readonly SentPacket[]
  /** Nothing got through for so long that nothing known about the path holds any more (RFC 9002 §7.6). */
  readonly persistent: boolean
}

const never = Number.POSITIVE_INFINITY

export class LossDetection {
  readonly rtt = new RoundTripTime()
  /** In order of their numbers, without gaps. */
  readonly #sent: SentPacket[] = []
  #nextNumber: number
  #largestAcknowledged = -1
  #firstSampleAt: Time = never
  #eliciting = 0
  #probeFrom: Time = 0
  #packetThreshold = packetThreshold
  #timeThreshold = timeThreshold
  /** Probe time-outs since something was acknowledged. */
  probes = 0
  /** When a packet is lost by time alone. */
  lossAt: Time = never

  constructor(firstNumber: number) {
    this.#nextNumber = firstNumber
  }

  get nextNumber(): number {
    return this.#nextNumber
  }

  /** Whether an answer is awaited. */
  get outstanding(): boolean {
    return this.#eliciting > 0
  }

  /** When the next probe has to leave. A packet that may be lost already comes first (RFC 9002 §6.2.1). */
  get probeAt(): Time {
    if (this.#eliciting === 0 || this.lossAt !== never) return never
    const timeout = this.rtt.probeTimeout
    return this.#probeFrom + Math.min(timeout * 2 ** this.probes, Math.max(timeout, maxProbeInterval))
  }

  sent(packet: SentPacket): void {
    if (packet.number !== this.#nextNumber) throw new TypeError('packet numbers are consecutive')
    this.#nextNumber++
    // packets that nobody will ever acknowledge are only kept between others
    if (this.#eliciting === 0) this.#sent.length = 0
    this.#sent.push(packet)
    if (!packet.eliciting) return
    this.#eliciting++
    this.#probeFrom = packet.sentAt
  }

  probed(now: Time): void {
    this.probes++
    this.#probeFrom = now
  }

  /** The oldest packet that awaits an answer. */
  oldest(): SentPacket | undefined {
    return this.#sent.find(packet => packet.eliciting && packet.fate === 'unknown')
  }

  /** `null` where it names packets that were never sent, which only a broken peer does. */
  acknowledge(ack: AckFrame, now: Time): AckOutcome | null {
    const largest = ack.ranges[0]!.to
    if (largest >= this.#nextNumber) return null
    const base = this.#nextNumber - this.#sent.length
    const acknowledged: SentPacket[] = []
    const late: SentPacket[] = []
    for (const { from, to } of ack.ranges) {
      for (let number = Math.max(from, base); number <= to; number++) {
        const packet = this.#sent[number - base]!
        if (packet.fate === 'acknowledged') continue
        if (packet.fate === 'lost') late.push(packet)
        else acknowledged.push(packet)
        if (packet.fate === 'unknown' && packet.eliciting) this.#eliciting--
        packet.fate = 'acknowledged'
      }
    }
    for (const { number } of late) this.#overtaken(this.#largestAcknowledged - number)
    if (acknowledged.length === 0) return { acknowledged, late, lost: [], persistent: false }
    this.#largestAcknowledged = Math.max(this.#largestAcknowledged, largest)
    this.#sample(acknowledged, largest, ack.delay, now)
    this.probes = 0
    return { acknowledged, late, ...this.detect(now) }
  }

  /** @param by how many packets */
  #overtaken(by: number): void {
    this.#packetThreshold = Math.min(Math.max(this.#packetThreshold, by + 1), maxPacketThreshold)
    this.#timeThreshold = Math.min(this.#timeThreshold + timeThreshold - 1, maxTimeThreshold)
  }

  /** RFC 9002 §5.1: only a newly acknowledged largest packet gives a sample, and only if an ACK was due for one of them. */
  #sample(acknowledged: readonly SentPacket[], largest: number, delay: number, now: Time): void {
    const packet = acknowledged.find(({ number }) => number === largest)
    if (!packet || !acknowledged.some(({ eliciting }) => eliciting)) return
    if (this.#firstSampleAt === never) this.#firstSampleAt = now
    this.rtt.update(now - packet.sentAt, delay)
  }

  /** RFC 9002 §6.1: what is lost by now. */
  detect(now: Time): { lost: SentPacket[]; persistent: boolean } {
    const delay = Math.max(this.#timeThreshold * Math.max(this.rtt.latest, this.rtt.smoothed), granularity)
    const lost: SentPacket[] = []
    this.lossAt = never
    for (const packet of this.#sent) {
      if (packet.number > this.#largestAcknowledged) break
      if (packet.fate !== 'unknown') continue
      if (packet.number + this.#packetThreshold <= this.#largestAcknowledged || packet.sentAt + delay <= now) {
        packet.fate = 'lost'
        if (packet.eliciting) this.#eliciting--
        lost.push(packet)
      } else {
        this.lossAt = Math.min(this.lossAt, packet.sentAt + delay)
      }
    }
    const persistent = lost.length > 1 && this.#isPersistent()
    this.#shift(now)
    return { lost, persistent }
  }

  /** RFC 9002 §7.6.2: a run of lost packets, none between them acknowledged, which spans long enough. */
  #isPersistent(): boolean {
    const duration = this.rtt.probeTimeout * persistentCongestion
    let first: Time = never
    for (const { fate, eliciting, sentAt } of this.#sent) {
      if (fate === 'acknowledged') first = never
      if (fate !== 'lost' || !eliciting || sentAt <= this.#firstSampleAt) continue
      if (sentAt - first >= duration) return true
      first = Math.min(first, sentAt)
    }
    return false
  }

  /** Forgets what is decided; lost packets a little later, because they may have been overtaken only. */
  #shift(now: Time): void {
    const lostBefore = now - 2 * this.rtt.probeTimeout
    const isOver = ({ fate, sentAt }: SentPacket) => fate === 'acknowledged' || (fate === 'lost' && sentAt < lostBefore)
    let over = 0
    while (over < this.#sent.length && isOver(this.#sent[over]!)) over++
    if (over > 0) this.#sent.splice(0, over)
  }
}
