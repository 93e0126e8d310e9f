/**
 * Getting through NATs: homes that pass calls on to us, and OFFERs to members that neither side can begin with.
 *
 *     reachable nodes ──LEASE──▶ our homes ──in our record──▶ members
 *     path machine ──offer──▶ OFFER through the member's homes ──▶ its path machine, and its answer comes back to ours
 */

import { type Endpoint, familyOf } from '../base/ip.ts'
import type { Logger } from '../base/log.ts'
import type { Time } from '../base/time.ts'
import type { Channel, Way } from '../drivers/control/channel.ts'
import type { Branches } from '../drivers/control/port.ts'
import type { Os } from '../os/index.ts'
import { chance } from '../os/random.ts'
import { networkTag, type Offer } from '../protocol/control/message.ts'
import type { NodeRecord } from '../protocol/directory/record.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import type { Input, Output } from '../protocol/path/events.ts'
import { askReflectorsEvery } from '../protocol/path/reflexive.ts'
import { Birthdays } from './birthday.ts'
import { OwnHomes } from './homes.ts'
import { type Called, Offers, type Place } from './offers.ts'
import type { OwnNetwork } from './own-network.ts'
import type { Content } from './own-record.ts'
import { homeOf, Relays } from './relays.ts'
import type { Self, Sighting } from './self.ts'

export type TraversalParts = {
  readonly os: Pick<Os, 'clock' | 'random' | 'crypto'>
  readonly log: Logger
  readonly network: string
  readonly channel: Channel
  readonly self: Self
  readonly ownNetwork: OwnNetwork
  /** `null` where nftables cannot be used. */
  readonly branches: () => Branches | null
  /** Many ports may be tried against a hard NAT. */
  readonly birthday: boolean
  readonly record: (key: PublicKey) => NodeRecord | null
  readonly boots: () => readonly Place[]
  /** Members that answer. */
  readonly members: () => readonly Place[]
  /** Of all members. */
  readonly keys: () => readonly PublicKey[]
  /** Where a member answered last, perhaps long ago. */
  readonly remembered: (key: PublicKey) => Endpoint | undefined
  /** Servers of the DHT that we are connected with. */
  readonly neighbours: () => readonly Place[]
  /** The path machine of a member. */
  readonly input: (key: PublicKey, input: Input) => void
  readonly answered: (key: PublicKey, endpoint: Endpoint, sighting: Sighting) => void
  /** What we say of ourselves is something else now. */
  readonly changed: () => void
  /** How the log names a member. */
  readonly called: (key: PublicKey) => string
}

/** An OFFER waits so long for the first word on our own address, ms. */
const seenWithin = 250
/** Members that are asked where they see us. */
const reflectors = 2

export class Traversal {
  readonly #parts: TraversalParts
  readonly #homes: OwnHomes
  readonly #offers: Offers
  readonly #birthdays: Birthdays
  readonly #relays: Relays
  readonly #seen = Promise.withResolvers<void>()
  #reflectedAt: Time = 0
  #patience: { cancel(): void } | null = null

