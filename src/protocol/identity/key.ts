/**
 * Keys of a node: the Curve25519 pair that WireGuard uses, and its two text forms.
 *
 * | form    | alphabet                  | length | written for                 |
 * |---------|---------------------------|--------|-----------------------------|
 * | `wg`    | standard base64, one `=`  | 44     | private keys, `wg` itself   |
 * | network | base64url, no padding     | 43     | public keys, network files  |
 *
 * Both are read everywhere. A public key travels through the program in its network form, which serves as a map's key;
 * a private key is an object without a readable form, so that it cannot end up in a log or in JSON by accident.
 */

import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import { bytesToNumberLE } from '@noble/curves/utils.js'
import { base64, base64urlnopad } from '@scure/base'

/** A public key, 32 bytes, in network form: 43 characters of base64url. */
export type PublicKey = string & { readonly brand: unique symbol }

export type Read<T> =
  | { readonly ok: T; readonly problem?: undefined }
  | { readonly ok?: undefined; readonly problem: string }

/** The field's prime, 2^255 - 19 (RFC 7748 §4.1). */
const P = 2n ** 255n - 19n

/** u-coordinates of the points whose order divides 8, reduced; a shared secret with them is always zero (RFC 7748 §6.1). */
const lowOrder = new Set([
  0n,
  1n,
  P - 1n,
  325606250916557431795983626356110631294008115727848805560023387167927233504n,
  39382357235489614581723060781553021112529911719440698176882885853963445705823n,
])

export class PrivateKey {
  readonly #bytes: Uint8Array
  #publicKey: PublicKey | undefined

  /** @param bytes 32 bytes; clamped here as RFC 7748 §5 says, so that every reader gets the same scalar. */
  constructor(bytes: Uint8Array) {
    if (bytes.length !== 32) throw new TypeError('a private key has 32 bytes')
    this.#bytes = Uint8Array.from(bytes)
    this.#bytes[0]! &= 0xf8
    this.#bytes[31]! = (this.#bytes[31]! & 0x7f) | 0x40
  }

  /** The clamped scalar, 32 bytes, little-endian. For arithmetic only. */
  scalar(): Uint8Array {
    return Uint8Array.from(this.#bytes)
  }

  /** The text that `wg` reads. The one door through which a secret leaves the program. */
  reveal(): string {
    return base64.encode(this.#bytes)
  }

  publicKey(): PublicKey {
    // not `getPublicKey`, which fills a table first: 20 ms, and nobody here needs a second key
    this.#publicKey ??= publicKeyOf(x25519.scalarMult(this.#bytes, x25519.GuBytes))
    return this.#publicKey
  }

  toString(): string {
    return '(private key)'
  }

  toJSON(): string {
    return '(private key)'
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '(private key)'
  }
}

/** The key of 32 raw bytes, unchecked. */
export function publicKeyOf(bytes: Uint8Array): PublicKey {
  if (bytes.length !== 32) throw new TypeError('a public key has 32 bytes')
  return base64urlnopad.encode(bytes) as PublicKey
}

/** 32 raw bytes: the u-coordinate, little-endian. */
export function publicKeyBytes(key: PublicKey): Uint8Array {
  return base64urlnopad.decode(key)
}

/** The form that `wg` prints and reads. */
export function toWgForm(key: PublicKey): string {
  return base64.encode(publicKeyBytes(key))
}

/** The 32 bytes of either text form, or what is wrong with the text. */
function readKeyBytes(text: string): Read<Uint8Array> {
  const foreign = /[^A-Za-z0-9+/_=-]/u.exec(text)
  if (foreign) return { problem: `${JSON.stringify(foreign[0])} is not a character of base64` }
  const body = text.replace(/=+$/, '')
  if (body.includes('=')) return { problem: 'base64 padding (=) may only stand at the end' }
  if (body.length !== 43 || text.length > 44) {
    return { problem: `${text.length} characters; a key has 43, or 44 with the closing =` }
  }
  const url = body.replaceAll('+', '-').replaceAll('/', '_')
  // 43 characters hold 258 bits: the last two must be zero, or two texts would name one key
  try {
    return { ok: base64urlnopad.decode(url) }
  } catch {
    return {
      problem: `the last character ${JSON.stringify(body.at(-1))} holds bits beyond the 256 of a key: one character is wrong`,
    }
  }
}

/** Reads a public key in either form. Refuses what no private key can produce, as far as that can be told cheaply. */
export function readPublicKey(text: string): Read<PublicKey> {
  const read = readKeyBytes(text)
  if (read.ok === undefined) return read
  const bytes = read.ok
  const u = bytesToNumberLE(bytes)
  if (u >= P) return { problem: 'not a canonical Curve25519 point (the number is beyond 2^255 - 20)' }
  if (lowOrder.has(u)) return { problem: 'a point of low order: every tunnel with it would have the same known secret' }
  if (looksClamped(bytes) && !inPrimeSubgroup(u)) {
    return {
      problem: 'a private key, not a public one: write what `wh pubkey` prints for it, and keep this one secret',
    }
  }
  return { ok: publicKeyOf(bytes) }
}

/** Can these 32 bytes be a public key? For what machines wrote: whether it is rather a private one, 100 times the work, only people mix up. */
export function isPublicKey(bytes: Uint8Array): boolean {
  const u = bytesToNumberLE(bytes)
  return u < P && !lowOrder.has(u)
}

/** Reads a private key in either form. */
export function readPrivateKey(text: string): Read<PrivateKey> {
  const read = readKeyBytes(text)
  if (read.ok === undefined) return read
  if (read.ok.every(byte => byte === 0)) return { problem: 'all zero, which WireGuard takes for "no key"' }
  if (!text.endsWith('=') && !looksClamped(read.ok)) {
    return { problem: 'a public key, not a private one (43 characters, and not a clamped scalar)' }
  }
  return { ok: new PrivateKey(read.ok) }
}

/** Has the bits that `wg genkey` and `wh genkey` give every private key; one random public key in 16 has them too. */
function looksClamped(bytes: Uint8Array): boolean {
  return (bytes[0]! & 7) === 0 && bytes[31]! >> 6 === 1
}

/**
 * Is `u` a multiple of the base point? Every public key is one, and a random number is one time in 16: half of them lie
 * on the curve's twist, and 7 in 8 of the rest outside the subgroup of prime order.
 */
function inPrimeSubgroup(u: bigint): boolean {
  const { Point } = ed25519
  const { Fp } = Point
  try {
    // Montgomery u to Edwards y (RFC 7748 §4.1); fromBytes throws where no x belongs to y: the twist
    const y = Fp.mul(Fp.sub(u, 1n), Fp.inv(Fp.add(u, 1n)))
    return Point.fromBytes(Fp.toBytes(y), true).isTorsionFree()
  } catch {
    return false
  }
}
