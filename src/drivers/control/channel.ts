/**
 * Talks the control protocol over a control port: seals and opens, asks and waits, and has questions answered (`responder.ts`).
 *
 *     PONG, RECORD, LEASE, CALLED, BOUND → the question that waits for it, if key, endpoint and transaction are those that were asked
 *     RECORD that nobody asked for  → `onRecord`
 *     OFFER                         → `onOffer`, if it is of our network and no copy
 *     OPEN                          → `onOpen`; a datagram of format 2 → `onStreamPacket`, as it came
 *
 * Nothing that a stranger sends changes anything here but counters: only an answer to a question of ours does. Answers are never longer
 * than questions, and leave by the way the question came. Callbacks get what a key has really sealed, though perhaps not now and not
 * from there: it may be a replay.
 */

import { type Endpoint, parseAddress } from '../../base/ip.ts'
import type { Os } from '../../os/index.ts'
import type { Budgets } from '../../protocol/control/budget.ts'
import * as sizes from '../../protocol/control/constants.ts'
import { Door } from '../../protocol/control/door.ts'
import { type CallState, leastPadding, type Message, networkTag, type Offer } from '../../protocol/control/message.ts'
import { Newest } from '../../protocol/control/newest.ts'
import type { Desk } from '../../protocol/home/desk.ts'
import type { PrivateKey, PublicKey } from '../../protocol/identity/key.ts'
import type { Bound, Lease, Pong } from './answers.ts'
import { type AskingVia, answersFrom, mayFail, type PingOptions } from './ping.ts'
import { type Asking, Requests, type Silent } from './requests.ts'
import { type Asked, type Reflecting, type Relaying, Responder, type Way } from './responder.ts'

export type { Bound, Lease, Pong } from './answers.ts'
export type { Reflecting, Relaying, Way } from './responder.ts'

/** A request to open a byte stream: `Streams.handleOpen` takes it. */
export type Open = { readonly connection: Uint8Array; readonly secret: Uint8Array; readonly packet: Uint8Array }

export type ChannelHandlers = {
  /** The record of an id that this node holds, or `null`. */
  answerFind?: (id: Uint8Array) => Uint8Array | null | Promise<Uint8Array | null>
  /** @param via by which it came, if not by W @param inUse its WireGuard sends to us by this path */
  onPing?: (key: PublicKey, from: Endpoint, via?: Way, inUse?: boolean) => void
  /** A record that nobody asked for. */
  onRecord?: (key: PublicKey, record: Uint8Array, from: Endpoint) => void
  /** @param from where the datagram came from: of a home, mostly */
  onOffer?: (key: PublicKey, offer: Offer, from: Endpoint) => void
  onOpen?: (key: PublicKey, from: Endpoint, open: Open) => void
  onStreamPacket?: (bytes: Uint8Array, from: Endpoint) => void
}

export type ChannelOptions = ChannelHandlers & {
  readonly onSilence?: Silent
  readonly os: Pick<Os, 'clock' | 'random' | 'crypto'>
  readonly port: Way
  readonly privateKey: PrivateKey
  readonly namespace: string
  readonly workbit: number
  /** Our network's name. */
  readonly network?: string
  /** Whose key needs no work. Asked for each datagram. */
  readonly exempt?: (key: PublicKey) => boolean
  readonly banned?: ((key: PublicKey) => boolean) | undefined
  readonly budgets?: Budgets
  /** Absent: this node is no home. */
  readonly desk?: Desk
  readonly reflect?: Reflecting
  /** Absent: this node is no relay. */
  readonly relay?: Relaying
}

export type HomeOptions = AskingVia & {
  /** Ask for a relay port, too. */
  readonly relay?: true
}

export type ChannelCounters = {
  /** Datagrams that came, of all formats. */
  received: number
  /** Sealed datagrams of others that were opened and understood. */
  opened: number
  /** Datagrams sent, of all formats. */
  sent: number
  /** Datagrams of callers that were passed on, which are among those sent. */
  passedOn: number
  /** By reason. */
  readonly dropped: Record<string, number>
}

export class Channel {
  readonly publicKey: PublicKey
  /** May be replaced at any time. */
  readonly handlers: ChannelHandlers
  readonly counters: ChannelCounters
  readonly #os: ChannelOptions['os']
  readonly #port: Way
  readonly #network: Uint8Array | null
  readonly #door: Door
  readonly #requests: Requests
  readonly #responder: Responder
  readonly #offers = new Newest()
  #closed = false

