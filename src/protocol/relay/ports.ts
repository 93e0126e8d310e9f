/**
 * Who has which port of a relay, and until when. A port follows from its owner's key, so that it is the same one after a restart of the
 * relay, when records that name it are still about; where another one has it, the next free one is taken. That anybody can search for
 * a key with the same port as another's does no harm: who comes second gets the next one, and all he is told is its number.
 */

import type { Crypto } from '../../base/crypto.ts'
import type { Endpoint } from '../../base/ip.ts'
import { second, type Time } from '../../base/time.ts'
import { sourceOf } from '../control/budget.ts'
import { leaseSeconds } from '../home/constants.ts'
import type { Rank } from '../home/desk.ts'
import { type PublicKey, publicKeyBytes } from '../identity/key.ts'
import * as limits from './constants.ts'

export type PortRange = { readonly first: number; readonly last: number }

export type GivenPort = {
  readonly key: PublicKey
  readonly port: number
  readonly until: Time
  readonly rank: Rank
  readonly source: string
}

export class Ports {
  readonly #crypto: Pick<Crypto, 'hash'>
  readonly #range: PortRange
  /** The longest not refreshed first, so the one that ends first. */
  readonly #given = new Map<PublicKey, GivenPort>()
  readonly #owners = new Map<number, PublicKey>()
  /** Others on this machine have them. */
  readonly #unusable = new Set<number>()

  constructor(crypto: Pick<Crypto, 'hash'>, range: PortRange) {
    this.#crypto = crypto
    this.#range = range
  }

  get size(): number {
    return this.#given.size
  }

  /** The one that ends first. */
  get first(): GivenPort | null {
    for (const given of this.#given.values()) return given
    return null
  }

  get all(): readonly GivenPort[] {
    return [...this.#given.values()]
  }

  /** The port of a key. */
  of(key: PublicKey): number | null {
    return this.#given.get(key)?.port ?? null
  }

  ownerOf(port: number): PublicKey | null {
    return this.#owners.get(port) ?? null
  }

  /** Gives `key` a port, or the one that it has for longer; for whom there is `room`. `null` where none is left. */
  give(key: PublicKey, from: Endpoint, rank: Rank, now: Time): number | null {
    const known = this.#given.get(key)
    const port = known?.port ?? this.#freePort(key)
    if (port === null) return null
    this.#given.delete(key)
    const until = now + leaseSeconds * second
    this.#given.set(key, { key, port, until, rank, source: sourceOf(from.host) })
    this.#owners.set(port, key)
    return port
  }

  /**
   * May `key` have a port? `yes`, `no`, or whose it must be taken from: a member gets that of the stranger who was not heard for
   * longest. Strangers of one source get so many and no more.
   */
  room(key: PublicKey, from: Endpoint, rank: Rank): 'yes' | 'no' | GivenPort {
    if (this.#given.has(key)) return 'yes'
    const { first, last } = this.#range
    const isFull = this.#given.size >= Math.min(limits.portsAtOnce, last - first + 1 - this.#unusable.size)
    if (rank === 'member' && !isFull) return 'yes'
    const strangers = [...this.#given.values()].filter(given => given.rank === 'stranger')
    if (rank === 'member') return strangers[0] ?? 'no'
    const source = sourceOf(from.host)
    const ofSource = strangers.filter(given => given.source === source).length
    return isFull || ofSource >= limits.portsPerSource ? 'no' : 'yes'
  }

  take(key: PublicKey): void {
    const given = this.#given.get(key)
    if (!given) return
    this.#given.delete(key)
    this.#owners.delete(given.port)
  }

  /** It is given to nobody any more. */
  exclude(port: number): void {
    if (port >= this.#range.first && port <= this.#range.last) this.#unusable.add(port)
  }

  #freePort(key: PublicKey): number | null {
    const { first, last } = this.#range
    const count = last - first + 1
    const hash = this.#crypto.hash(publicKeyBytes(key))
    const start = new DataView(hash.buffer, hash.byteOffset).getUint32(0) % count
    for (let i = 0; i < count; i++) {
      const port = first + ((start + i) % count)
      if (!this.#owners.has(port) && !this.#unusable.has(port)) return port
    }
    return null
  }
}
