/**
 * One datagram that comes in two ways, over the socket and over the tap, is given on once. A sender may well say the same thing twice,
 * when the answer was lost, and then it must be heard twice. So copies are counted for each way, and one is new if no other way has
 * brought as many.
 */

import type { Endpoint } from '../../base/ip.ts'
import { second, type Time } from '../../base/time.ts'

export type Way = 'socket' | 'tap'

type Counts = { socket: number; tap: number; given: number }

/** Copies come within microseconds of each other; while we are busy, some wait longer. */
const remember = second
const most = 4096

export class Copies {
  #now = new Map<string, Counts>()
  #before = new Map<string, Counts>()
  #turned: Time = 0

  /** Is this the first copy? */
  isNew(way: Way, bytes: Uint8Array, from: Endpoint, now: Time): boolean {
    if (now - this.#turned > remember || this.#now.size >= most) {
      this.#before = this.#now
      this.#now = new Map()
      this.#turned = now
    }
    const key = `${from.host} ${from.port} ${bytes.length} ${hash(bytes)}`
    const counts = this.#now.get(key) ?? this.#before.get(key) ?? { socket: 0, tap: 0, given: 0 }
    this.#now.set(key, counts)
    counts[way]++
    if (counts[way] <= counts.given) return false
    counts.given++
    return true
  }
}

/** FNV-1a. Who could find two datagrams with one sum could only take the place of his own. */
function hash(bytes: Uint8Array): number {
  let sum = 0x811c9dc5
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193)
  return sum >>> 0
}
