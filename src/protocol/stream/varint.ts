/**
 * Whole numbers in 1, 2, 4 or 8 bytes; the first two bits say which (RFC 9000 §16). Here at most 2^53 - 1, which is what a
 * JavaScript number holds exactly.
 */

/** Reads from the front of bytes. After a read that failed `failed` is true, and every value is 0. */
export class Reader {
  readonly #bytes: Uint8Array
  #at = 0
  failed = false

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  varint(): number {
    const bytes = this.#bytes
    const first = bytes[this.#at]
    if (first === undefined) return this.#fail()
    const size = 1 << (first >> 6)
    if (size > this.left) return this.#fail()
    let value = first & 0x3f
    for (let i = 1; i < size; i++) value = value * 256 + bytes[this.#at + i]!
    this.#at += size
    return value <= Number.MAX_SAFE_INTEGER ? value : this.#fail()
  }

  /** The next bytes, not copied. */
  bytes(count: number): Uint8Array {
    if (count > this.left) {
      this.#fail()
      return new Uint8Array()
    }
    this.#at += count
    return this.#bytes.subarray(this.#at - count, this.#at)
  }

  #fail(): 0 {
    this.failed = true
    this.#at = this.#bytes.length
    return 0
  }
}

export function varintSize(value: number): 1 | 2 | 4 | 8 {
  return value < 0x40 ? 1 : value < 0x4000 ? 2 : value < 0x4000_0000 ? 4 : 8
}

/** Writes `value` at `at`, in as few bytes as it needs, and returns where it ends. */
export function writeVarint(target: Uint8Array, at: number, value: number): number {
  const size = varintSize(value)
  let rest = value
  for (let i = size - 1; i > 0; i--) {
    target[at + i] = rest % 256
    rest = Math.floor(rest / 256)
  }
  target[at] = rest | (Math.log2(size) << 6)
  return at + size
}
