/**
 * Ways to members through relays. A home of a member that relays for it gives it a port; who sends to that port, and is bound to it, reaches
 * the member, if that one has bound ours. So each way needs two things: a BIND to the member's port, and a port of our own at the same
 * relay, of which the member is told in an OFFER.
 *
 *     record, OFFER: homes with ports ──▶ path machine: `relayed` places ──PING──▶ `prepare`: BIND first, and HOME for a port of our own
 *     path machine: `leave` ──▶ BIND with release
 */

import { type Endpoint, formatEndpoint, sameEndpoint } from '../base/ip.ts'
import { second, type Time } from '../base/time.ts'
import type { Channel } from '../drivers/control/channel.ts'
import type { Clock } from '../os/clock.ts'
import type { Home } from '../protocol/directory/record-body.ts'
import type { CurrentHome } from '../protocol/home/events.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import { named } from '../protocol/path/candidate.ts'
import type { Input } from '../protocol/path/events.ts'
import { answerTimeout, sendTimes } from '../protocol/relay/constants.ts'
import { Passage, type PassageInput } from '../protocol/relay/passage.ts'

export type RelaysParts = {
  readonly clock: Clock
  readonly random: () => number
  readonly channel: Pick<Channel, 'bind' | 'home' | 'publicKey'>
  /** Homes of our own, with our ports there. */
  readonly homes: () => readonly CurrentHome[]
  readonly input: (key: PublicKey, input: Input) => void
}

/** A relay, as a member names it. */
type Place = { readonly relay: PublicKey; readonly at: Endpoint; readonly port: number }
/** The way to a port of a relay. */
type Way = Place & {
  readonly passage: Passage
  timer: { cancel(): void } | null
  /** Nobody asked for it since. */
  wantedAt: Time
  /** Since when PINGs that went through it have had no answer; `null`: the last one had. */
  unansweredSince: Time | null
}
/** A port of our own at a relay that is no home of ours. */
type Guest = {
  readonly relay: PublicKey
  readonly at: Endpoint
  token: Uint8Array | null
  port: number | null
  askedAt: Time
}

/** PINGs to a place come at least so often while it is of use: kept warm, each 7 s. */
const wantedFor = 40 * second
/** PINGs through it have had no answer for so long: it may be our own mapping that is another one, which the relay hears from nobody else. */
const doubtAfter = 1 * second
/** A lease lasts 90 s. */
const leaseAgain = 25 * second
const leaseWait = 2 * second
const asking = { sendTimes: [0, 200, 500], timeout: 1_200 } as const
/** Peers with ways at the same time, and some. */
const waysMost = 256
/** Before it is looked at who still needs one. */
const guestsMost = 64

export class Relays {
  readonly #parts: RelaysParts
  /** What members say of their homes; of each the record's and the last OFFER's. */
  readonly #named = new Map<PublicKey, { record: readonly Home[]; offer: readonly Home[] }>()
  readonly #ways = new Map<string, Way>()
  readonly #guests = new Map<PublicKey, Guest>()
  #stopped = false

  constructor(parts: RelaysParts) {
    this.#parts = parts
  }

  /** A member has said which its homes are. */
  learnt(key: PublicKey, from: 'record' | 'offer', homes: readonly Home[]): void {
    const before = this.#named.get(key) ?? { record: [], offer: [] }
    this.#named.set(key, { ...before, [from]: homes })
    this.#prune()
    const endpoints = this.#placesOf(key).map(portOf)
    this.#parts.input(key, { kind: 'relays', endpoints: named('relayed', endpoints) })
  }

  /** Who relays for a member at this endpoint: what comes from there has made a detour. */
  relayAt(key: PublicKey, endpoint: Endpoint): PublicKey | null {
    return this.#placeAt(key, endpoint)?.relay ?? null
  }

