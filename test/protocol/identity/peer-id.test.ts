import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { generateKeyPair, publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey, peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import { numberToBytesLE } from '@noble/curves/utils.js'
import fc from 'fast-check'
import { Identity } from '../../../src/drivers/dht/identity.ts'
import { systemRandom } from '../../../src/os/random.ts'
import { PrivateKey, publicKeyOf } from '../../../src/protocol/identity/key.ts'
import { keyOfPeerId, peerIdOf } from '../../../src/protocol/identity/peer-id.ts'
import { edwardsKeyOf } from '../../../src/protocol/identity/xeddsa.ts'

const vectors = JSON.parse(readFileSync(new URL('../../vectors/xeddsa.json', import.meta.url), 'utf8'))
const secret = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytes => new PrivateKey(bytes))

test('the PeerIds of the Python program', () => {
  for (const vector of vectors.python) {
    const key = publicKeyOf(Buffer.from(vector.public, 'hex'))
    assert.equal(peerIdOf(key), vector.peerId)
    assert.equal(keyOfPeerId(vector.peerId), key)
  }
})

test('from the public key alone, as libp2p has it from the private one; and back', () => {
  fc.assert(
    fc.property(secret, secret => {
      const key = secret.publicKey()
      const text = peerIdOf(key)!
      assert.equal(text, peerIdFromPublicKey(publicKeyFromRaw(edwardsKeyOf(key)!)).toString())
      assert.equal(text, peerIdFromPrivateKey(new Identity(secret, systemRandom)).toString())
      assert.equal(text, peerIdFromString(text).toString())
      assert.match(text, /^12D3Koo/)
      assert.equal(keyOfPeerId(text), key)
    }),
    { numRuns: 50 },
  )
})

test('every Ed25519 PeerId of others has a WireGuard key or none, and never one of another PeerId', async () => {
  let none = 0
  for (let i = 0; i < 60; i++) {
    const text = peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString()
    const key = keyOfPeerId(text)
    if (key === null) none++
    else assert.equal(peerIdOf(key), text)
  }
  // every second key is odd; the chance that this fails is 2^-59
  assert.ok(none > 0 && none < 60, `${none} of 60`)
})

test('other PeerIds and other text have no key', async () => {
  const good = peerIdOf(new PrivateKey(randomBytes(32)).publicKey())!
  const rsa = 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N'
  const secp256k1 = peerIdFromPrivateKey(await generateKeyPair('secp256k1')).toString()
  const cid = peerIdFromString(good).toCID().toString()
  for (const text of [
    rsa,
    secp256k1,
    cid,
    '',
    good.slice(1),
    `${good}1`,
    `0${good.slice(1)}`,
    ` ${good}`,
    '1'.repeat(52),
  ]) {
    assert.equal(keyOfPeerId(text), null, text)
  }
  fc.assert(
    fc.property(fc.string({ minLength: 52, maxLength: 52 }), text => assert.equal(keyOfPeerId(text), null)),
    { numRuns: 200 },
  )
})

test('a key that is no point of the curve has no PeerId', () => {
  for (const u of [0n, 2n, 2n ** 255n - 20n]) assert.equal(peerIdOf(publicKeyOf(numberToBytesLE(u, 32))), null)
})
