/**
 * The primitives of our protocols, from OpenSSL by way of Node.
 *
 * Raw 32-byte keys go in and out of Node's key objects by their DER forms (RFC 8410 §4 and §7), which for X25519 are a fixed prefix and
 * the bytes. Measured on two shared cores: `dh` 60 µs (half of it reading the public key), a new pair 50 µs, `seal` and `open` 18 µs,
 * `hash` 1 µs; @noble/curves needs 1 ms for `dh`.
 */

import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  hash as oneHash,
  verify,
} from 'node:crypto'
import type { Crypto, DhKey } from '../base/crypto.ts'

const privatePrefix = Buffer.from('302e020100300506032b656e04220420', 'hex')
const publicPrefix = Buffer.from('302a300506032b656e032100', 'hex')
const ed25519Prefix = Buffer.from('302a300506032b6570032100', 'hex')

const cipher = 'chacha20-poly1305'
const tagLength = { authTagLength: 16 }
const blockLength = 64

const joined = (parts: readonly Uint8Array[]) => (parts.length === 1 ? parts[0]! : Buffer.concat(parts))
const blake2s = (bytes: Uint8Array) => oneHash('blake2s256', bytes, 'buffer')
/** Buffers of Node share memory and differ from `Uint8Array` in `slice`; neither should leave this file. */
const plain = (bytes: Buffer) => new Uint8Array(bytes)

const asDhKey = (key: KeyObject) => key as unknown as DhKey
const asKeyObject = (key: DhKey) => key as unknown as KeyObject

function hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const inner = Buffer.alloc(blockLength, 0x36)
  const outer = Buffer.alloc(blockLength, 0x5c)
  const short = key.length > blockLength ? blake2s(key) : key
  for (let i = 0; i < short.length; i++) {
    inner[i]! ^= short[i]!
    outer[i]! ^= short[i]!
  }
  return plain(blake2s(Buffer.concat([outer, blake2s(Buffer.concat([inner, ...parts]))])))
}

/**
 * Keys that were used once are likely to be used for thousands of packets, and OpenSSL takes half of its time to prepare one. `null`: used
 * once. Nobody changes the bytes of a key.
 */
const prepared = new WeakMap<Uint8Array, KeyObject | null>()

function ready(key: Uint8Array): Uint8Array | KeyObject {
  const before = prepared.get(key)
  if (before) return before
  const object = before === null ? createSecretKey(key) : null
  prepared.set(key, object)
  return object ?? key
}

export const systemCrypto: Crypto = {
  hash: (...parts) => plain(blake2s(joined(parts))),
  hmac,

  dhKey(scalar) {
    if (scalar.length !== 32) throw new TypeError('a scalar has 32 bytes')
    return asDhKey(createPrivateKey({ key: Buffer.concat([privatePrefix, scalar]), format: 'der', type: 'pkcs8' }))
  },

  generateDhKey() {
    const { privateKey, publicKey } = generateKeyPairSync('x25519')
    const der = publicKey.export({ format: 'der', type: 'spki' })
    return { key: asDhKey(privateKey), publicKey: plain(der.subarray(publicPrefix.length)) }
  },

  dh(key, publicKey) {
    if (publicKey.length !== 32) throw new TypeError('a public key has 32 bytes')
    const der = Buffer.concat([publicPrefix, publicKey])
    const other = createPublicKey({ key: der, format: 'der', type: 'spki' })
    try {
      return plain(diffieHellman({ privateKey: asKeyObject(key), publicKey: other }))
    } catch {
      // OpenSSL refuses a result of zero (ERR_OSSL_FAILED_DURING_DERIVATION) and has no other reason to fail here
      return null
    }
  },

  seal(key, nonce, associated, plaintext) {
    const sealing = createCipheriv(cipher, ready(key), nonce, tagLength)
    sealing.setAAD(associated, { plaintextLength: plaintext.length })
    const sealed = new Uint8Array(plaintext.length + 16)
    sealed.set(sealing.update(plaintext))
    sealing.final()
    sealed.set(sealing.getAuthTag(), plaintext.length)
    return sealed
  },

  open(key, nonce, associated, sealed) {
    if (sealed.length < 16) return null
    const end = sealed.length - 16
    const opening = createDecipheriv(cipher, ready(key), nonce, tagLength)
    opening.setAAD(associated, { plaintextLength: end })
    opening.setAuthTag(sealed.subarray(end))
    const plaintext = opening.update(sealed.subarray(0, end))
    try {
      opening.final()
    } catch {
      return null
    }
    return plain(plaintext)
  },

  verifyEd25519(publicKey, message, signature) {
    if (publicKey.length !== 32 || signature.length !== 64) return false
    const der = Buffer.concat([ed25519Prefix, publicKey])
    return verify(null, message, createPublicKey({ key: der, format: 'der', type: 'spki' }), signature)
  },
}
