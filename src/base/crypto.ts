/**
 * The primitives that our own protocols are made of, as a type: `os/crypto.ts` has them from Node. Curve25519, ChaCha20-Poly1305
 * and BLAKE2s, which are WireGuard's (Noise names them `25519`, `ChaChaPoly` and `BLAKE2s`).
 */

/** A Curve25519 private key, ready for use; its bytes cannot be read back. */
export type DhKey = { readonly brand: 'DhKey' }

export interface Crypto {
  /** BLAKE2s-256 of the parts joined: 32 bytes. */
  hash(...parts: readonly Uint8Array[]): Uint8Array
  /** HMAC-BLAKE2s-256 (RFC 2104 with a block of 64 bytes): 32 bytes. */
  hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array
  /** @param scalar 32 bytes, clamped */
  dhKey(scalar: Uint8Array): DhKey
  generateDhKey(): { readonly key: DhKey; readonly publicKey: Uint8Array }
  /** X25519 (RFC 7748 §5): 32 bytes, or `null` where the result is zero, which only a point of low order gives. */
  dh(key: DhKey, publicKey: Uint8Array): Uint8Array | null
  /** ChaCha20-Poly1305 (RFC 8439 §2.8): ciphertext and then the tag of 16 bytes. @param nonce 12 bytes */
  seal(key: Uint8Array, nonce: Uint8Array, associated: Uint8Array, plaintext: Uint8Array): Uint8Array
  /** The plaintext, or `null` where the tag is wrong. */
  open(key: Uint8Array, nonce: Uint8Array, associated: Uint8Array, sealed: Uint8Array): Uint8Array | null
  /**
   * Is this an Ed25519 signature (RFC 8032 §5.1.7, without a cofactor)? False for bytes that are no key or no signature. Whether
   * keys of low order are refused depends on the version of OpenSSL: see `isSoundKey`.
   */
  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
}
