/**
 * The records that this node holds for others, and the rules they come in by. kad-dht asks a validator only, for each record that
 * arrives; so the validator carries what a storer must remember:
 *
 * - a record is signed under its own place (`record.ts`), in time, and no larger than it may be;
 * - it is not older than the newest that this node has seen for the place, or replaying an old record would bring it back;
 * - each peer has room for a few places, and all together for some thousands. A full store keeps the records nearest to this node,
 *   which are those that look-ups ask it for.
 *
 * What is held survives a restart in the datastore; the places are read from there at the start.
 */

import { Record as KadRecord } from '@libp2p/kad-dht'
import type { Crypto } from '../../base/crypto.ts'
import type { Clock } from '../../os/clock.ts'
import { checkRecord, newer } from '../../protocol/directory/record.ts'

export const limits = {
  /** Places held for others: 768 bytes each at most. */
  places: 10_000,
  /** A node publishes one record for each of its networks. */
  placesOfPeer: 16,
  /** Places that are only remembered: seen in answers, not held. */
  seen: 4096,
} as const

/** A record in the datastore. `distance` is to our own id, the first 48 bits of it. */
type Held = { sequence: number; expires: number; own: boolean; from?: string; readonly distance: number }
type Head = { readonly sequence: number; readonly expires: number }

const keyPattern = /^\/wh\/([0-9a-f]{64})$/
const ascii = new TextDecoder('latin1')

/** `/wh/` and the place in hexadecimal: kad-dht reads a key as text, and takes what stands between the slashes for its kind. */
export function keyOfPlace(id: Uint8Array): Uint8Array {
  return new TextEncoder().encode(`/wh/${hex(id)}`)
}

const hex = (bytes: Uint8Array) => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
const unhex = (text: string) => Uint8Array.from(text.match(/../g) ?? [], two => Number.parseInt(two, 16))

export class RecordRefused extends Error {
  override readonly name = 'RecordRefused'
}

export type ValuesParts = {
  readonly clock: Clock
  readonly crypto: Pick<Crypto, 'verifyEd25519'>
  /** This node's place in the key space: SHA-256 of its PeerId. */
  readonly ourId: Uint8Array
  /** Called for each refusal. */
  readonly count: (reason: string) => void
  /** Instead of `limits.places`. */
  readonly places?: number
}

export class Values {
  readonly #clock: Clock
  readonly #verify: Crypto['verifyEd25519']
  readonly #count: (reason: string) => void
  readonly #ourId: Uint8Array
  readonly #places: number
  /** By the place in hexadecimal. */
  readonly #held = new Map<string, Held>()
  /** The newest that was valid, oldest look first. */
  readonly #seen = new Map<string, Head>()
  readonly #own = new Set<string>()

  constructor({ clock, crypto, ourId, count, places = limits.places }: ValuesParts) {
    this.#clock = clock
    this.#verify = crypto.verifyEd25519
    this.#ourId = ourId
    this.#count = count
    this.#places = places
  }

