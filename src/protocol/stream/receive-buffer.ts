/**
 * Bytes as they come in, in any order and any number of times; read in order, once. The peer may send up to `limit`, which is
 * a window ahead of the reader: a reader who stops reading stops the sender (RFC 9000 §4). The window doubles while the reader
 * empties it faster than limits can travel.
 */

import type { Time } from '../../base/time.ts'
import { initialWindow, maxWindow } from './constants.ts'

type Chunk = { readonly offset: number; readonly bytes: Uint8Array }

/** Neighbours no larger than this together become one, so that small writes do not cost an object each. */
const mergeBelow = 2048

export type Received = 'taken' | 'violation' | 'full'

export class ReceiveBuffer {
  /** Ascending, never overlapping; none before `#read`. */
  readonly #chunks: Chunk[] = []
  #read = 0
  /** Where the bytes end that have none missing before them. */
  #contiguous = 0
  #highest = 0
  #size: number | undefined
  #window = initialWindow
  #limit = initialWindow
  #raisedAt: Time = Number.NEGATIVE_INFINITY

  /** The offset that the peer may not pass. */
  get limit(): number {
    return this.#limit
  }

  /** Everything was read, the end included. */
  get done(): boolean {
    return this.#read === this.#size
  }

  /** Whether everything came, read or not. */
  get complete(): boolean {
    return this.#contiguous === this.#size
  }

  /**
   * Takes a piece of the stream. 'violation': it passes the limit, or contradicts the stream's end. 'full': too many gaps; the packet
   * counts as lost.
   */
  add(offset: number, bytes: Uint8Array, fin: boolean): Received {
    const end = offset + bytes.length
    if (end > this.#limit || end > (this.#size ?? Number.POSITIVE_INFINITY)) return 'violation'
    if (fin && (end < this.#highest || (this.#size ?? end) !== end)) return 'violation'
    if (offset > this.#contiguous && this.#chunks.length >= 16 + this.#window / 512) return 'full'
    if (fin) this.#size = end
    const inOrder = offset === this.#contiguous && offset === this.#highest
    this.#highest = Math.max(this.#highest, end)
    if (inOrder) this.#append({ offset, bytes })
    else this.#insert(offset, bytes)
    return 'taken'
  }

  /** The next bytes in order, or `null`. */
  read(): Uint8Array | null {
    const first = this.#chunks[0]
    if (!first || first.offset !== this.#read) return null
    this.#chunks.shift()
    this.#read += first.bytes.length
    return first.bytes
  }

  /** Whether the peer should learn a new limit: the reader is a quarter of a window further. */
  get raisable(): boolean {
    return this.#size === undefined && this.#limit - this.#read <= 0.75 * this.#window
  }

  /** The limit, raised where that is time, and the window with it where the last raise was less than two RTTs ago. */
  raise(now: Time, rtt: number): number {
    if (!this.raisable) return this.#limit
    if (now - this.#raisedAt < 2 * rtt) this.#window = Math.min(2 * this.#window, maxWindow)
    this.#raisedAt = now
    this.#limit = Math.max(this.#limit, this.#read + this.#window)
    return this.#limit
  }

  /** What comes in order, which is nearly everything. */
  #append(chunk: Chunk): void {
    if (chunk.bytes.length === 0) return
    this.#contiguous += chunk.bytes.length
    const last = this.#chunks.at(-1)
    if (last && last.bytes.length + chunk.bytes.length <= mergeBelow) {
      const bytes = new Uint8Array(last.bytes.length + chunk.bytes.length)
      bytes.set(last.bytes)
      bytes.set(chunk.bytes, last.bytes.length)
      this.#chunks[this.#chunks.length - 1] = { offset: last.offset, bytes }
    } else {
      this.#chunks.push(chunk)
    }
  }

  /** Keeps those parts that no chunk has yet. */
  #insert(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length
    let from = Math.max(offset, this.#read)
    let at = this.#chunks.length
    while (at > 0 && endOf(this.#chunks[at - 1]!) > from) at--
    while (from < end) {
      const next = this.#chunks[at]
      const to = next ? Math.min(end, next.offset) : end
      if (to > from) {
        this.#chunks.splice(at, 0, { offset: from, bytes: bytes.subarray(from - offset, to - offset) })
        at++
      }
      if (!next) break
      from = Math.max(from, endOf(next))
      at++
    }
    for (const chunk of this.#chunks) {
      if (chunk.offset > this.#contiguous) break
      this.#contiguous = Math.max(this.#contiguous, endOf(chunk))
    }
  }
}

const endOf = ({ offset, bytes }: Chunk) => offset + bytes.length
