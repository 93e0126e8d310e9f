/** How often something may be done, in the long run and at once. */

import { second, type Time } from './time.ts'

/** A token bucket: `burst` at once, then `perSecond`. */
export class Allowance {
  readonly #burst: number
  readonly #perSecond: number
  #left: number
  #at: Time | null = null

  constructor(burst: number, perSecond: number) {
    this.#burst = burst
    this.#perSecond = perSecond
    this.#left = burst
  }

  /** Takes one, if there is one. */
  take(now: Time): boolean {
    const since = this.#at === null ? 0 : Math.max(0, now - this.#at)
    this.#left = Math.min(this.#burst, this.#left + (since / second) * this.#perSecond)
    this.#at = now
    if (this.#left < 1) return false
    this.#left -= 1
    return true
  }
}
