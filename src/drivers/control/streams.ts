/**
 * Byte streams over control packets: gives the machines of `protocol/stream` a clock, a table and a link.
 *
 * A connection belongs to one key and one endpoint; what comes for it from elsewhere is dropped. Packets that anything at
 * all made due leave in the microtask after it, so that writes of one turn, and the ACK with the answer, travel together.
 */

import type { Crypto } from '../../base/crypto.ts'
import { type Endpoint, sameEndpoint } from '../../base/ip.ts'
import type { Clock } from '../../os/clock.ts'
import type { Random } from '../../os/random.ts'
import type { PublicKey } from '../../protocol/identity/key.ts'
import { Connection } from '../../protocol/stream/connection.ts'
import { openOverhead } from '../../protocol/stream/constants.ts'
import { connectionIdSize, firstNumber, type Role, readHeader, secretSize } from '../../protocol/stream/packet.ts'
import { type StreamConnection, StreamEnd } from './stream-end.ts'

export { type StreamCallbacks, type StreamConnection, StreamError } from './stream-end.ts'

/** The fields of an OPEN message: the connection's id (8 bytes), its secret (32 bytes) and a whole stream packet. */
export type Open = { readonly connection: Uint8Array; readonly secret: Uint8Array; readonly packet: Uint8Array }

/** What carries the packets. Both may lose them, and throw nothing. */
export type StreamLink = {
  sendOpen(key: PublicKey, to: Endpoint, open: Open): void
  sendStream(bytes: Uint8Array, to: Endpoint): void
  /** Somebody has shown that he receives there. */
  proved?(endpoint: Endpoint): void
}

export type StreamLimits = {
  /** Accepted connections whose peer has not yet shown that it receives; the oldest makes room. */
  readonly halfOpen: number
  /** Connections in all, closing ones included; of those the oldest makes room. */
  readonly connections: number
}

const defaultLimits: StreamLimits = { halfOpen: 64, connections: 512 }

export class Streams {
  /** Called for each connection that a peer opens; callbacks are set before it returns. */
  accept: (connection: StreamConnection) => void = () => {}
  /** `dropped` has what came and was of no use, by reason. */
  readonly counters: { dialed: number; accepted: number; readonly dropped: Record<string, number> } = {
    dialed: 0,
    accepted: 0,
    dropped: {},
  }
  readonly #os: { clock: Clock; random: Random; crypto: Crypto }
  readonly #link: StreamLink
  readonly #limits: StreamLimits
  /** By connection id, in the order in which they came. */
  readonly #ends = new Map<string, StreamEnd>()

  constructor(os: { clock: Clock; random: Random; crypto: Crypto }, link: StreamLink, limits = defaultLimits) {
    this.#os = os
    this.#link = link
    this.#limits = limits
  }

  /** How many connections there are, closing ones included. */
  get size(): number {
    return this.#ends.size
  }

  /** Opens a connection without waiting: bytes may be written at once. `closed` tells of failure. */
  dial(key: PublicKey, endpoint: Endpoint): StreamConnection {
    const { random } = this.#os
    const end = this.#create('client', key, endpoint, random.bytes(connectionIdSize), random.bytes(secretSize))
    this.counters.dialed++
    if (this.#makeRoom()) {
      this.#ends.set(end.id, end)
      end.schedule()
    } else {
      end.refuse('too many connections')
    }
    return end
  }

  /** An OPEN that `key` sealed. @param from where it came from */
  handleOpen(key: PublicKey, from: Endpoint, open: Open): void {
    const size = openOverhead + open.packet.length
    const header = readHeader(open.packet)
    const known = this.#ends.get(idOf(open.connection))
    if (!header || idOf(header.connection) !== idOf(open.connection)) this.#drop('malformed')
    else if (!known) this.#admit(key, from, open, size)
    else if (known.key !== key || !sameEndpoint(known.endpoint, from)) this.#drop('another peer')
    else known.handlePacket(open.packet, size)
  }

  #admit(key: PublicKey, from: Endpoint, open: Open, size: number): void {
    if (!this.#makeRoom()) {
      this.#drop('too many connections')
      return
    }
    const end = this.#create('server', key, from, open.connection, open.secret)
    const taken = end.handlePacket(open.packet, size)
    if (!taken || end.state !== 'half-open') {
      end.forget()
      return
    }
    this.#evictHalfOpen()
    this.#ends.set(end.id, end)
    this.counters.accepted++
    this.accept(end)
    end.schedule()
  }

  /** A datagram of format 2. */
  handleStream(bytes: Uint8Array, from: Endpoint): void {
    const header = readHeader(bytes)
    const end = header && this.#ends.get(idOf(header.connection))
    if (!header) this.#drop('malformed')
    else if (!end) this.#drop('unknown connection')
    else if (!sameEndpoint(end.endpoint, from)) this.#drop('another endpoint')
    else this.#handle(end, bytes)
  }

  /** The packet that opens a connection for good answers one of ours, so its sender receives what we send there. */
  #handle(end: StreamEnd, bytes: Uint8Array): void {
    const before = end.state
    end.handlePacket(bytes, bytes.length)
    if (before !== 'open' && end.state === 'open') this.#link.proved?.(end.endpoint)
  }

  /** Resets every connection; the CLOSEs leave before it returns. */
  close(): void {
    for (const end of [...this.#ends.values()]) {
      end.reset()
      end.run()
      end.forget()
    }
    this.#ends.clear()
  }

  #create(role: Role, key: PublicKey, endpoint: Endpoint, connection: Uint8Array, secret: Uint8Array): StreamEnd {
    const { clock, random, crypto } = this.#os
    const options = { role, crypto, connection, secret, firstNumber: firstNumber(random.bytes(7)) }
    const id = idOf(connection)
    return new StreamEnd(new Connection(options, clock.now()), clock, {
      id,
      key,
      endpoint,
      direction: role === 'client' ? 'outbound' : 'inbound',
      send: (packet, inOpen) => {
        if (inOpen) this.#link.sendOpen(key, endpoint, { connection, secret, packet })
        else this.#link.sendStream(packet, endpoint)
      },
      dropped: reason => this.#drop(reason),
      gone: () => this.#ends.delete(id),
    })
  }

  #drop(reason: string): void {
    this.counters.dropped[reason] = (this.counters.dropped[reason] ?? 0) + 1
  }

  /** Whether one more fits, be it in the place of one that is over. */
  #makeRoom(): boolean {
    if (this.#ends.size < this.#limits.connections) return true
    for (const end of this.#ends.values()) {
      if (end.state !== 'closing' && end.state !== 'draining') continue
      end.forget()
      this.#ends.delete(end.id)
      return true
    }
    return false
  }

  #evictHalfOpen(): void {
    const halfOpen = [...this.#ends.values()].filter(end => end.state === 'half-open')
    if (halfOpen.length < this.#limits.halfOpen) return
    const [oldest] = halfOpen
    oldest?.refuse('too many connections')
    if (oldest) this.#ends.delete(oldest.id)
  }
}

const idOf = (connection: Uint8Array) => String.fromCharCode(...connection)
