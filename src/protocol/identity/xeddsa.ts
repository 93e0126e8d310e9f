/**
 * XEdDSA: signatures by a key that was made for X25519, which any Ed25519 implementation verifies. After Trevor Perrin, "The XEdDSA
 * and VXEdDSA Signature Schemes", revision 1, sections 2 to 4 (signal.org/docs/specifications/xeddsa). SHA-512, curve25519.
 *
 *     WireGuard's key   u = u(k B)                  k: the clamped scalar
 *     Edwards key       y = (u - 1) / (u + 1)       32 bytes of y; the sign bit is 0: of the two points with this y the even one
 *     its scalar        a = k or -k mod q           whichever gives the even point
 *
 * libsignal's variant hides the true sign bit in the signature's last byte; here, as in the paper, it is always 0.
 */

import { ED25519_TORSION_SUBGROUP, ed25519 } from '@noble/curves/ed25519.js'
import { bytesToNumberLE, equalBytes, numberToBytesLE } from '@noble/curves/utils.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { concatBytes, hexToBytes } from '@noble/hashes/utils.js'
import { type PrivateKey, type PublicKey, publicKeyBytes, publicKeyOf } from './key.ts'

const { Point } = ed25519
const { Fp, Fn } = Point

/** What a signature needs of fresh randomness: Z in the paper. */
export const signatureRandomness = 64

/** 2^256 - 2, little-endian: what makes SHA-512 the paper's hash_1, whose input no other use of the hash can have (section 2.5). */
const hash1Prefix = new Uint8Array(32).fill(0xff)
hash1Prefix[0] = 0xfe

/** The y-coordinates of the points whose order divides 8: five of them. */
const lowOrder = new Set(ED25519_TORSION_SUBGROUP.map(point => yOf(hexToBytes(point))))

/** A scalar that signs, with its point. Not a `PrivateKey`: that one is clamped, and this is a number mod q. */
export class SigningKey {
  readonly #scalar: bigint
  readonly #publicKey: Uint8Array

  private constructor(scalar: bigint, publicKey: Uint8Array) {
    this.#scalar = scalar
    this.#publicKey = publicKey
  }

  /** calculate_key_pair of the paper (section 2.3). Some 0.3 ms. */
  static of(key: PrivateKey): SigningKey {
    const scalar = Fn.create(bytesToNumberLE(key.scalar()))
    const point = Point.BASE.multiply(scalar).toBytes()
    const odd = point[31]! >> 7 === 1
    point[31]! &= 0x7f
    return new SigningKey(odd ? Fn.neg(scalar) : scalar, point)
  }

  /** The key whose scalar and point are multiplied; its point may have either sign. @param factor 1 to q - 1 */
  times(factor: bigint): SigningKey {
    const scalar = Fn.mul(this.#scalar, factor)
    return new SigningKey(scalar, Point.BASE.multiply(scalar).toBytes())
  }

  /** The Ed25519 public key, 32 bytes. A copy: who could change it would get two signatures with one nonce, and with them the scalar. */
  get publicKey(): Uint8Array {
    return Uint8Array.from(this.#publicKey)
  }

  /**
   * 64 bytes, valid as Ed25519 (section 2.4). Some 0.3 ms.
   *
   * @param random 64 bytes (Z). Even where they repeat, the nonce stays a secret function of key and message.
   */
  sign(message: Uint8Array, random: Uint8Array): Uint8Array {
    if (random.length !== signatureRandomness)
      throw new TypeError(`a signature takes ${signatureRandomness} random bytes`)
    const nonce = reduced(sha512(concatBytes(hash1Prefix, numberToBytesLE(this.#scalar, 32), message, random)))
    const commitment = Point.BASE.multiply(nonce).toBytes()
    const challenge = reduced(sha512(concatBytes(commitment, this.#publicKey, message)))
    return concatBytes(commitment, numberToBytesLE(Fn.add(nonce, Fn.mul(challenge, this.#scalar)), 32))
  }
}

/** The Ed25519 public key that belongs to a WireGuard key; `null` where none does: no point of the curve, or one of low order. */
export function edwardsKeyOf(key: PublicKey): Uint8Array | null {
  const u = bytesToNumberLE(publicKeyBytes(key))
  if (u >= Fp.ORDER - 1n) return null
  const y = Fp.toBytes(Fp.mul(Fp.sub(u, 1n), Fp.inv(Fp.add(u, 1n))))
  return pointOf(y) && y
}

/** The WireGuard key of an Ed25519 public key; `null` where it has none, or where its sign bit is 1, so that no two have the same. */
export function keyOfEdwards(bytes: Uint8Array): PublicKey | null {
  if (bytes.length !== 32 || bytes[31]! >> 7 === 1 || !pointOf(bytes)) return null
  const y = bytesToNumberLE(bytes)
  return publicKeyOf(Fp.toBytes(Fp.mul(Fp.add(1n, y), Fp.inv(Fp.sub(1n, y)))))
}

/**
 * Can this be an Ed25519 public key that somebody has? False for what is not canonical and for points of low order, under which
 * signatures of nobody are valid (OpenSSL 3.0 accepts them, 3.5 does not). Cheap: whether there is such a point is left to the verifier.
 */
export function isSoundKey(bytes: Uint8Array): boolean {
  if (bytes.length !== 32) return false
  const y = yOf(bytes)
  return y < Fp.ORDER && !lowOrder.has(y)
}

/**
 * Verifies a signature as the paper does, and OpenSSL: R = s B - h A, byte by byte, without a cofactor. For a WireGuard key take
 * `edwardsKeyOf`. Takes 1.5 ms; `Crypto.verifyEd25519` says the same 15 times as fast, for a key that `isSoundKey`.
 */
export function verify(edwardsKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64) return false
  const point = pointOf(edwardsKey)
  const s = bytesToNumberLE(signature.subarray(32))
  if (!point || s >= Fn.ORDER) return false
  const commitment = signature.subarray(0, 32)
  const challenge = reduced(sha512(concatBytes(commitment, edwardsKey, message)))
  const expected = Point.BASE.multiplyUnsafe(s).subtract(point.multiplyUnsafe(challenge))
  return equalBytes(commitment, expected.toBytes())
}

/** The point of an Ed25519 public key, or `null`. */
export function pointOf(bytes: Uint8Array): InstanceType<typeof Point> | null {
  if (!isSoundKey(bytes)) return null
  try {
    return Point.fromBytes(bytes)
  } catch {
    // no x belongs to this y
    return null
  }
}

/** The y-coordinate of 32 bytes: all but the sign bit. */
function yOf(bytes: Uint8Array): bigint {
  return bytesToNumberLE(bytes) & (2n ** 255n - 1n)
}

/** 64 bytes as a number mod q. */
function reduced(hash: Uint8Array): bigint {
  return Fn.create(bytesToNumberLE(hash))
}
