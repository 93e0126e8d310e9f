/**
 * The relay's side of relays: who has a port here, and between whom packets are forwarded.
 *
 *     HOME that wants a port, and got a lease   ──▶ a port, for as long as the lease
 *     BIND, no token or a wrong one             ──▶ prove, with a token              nothing is remembered
 *     BIND, its token                           ──▶ waiting for 60 s, or bound if the owner of that port has bound the sender's
 *
 * Two nodes that have bound each other's ports are connected: two legs, of which the driver is told. What matches no leg is dropped.
 * Tokens are those of the home's desk (`protocol/home/desk.ts`). Who stands where another one is bound, or is bound elsewhere himself, needs a
 * token that was given after that: so nothing that was sent before, and is sent again, moves a binding.
 */

import type { Crypto } from '../../base/crypto.ts'
import type { Endpoint } from '../../base/ip.ts'
import { second, type Time } from '../../base/time.ts'
import type { BoundState } from '../control/message.ts'
import type { Desk, Rank } from '../home/desk.ts'
import type { PublicKey } from '../identity/key.ts'
import { refusal, type Surroundings } from '../path/candidate.ts'
import { type Binding, Bindings } from './bindings.ts'
import * as limits from './constants.ts'
import type { GivenBinding, Leg, Legs, RelayOutput } from './events.ts'
import { type PortRange, Ports } from './ports.ts'

export type { GivenBinding, Leg, Legs, RelayOutput } from './events.ts'
export type { PortRange } from './ports.ts'

/** Whose packets this node forwards: nobody's, those of its network's members, or everybody's. */
export type RelayPolicy = 'never' | 'members' | 'anyone'

export type RelayDeskParts = {
  readonly crypto: Pick<Crypto, 'hash'>
  readonly tokens: Pick<Desk, 'token' | 'isToken'>
  /** Asked each time, as are the next two. */
  readonly rank: (key: PublicKey) => Rank
  readonly policy: () => RelayPolicy
  /** Its `own` has the addresses that others see, too, if those are not the machine's. */
  readonly around: () => Surroundings
  readonly range?: PortRange
}

export class RelayDesk {
  /** When `tick` is due. */
  wakeAt: Time = Number.POSITIVE_INFINITY
  readonly #parts: RelayDeskParts
  readonly #ports: Ports
  readonly #bindings = new Bindings()
  #serial = 0

  constructor(parts: RelayDeskParts) {
    this.#parts = parts
    this.#ports = new Ports(parts.crypto, parts.range ?? limits.portRange)
  }

  /**
   * A HOME that got its lease and wants a port. One that wants none does not matter: it may be an old one that somebody sends again,
   * so a port ends by its time.
   */
  lease(key: PublicKey, from: Endpoint, now: Time): { readonly port: number | null; readonly outputs: RelayOutput[] } {
    const outputs = this.tick(now)
    const port = this.#allows(key) ? this.#give(key, from, now, outputs) : null
    this.#sleep()
    return { port, outputs }
  }

