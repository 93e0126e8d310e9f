/**
 * The order of work for a datagram that came in, cheapest first. Whatever fails is dropped without an answer, and counted.
 *
 *     length → check → budget → es, one curve operation → sender's key → work → ss, cached → body → message
 *     free     5 µs    1 µs     60 µs                     free           10 µs, cached       20 µs
 *
 * Members and boot nodes of the file (`exempt`) need no work. Whoever has too little is dropped before a second curve operation is
 * spent on him. What is remembered of a key is its work and the secret that we share with it, in tables of fixed size.
 */

import type { Crypto, DhKey } from '../../base/crypto.ts'
import { type Endpoint, parseAddress } from '../../base/ip.ts'
import type { Time } from '../../base/time.ts'
import { type PrivateKey, type PublicKey, publicKeyBytes, publicKeyOf } from '../identity/key.ts'
import { workbitOf } from '../identity/workbit.ts'
import { Budget, type Budgets, type Refusal } from './budget.ts'
import { formats, tables } from './constants.ts'
import { claimDatagram, fits, passesCheck, type Receiver, receiverOf, sealDatagram } from './datagram.ts'
import { decodeMessage, encodeMessage, type Message, type NoMessage } from './message.ts'
import { Recent } from './recent.ts'

/**
 * Why a datagram was dropped. `source address`: not one we could answer to. `not for us`: `e` of low order, or `s` does not open.
 * `own key`: sealed with our own key, so by ourselves. `bad key`: not how a public key is written, or of low order. `forged`: the sender does not have
 * the key that he names.
 */
export type Drop =
  | 'length'
  | 'source address'
  | 'check'
  | Refusal
  | 'not for us'
  | 'own key'
  | 'bad key'
  | 'workbit'
  | 'forged'
  | NoMessage

export type Opened = { readonly message: Message; readonly key: PublicKey }

export type DoorOptions = {
  readonly crypto: Crypto
  readonly privateKey: PrivateKey
  readonly namespace: string
  /** Zero bits that a stranger's key must have. */
  readonly workbit: number
  /** Whose key needs no work. Asked for each datagram, so the answer may change. */
  readonly exempt?: (key: PublicKey) => boolean
  /** Whose key is over, whatever its work. */
  readonly banned?: ((key: PublicKey) => boolean) | undefined
  readonly budgets?: Budgets
}

export class Door {
  readonly publicKey: PublicKey
  /** Datagrams dropped, by reason. */
  readonly dropped: { [reason in Drop]?: number } = {}
  readonly #options: DoorOptions
  readonly #crypto: Crypto
  readonly #own: DhKey
  readonly #self: Receiver
  readonly #budget: Budget
  /** Work of keys. */
  readonly #work = new Recent<PublicKey, number>(tables.keys)
  /** ss with keys that have enough work; `null` for one of low order. */
  readonly #secrets = new Recent<PublicKey, Uint8Array | 'low order'>(tables.keys)
  readonly #receivers = new Recent<PublicKey, Receiver>(tables.receivers)

  constructor(options: DoorOptions) {
    this.#options = options
    this.#crypto = options.crypto
    this.#own = options.crypto.dhKey(options.privateKey.scalar())
    this.publicKey = options.privateKey.publicKey()
    this.#self = receiverOf(options.crypto, publicKeyBytes(this.publicKey))
    this.#budget = new Budget(options.budgets)
  }

  /** Opens a datagram of format 1 or 4, or drops it. */
  open(bytes: Uint8Array, from: Endpoint, now: Time): Opened | null {
    const opened = this.#open(bytes, from, now)
    if (typeof opened !== 'string') return opened
    this.dropped[opened] = (this.dropped[opened] ?? 0) + 1
    return null
  }

  #open(bytes: Uint8Array, from: Endpoint, now: Time): Opened | Drop {
    if (!fits(bytes)) return 'length'
    if (!passesCheck(this.#crypto, this.#self, bytes)) return 'check'
    if (from.port === 0 || parseAddress(from.host) !== from.host) return 'source address'
    const refusal = this.#budget.take(from, now)
    if (refusal !== null) return refusal
    const claimed = claimDatagram(this.#crypto, this.#self, this.#own, bytes)
    if (claimed === null) return 'not for us'
    if (!isCanonical(claimed.sender)) return 'bad key'
    const key = publicKeyOf(claimed.sender)
    if (key === this.publicKey) return 'own key'
    if (!this.admits(key)) return 'workbit'
    const ss = this.#secretWith(key, claimed.sender)
    if (ss === null) return 'bad key'
    const body = claimed.open(ss)
    if (body === null) return 'forged'
    const message = decodeMessage(body)
    return typeof message === 'string' ? message : { message, key }
  }

  /** Does this key have enough work, or need none? */
  admits(key: PublicKey): boolean {
    if (this.#options.banned?.(key)) return false
    if (this.#options.exempt?.(key)) return true
    let work = this.#work.get(key)
    if (work === undefined) {
      work = workbitOf(key, this.#options.namespace)
      this.#work.set(key, work)
    }
    return work >= this.#options.workbit
  }

  /** `from` has answered a fresh challenge of ours, so a flood of strangers shall not starve it. */
  prove(from: Endpoint, now: Time): void {
    this.#budget.prove(from, now)
  }

  /** A datagram for `to`, or `null` where its key is of low order, or our own. */
  seal(message: Message, to: PublicKey): Uint8Array | null {
    if (to === this.publicKey) return null
    let receiver = this.#receivers.get(to)
    if (receiver === undefined) {
      receiver = receiverOf(this.#crypto, publicKeyBytes(to))
      this.#receivers.set(to, receiver)
    }
    const ss = this.#secretWith(to, receiver.publicKey)
    if (ss === null) return null
    const ephemeral = this.#crypto.generateDhKey()
    const format = message.type === 'bind' ? formats.bind : formats.sealed
    return sealDatagram(this.#crypto, this.#self.publicKey, receiver, ss, ephemeral, encodeMessage(message), format)
  }

  /** Entries of all tables, which have bounds. */
  get size(): number {
    return this.#budget.size + this.#work.size + this.#secrets.size + this.#receivers.size
  }

  #secretWith(key: PublicKey, bytes: Uint8Array): Uint8Array | null {
    let secret = this.#secrets.get(key)
    if (secret === undefined) {
      secret = this.#crypto.dh(this.#own, bytes) ?? 'low order'
      this.#secrets.set(key, secret)
    }
    return secret === 'low order' ? null : secret
  }
}

/**
 * Is it the one way to write this number, below 2^255 - 19? X25519 takes others too (RFC 7748 §5), and with them one private key would
 * pass for several public ones.
 */
function isCanonical(key: Uint8Array): boolean {
  if (key[31]! < 0x7f) return true
  if (key[31]! > 0x7f) return false
  return key[0]! < 0xed || !key.subarray(1, 31).every(byte => byte === 0xff)
}
