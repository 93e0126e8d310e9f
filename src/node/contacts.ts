/**
 * The path machines of all members, and what they ask for: probes go out by the channel, endpoints into WireGuard, look-ups to the
 * walk. One timer for all of them.
 */

import { type Address, type Endpoint, sameEndpoint } from '../base/ip.ts'
import type { Logger } from '../base/log.ts'
import { second, type Time } from '../base/time.ts'
import type { Channel, Pong } from '../drivers/control/channel.ts'
import type { ActualPeer } from '../drivers/wireguard/interface.ts'
import type { Clock } from '../os/clock.ts'
import { chance, type Random } from '../os/random.ts'
import { placeWords } from '../protocol/carrier/words.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import type { Surroundings } from '../protocol/path/candidate.ts'
import type { Input, Output, UseReason } from '../protocol/path/events.ts'
import { Hunts } from '../protocol/path/hunts.ts'
import { Peer } from '../protocol/path/peer.ts'

export type ContactsParts = {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly channel: Pick<Channel, 'ping'>
  /** Points WireGuard's peer there. */
  readonly use: (key: PublicKey, endpoint: Endpoint, because: UseReason) => void
  /** Points WireGuard's peer to the doorbell. */
  readonly park: (key: PublicKey) => void
  /** WireGuard's keepalive for the peer, on or off. */
  readonly hold: (key: PublicKey, on: boolean) => void
  /** Has WireGuard begin a session with the peer. */
  readonly shake: (key: PublicKey) => void
  /** Has WireGuard begin a new handshake, where none has come to anything. */
  readonly anew: (key: PublicKey, received: number) => void
  /** Ends in `tunnels`. */
  readonly look: () => void
  /** The state of a path has changed. */
  readonly told: (key: PublicKey, what: Output & { kind: 'tell' }) => void
  /** A PING to the member is about to leave for there. */
  readonly prepare: (key: PublicKey, endpoint: Endpoint) => void
  /** The path is direct, for both: relays shall know. */
  readonly leave: (key: PublicKey) => void
  /** Tells the member where we are, through others. */
  readonly offer: (key: PublicKey) => void
  /** Looks for a record; `learnt` or `noRecord` is called in the end. */
  readonly lookUp: (key: PublicKey) => void
  /** A member has answered from there. */
  readonly answered: (key: PublicKey, endpoint: Endpoint, pong: Pong) => void
  /** How the node calls a member in its log. */
  readonly called: (key: PublicKey) => string
}

/** The machine repeats its probes itself. */
const once = [0]
/** Longer than any round trip on earth, by satellite too; a later answer proves nothing about now. */
const probeWait = 5 * second
/**
 * How often a path in use is asked whether it is alive, ms: an end is noticed after two answers that do not come. Ten questions a
 * second over all of them, which cost 3 ms of a core on both sides.
 */
const beatEvery = 300
const beatsInAll = 100

type Contact = {
  readonly machine: Peer
  endpoint: Endpoint | null
  /** Where it answered last, while nobody uses it. */
  last: Endpoint | null
  /** It is in use: WireGuard's keepalive is on. */
  held: boolean
  readonly waiting: Set<() => void>
}

export class Contacts {
  readonly #parts: ContactsParts
  readonly #contacts = new Map<PublicKey, Contact>()
  readonly #hunts: Hunts<PublicKey> = new Hunts()
  #surroundings: Surroundings
  #doorbell = false
  #timer: { cancel(): void; at: Time } | null = null
  readonly #chance = () => chance(this.#parts.random)
  readonly #pace = () => Math.max(beatEvery, beatsInAll * this.inUse)

  constructor(parts: ContactsParts, surroundings: Surroundings) {
    this.#parts = parts
    this.#surroundings = surroundings
  }

