/**
 * Talks the control protocol over a control port: seals and opens, asks and waits, and answers what needs no decision.
 *
 *     PING     → PONG with the source that we saw
 *     FIND     → RECORD with what `answerFind` has
 *     PONG     → the `ping` that waits for it, if key, endpoint and transaction are those that were asked
 *     RECORD   → the `find` that waits for it; unasked → `onRecord`
 *     OPEN     → `onOpen`; a datagram of format 2 → `onStreamPacket`, as it came
 *
 * Nothing that a stranger sends changes anything here but counters: only an answer to a question of ours does. Answers are never longer
 * than questions. Callbacks of `onPing`, `onRecord` and `onOpen` get what a key has really sealed, though perhaps not now and not from
 * there: it may be a replay.
 */

import { type Endpoint, formatEndpoint } from '../../base/ip.ts'
import type { Time, WallTime } from '../../base/time.ts'
import type { Os } from '../../os/index.ts'
import type { Budgets } from '../../protocol/control/budget.ts'
import * as sizes from '../../protocol/control/constants.ts'
import { Door } from '../../protocol/control/door.ts'
import { type Message, networkTag } from '../../protocol/control/message.ts'
import type { PrivateKey, PublicKey } from '../../protocol/identity/key.ts'
import type { ControlPort } from './port.ts'
import { type Asking, Requests } from './requests.ts'

export type Pong = {
  /** Where our PING came from, as the other one saw it. */
  readonly observed: Endpoint
  /** The other one's wall clock, whole seconds in milliseconds. */
  readonly clock: WallTime
  readonly rtt: Time
  /** Whether it is a node of our network, if we asked; some older ones do not say. */
  readonly sameNetwork?: boolean
}

/** A request to open a byte stream: `Streams.handleOpen` takes it. */
export type Open = { readonly connection: Uint8Array; readonly secret: Uint8Array; readonly packet: Uint8Array }

export type ChannelHandlers = {
  /** The record of an id that this node holds, or `null`. */
  answerFind?: (id: Uint8Array) => Uint8Array | null | Promise<Uint8Array | null>
  onPing?: (key: PublicKey, from: Endpoint) => void
  /** A record that nobody asked for. */
  onRecord?: (key: PublicKey, record: Uint8Array, from: Endpoint) => void
  onOpen?: (key: PublicKey, from: Endpoint, open: Open) => void
  onStreamPacket?: (bytes: Uint8Array, from: Endpoint) => void
}

export type ChannelOptions = ChannelHandlers & {
  readonly os: Pick<Os, 'clock' | 'random' | 'crypto'>
  readonly port: Pick<ControlPort, 'send'>
  readonly privateKey: PrivateKey
  readonly namespace: string
  readonly workbit: number
  /** Our network's name. */
  readonly network?: string
  /** Whose key needs no work. Asked for each datagram. */
  readonly exempt?: (key: PublicKey) => boolean
  readonly budgets?: Budgets
}

export type PingOptions = Asking & {
  /** Our number for what this tries. */
  readonly candidate?: number
  /** Bytes; more than the least makes the PING a probe of the path's MTU. */
  readonly padding?: number
  /** Ask whether it is a node of our network. */
  readonly ofNetwork?: boolean
}

export type ChannelCounters = {
  /** Datagrams that came, of both formats. */
  received: number
  /** Sealed datagrams of others that were opened and understood. */
  opened: number
  /** Datagrams sent, of both formats. */
  sent: number
  /** By reason. */
  readonly dropped: Record<string, number>
}

export class Channel {
  readonly publicKey: PublicKey
  /** May be replaced at any time. */
  readonly handlers: ChannelHandlers
  readonly counters: ChannelCounters
  readonly #os: ChannelOptions['os']
  readonly #port: Pick<ControlPort, 'send'>
  readonly #network: Uint8Array | null
  readonly #door: Door
  readonly #requests: Requests
  #findsOpen = 0
  #closed = false

