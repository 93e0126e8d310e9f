import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { maxRanges } from '../../../src/protocol/stream/constants.ts'
import {
  decodeFrames,
  type Frame,
  type NumberRange,
  streamFrameOverhead,
  writeAck,
  writeClose,
  writeMaxData,
  writePing,
  writeStreamHeader,
} from '../../../src/protocol/stream/frame.ts'

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))

function encode(frame: Frame): Uint8Array {
  const target = new Uint8Array(2000)
  const end = write(target, frame)
  return target.subarray(0, end)
}

function write(target: Uint8Array, frame: Frame): number {
  switch (frame.type) {
    case 'padding':
      return frame.size
    case 'ping':
      return writePing(target, 0)
    case 'ack':
      return writeAck(target, 0, target.length, frame)
    case 'max data':
      return writeMaxData(target, 0, frame.offset)
    case 'close':
      return writeClose(target, 0, frame.code)
    case 'stream': {
      const at = writeStreamHeader(target, 0, frame.offset, frame.bytes.length, frame.fin)
      target.set(frame.bytes, at)
      return at + frame.bytes.length
    }
  }
}

test('each frame in hex', () => {
  const rows: [string, Frame][] = [
    ['000000', { type: 'padding', size: 3 }],
    ['01', { type: 'ping' }],
    ['02 09 4271 00 02', { type: 'ack', delay: 5, ranges: [{ from: 7, to: 9 }] }],
    // 9 to 7, then 6 and 5 are missing, then 4, then 3 to 1 are missing, then 0
    ['02 09 00 02 02 01 00 02 00', ack([7, 9], [4, 4], [0, 0])],
    ['0e 4400 03 616263', { type: 'stream', offset: 1024, bytes: bytes('616263'), fin: false }],
    ['0f 05 00', { type: 'stream', offset: 5, bytes: bytes(''), fin: true }],
    ['10 80010000', { type: 'max data', offset: 65536 }],
    ['1c 01', { type: 'close', code: 1 }],
  ]
  for (const [hex, frame] of rows) {
    assert.deepEqual(decodeFrames(bytes(hex)), [frame], hex)
    assert.deepEqual(encode(frame), bytes(hex), hex)
  }
})

function ack(...ranges: [number, number][]): Frame {
  return { type: 'ack', delay: 0, ranges: ranges.map(([from, to]) => ({ from, to })) }
}

test('a packet may have several frames', () => {
  const types = decodeFrames(bytes('01 0000 0e 00 01 61 00 1c 00'))?.map(({ type }) => type)
  assert.deepEqual(types, ['ping', 'padding', 'stream', 'padding', 'close'])
})

test('what is wrong anywhere is nothing at all', () => {
  const wrong: [string, string][] = [
    ['', 'no frame'],
    ['01 03', 'an unknown type'],
    ['01 4001', 'a type in two bytes'],
    ['0e 00 02 61', 'data cut off'],
    ['0e 00', 'no length'],
    ['0f', 'no offset'],
    ['10', 'no limit'],
    ['1c', 'no code'],
    ['02 09 00', 'an ACK cut off'],
    ['02 09 00 00 0a', 'a range below zero'],
    ['02 09 00 01 02 06 00', 'a gap below zero'],
    ['02 09 00 01 02 01', 'a range cut off'],
    [`02 7fff 00 20 00 ${'0000'.repeat(32)}`, '33 ranges'],
    ['0e dfffffffffffffff 01 61', 'data beyond what a number holds'],
    ['10 ffffffffffffffff', 'a limit beyond it'],
  ]
  for (const [hex, why] of wrong) assert.equal(decodeFrames(bytes(hex)), null, why)
})

/** Ranges from the highest down, never adjacent, out of steps. */
const ranges = fc
  .array(fc.record({ gap: fc.nat(100), length: fc.nat(1000) }), { minLength: 1, maxLength: 2 * maxRanges })
  .chain(steps => {
    const span = steps.reduce((sum, { gap, length }) => sum + gap + length + 2, 0)
    return fc.integer({ min: span, max: 2 ** 52 }).map(top => {
      let to = top
      return steps.map(({ gap, length }): NumberRange => {
        const range = { from: to - length, to }
        to = range.from - gap - 2
        return range
      })
    })
  })

const frames: fc.Arbitrary<Frame> = fc.oneof(
  fc.integer({ min: 1, max: 50 }).map(size => ({ type: 'padding' as const, size })),
  fc.constant({ type: 'ping' as const }),
  fc.maxSafeNat().map(offset => ({ type: 'max data' as const, offset })),
  fc.nat().map(code => ({ type: 'close' as const, code })),
  fc
    .tuple(fc.nat(2 ** 31 - 1), fc.uint8Array({ maxLength: 100 }), fc.boolean())
    .map(([offset, bytes, fin]) => ({ type: 'stream' as const, offset, bytes, fin })),
)

test('law: frames that were written are read', () => {
  fc.assert(fc.property(frames, frame => assert.deepEqual(decodeFrames(encode(frame)), [frame])))
})

test('law: an ACK keeps its highest ranges, as many as fit, and its delay to 8 µs', () => {
  fc.assert(
    fc.property(
      ranges,
      fc.integer({ min: 0, max: 200 }),
      fc.double({ min: 0, max: 10_000, noNaN: true }),
      (ranges, room, delay) => {
        const target = new Uint8Array(400)
        const end = writeAck(target, 3, 3 + room, { type: 'ack', delay, ranges })
        assert.ok(end <= 3 + room)
        if (end === 3) return assert.ok(room < 20)
        const [read, ...more] = decodeFrames(target.subarray(3, end))!
        assert.ok(read?.type === 'ack' && more.length === 0)
        assert.ok(Math.abs(read.delay - delay) <= 0.004 + 1e-9)
        assert.deepEqual(read.ranges, ranges.slice(0, read.ranges.length))
        if (room === 200) assert.ok(read.ranges.length >= Math.min(ranges.length, maxRanges) / 2)
      },
    ),
  )
})

test('law: the overhead of STREAM is what it says, or less', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.nat(16_383), (offset, length) => {
      const at = writeStreamHeader(new Uint8Array(20), 0, offset, length, false)
      assert.ok(at <= streamFrameOverhead(offset) && at >= streamFrameOverhead(offset) - 1)
    }),
  )
})
