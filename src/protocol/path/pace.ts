/** How often: pauses that grow, and a pause that is kept. Time and chance are arguments. */

import type { Time } from '../../base/time.ts'

/** Pauses that double from `first` to `last`, each drawn a little shorter than that. */
export class Pauses {
  readonly #bounds: { readonly first: number; readonly last: number }
  readonly #jitter: number
  readonly #random: () => number
  #next: number

  /** @param jitter share of the pause that chance may take off, 0 to 1 @param random as `Math.random` */
  constructor(bounds: { readonly first: number; readonly last: number }, jitter: number, random: () => number) {
    this.#bounds = bounds
    this.#jitter = jitter
    this.#random = random
    this.#next = bounds.first
  }

  /** The pause to make now, ms. */
  take(): number {
    const pause = this.#next * (1 - this.#jitter * this.#random())
    this.#next = Math.min(this.#bounds.last, this.#next * 2)
    return pause
  }

  reset(): void {
    this.#next = this.#bounds.first
  }
}

/** What is done at most so often: asked for too early, it is due when its time comes. */
export class Throttle {
  /** When it is to be done because it was asked for; `Infinity`: it was not. */
  dueAt: Time = Number.POSITIVE_INFINITY
  /** When it was last done. */
  doneAt: Time = Number.NEGATIVE_INFINITY
  readonly #pause: Time

  constructor(pause: Time) {
    this.#pause = pause
  }

  /** Whether to do it now. */
  take(now: Time): boolean {
    const early = now - this.doneAt < this.#pause
    this.dueAt = early ? this.doneAt + this.#pause : Number.POSITIVE_INFINITY
    if (!early) this.doneAt = now
    return !early
  }
}
