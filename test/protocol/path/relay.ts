// A relay between the two sides of a pair: a port for each, and who has bound it. What comes of nobody who has is dropped.

import type { Time } from '../../../src/base/time.ts'

const bindingLife = 60_000
const bindAgain = 20_000

export class Relay {
  readonly host: string
  /** Of its leg to the receiver, ms; the one from the sender is the net's. */
  delay: Time
  up = true
  /** Packets that came to be passed on, and BINDs. */
  carried = 0
  binds = 0
  readonly #bound = new Map<string, { place: string; at: Time }>()
  readonly #askedAt = new Map<string, Time>()

  constructor(host: string, delay: Time = 20) {
    this.host = host
    this.delay = delay
  }

  /** Where others reach this side. */
  portOf(name: string): string {
    return `${this.host}:${name === 'a' ? 61_001 : 61_002}`
  }

  bind(name: string, place: string, now: Time): void {
    if (this.up) this.#bound.set(name, { place, at: now })
  }

  unbind(name: string): void {
    this.#bound.delete(name)
    this.#askedAt.delete(name)
  }

  isBound(name: string, place: string, now: Time): boolean {
    const bound = this.#bound.get(name)
    return bound !== undefined && bound.place === place && now - bound.at < bindingLife
  }

  /** The node refreshes in good time, and asks again where there was no answer. */
  mustBind(name: string, place: string, now: Time): boolean {
    const asked = this.#askedAt.get(name) ?? -bindAgain
    const pause = this.isBound(name, place, now) ? bindAgain : 1_000
    if (now - asked < pause) return false
    this.#askedAt.set(name, now)
    return true
  }

  /** @returns where it goes; `null`: nowhere */
  forward(from: string, place: string, to: string, now: Time): string | null {
    const [sender, receiver] = [this.#bound.get(from), this.#bound.get(to)]
    if (!this.up || !receiver || sender?.place !== place) return null
    return [sender, receiver].every(({ at }) => now - at < bindingLife) ? receiver.place : null
  }
}
