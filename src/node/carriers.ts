/**
 * Carriers of this node, both sides: those that it opened, as a guest of others, because its UDP does not get out, and those that others
 * opened here. To all else they look like UDP: whatever is for an address that a carrier leads to goes there, and what comes out of one comes
 * from an endpoint.
 *
 *     guest    WireGuard, control ──▶ carrier ──▶ server          by the server's address; of a call (WebRTC), by a name for the member
 *     server   its port W: control, or its own WireGuard          from the guest's name (protocol/carrier/guest.ts)
 *              a port of its relay: as a datagram that came there
 *              any other: dropped
 */

import { type Address, type Endpoint, formatEndpoint } from '../base/ip.ts'
import type { Logger } from '../base/log.ts'
import { minute, second } from '../base/time.ts'
import { type ByteStream, Carrier, type CarrierCounters } from '../drivers/carrier/carrier.ts'
import { Loopback } from '../drivers/carrier/loopback.ts'
import type { Clock } from '../os/clock.ts'
import type { Udp } from '../os/udp.ts'
import { wireguardPort } from '../protocol/carrier/frame.ts'
import { guestEndpoint, isGuest } from '../protocol/carrier/guest.ts'
import type { CarriedBy } from '../protocol/carrier/rungs.ts'
import { controlByte } from '../protocol/control/constants.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import { portRange } from '../protocol/relay/constants.ts'

export type CarriersParts = {
  readonly clock: Clock
  readonly log: Logger
  readonly udp: Udp
  /** W. */
  readonly listenPort: () => number
  /** A control packet came. */
  readonly control: (bytes: Uint8Array, from: Endpoint) => void
  /** A datagram for a port of this node's relay came; `false`: it is none. */
  readonly relay: (bytes: Uint8Array, from: Endpoint, port: number) => boolean
  /** How much this node does for a key. */
  readonly serves: (key: PublicKey) => 'member' | 'stranger' | 'no'
  readonly called: (key: PublicKey) => string
  /** What leads to an address is another way now. */
  readonly changed: (host: Address, up: boolean) => void
}

type Line = { readonly key: PublicKey; readonly carrier: Carrier }
/** One that another node opened; it calls our W by this number. */
type Guest = Line & { w: number }
/** A carrier that this node opened. */
type Own = Line & { readonly rung: CarriedBy; readonly endpoint: Endpoint }

/** For people. */
export type CarriersReport = {
  readonly own: readonly ({
    readonly key: PublicKey
    readonly endpoint: Endpoint
    readonly rung: CarriedBy
  } & Readonly<CarrierCounters>)[]
  readonly guests: readonly ({ readonly key: PublicKey } & Readonly<CarrierCounters>)[]
  readonly dropped: Readonly<Record<string, number>>
}

/** Guests in all, and those among them that are no members; of one key: an old one that is not yet known to be dead, and its successor. */
const [guestsMost, strangersMost, ofKeyMost] = [512, 64, 2] as const
/** A guest says something each 20 s: it refreshes its lease. */
const silentMost = 2 * minute
const sweepEvery = 30 * second
/** Until WireGuard points elsewhere, and what is under way has come. */
const leavingTime = 5 * second

export class Carriers {
  readonly #parts: CarriersParts
  readonly #own = new Map<Address, Own>()
  readonly #guests = new Map<Address, Guest>()
  /** Closed soon: UDP leads there again, and what is on its way shall come. */
  readonly #leaving = new Map<Address, Own>()
  readonly #loopback: Loopback
  readonly #dropped: Record<string, number> = {}
  #lastName = 0
  #sweeper: { cancel(): void } | null = null
  #closed = false

  constructor(parts: CarriersParts) {
    this.#parts = parts
    const { udp, listenPort } = parts
    this.#loopback = new Loopback({ udp, listenPort, send: (bytes, to) => void this.#carry(bytes, to) })
  }

  /** Does a carrier lead there, or did one? */
  leadsTo(host: Address): boolean {
    return this.#own.has(host) || isGuest(host)
  }

