// The two ends of a byte stream in simulated time, as a carrier has them: in order, after a delay, and cut into other pieces than were written.

import type { ByteStream } from '../../../src/drivers/carrier/carrier.ts'
import type { Simulation } from '../../../src/sim/simulation.ts'

export class End implements ByteStream {
  onData: ByteStream['onData'] = () => {}
  onDrain: ByteStream['onDrain'] = () => {}
  onClosed: ByteStream['onClosed'] = () => {}
  /** What it takes; `false`: it is full. */
  takes = true
  /** Nothing arrives any more, and nobody says so. */
  cut = false
  closed = false
  written = 0
  other: End | null = null
  readonly #simulation: Simulation
  readonly #delay: number

  constructor(simulation: Simulation, delay: number) {
    this.#simulation = simulation
    this.#delay = delay
  }

  write(bytes: Uint8Array): boolean {
    if (this.closed) return false
    this.written += bytes.length
    const middle = Math.floor(bytes.length / 3)
    for (const part of [bytes.slice(0, middle), bytes.slice(middle)]) {
      this.#simulation.at(this.#simulation.now() + this.#delay, () => {
        if (!this.cut && !this.other!.closed && part.length > 0) this.other!.onData(part)
      })
    }
    return this.takes
  }

  abort(): void {
    this.#close()
    if (!this.cut) this.#simulation.at(this.#simulation.now() + this.#delay, () => this.other!.#close())
  }

  #close(): void {
    if (this.closed) return
    this.closed = true
    this.onClosed()
  }
}

export function streamPair(simulation: Simulation, delay = 20): [End, End] {
  const [a, b] = [new End(simulation, delay), new End(simulation, delay)]
  a.other = b
  b.other = a
  return [a, b]
}
