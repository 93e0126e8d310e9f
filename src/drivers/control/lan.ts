/**
 * Says by multicast on every link that we are here, and hears who else is (`protocol/lan`).
 *
 * Said three times within a second after start and after each change of addresses, because a datagram may be lost and a link that
 * just came up drops some; then once a minute, and when somebody new is heard, who was not there to hear it.
 */

import { Allowance } from '../../base/allowance.ts'
import type { Crypto } from '../../base/crypto.ts'
import type { Address } from '../../base/ip.ts'
import { minute, type Time } from '../../base/time.ts'
import type { Clock } from '../../os/clock.ts'
import type { LinkAddress } from '../../os/links.ts'
import type { Multicast, MulticastSocket } from '../../os/multicast.ts'
import type { Random } from '../../os/random.ts'
import type { PublicKey } from '../../protocol/identity/key.ts'
import { encodeAnnouncement, type LanKey, lanKey } from '../../protocol/lan/announcement.ts'
import { type Recognized, Recognizer } from '../../protocol/lan/recognizer.ts'

/**
 * Where announcements go. IPv4: from the Local Scope (RFC 2365 §6.1), which routers keep inside a site; TTL 1 keeps it on the link. IPv6:
 * transient and link-local (RFC 4291 §2.7), with a group number from the range for free use (RFC 3307 §4.3). The port is
 * above 60999, so that Linux gives it to nobody by chance.
 */
export const lanGroup = { v4: '239.255.87.72', v6: 'ff12::8057:4831', port: 62_097 } as const

const repeats: readonly Time[] = [0, 250, 1_000]
const every = 1 * minute
/** A member that was not heard for so long has come anew: it is greeted by an announcement, which all hear. */
const gone = 2 * minute
/** Greetings: replayed announcements of many shall not make us speak without end. */
const greetings = { burst: 4, rate: 0.2 } as const
/** Not all neighbours speak at once, ms. */
const greetWithin = 100
const neighboursKept = 1_024
/** Between two groups of keys, ms: a flood takes a few percent of a processor, and a search among 10 000 keys 1 s. */
const breath = 10
/** Link addresses that announcements leave from; a machine with hundreds of containers has more than it needs. */
const placesLimit = 32

export type LanParts = {
  readonly clock: Clock
  readonly random: Random
  readonly crypto: Crypto
  readonly multicast: Multicast
  readonly publicKey: PublicKey
  readonly namespace: string
  readonly heard: (member: Recognized) => void
}

/** From a link-local address, nobody could answer: endpoints have no zone. In a tunnel, there are no neighbours. */
const isPlace = (it: LinkAddress) => it.multicast && !it.loopback && !it.linkLocal && !it.pointToPoint

export class Lan {
  readonly #parts: LanParts
  readonly #ownKey: LanKey
  readonly #recognizer: Recognizer
  #socket: MulticastSocket | null = null
  #places: readonly LinkAddress[] = []
  #port = 0
  #timers: { cancel(): void }[] = []
  #steps: { cancel(): void } | null = null
  #closed = false
  /** When members were last heard. */
  readonly #heardAt = new Map<PublicKey, Time>()
  readonly #greetings = new Allowance(greetings.burst, greetings.rate)
  readonly counters = { received: 0, recognized: 0 }

  constructor(parts: LanParts) {
    this.#parts = parts
    this.#ownKey = lanKey(parts.crypto, parts.publicKey)
    this.#recognizer = new Recognizer(parts.crypto, parts.namespace)
  }

  /** @throws with `code` where the port is taken by somebody who does not share it; nothing is heard then. */
  async open(): Promise<void> {
    const socket = await this.#parts.multicast.open(lanGroup, (bytes, from) => this.#receive(bytes, from))
    if (this.#closed) return socket.close()
    this.#socket = socket
    socket.join(this.#places)
    this.#announceSoon()
  }

  /** Whose announcements shall be understood. */
  know(keys: readonly PublicKey[]): void {
    this.#recognizer.set(keys)
  }

  /** Where we are now: said at once. @param addresses all of this machine but those inside tunnels @param port WireGuard's */
  be(addresses: readonly LinkAddress[], port: number): void {
    this.#places = addresses.filter(isPlace).slice(0, placesLimit)
    this.#port = port
    this.#socket?.join(this.#places)
    this.#announceSoon()
  }

  /** Announcements that meant nothing, by reason. */
  get dropped(): Readonly<Record<string, number>> {
    return this.#recognizer.dropped
  }

  close(): void {
    this.#closed = true
    for (const timer of this.#timers) timer.cancel()
    this.#steps?.cancel()
    this.#socket?.close()
    this.#socket = null
  }

  #announceSoon(): void {
    for (const timer of this.#timers) timer.cancel()
    if (!this.#socket || this.#port === 0) return
    const { clock } = this.#parts
    this.#timers = repeats.map(after => clock.at(clock.now() + after, () => this.#announce()))
    this.#timers.push(clock.at(clock.now() + every, () => this.#announceEvery()))
  }

  #announceEvery(): void {
    const { clock } = this.#parts
    this.#announce()
    this.#timers = [clock.at(clock.now() + every, () => this.#announceEvery())]
  }

  #announce(): void {
    const { crypto, random, namespace } = this.#parts
    for (const place of this.#places) {
      const bytes = encodeAnnouncement(crypto, this.#ownKey, this.#port, namespace, random.bytes(16))
      this.#socket?.send(bytes, [place])
    }
  }

  #receive(bytes: Uint8Array, from: Address): void {
    this.counters.received += 1
    // our own come back to us, for others on this machine to hear
    if (this.#places.some(({ address }) => address === from) && this.#isOwnPort(bytes)) return
    const member = this.#recognizer.hear(bytes, from, this.#parts.clock.now())
    if (member) this.#tell(member)
    this.#stepLater()
  }

  /** Somebody has just come: he has not heard us, and would wait up to a minute. */
  #greet({ key }: Recognized): void {
    const { clock, random } = this.#parts
    const now = clock.now()
    const isNew = now - (this.#heardAt.get(key) ?? Number.NEGATIVE_INFINITY) > gone
    this.#heardAt.delete(key)
    this.#heardAt.set(key, now)
    if (this.#heardAt.size > neighboursKept) this.#heardAt.delete(this.#heardAt.keys().next().value!)
    if (!isNew || this.#closed || !this.#greetings.take(now)) return
    this.#timers.push(clock.at(now + random.int(0, greetWithin), () => this.#announce()))
  }

  #isOwnPort(bytes: Uint8Array): boolean {
    return bytes.length > 19 && bytes[18]! * 256 + bytes[19]! === this.#port
  }

  #stepLater(): void {
    if (this.#steps || !this.#recognizer.busy || this.#closed) return
    const { clock } = this.#parts
    this.#steps = clock.at(clock.now() + breath, () => {
      this.#steps = null
      const member = this.#recognizer.step(clock.now())
      if (member) this.#tell(member)
      this.#stepLater()
    })
  }

  #tell(member: Recognized): void {
    this.counters.recognized += 1
    this.#parts.heard(member)
    this.#greet(member)
  }
}