  /** Records held for others. */
  get size(): number {
    let own = 0
    for (const place of this.#own) if (this.#held.has(place)) own++
    return this.#held.size - own
  }

  /** The validator. @throws {RecordRefused} what it refuses is counted. */
  validate(key: Uint8Array, value: Uint8Array): Head {
    const place = readPlace(key)
    if (place === null) this.#refuse('record: not one of ours')
    const check = checkRecord(unhex(place), value, this.#clock.wall(), this.#verify)
    if (check.problem !== undefined) this.#refuse(`record: ${check.problem}`)
    const newest = Math.max(this.#held.get(place)?.sequence ?? -1, this.#seen.get(place)?.sequence ?? -1)
    if (check.ok.sequence < newest) this.#refuse('record: older')
    this.#remember(place, check.ok)
    return check.ok
  }

  /** The selector: which of several valid records is the best. */
  select(_key: Uint8Array, values: readonly Uint8Array[]): number {
    let best = 0
    for (let i = 1; i < values.length; i++) if (newer(values[i]!, values[best]!)) best = i
    return best
  }

  /** Our own record, which no other makes room for. @throws {RecordRefused} */
  adopt(id: Uint8Array, value: Uint8Array): void {
    this.validate(keyOfPlace(id), value)
    this.#own.add(hex(id))
  }

  /** The place that a peer wants to store a record under. @throws {RecordRefused} where it holds too many already. */
  checkPeer(peer: string, record: Uint8Array): string {
    const place = placeOf(record)
    if (place === null) this.#refuse('record: not one of ours')
    if (this.#held.get(place)?.from === peer) return place
    let places = 0
    for (const held of this.#held.values()) if (held.from === peer) places++
    if (places >= limits.placesOfPeer) this.#refuse('record: too many of one peer')
    return place
  }

  /** The peer's record has been stored there. */
  stored(peer: string, place: string): void {
    const held = this.#held.get(place)
    if (held) held.from = peer
  }

  /**
   * Takes what is about to be written into the datastore, and says which keys must go to make room.
   * @param bytes a record as kad-dht writes it
   * @throws {RecordRefused} where the validator has not seen it, or there is no room.
   */
  async take(bytes: Uint8Array): Promise<Uint8Array[]> {
    const { key } = KadRecord.deserialize(bytes)
    const place = readPlace(key)
    const head = place === null ? undefined : this.#seen.get(place)
    if (place === null || !head) this.#refuse('record: not checked')
    const distance = await this.#distanceOf(key)
    const leave = this.#held.has(place) || this.#own.has(place) ? [] : this.#makeRoom(distance)
    const from = this.#held.get(place)?.from
    this.#held.set(place, { ...head, own: this.#own.has(place), distance, ...(from === undefined ? {} : { from }) })
    return leave.map(other => keyOfPlace(unhex(other)))
  }

  /** A record that lay in the datastore at the start. `false`: it is of no more use there. */
  async restore(bytes: Uint8Array): Promise<boolean> {
    try {
      const { key, value } = KadRecord.deserialize(bytes)
      const place = readPlace(key)
      if (place === null || this.#held.size >= this.#places) return false
      const { ok } = checkRecord(unhex(place), value, this.#clock.wall(), this.#verify)
      if (ok) this.#held.set(place, { ...ok, own: false, distance: await this.#distanceOf(key) })
      return ok !== undefined
    } catch {
      return false
    }
  }

  /** May this record still be handed out? One that may not is forgotten. */
  isFresh(bytes: Uint8Array): boolean {
    const place = placeOf(bytes)
    const held = place === null ? undefined : this.#held.get(place)
    if (held && held.expires > this.#clock.wall()) return true
    if (place !== null) this.#held.delete(place)
    return false
  }

  #remember(place: string, head: Head): void {
    // the latest look goes to the end
    this.#seen.delete(place)
    if (this.#seen.size >= limits.seen) this.#seen.delete(this.#seen.keys().next().value!)
    this.#seen.set(place, head)
  }

  /** What leaves: everything that has expired, or else the place that is farthest from us. */
  #makeRoom(distance: number): string[] {
    if (this.#held.size < this.#places) return []
    const now = this.#clock.wall()
    const leave = [...this.#held].filter(([, held]) => held.expires <= now).map(([place]) => place)
    if (leave.length === 0) {
      let farthest: string | null = null
      let most = distance
      for (const [place, held] of this.#held) {
        if (held.own || held.distance <= most) continue
        farthest = place
        most = held.distance
      }
      if (farthest === null) this.#refuse('record: no room')
      leave.push(farthest)
    }
    for (const place of leave) this.#held.delete(place)
    return leave
  }

  async #distanceOf(key: Uint8Array): Promise<number> {
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', Uint8Array.from(key)))
    return hash.subarray(0, 6).reduce((sum, byte, i) => sum * 256 + (byte ^ this.#ourId[i]!), 0)
  }

  #refuse(reason: string): never {
    this.#count(reason)
    throw new RecordRefused(reason)
  }
}

/** The place of a key in hexadecimal, or `null` where the key is none of ours. */
function readPlace(key: Uint8Array): string | null {
  return keyPattern.exec(ascii.decode(key))?.[1] ?? null
}

/** The place of a record as kad-dht writes it, any bytes. */
function placeOf(record: Uint8Array): string | null {
  try {
    return readPlace(KadRecord.deserialize(record).key)
  } catch {
    return null
  }
}