  constructor(options: ChannelOptions) {
    const { os, answerFind, onPing, onRecord, onOpen, onStreamPacket } = options
    this.#os = os
    this.#port = options.port
    this.#network = options.network === undefined ? null : networkTag(options.os.crypto, options.network)
    this.#door = new Door({ ...options, crypto: os.crypto })
    this.#requests = new Requests(os.clock, os.random)
    this.publicKey = this.#door.publicKey
    this.handlers = {
      ...(answerFind && { answerFind }),
      ...(onPing && { onPing }),
      ...(onRecord && { onRecord }),
      ...(onOpen && { onOpen }),
      ...(onStreamPacket && { onStreamPacket }),
    }
    this.counters = { received: 0, opened: 0, sent: 0, dropped: this.#door.dropped }
  }

  /** Asks `key` at `endpoint` for an answer; `null` where none comes in time. @throws TypeError where the host is a name, or the padding does not fit */
  ping(key: PublicKey, endpoint: Endpoint, options: PingOptions = {}): Promise<Pong | null> {
    const network = options.ofNetwork && this.#network ? { network: this.#network } : {}
    const least = network.network ? sizes.minPaddingWithNetwork : sizes.minPadding
    const { candidate = 0, padding = least } = options
    if (padding < least || padding > sizes.maxPadding) throw new TypeError(`a PING with ${padding} of padding`)
    return this.#ask<Pong>('ping', key, endpoint, options, transaction => {
      this.send({ type: 'ping', transaction, candidate, padding, ...network }, key, endpoint)
    })
  }

  /** Asks `key` for the record of an id: its bytes, unchecked; empty where it holds none; `null` where no answer comes in time. */
  find(key: PublicKey, endpoint: Endpoint, id: Uint8Array, asking: Asking = {}): Promise<Uint8Array | null> {
    return this.#ask<Uint8Array>('find', key, endpoint, asking, transaction => {
      this.send({ type: 'find', transaction, id }, key, endpoint)
    })
  }

  /** Seals a message and sends it, once. */
  send(message: Message, to: PublicKey, endpoint: Endpoint): void {
    if (this.#closed) return
    const bytes = this.#door.seal(message, to)
    if (bytes === null) this.#drop('no secret with that key')
    else this.#transmit(bytes, endpoint)
  }

  /** Sends a datagram of format 2 as it is. */
  sendStreamPacket(bytes: Uint8Array, to: Endpoint): void {
    if (!this.#closed) this.#transmit(bytes, to)
  }

  /** `from` has proved by other means that it receives what we send there, as a stream's peer does by acknowledging. */
  prove(from: Endpoint): void {
    this.#door.prove(from, this.#os.clock.now())
  }

  /** Has this key enough work, or is it exempt? */
  admits(key: PublicKey): boolean {
    return this.#door.admits(key)
  }

  /** A datagram from the port. */
  readonly receive = (bytes: Uint8Array, from: Endpoint): void => {
    if (this.#closed) return
    this.counters.received++
    if (bytes[0] !== sizes.controlByte) this.#drop('not a control packet')
    else if (bytes[1] === sizes.formats.sealed) this.#receiveSealed(bytes, from)
    else if (bytes[1] === sizes.formats.stream) this.#receiveStream(bytes, from)
    else this.#drop('unknown format')
  }

  /** Ends what waits without an answer. The port is its owner's to close. */
  close(): void {
    this.#closed = true
    this.#requests.close()
  }

  /** Entries of all tables, which have bounds. */
  get size(): number {
    return this.#door.size + this.#requests.size
  }

  #ask<T>(...question: Parameters<Requests['ask']>): Promise<T | null> {
    if (this.#requests.full) this.#drop('too many questions')
    return this.#requests.ask<T>(...question)
  }

  #receiveSealed(bytes: Uint8Array, from: Endpoint): void {
    const opened = this.#door.open(bytes, from, this.#os.clock.now())
    if (opened === null) return
    this.counters.opened++
    this.#handle(opened.message, opened.key, from, bytes.length)
  }

  #receiveStream(bytes: Uint8Array, from: Endpoint): void {
    if (bytes.length < sizes.minStreamPacket || bytes.length > sizes.maxDatagram) this.#drop('stream packet length')
    else if (!this.handlers.onStreamPacket) this.#drop('no streams here')
    else this.handlers.onStreamPacket(bytes, from)
  }

  /** @param length of the whole datagram: no answer may be longer */
  #handle(message: Message, key: PublicKey, from: Endpoint, length: number): void {
    switch (message.type) {
      case 'ping': {
        const { transaction, network } = message
        const sameNetwork = network && this.#isOurs(network)
        const pong = { type: 'pong', transaction, observed: from, clock: this.#os.clock.wall() } as const
        this.#answer({ ...pong, ...(network && { sameNetwork: sameNetwork === true }) }, key, from, length)
        this.handlers.onPing?.(key, from)
        break
      }
      case 'pong': {
        const { observed, clock, sameNetwork } = message
        const request = this.#requests.match('ping', message.transaction, key, from)
        if (typeof request === 'string') {
          this.#drop(request)
          break
        }
        this.prove(from)
        const of = sameNetwork === undefined ? {} : { sameNetwork }
        request.settle({ observed, clock, rtt: request.rtt, ...of } satisfies Pong)
        break
      }
      case 'find':
        void this.#answerFind(message.transaction, message.id, key, from, length)
        break
      case 'record':
        this.#receiveRecord(message, key, from)
        break
      case 'open':
        if (this.handlers.onOpen) this.handlers.onOpen(key, from, message)
        else this.#drop('no streams here')
        break
    }
  }

  #isOurs(network: Uint8Array): boolean {
    return this.#network?.every((byte, i) => byte === network[i]) ?? false
  }

  #receiveRecord(message: Message & { type: 'record' }, key: PublicKey, from: Endpoint): void {
    const { transaction, record } = message
    if (transaction.every(byte => byte === 0)) {
      if (record.length > 0) this.handlers.onRecord?.(key, record, from)
      return
    }
    const request = this.#requests.match('find', transaction, key, null)
    if (typeof request === 'string') {
      this.#drop(request)
      return
    }
    if (request.endpoint === formatEndpoint(from)) this.prove(from)
    request.settle(record)
  }

  async #answerFind(transaction: Uint8Array, id: Uint8Array, key: PublicKey, from: Endpoint, length: number) {
    if (this.#findsOpen >= sizes.maxOpenFinds) {
      this.#drop('too many finds')
      return
    }
    this.#findsOpen++
    try {
      const record = (await this.handlers.answerFind?.(id)) ?? new Uint8Array(0)
      this.#answer({ type: 'record', transaction, record }, key, from, length)
    } catch {
      this.#drop('find failed')
    } finally {
      this.#findsOpen--
    }
  }

  #answer(message: Message, key: PublicKey, to: Endpoint, atMost: number): void {
    if (this.#closed) return
    const bytes = this.#door.seal(message, key)
    if (bytes === null) this.#drop('no secret with that key')
    else if (bytes.length > atMost) this.#drop('answer longer than its question')
    else this.#transmit(bytes, to)
  }

  #transmit(bytes: Uint8Array, to: Endpoint): void {
    this.counters.sent++
    this.#port.send(bytes, to)
  }

  #drop(reason: string): void {
    const { dropped } = this.counters
    dropped[reason] = (dropped[reason] ?? 0) + 1
  }
}