  isNamed(relay: PublicKey): boolean {
    return [...this.#named.keys()].some(key => this.#placesOf(key).some(place => place.relay === relay))
  }

  /** A PING to a member is about to leave for there. @returns the relay that it goes through, if it does */
  prepare(key: PublicKey, endpoint: Endpoint): { readonly key: PublicKey; readonly endpoint: Endpoint } | null {
    const place = this.#placeAt(key, endpoint)
    if (!place || this.#stopped) return null
    const name = nameOf(place)
    const way = this.#ways.get(name) ?? this.#begin(name, place)
    const now = this.#parts.clock.now()
    way.wantedAt = now
    way.unansweredSince ??= now
    if (now - way.unansweredSince >= doubtAfter) this.#input(name, { kind: 'moved' })
    this.#visit(place)
    return { key: place.relay, endpoint: place.at }
  }

  /** A PING to a member that left for there was answered. */
  answered(key: PublicKey, endpoint: Endpoint): void {
    const place = this.#placeAt(key, endpoint)
    const way = place && this.#ways.get(nameOf(place))
    if (way) way.unansweredSince = null
  }

  /** Homes to name in an OFFER to a member: first those where it can reach us by a port of ours. */
  homesFor(key: PublicKey): Home[] {
    const own: Home[] = this.#parts.homes().map(homeOf)
    const shared = this.#placesOf(key).flatMap(({ relay, at }): Home[] => {
      const guest = this.#guests.get(relay)
      if (own.some(home => home.key === relay) || !guest || guest.port === null) return []
      return [{ key: relay, endpoint: at, relay: guest.port }]
    })
    const theirs = new Set(this.#placesOf(key).map(({ relay }) => relay))
    return [...own.filter(home => theirs.has(home.key)), ...shared, ...own.filter(home => !theirs.has(home.key))]
  }

  /** The path to the member is direct, for both: no relay shall pass anything more on to us. */
  leave(key: PublicKey): void {
    for (const place of this.#placesOf(key)) this.#end(nameOf(place), true)
  }

  /** Our own addresses or mappings may be others. */
  moved(): void {
    for (const [name] of this.#ways) this.#input(name, { kind: 'moved' })
    for (const guest of this.#guests.values()) guest.askedAt = Number.NEGATIVE_INFINITY
  }

  forget(key: PublicKey): void {
    this.#named.delete(key)
    this.#prune()
  }

  stop(): void {
    this.#stopped = true
    for (const name of [...this.#ways.keys()]) this.#end(name, false)
  }

  #placesOf(key: PublicKey): Place[] {
    const { record = [], offer = [] } = this.#named.get(key) ?? {}
    const places = [...offer, ...record].flatMap(({ key: relay, endpoint, relay: port }): Place[] =>
      endpoint && port !== undefined && relay !== this.#parts.channel.publicKey ? [{ relay, at: endpoint, port }] : [],
    )
    // one port of each relay: the OFFER is newer than the record
    return places.filter((place, i) => places.findIndex(({ relay }) => relay === place.relay) === i)
  }

  #placeAt(key: PublicKey, endpoint: Endpoint): Place | undefined {
    return this.#placesOf(key).find(place => sameEndpoint(portOf(place), endpoint))
  }

  /** Ports at relays that nobody names any more end by their time; their table has a bound. */
  #prune(): void {
    if (this.#guests.size <= guestsMost) return
    const relays = new Set([...this.#named.keys()].flatMap(key => this.#placesOf(key).map(({ relay }) => relay)))
    for (const relay of this.#guests.keys()) if (!relays.has(relay)) this.#guests.delete(relay)
  }

  #begin(name: string, place: Place): Way {
    const { clock, random } = this.#parts
    const passage = new Passage(random, this.#tokenAt(place.relay), clock.now())
    const way: Way = { ...place, passage, timer: null, wantedAt: clock.now(), unansweredSince: null }
    const [oldest] = this.#ways.keys()
    if (this.#ways.size >= waysMost && oldest !== undefined) this.#end(oldest, false)
    this.#ways.set(name, way)
    this.#input(name, { kind: 'timer' })
    return way
  }

  #input(name: string, input: PassageInput): void {
    const way = this.#ways.get(name)
    if (!way || this.#stopped) return
    const { clock } = this.#parts
    if (clock.now() - way.wantedAt > wantedFor) {
      this.#end(name, false)
      return
    }
    for (const output of way.passage.handle(input, clock.now())) {
      if (output.kind === 'bind') void this.#bind(name, way, output.token)
    }
    way.timer?.cancel()
    const { wakeAt } = way.passage
    const wake = () => this.#input(name, { kind: 'timer' })
    way.timer = wakeAt === Number.POSITIVE_INFINITY ? null : clock.at(wakeAt, wake)
  }

  async #bind(name: string, { relay, at, port, passage }: Way, token: Uint8Array | null): Promise<void> {
    const options = { sendTimes, timeout: answerTimeout }
    const bound = await this.#parts.channel.bind(relay, { host: at.host, port }, port, token, options)
    if (this.#ways.get(name)?.passage !== passage) return
    this.#input(name, bound ? { kind: 'bound', bound } : { kind: 'silent' })
  }

  /** @param release the relay shall know at once; else it ends by its time */
  #end(name: string, release: boolean): void {
    const way = this.#ways.get(name)
    if (!way) return
    way.timer?.cancel()
    this.#ways.delete(name)
    const { relay, at, port, passage } = way
    if (!release || !passage.token) return
    const options = { sendTimes, timeout: answerTimeout, release: true } as const
    void this.#parts.channel.bind(relay, { host: at.host, port }, port, passage.token, options)
  }

  #tokenAt(relay: PublicKey): Uint8Array | null {
    return this.#parts.homes().find(({ key }) => key === relay)?.token ?? this.#guests.get(relay)?.token ?? null
  }

  /** A port of our own there, for as long as we come there. */
  #visit({ relay, at }: Place): void {
    const { clock, homes } = this.#parts
    if (homes().some(home => home.key === relay && home.relay !== undefined)) return
    const known = this.#guests.get(relay)
    const guest: Guest =
      known && sameEndpoint(known.at, at)
        ? known
        : { relay, at, token: null, port: null, askedAt: Number.NEGATIVE_INFINITY }
    this.#guests.set(relay, guest)
    const pause = guest.port === null ? leaseWait : leaseAgain
    if (clock.now() - guest.askedAt < pause) return
    guest.askedAt = clock.now()
    void this.#lease(guest)
  }

  async #lease(guest: Guest): Promise<void> {
    for (let tries = 0; tries < 2; tries++) {
      const lease = await this.#parts.channel.home(guest.relay, guest.at, guest.token, { ...asking, relay: true })
      if (this.#stopped || this.#guests.get(guest.relay) !== guest || !lease) return
      guest.token = lease.token
      if (lease.state === 'prove') continue
      const port = lease.relay ?? null
      const isNew = port !== null && port !== guest.port
      guest.port = port
      // members that we look for can come to us by it, and shall know
      if (isNew) this.#tellOf(guest.relay)
      return
    }
  }

  #tellOf(relay: PublicKey): void {
    for (const key of this.#named.keys()) {
      if (this.#placesOf(key).some(place => place.relay === relay)) this.#parts.input(key, { kind: 'mapped' })
    }
  }
}

/** What others are told of a home of ours. */
export const homeOf = ({ key, endpoint, relay }: CurrentHome): Home => ({
  ...{ key, endpoint },
  ...(relay !== undefined && { relay }),
})

const portOf = ({ at, port }: Place): Endpoint => ({ host: at.host, port })
/** With the relay's key: a member that names a wrong one spoils its own way only. */
const nameOf = (place: Place) => `${place.relay} ${formatEndpoint(portOf(place))}`
