import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type Frame,
  FrameReader,
  frameOf,
  headSize,
  longest,
  receivedFrame,
} from '../../../src/protocol/carrier/frame.ts'

const bytes = (...all: number[]) => Uint8Array.from(all)
const joined = (parts: readonly Uint8Array[]) => Uint8Array.from(parts.flatMap(part => [...part]))

test('a datagram: length, port, bytes; what has come: port 0', () => {
  assert.deepEqual(frameOf(0x1234, bytes(7, 8, 9)), bytes(0, 3, 0x12, 0x34, 7, 8, 9))
  assert.deepEqual(receivedFrame(0xfedcba98), bytes(0, 4, 0, 0, 0xfe, 0xdc, 0xba, 0x98))
})

test('what is no datagram is not sent', () => {
  for (const [port, length] of [
    [0, 1],
    [65_536, 1],
    [-1, 1],
    [1, 0],
    [1, longest + 1],
  ] as const) {
    assert.equal(frameOf(port, new Uint8Array(length)), null, `${port} ${length}`)
  }
  assert.equal(frameOf(65_535, new Uint8Array(longest))?.length, headSize + longest)
})

const port = fc.integer({ min: 1, max: 0xffff })
const body = fc.uint8Array({ minLength: 1, maxLength: 80 })
const frame: fc.Arbitrary<Frame> = fc.oneof(
  fc.tuple(port, body).map(([port, bytes]): Frame => ({ kind: 'datagram', port, bytes })),
  fc.nat(0xffff_ffff).map((total): Frame => ({ kind: 'received', total })),
)
const encoded = (it: Frame) => (it.kind === 'datagram' ? frameOf(it.port, it.bytes)! : receivedFrame(it.total))

test('however the stream is cut, the same frames come out', () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 20 }), fc.array(fc.integer({ min: 1, max: 40 })), (frames, cuts) => {
      const reader = new FrameReader()
      const out: Frame[] = []
      let rest = joined(frames.map(encoded))
      for (const cut of cuts) {
        out.push(...reader.push(rest.subarray(0, cut))!)
        rest = rest.subarray(cut)
      }
      out.push(...reader.push(rest)!)
      assert.deepEqual(out, frames)
    }),
  )
})

test('what is no frame ends the stream; random bytes never throw, and no more than a frame is kept', () => {
  for (const bad of [bytes(0, 0, 0, 1), bytes(0x08, 0x01, 0, 1), bytes(0, 5, 0, 0), bytes(0, 3, 0, 0)]) {
    assert.equal(new FrameReader().push(bad), null, String(bad))
  }
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 3_000 }), { maxLength: 5 }), parts => {
      const reader = new FrameReader()
      for (const part of parts) if (reader.push(part) === null) return
    }),
    { numRuns: 500 },
  )
})
