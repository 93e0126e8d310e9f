/**
 * How many datagrams may cost us a curve operation, before we know who sent them: all that is known then is the source address, which
 * may be a lie.
 *
 *     from an endpoint that answered us lately   its own bucket, and no other
 *     from anywhere else                         the bucket of its /32 or /64, then the one of all strangers
 *
 * So a flood from one source leaves the others their share, and a flood from everywhere leaves those who proved themselves theirs. An
 * endpoint proves itself by answering a fresh challenge of ours, never by what it sends of itself: a replayed or forged datagram may
 * come from any address that somebody writes on it.
 */

import { Allowance } from '../../base/allowance.ts'
import { type Address, addressBytes, type Endpoint, familyOf, formatEndpoint } from '../../base/ip.ts'
import type { Time } from '../../base/time.ts'
import { budgets, provenFor, tables } from './constants.ts'
import { Recent } from './recent.ts'

/** @property rate a second @property burst how many at once */
export type Rate = { readonly rate: number; readonly burst: number }
export type Budgets = { readonly source: Rate; readonly strangers: Rate; readonly peer: Rate }

/** Which bucket was empty. */
export type Refusal = 'source budget' | 'strangers budget' | 'peer budget'

const bucketOf = ({ burst, rate }: Rate) => new Allowance(burst, rate)

type Proven = { readonly bucket: Allowance; until: Time }

export class Budget {
  readonly #rates: Budgets
  readonly #strangers: Allowance
  readonly #sources = new Recent<string, Allowance>(tables.sources)
  readonly #peers = new Recent<string, Proven>(tables.peers)

  constructor(rates: Budgets = budgets) {
    this.#rates = rates
    this.#strangers = bucketOf(rates.strangers)
  }

  /** Takes a token for a datagram, or says which bucket has none. */
  take(from: Endpoint, now: Time): Refusal | null {
    const peer = this.#peers.get(formatEndpoint(from))
    if (peer !== undefined && now < peer.until) return peer.bucket.take(now) ? null : 'peer budget'
    const source = sourceOf(from.host)
    let bucket = this.#sources.get(source)
    if (bucket === undefined) {
      bucket = bucketOf(this.#rates.source)
      this.#sources.set(source, bucket)
    }
    // the source first, so that one which floods does not empty the bucket of all
    if (!bucket.take(now)) return 'source budget'
    return this.#strangers.take(now) ? null : 'strangers budget'
  }

  /** `from` has answered a fresh challenge of ours. */
  prove(from: Endpoint, now: Time): void {
    const name = formatEndpoint(from)
    const known = this.#peers.get(name)
    if (known !== undefined) known.until = now + provenFor
    else this.#peers.set(name, { bucket: bucketOf(this.#rates.peer), until: now + provenFor })
  }

  /** Entries in use, for a look at the memory. */
  get size(): number {
    return this.#sources.size + this.#peers.size
  }
}

/** What one customer of a provider has: an IPv4 address, or an IPv6 /64 (RFC 6177 §2 gives no less). */
export function sourceOf(address: Address): string {
  return familyOf(address) === 4 ? address : String(addressBytes(address).subarray(0, 8))
}
