/**
 * Bytes on their way out: written, sent, acknowledged.
 *
 *      0 ··· acknowledged, gone | under way, some acknowledged, some lost | waiting, at most 64 kB | the end
 *            #base                                                  #next                   #written
 *
 * The end of the stream counts as one more byte behind the last, so that it is sent, lost and acknowledged like any other.
 */

import { sendBuffer } from './constants.ts'
import { RangeSet } from './range-set.ts'

/** A part of the stream; with `fin`, its end stands behind it. */
export type Piece = { readonly offset: number; readonly length: number; readonly fin: boolean }

const smallest = 4096

export class SendBuffer {
  /** The bytes from `#base` to `#written`, each at its offset modulo the length, which is a power of two. */
  #ring = new Uint8Array()
  #base = 0
  #next = 0
  #written = 0
  #ended = false
  readonly #acknowledged = new RangeSet()
  readonly #lost = new RangeSet()
  /** The offset up to which the peer lets us send. */
  limit: number

  constructor(limit: number) {
    this.limit = limit
  }

  /** How many bytes `write` takes now. */
  get room(): number {
    return this.#ended ? 0 : Math.max(0, sendBuffer - (this.#written - this.#next))
  }

  /** Everything, the end included, was acknowledged. */
  get done(): boolean {
    return this.#ended && this.#base > this.#written
  }

  get ended(): boolean {
    return this.#ended
  }

  /** The offset behind the last byte written. */
  get written(): number {
    return this.#written
  }

  /** Bytes that a packet could carry now; the end counts as one. */
  get sendable(): number {
    const lost = this.#lost.first()
    if (lost) return lost.to - lost.from
    const allowed = Math.max(0, Math.min(this.#written, this.limit) - this.#next)
    return allowed === 0 && this.#next === this.#written && this.#ended ? 1 : allowed
  }

  /** Copies as much as there is room for, and returns how much that was. */
  write(bytes: Uint8Array): number {
    const taken = Math.min(bytes.length, this.room)
    if (taken === 0) return 0
    this.#reserve(this.#written + taken - this.#base)
    this.#put(taken === bytes.length ? bytes : bytes.subarray(0, taken), this.#written)
    this.#written += taken
    return taken
  }

  end(): void {
    this.#ended = true
  }

  /** The next piece to send, of at most `most` bytes: what was lost first. It counts as sent. */
  take(most: number): Piece | null {
    const lost = this.#lost.first()
    const from = lost?.from ?? this.#next
    const to = lost?.to ?? Math.min(this.#written, this.limit) + (this.#ended && this.limit >= this.#written ? 1 : 0)
    const length = Math.max(0, Math.min(to, this.#written, from + most) - from)
    const fin = this.#ended && from + length === this.#written && to > this.#written
    if (length === 0 && !fin) return null
    const end = from + length + (fin ? 1 : 0)
    if (lost) this.#lost.remove(from, end)
    else this.#next = end
    return { offset: from, length, fin }
  }

  copy({ offset, length }: Piece, target: Uint8Array, at: number): void {
    if (length === 0) return
    const start = offset & (this.#ring.length - 1)
    const head = Math.min(length, this.#ring.length - start)
    target.set(this.#ring.subarray(start, start + head), at)
    if (head < length) target.set(this.#ring.subarray(0, length - head), at + head)
  }

  acknowledged({ offset, length, fin }: Piece): void {
    const end = offset + length + (fin ? 1 : 0)
    this.#lost.remove(offset, end)
    if (offset > this.#base) {
      this.#acknowledged.add(offset, end)
      return
    }
    this.#base = Math.max(this.#base, end)
    for (let first = this.#acknowledged.first(); first && first.from <= this.#base; ) {
      this.#base = Math.max(this.#base, first.to)
      this.#acknowledged.remove(first.from, first.to)
      first = this.#acknowledged.first()
    }
    if (this.#base >= this.#written) this.#ring = new Uint8Array()
  }

  /** To be sent again, except for what another packet brought there. */
  lost({ offset, length, fin }: Piece): void {
    const end = offset + length + (fin ? 1 : 0)
    this.#lost.add(Math.max(offset, this.#base), end)
    for (const { from, to } of this.#acknowledged.ranges) this.#lost.remove(from, to)
  }

  #reserve(size: number): void {
    if (size <= this.#ring.length) return
    const held: Piece = { offset: this.#base, length: this.#written - this.#base, fin: false }
    const bytes = new Uint8Array(held.length)
    this.copy(held, bytes, 0)
    this.#ring = new Uint8Array(Math.max(smallest, 2 ** Math.ceil(Math.log2(size))))
    this.#put(bytes, this.#base)
  }

  #put(bytes: Uint8Array, offset: number): void {
    const start = offset & (this.#ring.length - 1)
    const head = Math.min(bytes.length, this.#ring.length - start)
    this.#ring.set(bytes.subarray(0, head), start)
    if (head < bytes.length) this.#ring.set(bytes.subarray(head), 0)
  }
}