  /** A BIND that came from there to that port. @param release it ends the binding */
  bind(
    key: PublicKey,
    from: Endpoint,
    port: number,
    token: Uint8Array | null,
    now: Time,
    release = false,
  ): { readonly bound: GivenBinding; readonly outputs: RelayOutput[] } {
    const outputs = this.tick(now)
    const { tokens } = this.#parts
    const round = this.#round(key, from, port)
    const answer = (state: BoundState, round = 0) => ({ state, token: tokens.token(key, from, now, round), seconds: 0 })
    let bound: GivenBinding
    if (this.#isLoop(from) || !this.#allows(key)) bound = answer('refused')
    else if (!tokens.isToken(token, key, from, now, round)) bound = answer('prove', round)
    else {
      const state = release ? this.#release(key, port, outputs) : this.#bind(key, from, port, now, outputs)
      const seconds = state === 'bound' || state === 'waiting' ? limits.bindingSeconds : 0
      bound = { ...answer(state), seconds }
    }
    this.#sleep()
    return { bound, outputs }
  }

  /** The driver cannot hold this port: its owner gets another one with its next lease. */
  lose(port: number, now: Time): RelayOutput[] {
    const outputs = this.tick(now)
    this.#ports.exclude(port)
    const owner = this.#ports.ownerOf(port)
    if (owner !== null) this.#close(owner, outputs)
    this.#sleep()
    return outputs
  }

  /** What has ended since. */
  tick(now: Time): RelayOutput[] {
    const outputs: RelayOutput[] = []
    for (let next = this.#bindings.first; next && next.until <= now; next = this.#bindings.first)
      this.#unbind(next, outputs)
    for (let next = this.#ports.first; next && next.until <= now; next = this.#ports.first)
      this.#close(next.key, outputs)
    this.#sleep()
    return outputs
  }

  /** Ends everything. */
  close(): RelayOutput[] {
    const outputs: RelayOutput[] = []
    for (let next = this.#ports.first; next; next = this.#ports.first) this.#close(next.key, outputs)
    this.#sleep()
    return outputs
  }

  /** Ports that are given, and bindings to them. Both have bounds. */
  get counts(): { readonly ports: number; readonly bindings: number } {
    return { ports: this.#ports.size, bindings: this.#bindings.size }
  }

  /** Whose the ports are. */
  guests(): { readonly key: PublicKey; readonly port: number; readonly rank: Rank }[] {
    return this.#ports.all.map(({ key, port, rank }) => ({ key, port, rank }))
  }

  #allows(key: PublicKey): boolean {
    const policy = this.#parts.policy()
    return policy === 'anyone' || (policy === 'members' && this.#parts.rank(key) === 'member')
  }

  /** What we send there comes back to us, or means somebody else wherever it is read. */
  #isLoop(from: Endpoint): boolean {
    const around = this.#parts.around()
    return refusal(from, around) !== null || around.own.some(({ address }) => address === from.host)
  }

  /** Which round a token must be of: one that began when what it would replace was bound. */
  #round(key: PublicKey, from: Endpoint, port: number): number {
    const inWay = this.#inWay(key, from, port)
    return Math.max(0, ...inWay.map(({ serial }) => serial))
  }

  /** Bindings that end if `key` is bound to this port from there: its own from elsewhere, another's from there. */
  #inWay(key: PublicKey, from: Endpoint, port: number): Binding[] {
    const [known, there] = [this.#bindings.get(key, port), this.#bindings.at(from, port)]
    return known === there ? [] : [known, there].filter(binding => binding !== null)
  }

  #give(key: PublicKey, from: Endpoint, now: Time, outputs: RelayOutput[]): number | null {
    const rank = this.#parts.rank(key)
    const room = this.#ports.room(key, from, rank)
    if (room === 'no') return null
    if (room !== 'yes') this.#close(room.key, outputs)
    const isNew = this.#ports.of(key) === null
    const port = this.#ports.give(key, from, rank, now)
    if (isNew && port !== null) outputs.push({ kind: 'open', port })
    return port
  }

  /** The sender receives what is sent to `from`. */
  #bind(key: PublicKey, from: Endpoint, port: number, now: Time, outputs: RelayOutput[]): BoundState {
    const owner = this.#ports.ownerOf(port)
    if (this.#ports.of(key) === null || owner === null) return 'absent'
    if (owner === key) return 'refused'
    const rank = this.#parts.rank(key)
    const known = this.#bindings.get(key, port)
    const room = known ? 'yes' : this.#bindings.room(key, rank)
    if (room === 'no') return 'full'
    if (room !== 'yes') this.#unbind(room, outputs)
    const inWay = this.#inWay(key, from, port)
    for (const other of inWay) this.#unbind(other, outputs)
    const stays = known !== null && inWay.length === 0
    if (!stays) this.#serial = (this.#serial + 1) >>> 0
    const until = now + limits.bindingSeconds * second
    const binding = { key, port, source: from, until, rank, serial: stays ? known.serial : this.#serial }
    this.#bindings.put(binding)
    const legs = this.#legs(binding)
    if (legs && !stays) outputs.push({ kind: 'connect', legs })
    return legs ? 'bound' : 'waiting'
  }

  #release(key: PublicKey, port: number, outputs: RelayOutput[]): BoundState {
    const known = this.#bindings.get(key, port)
    if (known) this.#unbind(known, outputs)
    return 'absent'
  }

  #unbind(binding: Binding, outputs: RelayOutput[]): void {
    const legs = this.#legs(binding)
    if (legs) outputs.push({ kind: 'disconnect', legs })
    this.#bindings.remove(binding)
  }

  #close(key: PublicKey, outputs: RelayOutput[]): void {
    const port = this.#ports.of(key)
    if (port === null) return
    for (const binding of this.#bindings.around(key, port)) this.#unbind(binding, outputs)
    this.#ports.take(key)
    outputs.push({ kind: 'close', port })
  }

  /** Of this binding and the one the other way, if there is one; always in the same order. */
  #legs(binding: Binding): Legs | null {
    const [own, owner] = [this.#ports.of(binding.key), this.#ports.ownerOf(binding.port)]
    const other = own !== null && owner !== null ? this.#bindings.get(owner, own) : null
    if (!other) return null
    const [a, b] = binding.port < other.port ? [binding, other] : [other, binding]
    return [legOf(a, b), legOf(b, a)]
  }

  #sleep(): void {
    const never = Number.POSITIVE_INFINITY
    this.wakeAt = Math.min(this.#ports.first?.until ?? never, this.#bindings.first?.until ?? never)
  }
}

const legOf = (a: Binding, b: Binding): Leg => ({ from: a.source, at: a.port, to: b.source, via: b.port })
