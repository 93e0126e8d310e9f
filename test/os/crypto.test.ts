import assert from 'node:assert/strict'
import { test } from 'node:test'
import { x25519 } from '@noble/curves/ed25519.js'
import { blake2s } from '@noble/hashes/blake2.js'
import { hmac } from '@noble/hashes/hmac.js'
import { hex } from '@scure/base'
import fc from 'fast-check'
import { systemCrypto as crypto } from '../../src/os/crypto.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const ascii = (text: string) => new TextEncoder().encode(text)

test('BLAKE2s of "abc" (RFC 7693 appendix B), in one part or three', () => {
  const digest = '508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982'
  assert.equal(hex.encode(crypto.hash(ascii('abc'))), digest)
  assert.equal(hex.encode(crypto.hash(ascii('a'), ascii(''), ascii('bc'))), digest)
})

test('HMAC is that of @noble/hashes, for keys of any length', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 150 }),
      fc.uint8Array({ maxLength: 300 }),
      fc.nat(300),
      (key, message, cut) => {
        const parts = [message.subarray(0, cut), message.subarray(cut)]
        assert.deepEqual(crypto.hmac(key, ...parts), hmac(blake2s, key, message))
      },
    ),
  )
})

test('X25519 of RFC 7748 §6.1', () => {
  const alice = crypto.dhKey(hex.decode('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a'))
  const bob = hex.decode('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f')
  const shared = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742'
  assert.equal(hex.encode(crypto.dh(alice, bob)!), shared)
})

test('X25519 is that of @noble/curves, and new keys fit each other', () => {
  fc.assert(
    fc.property(bytes(32), scalar => {
      const { key, publicKey } = crypto.generateDhKey()
      const shared = crypto.dh(crypto.dhKey(scalar), publicKey)
      assert.deepEqual(shared, x25519.getSharedSecret(scalar, publicKey))
      assert.deepEqual(crypto.dh(key, x25519.getPublicKey(scalar)), shared)
    }),
    { numRuns: 20 },
  )
})

test('points of low order give nothing', () => {
  const { key } = crypto.generateDhKey()
  // the u-coordinates whose order divides 8, and those that are the same number beyond 2^255 - 19 (RFC 7748 §6.1)
  const points = [
    '00'.repeat(32),
    `01${'00'.repeat(31)}`,
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    `ec${'ff'.repeat(30)}7f`,
    `ed${'ff'.repeat(30)}7f`,
    `ee${'ff'.repeat(30)}7f`,
  ]
  for (const point of points) assert.equal(crypto.dh(key, hex.decode(point)), null, point)
})

test('ChaCha20-Poly1305 of RFC 8439 §2.8.2', () => {
  const key = Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i)
  const nonce = hex.decode('070000004041424344454647')
  const associated = hex.decode('50515253c0c1c2c3c4c5c6c7')
  const text = ascii(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
  )
  const sealed =
    'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36' +
    '92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116' +
    '1ae10b594f09e26a7e902ecbd0600691'
  assert.equal(hex.encode(crypto.seal(key, nonce, associated, text)), sealed)
  assert.deepEqual(crypto.open(key, nonce, associated, hex.decode(sealed)), text)
})

test('what is sealed opens, unless a bit of anything is different', () => {
  const parts = fc.tuple(
    bytes(32),
    bytes(12),
    fc.uint8Array({ maxLength: 40 }),
    fc.uint8Array({ maxLength: 200 }),
    fc.nat(),
  )
  fc.assert(
    fc.property(parts, ([key, nonce, associated, plaintext, where]) => {
      const sealed = crypto.seal(key, nonce, associated, plaintext)
      assert.equal(sealed.length, plaintext.length + 16)
      assert.deepEqual(crypto.open(key, nonce, associated, sealed), plaintext)
      const bit = where % (8 * sealed.length)
      sealed[bit >> 3]! ^= 1 << (bit & 7)
      assert.equal(crypto.open(key, nonce, associated, sealed), null)
      assert.equal(crypto.open(key, nonce, associated, sealed.subarray(0, 15)), null)
    }),
  )
})
