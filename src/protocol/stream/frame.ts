/**
 * What stands in a stream packet: frames, as in QUIC, with QUIC's numbers (RFC 9000 §19). One connection is one stream, so
 * STREAM has no stream id, and always an offset and a length.
 *
 * | type | name         | after the type; all numbers are varints (RFC 9000 §16)                   |
 * |------|--------------|--------------------------------------------------------------------------|
 * | 00   | PADDING      |                                                                          |
 * | 01   | PING         |                                                                          |
 * | 02   | ACK          | largest, delay in 8 µs, ranges - 1, first range, then (gap, range) each   |
 * | 0e   | STREAM       | offset, length, data                                                     |
 * | 0f   | STREAM, last | offset, length, data; the stream ends after it                            |
 * | 10   | MAX_DATA     | offset that may not be passed                                            |
 * | 1c   | CLOSE        | code                                                                     |
 *
 * A packet with anything else in it is dropped as a whole: a later version has another format byte in front.
 */

import { maxRanges } from './constants.ts'
import { Reader, varintSize, writeVarint } from './varint.ts'

export const frameType = { padding: 0x00, ping: 0x01, ack: 0x02, stream: 0x0e, maxData: 0x10, close: 0x1c } as const
const lastBit = 0x01

/** Codes of CLOSE. */
export const closeCode = { finished: 0, reset: 1, violation: 2 } as const

/** Packet numbers `from` to `to`, both included. */
export type NumberRange = { readonly from: number; readonly to: number }

export type AckFrame = {
  readonly type: 'ack'
  /** Milliseconds since the largest of these packets came. */
  readonly delay: number
  /** At least one, the highest first, never adjacent. */
  readonly ranges: readonly NumberRange[]
}

export type StreamFrame = {
  readonly type: 'stream'
  readonly offset: number
  readonly bytes: Uint8Array
  readonly fin: boolean
}

export type Frame =
  | { readonly type: 'padding'; readonly size: number }
  | { readonly type: 'ping' }
  | AckFrame
  | StreamFrame
  | { readonly type: 'max data'; readonly offset: number }
  | { readonly type: 'close'; readonly code: number }

/** Every frame of a packet; `null` where one is malformed, unknown or cut off, and where there is none. */
export function decodeFrames(bytes: Uint8Array): Frame[] | null {
  const reader = new Reader(bytes)
  const frames: Frame[] = []
  while (reader.left > 0) {
    const frame = decodeFrame(reader, frames.at(-1))
    if (frame === null || reader.failed) return null
    if (frame !== undefined) frames.push(frame)
  }
  return frames.length > 0 ? frames : null
}

/** @param last the frame before; a run of PADDING is one frame, and gives `undefined` from its second byte on */
function decodeFrame(reader: Reader, last: Frame | undefined): Frame | null | undefined {
  const type = reader.bytes(1)[0]!
  switch (type) {
    case frameType.padding:
      if (last?.type !== 'padding') return { type: 'padding', size: 1 }
      ;(last as { size: number }).size++
      return undefined
    case frameType.ping:
      return { type: 'ping' }
    case frameType.ack:
      return decodeAck(reader)
    case frameType.stream:
    case frameType.stream | lastBit: {
      const offset = reader.varint()
      const data = reader.bytes(reader.varint())
      if (offset + data.length > Number.MAX_SAFE_INTEGER) return null
      return { type: 'stream', offset, bytes: data, fin: (type & lastBit) !== 0 }
    }
    case frameType.maxData:
      return { type: 'max data', offset: reader.varint() }
    case frameType.close:
      return { type: 'close', code: reader.varint() }
    default:
      return null
  }
}

/** RFC 9000 §19.3.1: each range stands as its distance from the one before, less one or two, which cannot be otherwise. */
function decodeAck(reader: Reader): AckFrame | null {
  let to = reader.varint()
  const delay = (reader.varint() * 8) / 1000
  const more = reader.varint()
  if (more >= maxRanges) return null
  const ranges: NumberRange[] = []
  for (let i = 0; i <= more; i++) {
    if (i > 0) to = ranges[i - 1]!.from - reader.varint() - 2
    const from = to - reader.varint()
    if (reader.failed || from < 0) return null
    ranges.push({ from, to })
  }
  return { type: 'ack', delay, ranges }
}

/** Writes as many ranges of an ACK as fit before `end`, and returns where it ends; `at` where not even one fits. */
export function writeAck(target: Uint8Array, at: number, end: number, ack: AckFrame): number {
  const [first] = ack.ranges
  if (!first) throw new TypeError('an ACK without a range')
  const delay = Math.round((Math.max(0, ack.delay) * 1000) / 8)
  const fixed = 2 + varintSize(first.to) + varintSize(delay) + varintSize(first.to - first.from)
  if (at + fixed > end) return at
  let count = 1
  for (let size = fixed; count < Math.min(ack.ranges.length, maxRanges); count++) {
    size += varintSize(gap(ack.ranges, count)) + varintSize(length(ack.ranges, count))
    if (at + size > end) break
  }
  target[at] = frameType.ack
  let next = writeVarint(target, at + 1, first.to)
  next = writeVarint(target, next, delay)
  next = writeVarint(target, next, count - 1)
  next = writeVarint(target, next, length(ack.ranges, 0))
  for (let i = 1; i < count; i++) {
    next = writeVarint(target, next, gap(ack.ranges, i))
    next = writeVarint(target, next, length(ack.ranges, i))
  }
  return next
}

const gap = (ranges: readonly NumberRange[], i: number) => ranges[i - 1]!.from - ranges[i]!.to - 2
const length = (ranges: readonly NumberRange[], i: number) => ranges[i]!.to - ranges[i]!.from

export function writePing(target: Uint8Array, at: number): number {
  target[at] = frameType.ping
  return at + 1
}

export function writeMaxData(target: Uint8Array, at: number, offset: number): number {
  target[at] = frameType.maxData
  return writeVarint(target, at + 1, offset)
}

export function writeClose(target: Uint8Array, at: number, code: number): number {
  target[at] = frameType.close
  return writeVarint(target, at + 1, code)
}

/** Bytes in front of the data of a STREAM frame, at most, for data of at most 16 383 bytes. */
export const streamFrameOverhead = (offset: number) => 1 + varintSize(offset) + 2

/** Writes what stands before the data, and returns where that belongs. */
export function writeStreamHeader(t: Uint8Array, at: number, offset: number, length: number, fin: boolean): number {
  t[at] = frameType.stream | (fin ? lastBit : 0)
  return writeVarint(t, writeVarint(t, at + 1, offset), length)
}
