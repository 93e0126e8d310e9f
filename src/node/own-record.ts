/**
 * Our own record: where we are, signed. Its sequence number only grows, over restarts too: it is remembered, and never less than the
 * clock, so that a node that lost its memory is believed again.
 */

import type { Crypto } from '../base/crypto.ts'
import { hour, second, type WallTime } from '../base/time.ts'
import type { Random } from '../os/random.ts'
import { type NodeRecord, signRecord } from '../protocol/directory/record.ts'
import type { PrivateKey } from '../protocol/identity/key.ts'

/** Long enough that a network asleep over night still knows itself, short enough that dead addresses go. */
const lifetime = 24 * hour
/** Signed anew in good time before it expires. */
const renewBefore = 12 * hour

export type Content = Omit<NodeRecord, 'sequence' | 'expires'>

export class OwnRecord {
  readonly #crypto: Crypto
  readonly #random: Random
  readonly #privateKey: PrivateKey
  readonly #namespace: string
  #sequence: number
  #content: Content = { endpoints: [], homes: [], nat: 'unknown' }
  #expires: WallTime = 0
  #value: Uint8Array | null = null

  /** @param sequence the last one that was ever used */
  constructor(crypto: Crypto, random: Random, privateKey: PrivateKey, namespace: string, sequence: number) {
    this.#crypto = crypto
    this.#random = random
    this.#privateKey = privateKey
    this.#namespace = namespace
    this.#sequence = sequence
  }

  get sequence(): number {
    return this.#sequence
  }

  get content(): Content {
    return this.#content
  }

  /** As it goes to others; `null` until there is an endpoint to tell. */
  get value(): Uint8Array | null {
    return this.#value
  }

  /** Others hold a record of ours with this number: the next one has a higher one, and is due now. */
  outbid(sequence: number): void {
    this.#sequence = Math.max(this.#sequence, sequence)
    this.#expires = 0
  }

  /** The same content signed again, where the record will expire soon. @returns whether it was */
  renew(now: WallTime): boolean {
    return this.update(this.#content, now)
  }

  /** A new record where the content differs from the last one's, or that will expire soon. @returns whether there is one. */
  update(content: Content, now: WallTime): boolean {
    const same = JSON.stringify(content) === JSON.stringify(this.#content)
    const left = this.#expires - now
    // more than a lifetime is left where the clock was ahead when it was signed: nobody else takes such a record
    if (content.endpoints.length === 0 || (same && left > renewBefore && left <= lifetime)) return false
    this.#content = content
    this.#sequence = Math.max(this.#sequence + 1, Math.floor(now / second))
    this.#expires = now + lifetime
    const record = { sequence: this.#sequence, expires: this.#expires, ...content }
    this.#value = signRecord(this.#crypto, this.#privateKey, this.#namespace, record, count =>
      this.#random.bytes(count),
    )
    return true
  }
}
