/**
 * Time and chance of a simulated world: events run in order of their time, and the same seed gives the same run.
 *
 * What a program does goes on in promises. Between two events all of that must be done, or the run would depend on how long chains of
 * promises are; so `drain` waits for a turn, except after events that are `quiet`: those that no program hears.
 */

import type { Time } from '../base/time.ts'
import type { Clock } from '../os/clock.ts'
import type { Random } from '../os/random.ts'

type Event = {
  readonly at: Time
  readonly order: number
  readonly call: () => void
  quiet: boolean
  cancelled: boolean
}

/** Events at one moment: a world that never gets further would run for ever. */
const standstill = 1_000_000

/** Resolves when no promise has work left: a macrotask, which only the machine has. */
export type Turn = () => Promise<void>

export class Simulation implements Clock, Random {
  #now: Time = 0
  #order = 0
  /** Since the last turn something happened that a program may have heard. */
  #heard = false
  #atOnce = 0
  #state: number
  /** A binary heap: the earliest first. */
  readonly #events: Event[] = []

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  now(): Time {
    return this.#now
  }

  wall(): number {
    return 1_800_000_000_000 + this.#now
  }

  at(time: Time, call: () => void): { cancel(): void } {
    return this.#plan(time, call, false)
  }

  /** The same for what no program hears: a packet between two routers. */
  quietly(time: Time, call: () => void): { cancel(): void } {
    return this.#plan(time, call, true)
  }

  /** A quiet event was heard after all. */
  stir(): void {
    this.#heard = true
  }

  #plan(time: Time, call: () => void, quiet: boolean): { cancel(): void } {
    const event = { at: Math.max(time, this.#now), order: this.#order++, call, quiet, cancelled: false }
    this.#push(event)
    return {
      cancel: () => {
        event.cancelled = true
      },
    }
  }

  /** From 0 to 1 (mulberry32). */
  chance(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  int(min: number, max: number): number {
    return min + Math.floor(this.chance() * (max - min))
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.int(0, 256))
  }

  /** Runs the next event; false where there is none before `until`. */
  step(until: Time = Number.POSITIVE_INFINITY): boolean {
    for (;;) {
      const event = this.#events[0]
      if (!event || event.at > until) return false
      this.#pop()
      if (event.cancelled) continue
      this.#atOnce = event.at > this.#now ? 0 : this.#atOnce + 1
      if (this.#atOnce > standstill) throw new Error(`time stands still at ${this.#now} ms`)
      this.#now = event.at
      this.#heard ||= !event.quiet
      event.call()
      return true
    }
  }

  /** Runs until `done`, or until a time has passed. */
  run(until: Time, done: () => boolean = () => false): void {
    while (!done() && this.step(until));
    if (!done() && Number.isFinite(until)) this.#now = Math.max(this.#now, until)
  }

  /** The same where what happens goes on in microtasks. */
  async runAsync(until: Time, done: () => boolean = () => false): Promise<void> {
    for (;;) {
      for (let i = 0; i < 5; i++) await null
      if (done() || !this.step(until)) break
    }
    if (!done() && Number.isFinite(until)) this.#now = Math.max(this.#now, until)
  }

  /** The same, however long the chains of promises are. */
  async drain(turn: Turn, until: Time, done: () => boolean = () => false): Promise<void> {
    this.#heard = true
    for (;;) {
      if (this.#heard) await turn()
      this.#heard = false
      if (done()) return
      if (!this.step(until)) break
    }
    // the time itself passes, too
    this.run(until)
  }

  #push(event: Event): void {
    const heap = this.#events
    let at = heap.push(event) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (before(heap[parent]!, event)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
  }

  #pop(): void {
    const heap = this.#events
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (before(last, heap[child]!)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

const before = (a: Event, b: Event) => a.at < b.at || (a.at === b.at && a.order < b.order)
