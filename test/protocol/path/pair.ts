// Two path machines and the net between them, in simulated time and drawn from a seed: loss, delay, port-restricted NATs (RFC 4787),
// addresses that go, a home that passes OFFERs on, relays (relay.ts), and WireGuard as far as it matters (wireguard.ts).

import { type Endpoint, formatEndpoint } from '../../../src/base/ip.ts'
import type { Time } from '../../../src/base/time.ts'
import type { Input, Output } from '../../../src/protocol/path/events.ts'
import { Peer } from '../../../src/protocol/path/peer.ts'
import type { Relay } from './relay.ts'
import { at } from './run.ts'
import { Tunnel } from './wireguard.ts'

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

/** A NAT forgets a destination after so long (net.netfilter.nf_conntrack_udp_timeout). */
const mappingLife = 30_000
/** When the node asks again for a lease, and tries again in a call, ms. */
const leaseEvery = 25_000
const callAgain = 200

export class Side {
  readonly name: string
  readonly peer: Peer
  readonly tunnel = new Tunnel()
  /** Where it is now: what it sends comes from here, and what is sent here arrives. */
  place: string
  /** Another address of it, where it can be reached, too. */
  second: string | null = null
  /** It is behind a port-restricted NAT: only who was sent to a moment ago gets in. */
  natted: boolean
  readonly sentTo = new Map<string, Time>()
  /** Where its home believes it to be. */
  lease: string
  asleep = false
  probes = 0
  /** Of these, through relays. */
  relayProbes = 0
  offers = 0
  /** Datagrams of all kinds. */
  packets = 0
  /** Each endpoint that WireGuard was given, and when. */
  readonly uses: [Time, string][] = []

  constructor(name: string, place: string, natted: boolean, random: () => number) {
    this.name = name
    this.place = this.lease = place
    this.natted = natted
    this.peer = new Peer({ overlays: [], own: [], port: 1 }, random, () => 300)
  }

  get direct(): boolean {
    return this.peer.view().state === 'direct'
  }

  get relayed(): boolean {
    const { state, relayed } = this.peer.view()
    return state === 'direct' && relayed === true
  }

  get kernel(): string | null {
    return this.tunnel.endpoint
  }

  /** It has a path to where the other one is, proved since then. */
  hasProved(other: Side, since: Time): boolean {
    const { state, endpoint, candidates } = this.peer.view()
    if (state !== 'direct' || !endpoint || formatEndpoint(endpoint) !== other.place) return false
    const used = candidates.find(each => formatEndpoint(each.endpoint) === other.place)
    return (used?.answeredAt ?? Number.NEGATIVE_INFINITY) > since
  }
}

export type PairOptions = {
  seed: number
  loss?: number
  delay?: Time
  natted?: boolean
  /** Hosts at which both have a lease and a port. */
  relays?: readonly Relay[]
  /** Both have a lease at the same home. */
  home?: boolean
  doorbell?: boolean
}

export class Pair {
  readonly a: Side
  readonly b: Side
  loss: number
  readonly delay: Time
  readonly relays: readonly Relay[]
  /** What goes from one to the other by itself gets there. */
  open = true
  now: Time = 0
  readonly #home: boolean
  readonly #doorbell: boolean
  readonly #random: () => number
  #queue: { at: Time; call: () => void }[] = []

