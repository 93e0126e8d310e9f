/**
 * Primitives that hide nothing and cost little, for worlds with millions of packets: the same sizes and the same answers for honest
 * nodes, and no security at all. A sealed text is the text itself, followed by a tag that depends on key, nonce and text; so a packet's
 * message can be read on the wire, which `trace.ts` does.
 */

import type { Crypto, DhKey } from '../base/crypto.ts'

const primes = [0x01000193, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f] as const

/** Four words that depend on every byte, in its place. */
function mix(words: Uint32Array, bytes: Uint8Array): void {
  let [a, b, c, d] = [words[0]!, words[1]!, words[2]!, words[3]!]
  for (let i = 0; i < bytes.length; i++) {
    a = Math.imul(a ^ bytes[i]!, primes[0])
    b = Math.imul(b ^ a ^ (a >>> 15), primes[1])
    c = (Math.imul(c ^ b, primes[2]) + i) | 0
    d = Math.imul(d ^ c ^ (c >>> 13), primes[3])
  }
  words[0] = a ^ bytes.length
  words[1] = b
  words[2] = c
  words[3] = d
}

function digest(parts: readonly Uint8Array[]): Uint8Array {
  const words = Uint32Array.of(0x811c9dc5, 0x9e3779b9, 0x7f4a7c15, 0x165667b1)
  for (const part of parts) mix(words, part)
  const out = new Uint8Array(32)
  for (let i = 0; i < 8; i++) {
    const mixed = Math.imul(words[i & 3]! ^ (words[(i + 1) & 3]! >>> 11), primes[i & 3]!) + i
    const word = mixed ^ (mixed >>> 16)
    out[4 * i] = word
    out[4 * i + 1] = word >>> 8
    out[4 * i + 2] = word >>> 16
    out[4 * i + 3] = word >>> 24
  }
  return out
}

function compare(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return 0
}

/** @param own the node's public key @param random for ephemeral keys */
export function plainCrypto(own: Uint8Array, random: (count: number) => Uint8Array): Crypto {
  const asKey = (publicKey: Uint8Array) => publicKey as unknown as DhKey
  const tag = (key: Uint8Array, nonce: Uint8Array, associated: Uint8Array, text: Uint8Array) =>
    digest([key, nonce, associated, text]).subarray(0, 16)
  return {
    hash: (...parts) => digest(parts),
    hmac: (key, ...parts) => digest([key, key.subarray(0, 1), ...parts]),
    // a private key is known by its public one here, and a node has only one
    dhKey: () => asKey(own),
    generateDhKey() {
      const publicKey = random(32)
      return { key: asKey(publicKey), publicKey }
    },
    dh(key, publicKey) {
      const mine = key as unknown as Uint8Array
      return digest(compare(mine, publicKey) < 0 ? [mine, publicKey] : [publicKey, mine])
    },
    seal(key, nonce, associated, plaintext) {
      const sealed = new Uint8Array(plaintext.length + 16)
      sealed.set(plaintext)
      sealed.set(tag(key, nonce, associated, plaintext), plaintext.length)
      return sealed
    },
    open(key, nonce, associated, sealed) {
      if (sealed.length < 16) return null
      const text = sealed.slice(0, -16)
      return compare(tag(key, nonce, associated, text), sealed.subarray(-16)) === 0 ? text : null
    },
    // signatures are made by the real thing, and nobody in these worlds forges one
    verifyEd25519: (publicKey, _message, signature) => publicKey.length === 32 && signature.length === 64,
  }
}