  constructor(parts: TraversalParts) {
    this.#parts = parts
    const { os, channel, answered, changed, record } = parts
    const { clock, random } = os
    this.#homes = new OwnHomes({ clock, channel, answered, changed, random: () => chance(random) })
    this.#relays = new Relays({
      ...{ clock, channel, random: () => chance(random), input: parts.input },
      homes: () => this.#homes.current(),
    })
    this.#offers = new Offers({
      ...{ clock, random, channel, answered, record },
      network: networkTag(os.crypto, parts.network),
      content: key => ({ ...this.content(), homes: this.#relays.homesFor(key) }),
      seen: () => this.#seen.promise,
      homes: () => this.#homes.current(),
      whereIs: key => this.places().find(place => place.key === key)?.endpoint,
      acquaintances: parts.boots,
    })
    this.#birthdays = new Birthdays({
      ...{ clock, random, channel, log: parts.log, called: parts.called, branches: parts.branches },
      enabled: () => parts.birthday,
      own: () => parts.ownNetwork.side(),
      surroundings: () => parts.self.surroundings(),
      reflector: () => this.reflectors().find(({ endpoint }) => familyOf(endpoint.host) === 4) ?? null,
      direct: key => this.#direct().some(member => member.key === key),
      tellSpray: (key, spray) => void this.#offers.send(key, { spray }),
      hit: (key, endpoint, rtt) => parts.input(key, { kind: 'hit', endpoint, rtt }),
    })
  }

  start(): void {
    const { clock } = this.#parts.os
    this.#patience = clock.at(clock.now() + seenWithin, () => this.#seen.resolve())
  }

  /** What we say of ourselves. */
  content(): Content {
    return { ...this.#parts.ownNetwork.content(), homes: this.#homes.current().map(homeOf) }
  }

  /** Somebody has told where he sees us. */
  seen(): void {
    this.#seen.resolve()
    this.#homes.input({ kind: 'needed', needed: !this.#parts.ownNetwork.reachable().server })
  }

  /** The nodes that may pass calls on to us are others now: members that anybody can reach, boot nodes, and servers of the DHT. */
  known(): void {
    const { boots, neighbours } = this.#parts
    const others = [...boots(), ...neighbours()]
    this.#homes.input({
      kind: 'known',
      nodes: [
        ...this.#openMembers().map(place => ({ ...place, member: true })),
        ...others.map(place => ({ ...place, member: false })),
      ],
    })
  }

  /** Every few seconds. Members say where they see us, too: one boot node's word is no proof, and there may be none. */
  refresh(): void {
    this.known()
    const { os, boots, channel, answered } = this.#parts
    if (os.clock.now() - this.#reflectedAt < askReflectorsEvery) return
    this.#reflectedAt = os.clock.now()
    const asked = new Set(boots().map(({ key }) => key))
    const others = this.#direct().filter(({ key }) => !asked.has(key))
    for (const { key, endpoint } of others.slice(0, reflectors)) {
      void channel.ping(key, endpoint).then(pong => pong && answered(key, endpoint, pong))
    }
  }

  /** A path machine asks for its member to be told. */
  offer(key: PublicKey): void {
    this.#parts.ownNetwork.seek()
    void this.#offers.send(key)
  }

  /** A member tells where it is, through a home of ours, and tries us at this moment. */
  offered(key: PublicKey, offer: Offer, from: Endpoint): void {
    this.#relays.learnt(key, 'offer', offer.body.homes)
    this.#parts.input(key, { kind: 'offered', endpoints: offer.body.endpoints, answer: offer.answer })
    if (!offer.answer) void this.#offers.send(key, { answerTo: offer.transaction, from })
    this.#birthdays.offered(key, offer.body, offer.spray)
  }

  /** A PING of a member came. @returns whether by another way than W */
  heard(key: PublicKey, from: Endpoint, via: Way | undefined): boolean {
    return this.#birthdays.heard(key, from, via)
  }

  /** A record of a member came. */
  learnt(key: PublicKey, { homes }: NodeRecord): void {
    this.#relays.learnt(key, 'record', homes)
  }

  /** A PING to a member is about to leave for there. @returns the node that must be reached for that */
  prepare(key: PublicKey, endpoint: Endpoint): Place {
    return this.#relays.prepare(key, endpoint) ?? { key, endpoint }
  }

  /** A PING to a member that left for there was answered. */
  answered(key: PublicKey, endpoint: Endpoint): void {
    this.#relays.answered(key, endpoint)
  }

  /** The path to a member is direct, for both. */
  leave(key: PublicKey): void {
    this.#relays.leave(key)
  }

  /** Who relays for a member at this endpoint. */
  relayAt(key: PublicKey, endpoint: Endpoint): PublicKey | null {
    return this.#relays.relayAt(key, endpoint)
  }

  /** Somebody names it as a relay that leads to him. */
  isRelay(key: PublicKey): boolean {
    return this.#relays.isNamed(key)
  }

  /** What leaves W for there comes from another port of ours, or goes to somebody else first: where it is seen says nothing of W. */
  isDetour(key: PublicKey, endpoint: Endpoint): boolean {
    return this.#birthdays.isBound(endpoint) || this.relayAt(key, endpoint) !== null
  }

  /** What became of the path to a member. */
  told(key: PublicKey, { state, proof, relayed }: Output & { kind: 'tell' }): void {
    // that a session seems alive is no reason to stop: who has birthdays has PONGs
    this.#birthdays.path(key, state === 'direct' && proof === 'pong' && !relayed)
    if (state === 'idle') this.#birthdays.released(key)
  }

  /** Nodes that answer, with where: boot nodes, then members. */
  places(): Place[] {
    return [...this.#parts.boots(), ...this.#parts.members()]
  }

  /** Nodes that answer and that anybody can reach, the best first. */
  reflectors(): Place[] {
    return [...this.#parts.boots(), ...this.#homes.current(), ...this.#openMembers()]
  }

  /** What became of probing many ports. */
  birthday(key: PublicKey): ReturnType<Birthdays['view']> {
    return this.#birthdays.view(key)
  }

  /** What became of our last OFFER to a member. */
  called(key: PublicKey): Called | undefined {
    return this.#offers.called(key)
  }

  /** Our addresses, or those of our NAT, are others. @param slept they may as well be the same */
  moved(slept: boolean): void {
    this.#offers.moved()
    this.#homes.input({ kind: 'moved' })
    this.#birthdays.moved(slept)
    this.#relays.moved()
  }

  /** It is no member any more: what was opened for it is closed. */
  forget(key: PublicKey): void {
    this.#offers.forget(key)
    this.#relays.forget(key)
    this.#birthdays.forget(key)
  }

  async stop(): Promise<void> {
    this.#patience?.cancel()
    this.#homes.stop()
    this.#relays.stop()
    this.#offers.stop()
    this.#seen.resolve()
    await this.#birthdays.stop()
  }

  /** Members that answer, and not through a relay. */
  #direct(): readonly Place[] {
    return this.#parts.members().filter(({ key, endpoint }) => this.relayAt(key, endpoint) === null)
  }

  /** Members that anybody can reach, whether we talk to them now or not. */
  #openMembers(): Place[] {
    const { keys, record, remembered } = this.#parts
    const answering = new Map(this.#direct().map(({ key, endpoint }) => [key, endpoint]))
    return keys().flatMap(key => {
      const said = record(key)
      if (said?.nat !== 'none') return []
      const endpoint = answering.get(key) ?? remembered(key) ?? said.endpoints[0]?.endpoint
      return endpoint ? [{ key, endpoint }] : []
    })
  }
}