  constructor(options: PairOptions) {
    this.#random = seeded(options.seed)
    this.loss = options.loss ?? 0
    this.delay = options.delay ?? 20
    this.relays = options.relays ?? []
    this.#home = options.home ?? false
    this.#doorbell = options.doorbell ?? false
    const natted = options.natted ?? false
    this.a = new Side('a', '203.0.113.1:51820', natted, this.#random)
    this.b = new Side('b', '198.51.100.1:51820', natted, this.#random)
    for (const side of [this.a, this.b]) {
      this.give(side, { kind: 'far', reachable: this.#home })
      this.give(side, { kind: 'doorbell', works: this.#doorbell })
    }
  }

  at(time: Time, call: () => void): this {
    this.#queue.push({ at: time, call })
    return this
  }

  /** `of` learns where the other one is, as from a record. */
  introduce(of: Side): void {
    const { place, second } = this.other(of)
    const endpoints = [place, ...(second ? [second] : [])]
    this.give(of, {
      kind: 'record',
      endpoints: endpoints.map(text => ({ kind: 'reflexive', endpoint: at(text) })),
    })
  }

  /** `of` learns through which relays the other one can be reached. */
  tellRelays(of: Side): void {
    const endpoints = this.relays.map(relay => relay.portOf(this.other(of).name))
    this.give(of, { kind: 'relays', endpoints: endpoints.map(text => ({ kind: 'relayed', endpoint: at(text) })) })
  }

  give(side: Side, input: Input): void {
    for (const output of side.peer.handle(input, this.now)) this.#act(side, output)
  }

  /** Both send data, each second, and look at their counters each 2 s. */
  traffic(from: Time, to: Time, sides: readonly Side[] = [this.a, this.b], every = 1_000): this {
    for (let time = from; time < to; time += every) for (const side of sides) this.at(time, () => this.data(side))
    return this.polls(from, to, 2_000)
  }

  polls(from: Time, to: Time, every: Time): this {
    for (let time = from; time < to; time += every) {
      for (const side of [this.a, this.b]) this.at(time, () => this.poll(side))
    }
    return this
  }

  poll(side: Side): void {
    const { received, sent, handshake, endpoint } = side.tunnel
    this.give(side, {
      kind: 'tunnel',
      wall: this.now,
      received,
      sent,
      ...(handshake === null ? {} : { latestHandshake: handshake }),
      ...(endpoint && endpoint !== 'doorbell' ? { endpoint: at(endpoint) } : {}),
    })
  }

  until(end: Time, stop: () => boolean = () => false): this {
    for (;;) {
      if (stop()) return this
      this.#queue.sort((x, y) => x.at - y.at)
      const first = this.#queue[0]
      const wakes = [this.a, this.b].map(side => (side.asleep ? Number.POSITIVE_INFINITY : side.peer.wakeAt))
      const next = Math.min(first?.at ?? Number.POSITIVE_INFINITY, ...wakes)
      if (next > end) break
      this.now = Math.max(this.now, next)
      if (first && first.at <= next) this.#queue.shift()!.call()
      else this.give(wakes[0]! <= next ? this.a : this.b, { kind: 'timer' })
    }
    this.now = end
    return this
  }

  /** Another address, or another mapping of its NAT, which keeps nothing of the one before. `heard`: the node is told. */
  move(side: Side, place: string, heard: boolean): void {
    side.place = place
    side.sentTo.clear()
    if (!heard) {
      const next = Math.ceil((this.now + 1) / leaseEvery) * leaseEvery
      this.at(next, () => this.#renew(side, () => {}))
      return
    }
    this.#renew(side, () => {})
    const own = [{ address: place.split(':')[0]!, length: 24 }]
    this.give(side, { kind: 'network', surroundings: { overlays: [], own, port: 1 } })
  }

  other(side: Side): Side {
    return side === this.a ? this.b : this.a
  }

  /** One datagram, if chance lets it pass. */
  #pass(from: Side, arrive: () => void): void {
    from.packets += 1
    if (this.#random() < this.loss) return
    this.at(this.now + this.delay * (1 + this.#random() / 4), arrive)
  }

  /** One to the other side; `arrive` gets the source that the receiver sees. */
  #send(from: Side, to: string, arrive: (source: Endpoint) => void, source = from.place): void {
    from.sentTo.set(to, this.now)
    const relay = this.relays.find(({ host }) => to.startsWith(`${host}:`))
    if (relay) {
      this.#relay(relay, from, arrive)
      return
    }
    if (!this.open) return
    this.#pass(from, () => {
      const receiver = this.other(from)
      if (receiver.place !== to && receiver.second !== to) return
      const opened = receiver.sentTo.get(source) ?? Number.NEGATIVE_INFINITY
      if (receiver.natted && this.now - opened > mappingLife) return
      arrive(at(source))
    })
  }

  /** Two legs, which lose as much as a direct way; only who has bound the other's port is passed on, and passed on to. */
  #relay(relay: Relay, from: Side, arrive: (source: Endpoint) => void): void {
    const { place } = from
    relay.carried += 1
    this.#pass(from, () => {
      const to = relay.forward(from.name, place, this.other(from).name, this.now)
      if (!to) return
      this.at(this.now + relay.delay, () => {
        if (this.other(from).place === to) arrive(at(relay.portOf(from.name)))
      })
    })
  }

  /** What the node does before it probes a relay: BIND, until BOUND. */
  #bind(relay: Relay, side: Side, tries = 3): void {
    const { place } = side
    relay.binds += 1
    this.#pass(side, () => relay.bind(side.name, place, this.now))
    this.at(this.now + callAgain, () => {
      if (tries > 1 && !relay.isBound(side.name, place, this.now)) this.#bind(relay, side, tries - 1)
    })
  }

  #leave(relay: Relay, side: Side, tries = 3): void {
    this.#pass(side, () => relay.unbind(side.name))
    if (tries > 1) this.at(this.now + callAgain, () => side.relayed || this.#leave(relay, side, tries - 1))
  }

  #act(side: Side, output: Output): void {
    if (output.kind === 'ask') this.give(side, { kind: 'granted' })
    if (output.kind === 'look up') this.at(this.now + 300, () => this.introduce(side))
    if (output.kind === 'probe') this.#ping(side, output.endpoint, output.candidate)
    if (output.kind === 'offer') this.#offer(side, false)
    if (output.kind === 'leave') for (const relay of this.relays) this.#leave(relay, side)
    if (output.kind === 'park') side.tunnel.endpoint = 'doorbell'
    if (output.kind === 'use') {
      const text = formatEndpoint(output.endpoint)
      side.uses.push([this.now, text])
      side.tunnel.endpoint = text
      // the handshake that rang is sent again there
      if (side.tunnel.hasRung) this.#initiate(side)
    }
  }

  #ping(side: Side, endpoint: Endpoint, candidate: number): void {
    side.probes += 1
    const sentAt = this.now
    const other = this.other(side)
    const asked = formatEndpoint(endpoint)
    const relay = this.relays.find(({ host }) => host === endpoint.host)
    if (relay) side.relayProbes += 1
    if (relay?.mustBind(side.name, side.place, this.now)) this.#bind(relay, side)
    this.#send(side, asked, source => {
      // a node that sleeps hears it when it wakes
      if (other.asleep) return
      const answer = (from: Endpoint) => {
        if (!side.asleep) this.give(side, { kind: 'pong', endpoint: from, candidate, rtt: this.now - sentAt })
      }
      this.#send(other, formatEndpoint(source), answer, asked)
      this.give(other, { kind: 'heard', endpoint: source })
    })
  }

  // the home

  /** The home sees where it is, at the first or the second try. */
  #renew(side: Side, then: () => void, tries = 2): void {
    const { place } = side
    let done = false
    this.#pass(side, () => {
      side.lease = place
      this.#pass(side, () => {
        if (!done) then()
        done = true
      })
    })
    if (tries > 1) this.at(this.now + callAgain, () => done || this.#renew(side, then, tries - 1))
  }

  #offer(side: Side, answer: boolean): void {
    if (!this.#home) return
    side.offers += 1
    // a token for another endpoint is refused: it proves itself first
    if (side.lease !== side.place) this.#renew(side, () => this.#call(side, answer, { arrived: false }))
    else this.#call(side, answer, { arrived: false })
  }

  #call(side: Side, answer: boolean, packet: { arrived: boolean }, tries = 2): void {
    const other = this.other(side)
    let called = false
    this.#pass(side, () => {
      const to = other.lease
      this.#pass(side, () => {
        called = true
      })
      this.#pass(side, () => {
        if (packet.arrived || other.place !== to || other.asleep) return
        packet.arrived = true
        if (!answer) this.#offer(other, true)
        this.give(other, {
          kind: 'offered',
          endpoints: [{ kind: 'reflexive', endpoint: at(side.lease) }],
          answer,
        })
      })
    })
    if (tries > 1) this.at(this.now + callAgain, () => called || this.#call(side, answer, packet, tries - 1))
  }

  // WireGuard

  /** What a node behind a NAT has its WireGuard do (PersistentKeepalive), and what is seen of it every 5 s. */
  keepalives(to: Time): this {
    for (const side of [this.a, this.b]) {
      for (let time = 25_000; time < to; time += 25_000) this.at(time, () => this.data(side, 32))
    }
    return this.polls(0, to, 5_000)
  }

  /** Somebody on this side sends a packet to the other one. */
  data(side: Side, size = 128): void {
    const { tunnel } = side
    if (tunnel.hasSession(this.now)) {
      this.#transport(side, size)
    } else {
      tunnel.waiting.push(size)
      if (tunnel.begin(this.now)) this.#initiate(side)
    }
  }

  #initiate(side: Side): void {
    const { tunnel } = side
    this.at(this.now + Tunnel.retry, () => tunnel.isDue(this.now) && this.#initiate(side))
    const to = tunnel.initiate(this.now)
    if (to === 'doorbell') this.give(side, { kind: 'rung' })
    if (to === 'doorbell' || to === null) return
    const other = this.other(side)
    this.#send(side, to, source => {
      const back = other.tunnel.respond(formatEndpoint(source), this.now)
      this.#send(other, back, from => {
        tunnel.confirm(formatEndpoint(from), this.now)
        for (const size of tunnel.waiting.splice(0)) this.#transport(side, size)
      })
    })
  }

  #transport(side: Side, size: number): void {
    const to = side.tunnel.transport(size)
    if (!to) return
    const other = this.other(side)
    this.#send(side, to, source => other.tunnel.receive(formatEndpoint(source), size, this.now))
  }
}