  constructor(options: ChannelOptions) {
    const { os, answerFind, onPing, onRecord, onOffer, onOpen, onStreamPacket } = options
    this.#os = os
    this.#port = options.port
    this.#network = options.network === undefined ? null : networkTag(options.os.crypto, options.network)
    this.#door = new Door({ ...options, crypto: os.crypto })
    this.#requests = new Requests(os.clock, os.random, options.onSilence)
    this.publicKey = this.#door.publicKey
    this.handlers = {
      ...(answerFind && { answerFind }),
      ...(onPing && { onPing }),
      ...(onRecord && { onRecord }),
      ...(onOffer && { onOffer }),
      ...(onOpen && { onOpen }),
      ...(onStreamPacket && { onStreamPacket }),
    }
    this.counters = { received: 0, opened: 0, sent: 0, passedOn: 0, dropped: this.#door.dropped }
    const parts = {
      clock: os.clock,
      isOurs: (network: Uint8Array) => this.#isOurs(network),
      answerFind: (id: Uint8Array) => this.handlers.answerFind?.(id),
      answer: (message: Message, asked: Asked) => this.#answer(message, asked),
      passOn: (datagram: Uint8Array, to: Endpoint) => this.#passOn(datagram, to),
      drop: (reason: string) => this.#drop(reason),
    }
    this.#responder = new Responder(parts, options)
  }

  /** Makes this node a home; `undefined`: it is none any more. */
  set desk(desk: Desk | undefined) {
    this.#responder.desk = desk
  }

  set reflect(reflect: Reflecting | undefined) {
    this.#responder.reflect = reflect
  }

  set relay(relay: Relaying | undefined) {
    this.#responder.relay = relay
  }

  /** Asks `key` at `endpoint` for an answer; `null` where none comes in time. @throws TypeError where the host is a name, or the padding does not fit */
  ping(key: PublicKey, endpoint: Endpoint, options: PingOptions = {}): Promise<Pong | null> {
    const { candidate = 0, changePort, changeAddress, answerTo, inUse } = options
    const asked = {
      ...(options.ofNetwork && this.#network && { network: this.#network }),
      ...(changePort && { changePort }),
      ...(changeAddress && { changeAddress }),
      ...(answerTo && { answerTo }),
      ...(inUse && { inUse }),
    }
    const least = leastPadding(asked)
    const { padding = least } = options
    if (padding < least || padding > sizes.maxPadding) throw new TypeError(`a PING with ${padding} of padding`)
    const send = (transaction: Uint8Array) =>
      this.send({ type: 'ping', transaction, candidate, padding, ...asked }, key, endpoint, options.via)
    return this.#ask<Pong>(
      'ping',
      key,
      endpoint,
      { ...options, isTest: mayFail(options) },
      send,
      answersFrom(endpoint, options),
    )
  }

  /** Asks `key` for the record of an id: its bytes, unchecked; empty where it holds none; `null` where no answer comes in time. */
  find(key: PublicKey, endpoint: Endpoint, id: Uint8Array, asking: Asking = {}): Promise<Uint8Array | null> {
    const send = (transaction: Uint8Array) => this.send({ type: 'find', transaction, id }, key, endpoint)
    // wherever it comes from: a record proves itself
    return this.#ask<Uint8Array>('find', key, endpoint, asking, send, () => true)
  }

  /** Asks `key` to be a home of ours, or just for a token; `null` where no answer comes in time. @param token its last one */
  home(key: PublicKey, endpoint: Endpoint, token: Uint8Array | null, asking: HomeOptions = {}): Promise<Lease | null> {
    const question = { type: 'home', token, ...(asking.relay && { relay: asking.relay }) } as const
    const send = (transaction: Uint8Array) => this.send({ ...question, transaction }, key, endpoint, asking.via)
    return this.#ask<Lease>('home', key, endpoint, asking, send)
  }

  /**
   * Has a message to `target` passed on by a home of it. What became of it: `null` where the home does not answer.
   *
   * @param token the last one that the home gave us
   * @throws TypeError for a message that is too long
   */
  call(
    home: PublicKey,
    at: Endpoint,
    token: Uint8Array,
    target: PublicKey,
    message: Message,
    asking: Asking = {},
  ): Promise<CallState | null> {
    const datagram = this.#door.seal(message, target)
    if (datagram === null) {
      this.#drop('no secret with that key')
      return Promise.resolve(null)
    }
    if (datagram.length > sizes.maxCalled) throw new TypeError(`a CALL with ${datagram.length} bytes`)
    const question = { type: 'call', token, target, datagram } as const
    const send = (transaction: Uint8Array) => this.send({ ...question, transaction }, home, at)
    return this.#ask<CallState>('call', home, at, asking, send)
  }

  /** Tells the relay `key` that who sends from W to `place`, its `port`, is us, and wants its owner; `null` where no answer comes in time, be it from that port or, as it does not hold it, from its own. */
  bind(
    key: PublicKey,
    place: Endpoint,
    port: number,
    token: Uint8Array | null,
    { release, ...asking }: Asking & { readonly release?: true } = {},
  ): Promise<Bound | null> {
    const question = { type: 'bind', token, port, ...(release && { release }) } as const
    const send = (transaction: Uint8Array) => this.send({ ...question, transaction }, key, place)
    return this.#ask<Bound>('bind', key, place, asking, send, from => from.host === parseAddress(place.host))
  }

  /** Seals a message and sends it, once. @param via a way that is not W */
  send(message: Message, to: PublicKey, endpoint: Endpoint, via?: Way): void {
    if (this.#closed) return
    const bytes = this.#door.seal(message, to)
    if (bytes === null) this.#drop('no secret with that key')
    else this.#transmit(bytes, endpoint, via)
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

  /** A datagram from the port. @param via the way by which it came, if that is not W */
  readonly receive = (bytes: Uint8Array, from: Endpoint, via?: Way): void => {
    if (this.#closed) return
    this.counters.received++
    if (bytes[0] !== sizes.controlByte) this.#drop('not a control packet')
    else if (bytes[1] === sizes.formats.sealed || bytes[1] === sizes.formats.bind) this.#receiveSealed(bytes, from, via)
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
    return this.#door.size + this.#requests.size + this.#offers.size + this.#responder.size
  }

  #ask<T>(...question: Parameters<Requests['ask']>): Promise<T | null> {
    if (this.#requests.full) this.#drop('too many questions')
    return this.#requests.ask<T>(...question)
  }

  #receiveSealed(bytes: Uint8Array, from: Endpoint, via: Way | undefined): void {
    const opened = this.#door.open(bytes, from, this.#os.clock.now())
    if (opened === null) return
    this.counters.opened++
    if ((opened.message.type === 'bind') !== (bytes[1] === sizes.formats.bind)) this.#drop('another format')
    else this.#handle(opened.message, { key: opened.key, from, length: bytes.length, via })
  }

  #receiveStream(bytes: Uint8Array, from: Endpoint): void {
    if (bytes.length < sizes.minStreamPacket || bytes.length > sizes.maxDatagram) this.#drop('stream packet length')
    else if (!this.handlers.onStreamPacket) this.#drop('no streams here')
    else this.handlers.onStreamPacket(bytes, from)
  }

  #handle(message: Message, asked: Asked): void {
    const { key, from, via } = asked
    switch (message.type) {
      case 'ping':
        if (this.#responder.ping(message, asked)) this.handlers.onPing?.(key, from, via, message.inUse)
        break
      case 'find':
        void this.#responder.find(message, asked)
        break
      case 'home':
        this.#responder.home(message, asked)
        break
      case 'call':
        this.#responder.call(message, asked)
        break
      case 'pong': {
        const { observed, clock, sameNetwork } = message
        const of = { ...(sameNetwork !== undefined && { sameNetwork }), ...(via && { via }) }
        this.#settle('ping', message, asked, rtt => ({ observed, clock, rtt, from, ...of }) satisfies Pong)
        break
      }
      case 'called':
        this.#settle('call', message, asked, () => message.state)
        break
      case 'bind':
        this.#responder.bind(message, asked)
        break
      case 'lease':
      case 'bound': {
        const { type, transaction: _, ...said } = message
        const question = type === 'lease' ? 'home' : 'bind'
        this.#settle(question, message, asked, rtt => ({ ...said, rtt }) satisfies Lease | Bound)
        break
      }
      case 'record':
        if (message.transaction.some(byte => byte !== 0)) this.#settle('find', message, asked, () => message.record)
        else if (message.record.length > 0) this.handlers.onRecord?.(key, message.record, from)
        break
      case 'offer':
        this.#receiveOffer(message, key, from)
        break
      case 'open':
        if (this.handlers.onOpen) this.handlers.onOpen(key, from, message)
        else this.#drop('no streams here')
        break
    }
  }

  /** An answer: the question that waits for it ends. */
  #settle(
    question: Parameters<Requests['match']>[0],
    { transaction }: { readonly transaction: Uint8Array },
    { key, from }: Asked,
    answer: (rtt: number) => unknown,
  ): void {
    const request = this.#requests.match(question, transaction, key, from)
    if (typeof request === 'string') {
      this.#drop(request)
      return
    }
    // an answer from elsewhere may have any source written on it
    if (request.asked) this.prove(from)
    request.settle(answer(request.rtt))
  }

  #receiveOffer(offer: Offer, key: PublicKey, from: Endpoint): void {
    if (!this.#isOurs(offer.network)) this.#drop('another network')
    else if (!this.handlers.onOffer) this.#drop('no offers here')
    else if (!this.#offers.isNew(key, offer.at)) this.#drop('offer heard before')
    else this.handlers.onOffer(key, offer, from)
  }

  #isOurs(network: Uint8Array): boolean {
    return this.#network?.every((byte, i) => byte === network[i]) ?? false
  }

  #answer(message: Message, { key, from, length, via }: Asked): void {
    if (this.#closed) return
    const bytes = this.#door.seal(message, key)
    if (bytes === null) this.#drop('no secret with that key')
    else if (bytes.length > length) this.#drop('answer longer than its question')
    else this.#transmit(bytes, from, via)
  }

  #passOn(datagram: Uint8Array, to: Endpoint): void {
    this.counters.passedOn++
    this.#transmit(datagram, to)
  }

  #transmit(bytes: Uint8Array, to: Endpoint, via: Way = this.#port): void {
    this.counters.sent++
    via.send(bytes, to)
  }

  #drop(reason: string): void {
    const { dropped } = this.counters
    dropped[reason] = (dropped[reason] ?? 0) + 1
  }
}
