/**
 * Whose announcement is it? That takes one hash for each key that we know, 10 000 perhaps, so it is done only as often as we
 * can afford, a few keys at a time, and first with the key that the same place had the last time.
 *
 *     heard ──▶ the key of that place? ──no──▶ asked for that place lately? ──no──▶ queue ──▶ all keys, in steps
 *
 * Every table is bounded, and a stranger who floods the link fills only the queue.
 */

import { utf8ToBytes } from '@noble/hashes/utils.js'
import type { Crypto } from '../../base/crypto.ts'
import { type Address, type Endpoint, formatEndpoint } from '../../base/ip.ts'
import { minute, type Time } from '../../base/time.ts'
import type { PublicKey } from '../identity/key.ts'
import { type Announcement, decodeAnnouncement, isFrom, type LanKey, lanKey } from './announcement.ts'

/** Keys tried in one step: 128 hashes of 5 µs hold nobody up. */
export const keysPerStep = 128

/** Announcements that wait. */
export const queueLimit = 64

/** Places that are remembered, known and unknown ones each. */
const placesLimit = 1_024

/** A place whose announcement was nobody's is not asked again for so long, ms. Others' networks share the link, and we the group. */
export const strangerRest = 10 * minute

export type Recognized = { readonly key: PublicKey; readonly endpoint: Endpoint }

export class Recognizer {
  readonly #crypto: Crypto
  readonly #namespace: Uint8Array
  #keys: readonly { readonly key: PublicKey; readonly lan: LanKey }[] = []
  readonly #known = new Map<string, { readonly key: PublicKey; readonly lan: LanKey }>()
  readonly #strangers = new Map<string, Time>()
  readonly #queue: {
    readonly from: Address
    readonly place: string
    readonly announcement: Announcement
    next: number
  }[] = []
  readonly dropped: Record<'malformed' | 'stranger' | 'too many', number> = { malformed: 0, stranger: 0, 'too many': 0 }

  constructor(crypto: Crypto, namespace: string) {
    this.#crypto = crypto
    this.#namespace = utf8ToBytes(namespace)
  }

  /** Those whose announcements shall be understood. */
  set(keys: readonly PublicKey[]): void {
    const before = new Map(this.#keys.map(({ key, lan }) => [key, lan]))
    this.#keys = keys.map(key => ({ key, lan: before.get(key) ?? lanKey(this.#crypto, key) }))
    const wanted = new Set(keys)
    for (const [place, { key }] of this.#known) if (!wanted.has(key)) this.#known.delete(place)
    // one of the strangers may be a member now
    if (keys.some(key => !before.has(key))) this.#strangers.clear()
    for (const waiting of this.#queue) waiting.next = 0
  }

  /** @returns the sender, where this place had the same key the last time; otherwise `step` may find it. */
  hear(bytes: Uint8Array, from: Address, now: Time): Recognized | null {
    const announcement = decodeAnnouncement(bytes)
    if (!announcement) {
      this.dropped.malformed += 1
      return null
    }
    const endpoint = { host: from, port: announcement.port }
    const place = formatEndpoint(endpoint)
    const known = this.#known.get(place)
    if (known && isFrom(this.#crypto, announcement, known.lan, this.#namespace)) return { key: known.key, endpoint }
    if (now - (this.#strangers.get(place) ?? Number.NEGATIVE_INFINITY) < strangerRest) {
      this.dropped.stranger += 1
    } else if (this.#queue.length >= queueLimit || this.#queue.some(waiting => waiting.place === place)) {
      this.dropped['too many'] += 1
    } else {
      this.#queue.push({ from, place, announcement, next: 0 })
    }
    return null
  }

  /** Something waits for `step`. */
  get busy(): boolean {
    return this.#queue.length > 0
  }

  /** Tries the next few keys. @returns the sender, once it is found */
  step(now: Time): Recognized | null {
    const waiting = this.#queue[0]
    if (!waiting) return null
    const { announcement, place, from } = waiting
    const some = this.#keys.slice(waiting.next, waiting.next + keysPerStep)
    waiting.next += keysPerStep
    const sender = some.find(({ lan }) => isFrom(this.#crypto, announcement, lan, this.#namespace))
    if (!sender && waiting.next < this.#keys.length) return null
    this.#queue.shift()
    if (!sender) {
      remember(this.#strangers, place, now)
      this.dropped.stranger += 1
      return null
    }
    remember(this.#known, place, sender)
    return { key: sender.key, endpoint: { host: from, port: announcement.port } }
  }
}

function remember<T>(places: Map<string, T>, place: string, value: T): void {
  places.delete(place)
  places.set(place, value)
  if (places.size > placesLimit) places.delete(places.keys().next().value!)
}
