/** What people ask of discovery: where a node is, whether it answers, and to look again. */

import { type Endpoint, sameEndpoint } from '../base/ip.ts'
import { second, type Time, type WallTime } from '../base/time.ts'
import type { Channel, Pong } from '../drivers/control/channel.ts'
import type { Clock } from '../os/clock.ts'
import type { NodeRecord } from '../protocol/directory/record.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import type { Report } from '../protocol/nat/classify.ts'
import { absentFamily, onLink, refusal } from '../protocol/path/candidate.ts'
import type { Subject } from '../protocol/path/explain.ts'
import type { Asked, Heard } from '../protocol/path/life.ts'
import { isPrivate } from '../protocol/path/own-endpoints.ts'
import type { PathView } from '../protocol/path/view.ts'
import type { Boots } from './boots.ts'
import type { Carrying, CarryingReport } from './carrying.ts'
import type { Contacts } from './contacts.ts'
import type { Memory } from './memory.ts'
import type { Place } from './offers.ts'
import type { OwnNetwork } from './own-network.ts'
import type { Records } from './records.ts'
import type { RelayingReport } from './relaying.ts'
import type { Self } from './self.ts'
import type { Traversal } from './traversal.ts'
import type { Step, Walk } from './walk.ts'

export type InquiryParts = {
  readonly channel: Pick<Channel, 'ping' | 'publicKey' | 'handlers'>
  readonly carrying: Pick<Carrying, 'report'>
  readonly records: Records
  readonly guests: Records
  readonly walk: Walk
  readonly boots: Boots
  readonly contacts: Contacts
  readonly memory: Memory
  readonly clock: Clock
  readonly self: Self
  readonly ownNetwork: OwnNetwork
  readonly traversal: Pick<Traversal, 'called' | 'birthday' | 'offer' | 'places' | 'reflectors' | 'relayAt'>
}

/** Names of nodes, as people know them, and what WireGuard says. */
export type Naming = {
  readonly own: string
  readonly peer: string
  readonly called: (key: PublicKey) => string
  readonly latestHandshake?: WallTime
}

/** Nodes that are asked whether anybody answers us. */
const othersAsked = 4
/** A PING to them, and to where the member was last: a lost packet is no verdict. */
const asking = { sendTimes: [0, 250, 500], timeout: 1 * second }
/** How long the answer to a call is waited for, and how often it is looked for. */
const callWait = 1.5 * second
const lookEvery = 50
/** Who answers a call is probed at the same moment, and is often found. */
const meetWait = 0.5 * second

export class Inquiry {
  readonly #parts: InquiryParts
  /** The last PING of each member. */
  readonly #heard = new Map<PublicKey, Heard>()

  constructor(parts: InquiryParts) {
    this.#parts = parts
    const { channel, contacts, clock } = parts
    const { onPing } = channel.handlers
    channel.handlers.onPing = (key, from, ...rest) => {
      if (contacts.has(key)) this.#heard.set(key, { endpoint: from, at: clock.now() })
      onPing?.(key, from, ...rest)
    }
  }

  /** Members whose place is known, those that answer first. */
  members(): Place[] {
    const { contacts } = this.#parts
    return [...contacts.reached(), ...contacts.resting()]
  }

  /** Nodes that answer and that anybody reaches: boot nodes and members. */
  open(): Place[] {
    return this.#parts.traversal.reflectors()
  }

  /** A member is to be reached, though nobody talks to it. */
  want(key: PublicKey): void {
    this.#parts.contacts.input(key, { kind: 'wanted', urgent: false })
  }

  /** Finds a record afresh, whoever's key it is. */
  async lookUp(key: PublicKey, onStep: (step: Step) => void): Promise<NodeRecord | null> {
    const { walk, records, channel } = this.#parts
    if (key !== channel.publicKey) await walk.find(key, records.place(key).id, true, onStep)
    return this.record(key)
  }

  record(key: PublicKey): NodeRecord | null {
    const { records, guests } = this.#parts
    return (records.get(key) ?? guests.get(key))?.record ?? null
  }

  /** Every endpoint that is known of a key, the one in use first. */
  endpointsOf(key: PublicKey): Endpoint[] {
    const path = this.path(key)
    const known = [
      ...(path?.endpoint ? [path.endpoint] : []),
      ...(path?.candidates ?? []).map(({ endpoint }) => endpoint),
      ...(this.record(key)?.endpoints ?? []).map(({ endpoint }) => endpoint),
      ...this.#parts.boots.endpoints().flatMap(boot => (boot.key === key ? [boot.endpoint] : [])),
    ]
    return known.filter((each, i) => known.findIndex(other => sameEndpoint(other, each)) === i)
  }

  /** A control ping to all endpoints at once; the first answer. */
  async ping(key: PublicKey): Promise<{ answer: (Pong & { endpoint: Endpoint }) | null; tried: Endpoint[] }> {
    if (this.endpointsOf(key).length === 0) await this.lookUp(key, () => {})
    const tried = this.endpointsOf(key)
    const pings = tried.map(async endpoint => {
      const pong = await this.#parts.channel.ping(key, endpoint)
      if (!pong) throw new Error('no answer')
      return { ...pong, endpoint }
    })
    return { answer: await Promise.any(pings).catch(() => null), tried }
  }

  /** A path to a member, looked for now; `null` where none is proved in time. */
  reach(key: PublicKey, patience: Time): Promise<Endpoint | null> {
    return this.#parts.contacts.reach(key, patience)
  }

  /** Forgets what was learnt of a member, but not what the file says, and looks for it anew. @returns what was known. */
  forget(key: PublicKey): Endpoint[] {
    const { memory, records, guests, contacts } = this.#parts
    const known = this.endpointsOf(key)
    memory.forget(key)
    records.forget(key)
    guests.forget(key)
    contacts.input(key, { kind: 'reset' })
    contacts.input(key, { kind: 'wanted', urgent: false })
    return known
  }

