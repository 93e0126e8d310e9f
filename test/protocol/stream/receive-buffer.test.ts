import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { initialWindow, maxWindow } from '../../../src/protocol/stream/constants.ts'
import { ReceiveBuffer } from '../../../src/protocol/stream/receive-buffer.ts'

const text = (letters: string) => Uint8Array.from(letters, letter => letter.charCodeAt(0))
const readAll = (buffer: ReceiveBuffer) => {
  const parts: Uint8Array[] = []
  for (let part = buffer.read(); part; part = buffer.read()) parts.push(part)
  return Buffer.concat(parts)
}

test('bytes wait for those before them', () => {
  const buffer = new ReceiveBuffer()
  assert.equal(buffer.add(3, text('def'), true), 'taken')
  assert.equal(buffer.read(), null)
  assert.equal(buffer.complete, false)
  assert.equal(buffer.add(0, text('abc'), false), 'taken')
  assert.equal(buffer.complete, true)
  assert.equal(readAll(buffer).toString(), 'abcdef')
  assert.equal(buffer.done, true)
})

test('law: pieces in any order, overlapping, any number of times, read at any moment, give the stream once', () => {
  const size = 400
  const piece = fc.record({ offset: fc.nat(size), length: fc.nat(90), read: fc.boolean() })
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), pieces => {
      const whole = Uint8Array.from({ length: size }, (_, i) => (i * 31) & 0xff)
      const buffer = new ReceiveBuffer()
      const got: Buffer[] = []
      for (const { offset, length, read } of pieces) {
        const end = Math.min(size, offset + length)
        assert.equal(buffer.add(offset, whole.subarray(offset, end), end === size), 'taken')
        if (read) got.push(readAll(buffer))
      }
      for (let at = 0; at < size; at += 64) {
        const end = Math.min(size, at + 64)
        buffer.add(at, whole.subarray(at, end), end === size)
      }
      got.push(readAll(buffer))
      assert.deepEqual(Buffer.concat(got), Buffer.from(whole))
      assert.ok(buffer.complete && buffer.done)
    }),
  )
})

test('beyond the limit, beyond the end, and a second end are violations (RFC 9000 §4.1, §4.5)', () => {
  const buffer = new ReceiveBuffer()
  assert.equal(buffer.add(initialWindow - 1, text('ab'), false), 'violation')
  assert.equal(buffer.add(initialWindow - 1, text('a'), false), 'taken')
  assert.equal(buffer.add(5, text('a'), true), 'violation', 'an end before what came')
  const ended = new ReceiveBuffer()
  assert.equal(ended.add(0, text('abc'), true), 'taken')
  assert.equal(ended.add(0, text('abc'), true), 'taken')
  assert.equal(ended.add(0, text('abcd'), false), 'violation')
  assert.equal(ended.add(0, text('ab'), true), 'violation')
})

test('the limit follows the reader, not the sender', () => {
  const buffer = new ReceiveBuffer()
  assert.equal(buffer.raisable, false)
  buffer.add(0, new Uint8Array(initialWindow / 2), false)
  assert.equal(buffer.raisable, false)
  readAll(buffer)
  assert.equal(buffer.raisable, true)
  assert.equal(buffer.raise(1000, 20), initialWindow * 1.5)
  assert.equal(buffer.raisable, false)
  assert.equal(buffer.raise(1001, 20), initialWindow * 1.5, 'telling it again raises nothing')
})

test('the window grows while the reader is faster than limits travel, to a bound', () => {
  const grow = (pause: number) => {
    const buffer = new ReceiveBuffer()
    let [at, now] = [0, 0]
    for (let i = 0; i < 40; i++, now += pause) {
      buffer.add(at, new Uint8Array(buffer.limit - at), false)
      at = buffer.limit
      readAll(buffer)
      buffer.raise(now, 20)
    }
    return buffer.limit - at
  }
  assert.equal(grow(30), maxWindow)
  assert.equal(grow(50), initialWindow)
})

test('gaps are bounded: what fills the first one is always taken', () => {
  const buffer = new ReceiveBuffer()
  let taken = 0
  for (let at = 2; at < initialWindow; at += 2) if (buffer.add(at, text('x'), false) === 'taken') taken++
  assert.ok(taken < 200, `${taken}`)
  assert.equal(buffer.add(0, text('ab'), false), 'taken')
  assert.equal(buffer.read()?.length, 2)
})

test('small writes that nobody reads do not cost an object each, and are never refused', () => {
  const buffer = new ReceiveBuffer()
  for (let at = 0; at < initialWindow; at++) assert.equal(buffer.add(at, text('x'), false), 'taken')
  let parts = 0
  while (buffer.read()) parts++
  assert.ok(parts <= initialWindow / 1024 + 1, `${parts}`)
})
