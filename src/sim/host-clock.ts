/**
 * Time as a program of a simulated machine sees it. A machine that is suspended, or a process that is stopped, calls nobody; what was due
 * is called when it goes on. Of a suspension the monotonic clock knows nothing (CLOCK_MONOTONIC), while the wall clock goes on.
 */

import type { Time, WallTime } from '../base/time.ts'
import type { Clock } from '../os/clock.ts'
import type { Simulation } from './simulation.ts'

/** Sums of fractions of milliseconds are not exact. */
const rounding = 1e-3

export class HostClock implements Clock {
  readonly #simulation: Simulation
  readonly #ahead: Time
  /** What it calls is heard by a program. */
  readonly #loud: boolean
  /** Time that was spent in suspension. */
  #lost: Time = 0
  #suspendedAt: Time | null = null
  #held = false
  #floor: Time = Number.NEGATIVE_INFINITY
  readonly #due: (() => void)[] = []

  constructor(simulation: Simulation, options: { ahead?: Time; loud: boolean }) {
    this.#simulation = simulation
    this.#ahead = options.ahead ?? 0
    this.#loud = options.loud
  }

  now(): Time {
    return Math.max(this.#floor, (this.#suspendedAt ?? this.#simulation.now()) - this.#lost)
  }

  wall(): WallTime {
    return this.#simulation.wall() + this.#ahead
  }

  at(time: Time, call: () => void): { cancel(): void } {
    let cancelled = false
    let planned: { cancel(): void } | null = null
    const fire = () => {
      if (cancelled) return
      if (this.#held) this.#due.push(fire)
      else if (time - this.now() > rounding) plan()
      else {
        // who is called at a time sees that time, or he would ask to be called again, for ever
        this.#floor = Math.max(this.#floor, time)
        if (this.#loud) this.#simulation.stir()
        call()
      }
    }
    const plan = () => {
      planned = this.#simulation.quietly(time + this.#lost, fire)
    }
    plan()
    return {
      cancel: () => {
        cancelled = true
        planned?.cancel()
      },
    }
  }

  get held(): boolean {
    return this.#held
  }

  suspend(): void {
    this.#suspendedAt = this.#simulation.now()
    this.#held = true
  }

  stop(): void {
    this.#held = true
  }

  /** After either. */
  goOn(): void {
    if (this.#suspendedAt !== null) this.#lost += this.#simulation.now() - this.#suspendedAt
    this.#suspendedAt = null
    this.#held = false
    for (const fire of this.#due.splice(0)) fire()
  }
}