  /** The members that have a path, by their keys; those that are gone are forgotten, new ones are looked for. */
  set(keys: readonly PublicKey[]): void {
    const wanted = new Set(keys)
    for (const [key, { waiting }] of this.#contacts) {
      if (wanted.has(key)) continue
      this.#hunts.done(key)
      this.#contacts.delete(key)
      for (const done of waiting) done()
    }
    for (const key of keys) {
      if (this.#contacts.has(key)) continue
      const machine = new Peer(this.#surroundings, this.#chance, this.#pace)
      this.#contacts.set(key, { machine, endpoint: null, last: null, held: false, waiting: new Set() })
      this.input(key, { kind: 'doorbell', works: this.#doorbell })
      this.input(key, { kind: 'far', reachable: true })
    }
  }

  has(key: PublicKey): boolean {
    return this.#contacts.has(key)
  }

  machine(key: PublicKey): Peer | undefined {
    return this.#contacts.get(key)?.machine
  }

  isAt(key: PublicKey, endpoint: Endpoint): boolean {
    return sameEndpoint(this.#contacts.get(key)?.endpoint ?? undefined, endpoint)
  }

  /** Members whose path rests, with where they last answered. */
  resting(): { key: PublicKey; endpoint: Endpoint }[] {
    return [...this.#contacts].flatMap(([key, { endpoint, last }]) =>
      !endpoint && last ? [{ key, endpoint: last }] : [],
    )
  }

  /** Members that answer, with where. */
  reached(): { key: PublicKey; endpoint: Endpoint }[] {
    return [...this.#contacts].flatMap(([key, { endpoint }]) => (endpoint ? [{ key, endpoint }] : []))
  }

  /** Members that somebody talks to. */
  get inUse(): number {
    let count = 0
    for (const { held } of this.#contacts.values()) if (held) count += 1
    return count
  }

  /** Addresses to which something was sent. */
  *spoken(): Iterable<Address> {
    for (const { machine } of this.#contacts.values()) {
      for (const { endpoint, probes } of machine.view().candidates) if (probes > 0) yield endpoint.host
    }
  }

  input(key: PublicKey, input: Input): void {
    const contact = this.#contacts.get(key)
    if (!contact) return
    this.#act(key, contact, contact.machine.handle(input, this.#parts.clock.now()))
    this.#grant()
    this.#sleep(contact.machine.wakeAt)
  }

  inputAll(input: Input): void {
    if (input.kind === 'network') this.#surroundings = input.surroundings
    if (input.kind === 'doorbell') this.#doorbell = input.works
    for (const key of this.#contacts.keys()) this.input(key, input)
  }

  /** What WireGuard says of its peers. */
  tunnels(peers: readonly ActualPeer[]): void {
    const wall = this.#parts.clock.wall()
    for (const { key, latestHandshake, received, sent, endpoint } of peers) {
      this.input(key, {
        kind: 'tunnel',
        wall,
        received,
        sent,
        ...(latestHandshake === undefined ? {} : { latestHandshake }),
        ...(endpoint === undefined ? {} : { endpoint }),
      })
    }
  }

  /** Resolves when the member has a proved path, at once if it has; or when the time is over. */
  async reach(key: PublicKey, patience: Time): Promise<Endpoint | null> {
    const contact = this.#contacts.get(key)
    if (!contact) return null
    this.input(key, { kind: 'wanted', urgent: true })
    if (!contact.endpoint) {
      const { clock } = this.#parts
      await new Promise<void>(resolve => {
        const done = () => {
          contact.waiting.delete(done)
          limit.cancel()
          resolve()
        }
        const limit = clock.at(clock.now() + patience, done)
        contact.waiting.add(done)
      })
    }
    return contact.endpoint
  }

  stop(): void {
    this.#timer?.cancel()
    this.set([])
  }

  #act(key: PublicKey, contact: Contact, outputs: readonly Output[]): void {
    for (const output of outputs) {
      switch (output.kind) {
        case 'probe':
          void this.#probe(key, output)
          break
        case 'use':
          this.#parts.log.info('path', {
            member: this.#parts.called(key),
            endpoint: placeWords(output.endpoint),
            reason: output.because,
          })
          this.#parts.use(key, output.endpoint, output.because)
          break
        case 'park':
          this.#parts.park(key)
          break
        case 'leave':
          this.#parts.leave(key)
          break
        case 'shake':
          this.#parts.shake(key)
          break
        case 'look':
          this.#parts.look()
          break
        case 'anew':
          this.#parts.anew(key, output.received)
          break
        case 'hold':
          contact.held = output.on
          this.#parts.hold(key, output.on)
          break
        case 'offer':
          this.#parts.offer(key)
          break
        case 'look up':
          this.#parts.lookUp(key)
          break
        case 'ask':
          this.#hunts.ask(key, output.urgency)
          break
        case 'done':
          this.#hunts.done(key)
          break
        case 'tell':
          contact.last = output.state === 'idle' ? (output.endpoint ?? null) : null
          contact.endpoint = output.state === 'direct' ? (output.endpoint ?? null) : null
          this.#parts.told(key, output)
          if (contact.endpoint) for (const done of contact.waiting) done()
          break
      }
    }
  }

  #grant(): void {
    for (const key of this.#hunts.next()) this.input(key, { kind: 'granted' })
  }

  async #probe(key: PublicKey, { endpoint, candidate, inUse }: Output & { kind: 'probe' }): Promise<void> {
    this.#parts.prepare(key, endpoint)
    const pong = await this.#parts.channel.ping(key, endpoint, {
      ...{ candidate, ofNetwork: true, sendTimes: once, timeout: probeWait },
      ...(inUse && { inUse }),
    })
    // the same key in another network of that machine: another tunnel
    if (!pong || pong.sameNetwork === false) return
    this.#parts.answered(key, endpoint, pong)
    this.input(key, { kind: 'pong', endpoint, candidate, rtt: pong.rtt })
  }

  /** One timer, for the first machine that wants to be called. It may come early, when that one has changed its mind. */
  #sleep(at: Time): void {
    if (at === Number.POSITIVE_INFINITY || (this.#timer && this.#timer.at <= at)) return
    this.#timer?.cancel()
    this.#timer = { ...this.#parts.clock.at(at, () => this.#wake()), at }
  }

  #wake(): void {
    this.#timer = null
    const now = this.#parts.clock.now()
    let next = Number.POSITIVE_INFINITY
    for (const [key, contact] of this.#contacts) {
      const { machine } = contact
      if (machine.wakeAt <= now) this.#act(key, contact, machine.handle({ kind: 'timer' }, now))
      next = Math.min(next, machine.wakeAt)
    }
    this.#grant()
    this.#sleep(next)
  }
}

/** How often WireGuard is asked for its counters: the price of an answer is one short program. */
export const pollEvery = 5 * second
