// Primitives that hide nothing, for tests with a million packets: a sealed text is the text and a tag that names key and nonce.

import type { Crypto } from '../../src/base/crypto.ts'
import { systemCrypto } from '../../src/os/crypto.ts'

function tag(key: Uint8Array, nonce: Uint8Array, associated: Uint8Array, text: Uint8Array): Uint8Array {
  let sum = text.length + associated[associated.length - 1]!
  for (let i = 0; i < text.length; i += 97) sum = (Math.imul(sum, 31) + text[i]!) | 0
  const bytes = new Uint8Array(16)
  bytes.set(nonce)
  for (let i = 0; i < 4; i++) bytes[12 + i] = key[i]! ^ (sum >>> (8 * i))
  return bytes
}

export const plainCrypto: Crypto = {
  ...systemCrypto,
  seal(key, nonce, associated, plaintext) {
    const sealed = new Uint8Array(plaintext.length + 16)
    sealed.set(plaintext)
    sealed.set(tag(key, nonce, associated, plaintext), plaintext.length)
    return sealed
  },
  open(key, nonce, associated, sealed) {
    const text = sealed.slice(0, -16)
    const expected = tag(key, nonce, associated, text)
    return expected.every((byte, i) => byte === sealed[text.length + i]) ? text : null
  },
}