  /** The path machine of a member, for those who look into it. */
  path(key: PublicKey): PathView | null {
    return this.#parts.contacts.machine(key)?.view() ?? null
  }

  /** Through whom the path to a member leads; `null` where it is direct, or there is none. */
  relayOf(key: PublicKey): { readonly relay: PublicKey; readonly endpoint: Endpoint } | null {
    const { state, relayed, endpoint } = this.path(key) ?? {}
    const relay = state === 'direct' && relayed && endpoint ? this.#parts.traversal.relayAt(key, endpoint) : null
    return relay && endpoint ? { relay, endpoint } : null
  }

  /** What this node carries for others; `null` where it does not relay. */
  carried(): Promise<RelayingReport | null> {
    return this.#parts.ownNetwork.carried()
  }

  /** Carriers, where UDP does not get out; here, or at those who have come to this node. */
  carriers(): CarryingReport {
    return this.#parts.carrying.report()
  }

  /** Can others begin to talk to this node, and why? */
  reachable(): { readonly server: boolean; readonly reason: string } {
    return this.#parts.ownNetwork.reachable()
  }

  /** What kind of network this is, asked afresh. */
  netcheck(): Promise<Report> {
    return this.#parts.ownNetwork.check()
  }

  /** All that explains the path to a member; `null` where it has none. What is true now is asked for now: that takes a second or two. */
  async subject(key: PublicKey, { own, peer, called, latestHandshake }: Naming): Promise<Subject | null> {
    const { clock, self, ownNetwork, traversal } = this.#parts
    const asked = await this.#ask(key, called)
    const view = this.path(key)
    if (!view) return null
    const record = this.record(key)
    const said = ownNetwork.content()
    const call = traversal.called(key)
    const relay = this.relayOf(key)?.relay
    const { own: servers, tried } = this.carriers()
    return {
      ...{ name: peer, view, now: clock.now(), wall: clock.wall(), guessing: traversal.birthday(key) ?? null },
      ...{ asked, heard: this.#heard.get(key) ?? null },
      ...(latestHandshake === undefined ? {} : { latestHandshake }),
      ...(relay && { relay: called(relay) }),
      carried: {
        by: servers.map(server => ({ ...server, name: called(server.key) })),
        tried: tried.map(climb => ({ ...climb, name: called(climb.key) })),
      },
      ours: {
        ...{ name: own, around: self.surroundings(), clockAhead: self.clockBehind() },
        ...{ nat: said.nat, filtering: said.filtering ?? 'unknown' },
        reflexive: said.endpoints.flatMap(({ kind, endpoint }) => (kind === 'reflexive' ? [endpoint] : [])),
        ...ownNetwork.facts(),
        firewall: ownNetwork.firewall(),
      },
      theirs: record && { ...record, homes: record.homes.map(home => called(home.key)) },
      call: call
        ? { at: call.at, homes: call.homes.map(each => ({ name: called(each.key), state: each.state })) }
        : null,
    }
  }

  /** Does it answer where it is, or was? If not: do others, and does it answer a call? */
  async #ask(key: PublicKey, called: Naming['called']): Promise<Asked | null> {
    const { channel, clock } = this.#parts
    const view = this.path(key)
    if (!view) return null
    const { state, endpoint, proof } = view
    const ping = async (place: Place) => (await channel.ping(place.key, place.endpoint, asking)) !== null
    // a plain WireGuard answers none
    const there = endpoint && proof !== 'tunnel' ? ping({ key, endpoint }) : null
    const others = this.#others(key)
    const calledAt = state !== 'direct' && !endpoint ? clock.now() : null
    const [answers, ...answered] = await Promise.all([
      there,
      ...others.map(ping),
      ...(calledAt === null ? [] : [this.#call(key, calledAt).then(() => false)]),
    ])
    const names = others.map(other => called(other.key))
    return { answers, others: names, answered: answered.filter(Boolean).length, calledAt }
  }

  /** Nodes in the world outside that should answer. */
  #others(key: PublicKey): Place[] {
    const { channel, traversal, self } = this.#parts
    const around = self.surroundings()
    const seen = new Set<PublicKey>([key, channel.publicKey])
    return [...traversal.reflectors(), ...traversal.places()]
      .filter(({ endpoint }) => !refusal(endpoint, around) && !absentFamily(endpoint, around))
      .filter(({ endpoint: { host } }) => !(onLink(host, around) && isPrivate(host)))
      .filter(place => !seen.has(place.key) && seen.add(place.key))
      .slice(0, othersAsked)
  }

  /** Calls a member through its homes; resolves when it has answered and was met, or nothing is to be hoped for. */
  async #call(key: PublicKey, since: Time): Promise<void> {
    const { clock, traversal } = this.#parts
    traversal.offer(key)
    let end = since + callWait
    let came = false
    while (clock.now() < end) {
      await new Promise<void>(done => clock.at(clock.now() + lookEvery, done))
      const view = this.path(key)
      if (!view || view.state === 'direct') return
      const call = traversal.called(key)
      const isOver =
        call && call.at >= since && call.homes.every(({ state }) => state !== 'asked' && state !== 'passed')
      if (isOver && !came) return
      if (!came && (view.peerOfferedAt ?? -Infinity) >= since) {
        came = true
        end = clock.now() + meetWait
      }
    }
  }

  /** Records that were refused, by reason. */
  refused(): Readonly<Record<string, number>> {
    const { records, guests } = this.#parts
    const all = { ...records.refused }
    for (const [reason, count] of Object.entries(guests.refused)) all[reason] = (all[reason] ?? 0) + count
    return all
  }
}
