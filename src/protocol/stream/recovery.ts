/**
 * What was sent and what has to be sent again: puts loss detection (`loss.ts`), congestion control (`congestion.ts`) and the
 * bytes themselves (`send-buffer.ts`) together, as RFC 9002 §A and §B do.
 */

import type { Time } from '../../base/time.ts'
import { Congestion } from './congestion.ts'
import { maxDatagram } from './constants.ts'
import type { AckFrame } from './frame.ts'
import { type AckOutcome, LossDetection, type SentPacket } from './loss.ts'
import type { RoundTripTime } from './rtt.ts'
import type { SendBuffer } from './send-buffer.ts'

/** What a packet is remembered by. */
export type Departure = Pick<SentPacket, 'size' | 'eliciting' | 'pieces' | 'maxData' | 'acknowledges'>

export class Recovery {
  readonly #out: SendBuffer
  readonly #loss: LossDetection
  readonly #congestion = new Congestion()
  /** Packets that leave although the window may be full, to learn whether anything arrives. */
  #probesDue = 0
  /** The congestion window, and nothing else, held data back. */
  #limited = false
  /** A MAX_DATA was lost. */
  limitLost = false

  constructor(out: SendBuffer, firstNumber: number) {
    this.#out = out
    this.#loss = new LossDetection(firstNumber)
  }

  get nextNumber(): number {
    return this.#loss.nextNumber
  }

  get rtt(): RoundTripTime {
    return this.#loss.rtt
  }

  get window(): number {
    return this.#congestion.window
  }

  /** Whether an answer is awaited. */
  get outstanding(): boolean {
    return this.#loss.outstanding
  }

  /** When `tick` has something to do. */
  get wakeAt(): Time {
    return Math.min(this.#loss.lossAt, this.#loss.probeAt)
  }

  get probing(): boolean {
    return this.#probesDue > 0
  }

  /** Makes what the next probe should bring sendable: the oldest that is unanswered. */
  prepareProbe(): void {
    const oldest = this.#loss.oldest()
    if (oldest) this.#again(oldest)
  }

  /** Whether `sendable` bytes may leave now. A packet that the window cuts short would be followed by another small one. */
  allows(sendable: number, overhead: number): boolean {
    const fits = this.probing || this.#congestion.room >= Math.min(maxDatagram, sendable + overhead)
    this.#limited = sendable > 0 && !fits
    return fits
  }

  sent(packet: Departure, now: Time): void {
    const number = this.#loss.nextNumber
    this.#loss.sent({ ...packet, number, sentAt: now, ...this.#congestion.snapshot(now), fate: 'unknown' })
    if (packet.eliciting) this.#congestion.sent(packet.size, now)
    if (packet.eliciting && this.probing) this.#probesDue--
  }

  /** The packets that it newly acknowledges; `null` where it names packets that were never sent. */
  acknowledge(ack: AckFrame, now: Time): readonly SentPacket[] | null {
    const outcome = this.#loss.acknowledge(ack, now)
    if (!outcome) return null
    this.#settle(outcome, now)
    return outcome.acknowledged
  }

  /** What time alone makes due: losses, probes, a window that is out of date. */
  tick(now: Time): void {
    if (now >= this.#loss.lossAt) {
      this.#settle({ acknowledged: [], late: [], ...this.#loss.detect(now) }, now)
    } else if (now >= this.#loss.probeAt) {
      this.#loss.probed(now)
      // RFC 9002 §6.2.4 allows two; the first time one is enough mostly
      this.#probesDue = this.#loss.probes > 1 ? 2 : 1
    }
    this.#congestion.restart(now, this.#loss.rtt)
  }

  #settle({ acknowledged, late, lost, persistent }: AckOutcome, now: Time): void {
    const { rtt } = this.#loss
    this.#congestion.lost(lost, now, rtt, persistent)
    for (const packet of lost) this.#again(packet)
    this.#congestion.late(late)
    this.#congestion.acknowledged(acknowledged, now, rtt, this.#limited)
    for (const packets of [late, acknowledged]) {
      for (const { pieces } of packets) for (const piece of pieces) this.#out.acknowledged(piece)
    }
    if (acknowledged.length > 0) this.#probesDue = 0
  }

  /** What a packet carried has to be sent again. Its ACK not: there is a newer one by then. */
  #again({ pieces, maxData }: SentPacket): void {
    for (const piece of pieces) this.#out.lost(piece)
    if (maxData) this.limitLost = true
  }
}
