/** How long a packet and its answer take: the estimate of RFC 9002 §5. Milliseconds. */

import { granularity, initialRtt, maxAckDelay } from './constants.ts'

export class RoundTripTime {
  min = Number.POSITIVE_INFINITY
  latest = 0
  smoothed = initialRtt
  variation = initialRtt / 2
  measured = false

  /**
   * @param delay what the peer says it waited before it acknowledged. RFC 9002 §5.3 believes `maxAckDelay` at most; we believe
   * all that leaves the least RTT, because an ACK that was lost stands again in a probe, much later. A peer that lies is probed
   * too early, and nobody else is.
   */
  update(sample: number, delay: number): void {
    const travelled = Math.max(sample - delay, granularity)
    this.min = this.measured ? Math.min(this.min, sample) : travelled
    this.latest = Math.max(this.min, travelled)
    if (!this.measured) {
      this.measured = true
      this.smoothed = this.latest
      this.variation = this.latest / 2
      return
    }
    this.variation = 0.75 * this.variation + 0.25 * Math.abs(this.smoothed - this.latest)
    this.smoothed = 0.875 * this.smoothed + 0.125 * this.latest
  }

  /** The probe time-out without back-off (RFC 9002 §6.2.1). The first packet of all is acknowledged without waiting. */
  get probeTimeout(): number {
    const spread = Math.max(4 * this.variation, granularity)
    return this.smoothed + spread + (this.measured ? maxAckDelay : 0)
  }
}
