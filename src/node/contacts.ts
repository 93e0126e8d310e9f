/**
 * The path machines of all members, and what they ask for: probes go out by the channel, endpoints into WireGuard, look-ups to the
 * walk. One timer for all of them.
 */

import { type Endpoint, formatEndpoint } from '../base/ip.ts'
import type { Logger } from '../base/log.ts'
import { second, type Time } from '../base/time.ts'
import type { Channel, Pong } from '../drivers/control/channel.ts'
import type { ActualPeer } from '../drivers/wireguard/interface.ts'
import type { Clock } from '../os/clock.ts'
import type { Random } from '../os/random.ts'
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
const chances = 2 ** 31

type Contact = { readonly machine: Peer; endpoint: Endpoint | null; readonly waiting: Set<() => void> }

export class Contacts {
  readonly #parts: ContactsParts
  readonly #contacts = new Map<PublicKey, Contact>()
  readonly #hunts: Hunts<PublicKey> = new Hunts()
  #surroundings: Surroundings
  #timer: { cancel(): void; at: Time } | null = null
  readonly #chance = () => this.#parts.random.int(0, chances) / chances

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
      const machine = new Peer(this.#surroundings, this.#chance)
      this.#contacts.set(key, { machine, endpoint: null, waiting: new Set() })
    }
  }

  has(key: PublicKey): boolean {
    return this.#contacts.has(key)
  }

  machine(key: PublicKey): Peer | undefined {
    return this.#contacts.get(key)?.machine
  }

  /** Members that answer, with where. */
  reached(): { key: PublicKey; endpoint: Endpoint }[] {
    return [...this.#contacts].flatMap(([key, { endpoint }]) => (endpoint ? [{ key, endpoint }] : []))
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
          void this.#probe(key, output.endpoint, output.candidate)
          break
        case 'use':
          this.#parts.log.info('path', {
            member: this.#parts.called(key),
            endpoint: formatEndpoint(output.endpoint),
            reason: output.because,
          })
          this.#parts.use(key, output.endpoint, output.because)
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
          contact.endpoint = output.state === 'direct' ? (output.endpoint ?? null) : null
          if (contact.endpoint) for (const done of contact.waiting) done()
          break
      }
    }
  }

  #grant(): void {
    for (const key of this.#hunts.next()) this.input(key, { kind: 'granted' })
  }

  async #probe(key: PublicKey, endpoint: Endpoint, candidate: number): Promise<void> {
    const pong = await this.#parts.channel.ping(key, endpoint, {
      candidate,
      ofNetwork: true,
      sendTimes: once,
      timeout: probeWait,
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
