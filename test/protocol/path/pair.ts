// Two path machines and the net between them, in simulated time and drawn from a seed: loss, delay, port-restricted NATs (RFC 4787),
// addresses that go. WireGuard is played as far as it matters: it sends to its endpoint and follows what it receives.

import { type Endpoint, formatEndpoint } from '../../../src/base/ip.ts'
import type { Time } from '../../../src/base/time.ts'
import type { Input, Output } from '../../../src/protocol/path/events.ts'
import { Peer } from '../../../src/protocol/path/peer.ts'
import { at } from './run.ts'

/** mulberry32: small, seeded, good enough for loss. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export class Side {
  readonly name: string
  readonly peer: Peer
  /** Where it is now: what it sends comes from here, and what is sent here arrives. */
  place: string
  /** It is behind a port-restricted NAT: only who was sent to in the last 30 s gets in. */
  natted: boolean
  readonly sentTo = new Map<string, Time>()
  kernel: string | null = null
  received = 0
  sent = 0
  handshake: Time | null = null
  probes = 0

  constructor(name: string, place: string, natted: boolean, random: () => number) {
    this.name = name
    this.place = place
    this.natted = natted
    this.peer = new Peer({ overlays: [], own: [], port: 1 }, random)
  }

  get direct(): boolean {
    return this.peer.view().state === 'direct'
  }
}

export class Pair {
  readonly a: Side
  readonly b: Side
  readonly loss: number
  readonly delay: Time
  now: Time = 0
  readonly #random: () => number
  #queue: { at: Time; call: () => void }[] = []

  constructor(options: { seed: number; loss?: number; delay?: Time; natted?: boolean }) {
    this.#random = seeded(options.seed)
    this.loss = options.loss ?? 0
    this.delay = options.delay ?? 20
    const natted = options.natted ?? false
    this.a = new Side('a', '203.0.113.1:51820', natted, this.#random)
    this.b = new Side('b', '198.51.100.1:51820', natted, this.#random)
  }

  at(time: Time, call: () => void): this {
    this.#queue.push({ at: time, call })
    return this
  }

  /** `of` learns where the other one is, as from a record. */
  introduce(of: Side): void {
    this.give(of, { kind: 'record', endpoints: [{ kind: 'reflexive', endpoint: at(this.#other(of).place) }] })
  }

  give(side: Side, input: Input): void {
    for (const output of side.peer.handle(input, this.now)) this.#act(side, output)
  }

  /** Both send data each second and look at their counters each 2 s. */
  traffic(from: Time, to: Time): this {
    for (const side of [this.a, this.b]) {
      for (let time = from; time < to; time += 1_000) this.at(time, () => this.#data(side))
      for (let time = from; time < to; time += 2_000) this.at(time, () => this.poll(side))
    }
    return this
  }

  poll(side: Side): void {
    this.give(side, {
      kind: 'tunnel',
      wall: this.now,
      received: side.received,
      sent: side.sent,
      ...(side.handshake === null ? {} : { latestHandshake: side.handshake }),
      ...(side.kernel ? { endpoint: at(side.kernel) } : {}),
    })
  }

  until(end: Time, stop: () => boolean = () => false): this {
    for (;;) {
      if (stop()) return this
      this.#queue.sort((x, y) => x.at - y.at)
      const first = this.#queue[0]
      const next = Math.min(first?.at ?? Number.POSITIVE_INFINITY, this.a.peer.wakeAt, this.b.peer.wakeAt)
      if (next > end) break
      this.now = Math.max(this.now, next)
      if (first && first.at <= next) this.#queue.shift()!.call()
      else this.give(this.a.peer.wakeAt <= next ? this.a : this.b, { kind: 'timer' })
    }
    this.now = end
    return this
  }

  #other(side: Side): Side {
    return side === this.a ? this.b : this.a
  }

  /** One datagram; `arrive` gets the source that the receiver sees. */
  #send(from: Side, to: string, arrive: (source: Endpoint) => void): void {
    const source = from.place
    from.sentTo.set(to, this.now)
    if (this.#random() < this.loss) return
    this.at(this.now + this.delay * (1 + this.#random() / 4), () => {
      const receiver = this.#other(from)
      if (receiver.place !== to) return
      const opened = receiver.sentTo.get(source) ?? Number.NEGATIVE_INFINITY
      if (receiver.natted && this.now - opened > 30_000) return
      arrive(at(source))
    })
  }

  #act(side: Side, output: Output): void {
    if (output.kind === 'ask') this.give(side, { kind: 'granted' })
    if (output.kind === 'use') side.kernel = formatEndpoint(output.endpoint)
    if (output.kind === 'look up') this.at(this.now + 300, () => this.introduce(side))
    if (output.kind === 'probe') this.#ping(side, output.endpoint, output.candidate)
  }

  #ping(side: Side, endpoint: Endpoint, candidate: number): void {
    side.probes += 1
    const sentAt = this.now
    const other = this.#other(side)
    this.#send(side, formatEndpoint(endpoint), source => {
      this.#send(other, formatEndpoint(source), from => {
        this.give(side, { kind: 'pong', endpoint: from, candidate, rtt: this.now - sentAt })
      })
      this.give(other, { kind: 'heard', endpoint: source })
    })
  }

  /** What a node behind a NAT has its WireGuard do (PersistentKeepalive), and what is seen of it every 5 s. */
  keepalives(to: Time): this {
    for (const side of [this.a, this.b]) {
      for (let time = 25_000; time < to; time += 25_000) this.at(time, () => this.#data(side, 32))
      for (let time = 0; time < to; time += 5_000) this.at(time, () => this.poll(side))
    }
    return this
  }

  #data(side: Side, size = 128): void {
    if (!side.kernel) return
    side.sent += size
    const other = this.#other(side)
    this.#send(side, side.kernel, source => {
      other.received += size
      other.kernel = formatEndpoint(source)
      other.handshake ??= this.now
    })
  }
}