  /** How a carrier leads there. */
  wayTo(host: Address): CarriedBy | 'guest' | null {
    return this.#own.get(host)?.rung ?? (isGuest(host) ? 'guest' : null)
  }

  /** UDP gets nowhere, and other nodes carry for us. */
  get isGuest(): boolean {
    return [...this.#own.values()].some(({ rung }) => rung !== 'webrtc')
  }

  /** Members that this node has called. */
  get calls(): number {
    return [...this.#own.values()].filter(({ rung }) => rung === 'webrtc').length
  }

  /** Names under which calls of this node lead to the member. */
  callsTo(key: PublicKey): Address[] {
    return [...this.#own].flatMap(([host, own]) => (own.key === key && own.rung === 'webrtc' ? [host] : []))
  }

  /**
   * Sends by a carrier what is for an address that one leads to. @returns `false`: none does
   * @param port of ours, from which it comes, if not W
   */
  send(bytes: Uint8Array, to: Endpoint, port?: number): boolean {
    const own = this.#own.get(to.host)
    if (own) own.carrier.send(bytes, to.port)
    else if (!isGuest(to.host)) return false
    else {
      const guest = this.#guests.get(to.host)
      guest?.carrier.send(bytes, port ?? guest.w)
    }
    return true
  }

  /** WireGuard still points at one that is being left. */
  #carry(bytes: Uint8Array, to: Endpoint): void {
    if (!this.send(bytes, to)) this.#leaving.get(to.host)?.carrier.send(bytes, to.port)
  }

  /** Where WireGuard shall be pointed for this endpoint. */
  async prepare(endpoint: Endpoint): Promise<void> {
    if (this.leadsTo(endpoint.host)) await this.#loopback.open(endpoint)
  }

  /** The same, without waiting; the endpoint itself where no carrier leads there. */
  local(endpoint: Endpoint | undefined): Endpoint | undefined {
    return (endpoint && this.leadsTo(endpoint.host) && this.#loopback.local(endpoint)) || endpoint
  }

  /** The endpoint that WireGuard means: of a socket of ours, what is behind it. */
  meant(endpoint: Endpoint | undefined): { readonly endpoint?: Endpoint } {
    return endpoint ? { endpoint: this.#loopback.remote(endpoint) ?? endpoint } : {}
  }

  /** This node has opened one, to there. */
  open(key: PublicKey, endpoint: Endpoint, rung: CarriedBy, stream: ByteStream): void {
    if (this.#closed) {
      stream.abort()
      return
    }
    this.#own.get(endpoint.host)?.carrier.close()
    const { clock, log, called, changed } = this.#parts
    const { host } = endpoint
    const carrier = new Carrier(stream, clock, {
      receive: (bytes, port) => this.#received(bytes, { host, port }),
      closed: () => {
        if (this.#leaving.get(host)?.carrier === carrier) this.#leaving.delete(host)
        const isCurrent = this.#own.get(host)?.carrier === carrier
        if (isCurrent) this.#own.delete(host)
        if (!this.#own.has(host)) this.#loopback.forget(host)
        if (isCurrent) this.#ended(key, host, rung)
      },
    })
    this.#own.set(host, { key, endpoint, rung, carrier })
    log.info('UDP does not get through: a carrier in its place', {
      ...{ node: called(key), ...(rung !== 'webrtc' && { endpoint: formatEndpoint(endpoint) }), by: rung },
    })
    // of a call, its PONG tells
    if (rung !== 'webrtc') changed(host, true)
  }

  /** This node has called a member. @returns what leads to it by that */
  openCall(key: PublicKey, stream: ByteStream): Endpoint {
    const endpoint = this.#name()
    this.open(key, endpoint, 'webrtc', stream)
    return endpoint
  }

  /** UDP gets there again: nothing new goes by the carrier, and it ends when all is over to UDP. */
  leave(host: Address): void {
    const own = this.#own.get(host)
    if (!own) return
    const { clock } = this.#parts
    this.#own.delete(host)
    this.#leaving.set(host, own)
    clock.at(clock.now() + leavingTime, () => own.carrier.close())
    this.#ended(own.key, host, own.rung)
  }

  /** It leads nowhere any more. */
  drop(host: Address): void {
    this.#own.get(host)?.carrier.close()
  }

  #ended(key: PublicKey, host: Address, by: CarriedBy): void {
    const { log, called, changed } = this.#parts
    log.info('a carrier has ended', { node: called(key), by })
    if (!this.#closed) changed(host, false)
  }

  /** An endpoint that leads to somebody by a carrier, and whose address he has not. */
  #name(): Endpoint {
    return guestEndpoint(this.#lastName++ % 2 ** 32)
  }

  /** Another node has opened one to us. */
  accept(key: PublicKey, stream: ByteStream): void {
    const refused = this.#refusal(key)
    if (refused !== null) {
      this.#drop(refused)
      stream.abort()
      return
    }
    const guest = this.#name()
    const { clock, listenPort } = this.#parts
    const carrier = new Carrier(stream, clock, {
      receive: (bytes, port) => this.#receivedOf(bytes, guest, port),
      closed: () => {
        this.#guests.delete(guest.host)
        this.#loopback.forget(guest.host)
      },
    })
    this.#guests.set(guest.host, { key, carrier, w: listenPort() })
    this.#sweeper ??= clock.at(clock.now() + sweepEvery, () => this.#sweep())
  }

  report(): CarriersReport {
    return {
      own: [...this.#own.values()].map(({ key, endpoint, rung, carrier: { counters } }) => {
        return { key, endpoint, rung, ...counters }
      }),
      guests: [...this.#guests.values()].map(({ key, carrier: { counters } }) => ({ key, ...counters })),
      dropped: { ...this.#dropped },
    }
  }

  close(): void {
    this.#closed = true
    this.#sweeper?.cancel()
    for (const { carrier } of [...this.#own.values(), ...this.#leaving.values(), ...this.#guests.values()])
      carrier.close()
    this.#loopback.close()
  }

  #refusal(key: PublicKey): string | null {
    const rank = this.#parts.serves(key)
    if (rank === 'no' || this.#closed) return 'carrier refused'
    const guests = [...this.#guests.values()]
    const before = guests.filter(guest => guest.key === key)
    // who comes again has lost the ones before
    if (before.length >= ofKeyMost) before[0]!.carrier.close()
    if (this.#guests.size >= guestsMost) return 'too many carriers'
    const strangers = guests.filter(guest => this.#parts.serves(guest.key) === 'stranger').length
    return rank === 'stranger' && strangers >= strangersMost ? 'too many carriers of strangers' : null
  }

  /** As a guest: something has come from the server. */
  #received(bytes: Uint8Array, from: Endpoint): void {
    if (bytes[0] === controlByte) this.#parts.control(bytes, from)
    else void this.#loopback.deliver(bytes, from)
  }

  /** As a server: a guest has sent something to one of our ports. */
  #receivedOf(bytes: Uint8Array, guest: Endpoint, port: number): void {
    const { listenPort, control, relay, serves } = this.#parts
    const line = this.#guests.get(guest.host)
    if (!line) return
    if (port === listenPort() || port === wireguardPort) {
      line.w = port
      if (bytes[0] === controlByte) control(bytes, guest)
      else if (serves(line.key) === 'member') void this.#loopback.deliver(bytes, guest)
      else this.#drop('not a control packet')
    } else if (port < portRange.first || port > portRange.last || !relay(bytes, guest, port)) {
      this.#drop('port of nobody')
    }
  }

  #sweep(): void {
    const { clock } = this.#parts
    this.#sweeper = null
    for (const { carrier } of [...this.#guests.values()]) {
      if (clock.now() - carrier.heardAt > silentMost) carrier.close()
    }
    if (this.#guests.size > 0) this.#sweeper = clock.at(clock.now() + sweepEvery, () => this.#sweep())
  }

  #drop(reason: string): void {
    this.#dropped[reason] = (this.#dropped[reason] ?? 0) + 1
  }
}
