import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sendBuffer } from '../../../src/protocol/stream/constants.ts'
import { type Piece, SendBuffer } from '../../../src/protocol/stream/send-buffer.ts'

const pattern = (from: number, length: number) =>
  Uint8Array.from({ length }, (_, i) => ((from + i) * 7 + ((from + i) >> 8)) & 0xff)
const copy = (buffer: SendBuffer, piece: Piece) => {
  const target = new Uint8Array(piece.length + 2)
  buffer.copy(piece, target, 1)
  assert.deepEqual([target[0], target.at(-1)], [0, 0])
  return target.subarray(1, -1)
}

test('write takes what there is room for: 64 kB that wait', () => {
  const buffer = new SendBuffer(10)
  assert.equal(buffer.write(new Uint8Array(sendBuffer + 5)), sendBuffer)
  assert.equal(buffer.write(new Uint8Array(1)), 0)
  assert.deepEqual(buffer.take(100), { offset: 0, length: 10, fin: false }, 'the peer lets us send ten')
  assert.equal(buffer.room, 10)
  assert.equal(buffer.take(100), null)
  buffer.limit = 30
  assert.deepEqual(buffer.take(100), { offset: 10, length: 20, fin: false })
})

test('the end may be sent at the limit, alone', () => {
  const buffer = new SendBuffer(3)
  buffer.write(pattern(0, 3))
  assert.deepEqual(buffer.take(9), { offset: 0, length: 3, fin: false })
  assert.equal(buffer.sendable, 0)
  buffer.end()
  assert.equal(buffer.sendable, 1)
  const fin = buffer.take(9)!
  assert.deepEqual(fin, { offset: 3, length: 0, fin: true })
  assert.equal(buffer.write(pattern(3, 1)), 0, 'nothing after the end')
  buffer.acknowledged({ offset: 0, length: 3, fin: false })
  assert.equal(buffer.done, false, 'the end itself has to be acknowledged')
  buffer.lost(fin)
  assert.deepEqual(buffer.take(9), fin)
  buffer.acknowledged(fin)
  assert.equal(buffer.done, true)
})

test('the end is not sent before what the limit holds back', () => {
  const buffer = new SendBuffer(2)
  buffer.write(pattern(0, 3))
  buffer.end()
  assert.deepEqual(buffer.take(9), { offset: 0, length: 2, fin: false })
  assert.equal(buffer.take(9), null)
  buffer.limit = 3
  assert.deepEqual(buffer.take(9), { offset: 2, length: 1, fin: true })
})

test('law: whatever is lost and acknowledged in whatever order, all of it arrives, and the memory is free again', () => {
  type Step = { kind: 'write' | 'take' | 'acknowledge' | 'lose'; size: number }
  const step: fc.Arbitrary<Step> = fc.record({
    kind: fc.constantFrom('write', 'take', 'take', 'acknowledge', 'lose'),
    size: fc.oneof(fc.nat(50), fc.nat(9000)),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), steps => {
      const buffer = new SendBuffer(1 << 20)
      const arrived = new Map<number, number>()
      const flying: Piece[] = []
      let written = 0
      const arrive = (piece: Piece) => {
        copy(buffer, piece).forEach((byte, i) => void arrived.set(piece.offset + i, byte))
        buffer.acknowledged(piece)
      }
      for (const { kind, size } of steps) {
        if (kind === 'write') written += buffer.write(pattern(written, size))
        const piece = kind === 'take' ? buffer.take(size) : null
        if (piece) flying.push(piece)
        const [picked] = kind === 'acknowledge' || kind === 'lose' ? flying.splice(size % (flying.length + 1), 1) : []
        if (picked && kind === 'acknowledge') arrive(picked)
        if (picked && kind === 'lose') buffer.lost(picked)
      }
      buffer.end()
      for (const piece of flying) buffer.lost(piece)
      for (let piece = buffer.take(1200); piece; piece = buffer.take(1200)) arrive(piece)
      assert.equal(buffer.done, true)
      assert.equal(arrived.size, written)
      const all = pattern(0, written)
      for (const [offset, byte] of arrived) assert.equal(byte, all[offset])
    }),
  )
})

test('law: what was acknowledged is not sent again', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ offset: fc.nat(90), length: fc.nat(30) }), { maxLength: 20 }), parts => {
      const buffer = new SendBuffer(100)
      buffer.write(pattern(0, 100))
      const whole = buffer.take(100)!
      const known = new Set<number>()
      for (const { offset, length } of parts) {
        const piece = { offset, length: Math.min(length, 100 - offset), fin: false }
        if (piece.length === 0) continue
        buffer.acknowledged(piece)
        for (let i = 0; i < piece.length; i++) known.add(offset + i)
      }
      buffer.lost(whole)
      const again = new Set<number>()
      for (let piece = buffer.take(13); piece; piece = buffer.take(13)) {
        for (let i = 0; i < piece.length; i++) again.add(piece.offset + i)
      }
      for (let i = 0; i < 100; i++) assert.equal(again.has(i), !known.has(i), `${i}`)
    }),
  )
})
