// Two birthday machines, one behind a hard NAT and one behind a port-restricted one, in simulated time. Branches, OFFERs and packets are
// played as the node would do it; what a NAT does with ports is a function.

import type { Endpoint } from '../../../src/base/ip.ts'
import type { Time } from '../../../src/base/time.ts'
import type { Spray } from '../../../src/protocol/control/message.ts'
import { Birthday } from '../../../src/protocol/nat/birthday.ts'
import type { Input, Output } from '../../../src/protocol/nat/birthday-events.ts'
import type { Side } from '../../../src/protocol/nat/roles.ts'
import { portAfter } from '../../../src/protocol/nat/step.ts'
import { Simulation } from '../../../src/sim/simulation.ts'

export const hardSide: Side = {
  ...{ nat: 'endpoint-dependent', filtering: 'address-and-port-dependent', keepsPort: false, address: '198.51.100.1' },
}
export const easySide: Side = {
  ...{ nat: 'endpoint-independent', filtering: 'address-and-port-dependent', keepsPort: true, address: '203.0.113.1' },
}
export const easyEndpoint: Endpoint = { host: easySide.address!, port: 51_820 }

/** The outside port of each new mapping. */
export type Ports = (simulation: Simulation) => () => number

/** Each port as likely as any other. */
export const uniform: Ports = simulation => () => simulation.int(1_024, 65_536)
/** The kernel's `fully-random`: 16 bits modulo the number of ports. */
export const linux: Ports = simulation => () => 1_024 + (simulation.int(0, 65_536) % 64_512)
/** A block of 1024 ports, as providers give to each customer. */
export const block: Ports = simulation => {
  const first = 1_024 * simulation.int(1, 64)
  return () => first + simulation.int(0, 1_024)
}
/** The upper half only. */
export const upper: Ports = simulation => () => simulation.int(32_768, 65_536)
/** A counter, which others use, too: up to so many ports in between. */
export const counter =
  (step: number, others: number): Ports =>
  simulation => {
    let port = simulation.int(1_024, 65_536)
    return () => {
      port = portAfter(port, step * (1 + simulation.int(0, others + 1)))
      return port
    }
  }

type End = { readonly machine: Birthday; readonly own: Side; readonly peer: Side; timer: { cancel(): void } | null }

export class Couple {
  readonly simulation: Simulation
  readonly hard: End
  readonly easy: End
  /** One way, and through a home. */
  delay: Time = 20
  loss = 0
  regular = false
  /** What the hard side tells of its ports. */
  base: { base?: number; step?: number } = {}
  /** Ports outside that lead to a branch. */
  readonly mappings = new Set<number>()
  readonly probed: { readonly at: Time; readonly endpoint: Endpoint }[] = []
  readonly opened: number[] = []
  readonly told: Time[] = []
  /** When each side had its path. */
  readonly metAt = { hard: null as Time | null, easy: null as Time | null }
  /** Whether what is bound works. */
  proves = true
  readonly draw: () => number

  constructor(seed: number, ports: Ports, sides: { hard?: Side; easy?: Side } = {}) {
    const simulation = new Simulation(seed)
    this.simulation = simulation
    const [hard, easy] = [sides.hard ?? hardSide, sides.easy ?? easySide]
    const machine = () => new Birthday(() => simulation.chance())
    this.hard = { machine: machine(), own: hard, peer: easy, timer: null }
    this.easy = { machine: machine(), own: easy, peer: hard, timer: null }
    this.draw = ports(simulation)
  }

  /** OFFERs have gone to and fro. */
  cross(): void {
    const input = { kind: 'crossed', regular: this.regular, able: true } as const
    this.give(this.easy, { ...input, own: this.easy.own, peer: this.easy.peer, target: null })
    this.after(this.delay * 2, () =>
      this.give(this.hard, { ...input, own: this.hard.own, peer: this.hard.peer, target: easyEndpoint }),
    )
  }

  run(duration: Time, done: () => boolean = () => false): this {
    this.simulation.run(this.simulation.now() + duration, done)
    return this
  }

  get met(): boolean {
    return this.metAt.hard !== null && this.metAt.easy !== null
  }

  after(duration: Time, call: () => void): void {
    this.simulation.at(this.simulation.now() + duration, call)
  }

  give(end: End, input: Input): Output[] {
    const { simulation } = this
    const outputs = end.machine.handle(input, simulation.now())
    for (const output of outputs) this.#act(end, output)
    end.timer?.cancel()
    end.timer = null
    const { wakeAt } = end.machine
    if (wakeAt !== Number.POSITIVE_INFINITY)
      end.timer = simulation.at(wakeAt, () => void this.give(end, { kind: 'timer' }))
    return outputs
  }

  #arrives(): boolean {
    return this.simulation.chance() >= this.loss
  }

  #act(end: End, output: Output): void {
    switch (output.kind) {
      case 'ask':
        this.after(0, () => this.give(end, { kind: 'granted' }))
        break
      case 'open':
        this.opened.push(output.sockets)
        // those that are closed stay mapped for a while, and nobody is there
        this.mappings.clear()
        this.after(5, () => {
          const first = this.draw()
          for (let i = 0; i < output.sockets; i++) this.mappings.add(this.draw())
          this.base = this.regular ? { base: first, step: this.base.step ?? 1 } : { base: first }
          this.give(end, { kind: 'opened' })
        })
        break
      case 'tell': {
        this.told.push(this.simulation.now())
        const spray: Spray = { host: end.own.address!, ...this.base, sockets: this.opened.at(-1)! }
        if (this.#arrives())
          this.after(this.delay * 2, () => this.give(this.easy, { kind: 'sprayed', own: this.easy.own, spray }))
        break
      }
      case 'probe':
        this.probed.push({ at: this.simulation.now(), endpoint: output.endpoint })
        if (this.#arrives() && this.mappings.has(output.endpoint.port)) this.after(this.delay, () => this.#heard())
        break
      case 'close':
        if (output.bound) this.mappings.clear()
        break
      case 'done':
        break
    }
  }

  /** A branch has heard a PING, answers through itself, is bound, and W asks through it. */
  #heard(): void {
    if (this.#arrives()) this.after(this.delay, () => this.#answered())
    const before = this.hard.machine.view().state
    this.give(this.hard, { kind: 'hit' })
    if (before !== 'open') return
    this.after(2 * this.delay, () => {
      this.give(this.hard, { kind: 'proof', held: this.proves })
      if (!this.proves) return
      this.metAt.hard ??= this.simulation.now()
      this.give(this.hard, { kind: 'path', direct: true })
    })
  }

  #answered(): void {
    this.give(this.easy, { kind: 'hit' })
    if (!this.proves) return
    this.metAt.easy ??= this.simulation.now()
    this.give(this.easy, { kind: 'path', direct: true })
  }
}
