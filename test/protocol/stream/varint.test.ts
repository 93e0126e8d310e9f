import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Reader, varintSize, writeVarint } from '../../../src/protocol/stream/varint.ts'

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))

test('the examples of RFC 9000 §A.1', () => {
  const samples: [string, number][] = [
    ['9d7f3e7d', 494_878_333],
    ['7bbd', 15_293],
    ['25', 37],
    ['4025', 37],
  ]
  for (const [hex, value] of samples) {
    const reader = new Reader(bytes(hex))
    assert.equal(reader.varint(), value)
    assert.deepEqual([reader.left, reader.failed], [0, false])
  }
  // its first example, 151 288 809 941 952 652, is more than a number of ours can hold
  const reader = new Reader(bytes('c2197c5eff14e88c'))
  assert.equal(reader.varint(), 0)
  assert.equal(reader.failed, true)
})

test('law: what was written is read, in the fewest bytes', () => {
  const value = fc.oneof(fc.maxSafeNat(), fc.nat(70), fc.nat(20_000), fc.nat(2 ** 31 - 1))
  fc.assert(
    fc.property(value, value => {
      const target = new Uint8Array(10).fill(0xee)
      const end = writeVarint(target, 1, value)
      assert.equal(end - 1, varintSize(value))
      assert.equal(new Reader(target.subarray(1, end)).varint(), value)
      assert.ok(target[0] === 0xee && target.subarray(end).every(byte => byte === 0xee))
    }),
  )
})

test('what is cut off fails, and so does everything after it', () => {
  const reader = new Reader(bytes('01 9d7f3e'))
  assert.equal(reader.varint(), 1)
  assert.equal(reader.varint(), 0)
  assert.equal(reader.failed, true)
  assert.equal(reader.varint(), 0)
  assert.equal(new Reader(bytes('0102')).bytes(3).length, 0)
})
