import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blake2s } from '@noble/hashes/blake2.js'
import { hmac } from '@noble/hashes/hmac.js'
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import fc from 'fast-check'
import { systemCrypto as crypto } from '../../../src/os/crypto.ts'
import { type PublicKey, publicKeyBytes, publicKeyOf } from '../../../src/protocol/identity/key.ts'
import {
  announcementLength,
  decodeAnnouncement,
  encodeAnnouncement,
  isFrom,
  lanKey,
} from '../../../src/protocol/lan/announcement.ts'

const key = 'P17zMwXJFbBdJEn05RFIMADw9TX5_m2xgf31OgNKX3w' as PublicKey
const nonce = hexToBytes('000102030405060708090a0b0c0d0e0f')
const hex = 'ff03000102030405060708090a0b0c0d0e0fca6c7f9813f576ae316d14b3e70d4945e243'

test('an announcement in hex', () => {
  const bytes = encodeAnnouncement(crypto, lanKey(crypto, key), 51_820, 'public', nonce)
  assert.equal(bytesToHex(bytes), hex)
})

test('the same, computed step by step with another implementation of BLAKE2s', () => {
  const secret = blake2s(concatBytes(utf8ToBytes('wirehub lan 1'), publicKeyBytes(key)))
  const said = concatBytes(nonce, Uint8Array.of(0xca, 0x6c), utf8ToBytes('public'))
  const tag = hmac(blake2s, secret, said).subarray(0, 16)
  assert.equal(`ff03${bytesToHex(nonce)}ca6c${bytesToHex(tag)}`, hex)
})

const keys = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(publicKeyOf)
const nonces = fc.uint8Array({ minLength: 16, maxLength: 16 })
const ports = fc.integer({ min: 1, max: 65_535 })

test('who knows the key recognises it; with another key, namespace, port or nonce nobody does', () => {
  fc.assert(
    fc.property(keys, keys, nonces, ports, fc.string(), fc.string(), (own, other, salt, port, namespace, elsewhere) => {
      const bytes = encodeAnnouncement(crypto, lanKey(crypto, own), port, namespace, salt)
      assert.equal(bytes.length, announcementLength)
      const read = decodeAnnouncement(bytes)!
      assert.deepEqual([read.nonce, read.port], [salt, port])
      const here = utf8ToBytes(namespace)
      assert.equal(isFrom(crypto, read, lanKey(crypto, own), here), true)
      assert.equal(isFrom(crypto, read, lanKey(crypto, other), here), own === other)
      const there = utf8ToBytes(elsewhere)
      assert.equal(isFrom(crypto, read, lanKey(crypto, own), there), bytesToHex(here) === bytesToHex(there))
      for (const place of [2, 19, 35]) {
        const changed = bytes.with(place, bytes[place]! ^ 1)
        const again = decodeAnnouncement(changed)
        assert.ok(again === null || !isFrom(crypto, again, lanKey(crypto, own), here))
      }
    }),
  )
})

test('two announcements of one node have nothing in common but their first two bytes and the port', () => {
  const [one, two] = [1, 2].map(first =>
    encodeAnnouncement(crypto, lanKey(crypto, key), 51_820, 'public', nonce.with(0, first)),
  ) as [Uint8Array, Uint8Array]
  assert.ok([...one.subarray(20)].filter((byte, i) => byte === two[20 + i]).length < 6)
})

test('bytes that a later version adds are ignored; too few, too many, or port 0 are no announcement', () => {
  const bytes = hexToBytes(hex)
  assert.ok(decodeAnnouncement(concatBytes(bytes, new Uint8Array(100))))
  assert.equal(decodeAnnouncement(bytes.subarray(0, announcementLength - 1)), null)
  assert.equal(decodeAnnouncement(concatBytes(bytes, new Uint8Array(600))), null)
  assert.equal(decodeAnnouncement(bytes.with(18, 0).with(19, 0)), null)
  assert.equal(decodeAnnouncement(bytes.with(0, 1)), null)
  assert.equal(decodeAnnouncement(bytes.with(1, 4)), null)
})
