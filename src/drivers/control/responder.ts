/**
 * Answers the questions of others, each at most once and never with more bytes than came:
 *
 *     PING  → PONG with the source that we saw
 *     FIND  → RECORD with what `answerFind` has
 *     HOME  → LEASE  ┐ as the desk says;
 *     CALL  → CALLED ┘ and what a CALL carries is sent on as it is
 *     BIND  → BOUND as the relay's desk says, from the port that it came to
 *
 * What it cannot answer it drops and counts.
 */

import type { Address, Endpoint } from '../../base/ip.ts'
import type { Clock } from '../../os/clock.ts'
import { maxOpenFinds, tables } from '../../protocol/control/constants.ts'
import { type Message, transactionKey } from '../../protocol/control/message.ts'
import { Recent } from '../../protocol/control/recent.ts'
import type { Desk } from '../../protocol/home/desk.ts'
import type { PublicKey } from '../../protocol/identity/key.ts'
import type { RelayDesk, RelayOutput } from '../../protocol/relay/desk.ts'
import type { ControlPort } from './port.ts'

/** How a datagram leaves and where it came in: W, or a branch, or a reflector's port. */
export type Way = Pick<ControlPort, 'send'>

/** From where else this node can answer, so that others can tell what their NAT lets in. */
export type Reflecting = {
  otherPort(): Way | null
  /** From another address, to this one. */
  otherAddress(host: Address): Way | null
  /** For LEASEs. */
  other(asker: Address): { readonly port?: number; readonly address?: Address }
}

/** A relay, as its questions need it. */
export type Relaying = {
  readonly desk: Pick<RelayDesk, 'lease' | 'bind'>
  /** One of its ports; `null` where it does not hold it. */
  port(port: number): Way | null
  /** After each question: what its desk wants done, perhaps nothing. When the desk wants to wake may have changed, too. */
  act(outputs: readonly RelayOutput[]): void
}

/** A question that came. */
export type Asked = {
  readonly key: PublicKey
  readonly from: Endpoint
  /** Bytes of the whole datagram: no answer may be longer. */
  readonly length: number
  /** Absent: W. */
  readonly via: Way | undefined
}

type Answer = Message & { readonly type: 'pong' | 'record' | 'lease' | 'called' | 'bound' }

export type ResponderParts = {
  readonly clock: Clock
  readonly isOurs: (network: Uint8Array) => boolean
  readonly answerFind: (id: Uint8Array) => Uint8Array | null | undefined | Promise<Uint8Array | null>
  /** Seals an answer and sends it, if it is not too long. */
  readonly answer: (message: Answer, asked: Asked) => void
  /** Sends a datagram of others from W, as it is. */
  readonly passOn: (datagram: Uint8Array, to: Endpoint) => void
  readonly drop: (reason: string) => void
}

export class Responder {
  /** Absent: this node is no home. */
  desk: Desk | undefined
  /** Absent: this node has one port and one address. */
  reflect: Reflecting | undefined
  /** Absent: this node is no relay. */
  relay: Relaying | undefined
  readonly #parts: ResponderParts
  #findsOpen = 0
  /** CALLs that had a good token. One that comes again is none of the caller's, and shall not use up what he may call. */
  readonly #calls = new Recent<string, true>(tables.calls)

  constructor(
    parts: ResponderParts,
    {
      desk,
      reflect,
      relay,
    }: { desk?: Desk | undefined; reflect?: Reflecting | undefined; relay?: Relaying | undefined },
  ) {
    this.#parts = parts
    this.desk = desk
    this.reflect = reflect
    this.relay = relay
  }

  /** Entries of its table and of the desk's, which have bounds. */
  get size(): number {
    return this.#calls.size + (this.desk?.size ?? 0)
  }

  /** @returns whether it was answered */
  ping(message: Message & { type: 'ping' }, asked: Asked): boolean {
    const { transaction, network } = message
    const answered = this.#elsewhere(message, asked)
    if (typeof answered === 'string') {
      this.#parts.drop(answered)
      return false
    }
    const { clock, answer, isOurs } = this.#parts
    const sameNetwork = network && { sameNetwork: isOurs(network) }
    answer({ type: 'pong', transaction, observed: asked.from, clock: clock.wall(), ...sameNetwork }, answered)
    return true
  }

  async find({ transaction, id }: Message & { type: 'find' }, asked: Asked): Promise<void> {
    const { answerFind, answer, drop } = this.#parts
    if (this.#findsOpen >= maxOpenFinds) {
      drop('too many finds')
      return
    }
    this.#findsOpen++
    try {
      const record = (await answerFind(id)) ?? new Uint8Array(0)
      answer({ type: 'record', transaction, record }, asked)
    } catch {
      drop('find failed')
    } finally {
      this.#findsOpen--
    }
  }

  home({ transaction, token, relay: wants }: Message & { type: 'home' }, asked: Asked): void {
    const { clock, answer, drop } = this.#parts
    if (!this.desk) {
      drop('no home here')
      return
    }
    const lease = this.desk.home(asked.key, asked.from, token, clock.now())
    const other = this.reflect?.other(asked.from.host) ?? {}
    const relay = lease.state === 'leased' && wants ? this.#relayPort(asked) : null
    const seen = { observed: asked.from, clock: clock.wall(), other }
    answer({ type: 'lease', transaction, ...lease, ...seen, ...(relay !== null && { relay }) }, asked)
  }

  bind({ transaction, token, port, release }: Message & { type: 'bind' }, asked: Asked): void {
    const { clock, answer, drop } = this.#parts
    if (!this.relay) {
      drop('no relay here')
      return
    }
    const { bound, outputs } = this.relay.desk.bind(asked.key, asked.from, port, token, clock.now(), release)
    this.relay.act(outputs)
    // what came to W came to that port before, and only from there it passes the sender's NAT
    const via = this.relay.port(port) ?? asked.via
    answer({ type: 'bound', transaction, ...bound, observed: asked.from }, { ...asked, via })
  }

  call({ transaction, token, target, datagram }: Message & { type: 'call' }, asked: Asked): void {
    const { clock, answer, drop, passOn } = this.#parts
    if (!this.desk) {
      drop('no home here')
      return
    }
    const name = `${asked.key} ${transactionKey(transaction)}`
    if (this.#calls.get(name)) {
      drop('call heard before')
      return
    }
    const { state, to } = this.desk.call(asked.key, asked.from, token, target, clock.now())
    if (state !== 'prove') this.#calls.set(name, true)
    if (to) passOn(datagram, to)
    answer({ type: 'called', transaction, state }, asked)
  }

  #relayPort({ key, from }: Asked): number | null {
    if (!this.relay) return null
    const { port, outputs } = this.relay.desk.lease(key, from, this.#parts.clock.now())
    this.relay.act(outputs)
    return port
  }

  /** Where a PONG goes, and by which way, or why there is none. */
  #elsewhere(message: Message & { type: 'ping' }, asked: Asked): Asked | string {
    const { answerTo, changeAddress, changePort } = message
    let { from, via } = asked
    if (answerTo) {
      const { token, endpoint } = answerTo
      if (!this.desk) return 'no home here'
      if (!this.desk.isToken(token, asked.key, endpoint, this.#parts.clock.now())) return 'token'
      from = endpoint
    }
    if (changeAddress || changePort) {
      const other = changeAddress ? this.reflect?.otherAddress(from.host) : this.reflect?.otherPort()
      if (!other) return changeAddress ? 'no other address here' : 'no other port here'
      via = other
    }
    return { ...asked, from, via }
  }
}
