/**
 * The records that this node holds: its own, and the newest one of each member. A record is signed and numbered, so it does not
 * matter who hands it over: a boot node, the directory, another member, or the member itself.
 */

import { equalBytes } from '../base/bytes.ts'
import type { Crypto } from '../base/crypto.ts'
import type { WallTime } from '../base/time.ts'
import { pathOf } from '../protocol/directory/blind.ts'
import { type NodeRecord, openRecordAt, type Place, placeOf } from '../protocol/directory/record.ts'
import type { PublicKey } from '../protocol/identity/key.ts'

export type Held = { readonly record: NodeRecord; readonly value: Uint8Array }

/** `problem` is a word of `openRecord`, or `older`: we hold a newer one. */
export type Learnt =
  | { readonly held: Held; readonly problem?: undefined }
  | { readonly held?: undefined; readonly problem: string }

export class Records {
  readonly #crypto: Crypto
  readonly #namespace: string
  readonly #limit: number
  readonly #held = new Map<PublicKey, Held>()
  readonly #places = new Map<PublicKey, Place>()
  readonly #byId = new Map<string, PublicKey>()
  /** Refused records by reason. */
  readonly refused: Record<string, number> = {}

  /** @param limit beyond that many, those make room that were handed over longest ago */
  constructor(crypto: Crypto, namespace: string, limit = Number.POSITIVE_INFINITY) {
    this.#crypto = crypto
    this.#namespace = namespace
    this.#limit = limit
  }

  /** Where a key's record stands in the directory. A point multiplication the first time, so it is kept. */
  place(key: PublicKey): Place {
    let place = this.#places.get(key)
    if (!place) {
      place = placeOf(key, this.#namespace)
      this.#places.set(key, place)
      this.#byId.set(place.path, key)
    }
    return place
  }

  get(key: PublicKey): Held | undefined {
    return this.#held.get(key)
  }

  all(): ReadonlyMap<PublicKey, Held> {
    return this.#held
  }

  /** Takes a record of `key` if it is valid, and newer than the one that is held. */
  learn(key: PublicKey, value: Uint8Array, now: WallTime): Learnt {
    const before = this.#held.get(key)
    // the same one again is what everybody hands over all the time
    if (before && equalBytes(before.value, value)) {
      this.#keep(key, before)
      return { problem: 'known' }
    }
    const opened = openRecordAt(this.#crypto, this.place(key), value, now)
    if (opened.ok === undefined) {
      // strangers shall not fill the tables with what is no record
      if (!before) this.forget(key)
      return this.refuse(opened.problem)
    }
    if (before && before.record.sequence >= opened.ok.sequence) return this.refuse('older')
    const held = { record: opened.ok, value }
    this.#keep(key, held)
    return { held }
  }

  /** As the youngest. */
  #keep(key: PublicKey, held: Held): void {
    this.#held.delete(key)
    this.#held.set(key, held)
    if (this.#held.size > this.#limit) this.forget(this.#held.keys().next().value!)
  }

  /** The held record at a place, for those who ask; none that has expired. */
  at(id: Uint8Array, now: WallTime): Uint8Array | null {
    const key = this.#byId.get(pathOf(id))
    const held = key && this.#held.get(key)
    return held && held.record.expires > now ? held.value : null
  }

  forget(key: PublicKey): void {
    this.#held.delete(key)
    const place = this.#places.get(key)
    if (place) this.#byId.delete(place.path)
    this.#places.delete(key)
  }

  /** Counts. */
  refuse(problem: string): Learnt {
    this.refused[problem] = (this.refused[problem] ?? 0) + 1
    return { problem }
  }
}
