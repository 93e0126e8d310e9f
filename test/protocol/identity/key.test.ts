import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { x25519 } from '@noble/curves/ed25519.js'
import { numberToBytesLE } from '@noble/curves/utils.js'
import fc from 'fast-check'
import {
  PrivateKey,
  publicKeyBytes,
  publicKeyOf,
  readPrivateKey,
  readPublicKey,
  toWgForm,
} from '../../../src/protocol/identity/key.ts'

const vectors = JSON.parse(readFileSync(new URL('../../vectors/identity.json', import.meta.url), 'utf8'))
const P = 2n ** 255n - 19n
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const secret = bytes32.map(bytes => new PrivateKey(bytes))
const form = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
const networkForm = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')

test('the pairs of RFC 7748 belong together', () => {
  for (const pair of vectors.pairs) {
    const key = new PrivateKey(Buffer.from(pair.private, 'hex'))
    assert.equal(Buffer.from(publicKeyBytes(key.publicKey())).toString('hex'), pair.public)
  }
})

test('a public key is read in both forms, and written in both', () => {
  fc.assert(
    fc.property(secret, secret => {
      const key = secret.publicKey()
      assert.equal(key.length, 43)
      assert.equal(toWgForm(key).length, 44)
      assert.equal(readPublicKey(key).ok, key)
      assert.equal(readPublicKey(toWgForm(key)).ok, key)
      assert.equal(publicKeyOf(publicKeyBytes(key)), key)
    }),
    { numRuns: 50 },
  )
})

test('a private key survives being written and read, and keeps its public key', () => {
  fc.assert(
    fc.property(bytes32, bytes => {
      const key = new PrivateKey(bytes)
      const read = readPrivateKey(key.reveal()).ok!
      assert.deepEqual(read.scalar(), key.scalar())
      assert.deepEqual(publicKeyBytes(read.publicKey()), x25519.getPublicKey(bytes))
    }),
    { numRuns: 50 },
  )
})

test('a private key is clamped', () => {
  fc.assert(
    fc.property(secret, key => {
      const scalar = key.scalar()
      assert.equal(scalar[0]! & 7, 0)
      assert.equal(scalar[31]! >> 6, 1)
    }),
  )
})

test('any text gives a key or a problem, never an exception', () => {
  const alphabet = fc.constantFrom(...'ABCXYZabcxyz0189+/-_= \n\u00e9\ud800')
  const texts = fc.oneof(fc.string(), fc.string({ unit: alphabet, minLength: 40, maxLength: 46 }))
  fc.assert(
    fc.property(texts, text => {
      for (const read of [readPublicKey(text), readPrivateKey(text)]) {
        assert.ok((read.ok === undefined) !== (read.problem === undefined))
      }
    }),
    { numRuns: 1000 },
  )
})

const good = 'P17zMwXJFbBdJEn05RFIMADw9TX5_m2xgf31OgNKX3w'

for (const [name, text, problem] of [
  ['a foreign character', good.replace('_', '~'), /"~" is not a character of base64/],
  ['a blank inside', good.replace('_', ' '), /" " is not a character/],
  ['padding in the middle', `${good.slice(0, 20)}=${good.slice(20)}`, /only stand at the end/],
  ['nothing', '', /0 characters; a key has 43/],
  ['one character too few', good.slice(1), /42 characters/],
  ['one character too many', `${good}A`, /44 characters/],
  ['too much padding', `${good}==`, /45 characters/],
  ['bits beyond the key', `${good.slice(0, -1)}x`, /last character "x" holds bits beyond the 256/],
] as const) {
  test(`${name} is refused with the reason`, () => {
    assert.match(readPublicKey(text).problem!, problem)
    assert.match(readPrivateKey(text).problem!, problem)
  })
}

test('a number that is not reduced is no public key', () => {
  for (const u of [P, P + 9n, 2n ** 255n - 1n, 2n ** 255n + 9n, 2n ** 256n - 1n]) {
    assert.match(readPublicKey(networkForm(numberToBytesLE(u, 32))).problem!, /not a canonical/)
  }
})

test('points of low order are no public keys', () => {
  const order8 = [
    325606250916557431795983626356110631294008115727848805560023387167927233504n,
    39382357235489614581723060781553021112529911719440698176882885853963445705823n,
  ]
  for (const u of [0n, 1n, P - 1n, ...order8]) {
    const bytes = numberToBytesLE(u, 32)
    assert.match(readPublicKey(networkForm(bytes)).problem!, /low order/)
    assert.throws(() => x25519.getSharedSecret(randomBytes(32), bytes), 'noble agrees: the shared secret is zero')
  }
})

test('of 16 private keys given as public ones, 15 are recognised, and no public key is taken for a private one', () => {
  let recognised = 0
  for (let i = 0; i < 320; i++) {
    const key = new PrivateKey(randomBytes(32))
    if (readPublicKey(key.reveal()).problem?.startsWith('a private key')) recognised++
    if (i % 4 === 0) assert.equal(readPublicKey(key.publicKey()).problem, undefined)
  }
  // 300 expected, with a standard deviation of 4.3
  assert.ok(recognised >= 270 && recognised < 320, `${recognised} of 320`)
})

test('a public key in network form is no private key, and neither is zero', () => {
  assert.match(readPrivateKey(good).problem!, /a public key/)
  assert.match(readPrivateKey(form(new Uint8Array(32))).problem!, /all zero/)
})

test('no way of printing a private key shows it', () => {
  const key = new PrivateKey(randomBytes(32))
  const secrets = [key.reveal(), key.reveal().slice(0, 12), Buffer.from(key.scalar()).toString('hex').slice(0, 12)]
  const shown = [
    String(key),
    `${key}`,
    JSON.stringify({ key }),
    inspect(key, { showHidden: true, depth: 9, customInspect: true }),
    inspect(key, { showHidden: true, depth: 9, customInspect: false }),
    inspect({ key }),
    Object.entries(key).join(),
    JSON.stringify(structuredClone({ ...key })),
  ]
  for (const text of shown) for (const secret of secrets) assert.ok(!text.includes(secret), text)
})

test('what was read from a key cannot be changed through its bytes', () => {
  const bytes = randomBytes(32)
  const key = new PrivateKey(bytes)
  const before = key.reveal()
  bytes.fill(7)
  key.scalar().fill(7)
  assert.equal(key.reveal(), before)
})

test('bytes of another length are our mistake', () => {
  assert.throws(() => new PrivateKey(new Uint8Array(31)), TypeError)
  assert.throws(() => publicKeyOf(new Uint8Array(33)), TypeError)
})
