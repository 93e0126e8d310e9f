// A path between two ends, as bad as one likes: it delays, loses, reorders, doubles, and carries only so much.

import type { Simulation } from '../../src/sim/simulation.ts'

export type LinkOptions = {
  /** One way, milliseconds. */
  delay?: number
  /** More delay at random, up to this: packets overtake one another. */
  jitter?: number
  /** Part of the packets, 0 to 1. */
  loss?: number
  duplicates?: number
  /** Bytes a millisecond and direction. */
  bandwidth?: number
  /** Bytes that wait for it; what comes beyond is lost. */
  queue?: number
}

export type Side = 'a' | 'b'
export type Flow = { at: number; from: Side; bytes: Uint8Array; fate: 'sent' | 'lost' | 'dropped' }

export class Link {
  readonly #simulation: Simulation
  options: LinkOptions
  readonly #busyUntil = { a: 0, b: 0 }
  /** Who gets what is sent to a side. */
  readonly receive: Record<Side, (bytes: Uint8Array) => void> = { a() {}, b() {} }
  /** Everything that was sent, in order. */
  readonly flow: Flow[] = []
  /** Whether a packet gets through, beside chance. */
  passes: (from: Side, bytes: Uint8Array, index: number) => boolean = () => true

  constructor(simulation: Simulation, options: LinkOptions = {}) {
    this.#simulation = simulation
    this.options = options
  }

  send(from: Side, bytes: Uint8Array): void {
    const { delay = 10, jitter = 0, loss = 0, duplicates = 0 } = this.options
    const simulation = this.#simulation
    const at = simulation.now()
    const note = (fate: Flow['fate']) => this.flow.push({ at, from, bytes, fate })
    if (!this.passes(from, bytes, this.flow.length) || simulation.chance() < loss) return void note('lost')
    const left = this.#queue(from, bytes.length)
    if (left === null) return void note('dropped')
    note('sent')
    const copies = simulation.chance() < duplicates ? 2 : 1
    for (let i = 0; i < copies; i++) {
      const to = from === 'a' ? 'b' : 'a'
      simulation.at(left + delay + simulation.chance() * jitter, () => this.receive[to](bytes))
    }
  }

  /** When it has left the queue; `null` where that is full. */
  #queue(from: Side, size: number): number | null {
    const { bandwidth, queue = 64 * 1024 } = this.options
    const now = this.#simulation.now()
    if (bandwidth === undefined) return now
    const start = Math.max(now, this.#busyUntil[from])
    if ((start - now) * bandwidth > queue) return null
    this.#busyUntil[from] = start + size / bandwidth
    return this.#busyUntil[from]
  }
}
