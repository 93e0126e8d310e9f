import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { x25519 } from '@noble/curves/ed25519.js'
import { hex } from '@scure/base'
import fc from 'fast-check'
import { systemCrypto as crypto } from '../../../src/os/crypto.ts'
import { claimNoise, type KeyPair, noiseOverhead, sealNoise, startHash } from '../../../src/protocol/control/noise-x.ts'

type Vector = Record<
  'source' | 'prologue' | 'sender' | 'ephemeral' | 'receiverPublic' | 'receiver' | 'payload' | 'message',
  string
>
const vectors: Vector[] = JSON.parse(readFileSync(new URL('../../vectors/noise-x.json', import.meta.url), 'utf8'))

const pair = (scalar: Uint8Array): KeyPair => ({
  key: crypto.dhKey(scalar),
  publicKey: x25519.getPublicKey(scalar),
})

for (const vector of vectors) {
  test(`what ${vector.source} sealed is sealed and opened`, () => {
    const sender = pair(hex.decode(vector.sender))
    const receiver = pair(hex.decode(vector.receiver))
    assert.equal(hex.encode(receiver.publicKey), vector.receiverPublic)
    const start = startHash(crypto, hex.decode(vector.prologue), receiver.publicKey)
    const ss = crypto.dh(sender.key, receiver.publicKey)!
    const ephemeral = pair(hex.decode(vector.ephemeral))
    const payload = hex.decode(vector.payload)
    const message = sealNoise(crypto, start, sender.publicKey, receiver.publicKey, ss, ephemeral, payload)
    assert.equal(hex.encode(message!), vector.message)

    const claimed = claimNoise(crypto, start, receiver.key, hex.decode(vector.message))
    assert.deepEqual(claimed!.sender, sender.publicKey)
    assert.deepEqual(claimed!.open(crypto.dh(receiver.key, claimed!.sender)!), payload)
  })
}

const alice = crypto.generateDhKey()
const bob = crypto.generateDhKey()
const start = startHash(crypto, new Uint8Array(), bob.publicKey)
const ss = crypto.dh(alice.key, bob.publicKey)!

function seal(payload: Uint8Array, secret = ss): Uint8Array {
  return sealNoise(crypto, start, alice.publicKey, bob.publicKey, secret, crypto.generateDhKey(), payload)!
}

function open(message: Uint8Array, receiver = bob): Uint8Array | null {
  const claimed = claimNoise(crypto, start, receiver.key, message)
  return claimed?.open(crypto.dh(receiver.key, claimed.sender)!) ?? null
}

test('what is sealed is opened, and its length is known', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1300 }), payload => {
      const message = seal(payload)
      assert.equal(message.length, noiseOverhead + payload.length)
      assert.deepEqual(open(message), payload)
    }),
    { numRuns: 50 },
  )
})

test('not one bit can be changed, nor the end cut off', () => {
  const message = seal(Uint8Array.of(1, 2, 3))
  for (let bit = 0; bit < 8 * message.length; bit++) {
    const changed = Uint8Array.from(message)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    // X25519 ignores the highest bit of a point (RFC 7748 §5), but the hash of the message does not
    assert.equal(open(changed), null, `bit ${bit}`)
  }
  for (let length = 0; length < message.length; length++) assert.equal(open(message.subarray(0, length)), null)
})

test('another receiver cannot open it', () => assert.equal(open(seal(new Uint8Array(9)), alice), null))

test('a claim to be another is found out in the second step', () => {
  // mallory knows every public key, and no private one but his own
  const mallory = crypto.generateDhKey()
  const forged = seal(new Uint8Array(9), crypto.dh(mallory.key, bob.publicKey)!)
  assert.deepEqual(claimNoise(crypto, start, bob.key, forged)!.sender, alice.publicKey)
  assert.equal(open(forged), null)
})

test('a point of low order is refused on both sides', () => {
  const zero = new Uint8Array(32)
  assert.equal(sealNoise(crypto, start, alice.publicKey, zero, ss, crypto.generateDhKey(), zero), null)
  const message = seal(new Uint8Array(9))
  message.set(zero)
  assert.equal(claimNoise(crypto, start, bob.key, message), null)
})
