import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { blake2b } from '@noble/hashes/blake2.js'
import fc from 'fast-check'
import { publicKeyBytes, publicKeyOf, readPrivateKey, readPublicKey } from '../../../src/protocol/identity/key.ts'
import { chanceAfter, workbitOf } from '../../../src/protocol/identity/workbit.ts'

const vectors = JSON.parse(readFileSync(new URL('../../vectors/identity.json', import.meta.url), 'utf8'))
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })

test('the keys of the first WireHub have the work it said', () => {
  for (const { public: key, private: secret, namespace, bits } of vectors.workbit) {
    const read = key ? readPublicKey(key).ok! : readPrivateKey(secret).ok!.publicKey()
    assert.equal(workbitOf(read, namespace), bits)
  }
})

test('counting bits by bytes agrees with writing all of them out', () => {
  fc.assert(
    fc.property(bytes32, fc.string(), (bytes, namespace) => {
      const digest = blake2b(Buffer.concat([bytes, Buffer.from(namespace)]), { dkLen: 32 })
      const bits = [...digest].map(byte => byte.toString(2).padStart(8, '0')).join('')
      assert.equal(workbitOf(publicKeyOf(bytes), namespace), /^0*/.exec(bits)![0].length)
    }),
    { numRuns: 2000 },
  )
})

test('half of all keys have no work, a quarter one bit', () => {
  const counts = [0, 0]
  for (let i = 0; i < 4000; i++) {
    const bits = workbitOf(publicKeyOf(createHash('sha256').update(String(i)).digest()), 'public')
    if (bits < 2) counts[bits]!++
  }
  assert.ok(Math.abs(counts[0]! - 2000) < 200, `${counts[0]} of 4000 without work`)
  assert.ok(Math.abs(counts[1]! - 1000) < 170, `${counts[1]} of 4000 with one bit`)
})

test('the work is done for one namespace', () => {
  const key = readPublicKey(vectors.workbit[0].public).ok!
  assert.equal(workbitOf(key, 'public'), 11)
  assert.notEqual(workbitOf(key, 'private'), 11)
  assert.equal(publicKeyBytes(key).length, 32)
})

test('the chance of a search is that of independent tries, also where one try is worth almost nothing', () => {
  assert.equal(chanceAfter(0, 8), 0)
  assert.equal(chanceAfter(1, 0), 1)
  assert.ok(Math.abs(chanceAfter(256, 8) - (1 - (255 / 256) ** 256)) < 1e-12)
  assert.ok(Math.abs(chanceAfter(2 ** 20, 64) / 2 ** -44 - 1) < 1e-6)
})
