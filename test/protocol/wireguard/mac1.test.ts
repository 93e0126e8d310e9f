import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PublicKey } from '../../../src/protocol/identity/key.ts'
import { isFor, isInitiation, mac1Key, mac1Of } from '../../../src/protocol/wireguard/mac1.ts'

// what wireguard-go 0.0.20220316 sent to this key; both were made for this
const receiver = 'qKrFs_8gyBybuWSQUW9z687B4pivql4kMTPBOUUMXkU' as PublicKey
const captured = Buffer.from(
  '010000009c4339398a077cf17f9ba3ba5114d2d9c024866ad4c8985ed8c2611ba8fa10bdcf06ad13799d523134bc07d3044b0ecee7f3e9fbea08af610b56048b' +
    '3bdc9cf048eb3a0f03307bb1e07c851efaf028238f8baae411bd699010031c4eaa700153f39a01e213b159e5c044a24d138a4ce5b47be64a5c8a536736a60e21' +
    '6aa0284200000000000000000000000000000000',
  'hex',
)
const other = 'KJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW4' as PublicKey

test('an initiation of WireGuard is for its receiver, and for nobody else', () => {
  assert.ok(isInitiation(captured))
  assert.ok(isFor(captured, mac1Key(receiver)))
  assert.ok(!isFor(captured, mac1Key(other)))
})

test('every byte that the mac covers counts, and mac1 itself; mac2 does not', () => {
  for (let i = 0; i < captured.length; i++) {
    const changed = Uint8Array.from(captured)
    changed[i]! ^= 1
    assert.equal(isFor(changed, mac1Key(receiver)), i >= 132, `byte ${i}`)
  }
})

test('what is made is recognized', () => {
  const made = new Uint8Array(148).fill(7)
  made.set([1, 0, 0, 0])
  made.set(mac1Of(made, mac1Key(other)), 116)
  assert.ok(isFor(made, mac1Key(other)))
})

test('by length and type', () => {
  for (const length of [0, 92, 147, 149])
    assert.ok(!isInitiation(Uint8Array.from({ length }, (_, i) => captured[i] ?? 0)))
  for (const [at, value] of [
    [0, 2],
    [0, 4],
    [0, 0xff],
    [1, 1],
    [3, 1],
  ] as const) {
    const changed = Uint8Array.from(captured)
    changed[at] = value
    assert.ok(!isInitiation(changed), `${value} at ${at}`)
  }
})
