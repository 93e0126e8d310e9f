/** Timers that end with their owner. */

import type { Time } from '../base/time.ts'
import type { Clock } from '../os/clock.ts'

export class Timers {
  readonly #clock: Clock
  readonly #set = new Set<{ cancel(): void }>()
  #ended = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  in(time: Time, call: () => void): { cancel(): void } {
    const timer = this.#clock.at(this.#clock.now() + time, () => {
      this.#set.delete(own)
      if (!this.#ended) call()
    })
    const own = {
      cancel: () => {
        this.#set.delete(own)
        timer.cancel()
      },
    }
    this.#set.add(own)
    return own
  }

  end(): void {
    this.#ended = true
    for (const timer of [...this.#set]) timer.cancel()
  }
}
