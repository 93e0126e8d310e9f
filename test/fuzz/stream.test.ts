/**
 * Whatever comes for a stream, from strangers or from a peer that has the keys: it is dropped or dealt with, never thrown, and
 * what goes out stays bounded. Inputs at the edges, and any that ever failed, are in corpus-stream/, and are tried first: the frames
 * of one packet.
 */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { Connection } from '../../src/protocol/stream/connection.ts'
import { maxDatagram } from '../../src/protocol/stream/constants.ts'
import { decodeFrames } from '../../src/protocol/stream/frame.ts'
import { readHeader, sealPacket, streamKeys } from '../../src/protocol/stream/packet.ts'
import { plainCrypto } from '../sim/plain-crypto.ts'

const corpus = new URL('./corpus-stream/', import.meta.url)
const connection = new Uint8Array(8)
const secret = new Uint8Array(32)
const keys = streamKeys(plainCrypto, secret)

/** Everything that must hold for the frames of a packet. */
function framesHold(bytes: Uint8Array): void {
  const frames = decodeFrames(bytes)
  if (!frames) return
  let data = 0
  for (const frame of frames) {
    if (frame.type === 'stream') {
      assert.ok(Number.isSafeInteger(frame.offset + frame.bytes.length))
      data += frame.bytes.length
    }
    if (frame.type !== 'ack') continue
    for (const [i, { from, to }] of frame.ranges.entries()) {
      assert.ok(from >= 0 && from <= to && Number.isSafeInteger(to))
      assert.ok(i === 0 || to < frame.ranges[i - 1]!.from - 1)
    }
  }
  assert.ok(data < bytes.length && frames.length <= bytes.length)
}

/** A server gets packets whose frames are anything, sealed as they should be, with time passing between. */
function connectionHolds(packets: readonly { frames: Uint8Array; pause: number; write: number; step: number }[]): void {
  const firstNumber = 2 ** 52 - 1
  const server = new Connection({ role: 'server', crypto: plainCrypto, connection, secret, firstNumber }, 0)
  let [now, number, received, sent, closed] = [0, 1000, 0, 0, 0]
  const perform = (outputs: ReturnType<Connection['advance']>) => {
    assert.ok(outputs.length < 2000)
    for (const output of outputs) {
      if (output.kind === 'send') {
        sent += output.packet.length
        assert.ok(output.packet.length <= maxDatagram && !output.open)
        assert.notEqual(readHeader(output.packet), null)
        if (server.state === 'half-open') assert.ok(sent <= received)
      }
      if (output.kind === 'closed') closed++
    }
  }
  for (const { frames, pause, write, step } of packets) {
    number += step
    const packet = sealPacket(plainCrypto, keys.client, { connection, number }, frames)
    received += packet.length
    perform(server.handlePacket(packet, now))
    for (let part = server.read(); part && part !== 'end'; part = server.read());
    server.write(new Uint8Array(write))
    perform(server.advance(now))
    for (let wakes = 0; server.wakeAt <= now + pause; wakes++) {
      assert.ok(wakes < 1000, 'it wakes and wakes')
      now = Math.max(now, server.wakeAt)
      perform(server.advance(now))
      if (server.state === 'gone') break
    }
    now += pause
    assert.ok(server.state === 'gone' || server.wakeAt > now || server.state === 'unread')
  }
  assert.ok(closed <= 1)
}

test('inputs at the edges, and those that once failed', () => {
  for (const name of readdirSync(corpus)) {
    const bytes = readFileSync(new URL(name, corpus))
    framesHold(bytes)
    const packet = { frames: bytes, pause: 100, write: 100, step: 1 }
    connectionHolds([packet, packet])
  }
})

const varint = fc.oneof(
  fc.nat(63).map(n => [n]),
  fc.nat(0x3fff).map(n => [0x40 | (n >> 8), n & 0xff]),
  fc.uint8Array({ minLength: 3, maxLength: 3 }).map(rest => [0x80, ...rest]),
  fc.uint8Array({ minLength: 7, maxLength: 7 }).map(rest => [0xc0, ...rest]),
)
/** A frame of a known type with numbers that make sense, mostly. */
const frame = fc
  .tuple(fc.constantFrom(0, 1, 2, 0x0e, 0x0f, 0x10, 0x1c, 0x30), fc.array(varint, { maxLength: 6 }))
  .map(([type, numbers]) => [type, ...numbers.flat()])
/** The same, right: what an honest sender could write, at the wrong moment. */
const acks = fc.tuple(fc.nat(30), fc.nat(3), fc.nat(30)).map(([largest, delay, length]) => {
  // numbers of the server start at 2^52 - 1
  const number = [0xc0, ...[6, 5, 4, 3, 2, 1, 0].map(i => Math.floor((2 ** 52 - 1 + largest) / 256 ** i) & 0xff)]
  return [2, ...number, delay, 0, Math.min(length, 60)]
})
const data = fc.tuple(fc.nat(60), fc.uint8Array({ maxLength: 60 }), fc.boolean()).map(([offset, bytes, fin]) => {
  return [fin ? 0x0f : 0x0e, offset, bytes.length, ...bytes]
})
const frames = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 100 }),
  fc.array(fc.oneof(frame, acks, data), { minLength: 1, maxLength: 8 }).map(parts => Uint8Array.from(parts.flat())),
)

test('frames of any bytes', () => {
  fc.assert(fc.property(frames, framesHold), { numRuns: 5000 })
})

test('headers of any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (bytes, marked) => {
      const header = readHeader(marked ? Uint8Array.from([0xff, 2, ...bytes]) : bytes)
      assert.ok(header === null || (Number.isSafeInteger(header.number) && header.connection.length === 8))
    }),
    { numRuns: 5000 },
  )
})

test('a peer with the keys may say anything, at any time', () => {
  const packet = fc.record({
    frames,
    pause: fc.constantFrom(0, 1, 5, 30, 400, 3000),
    write: fc.constantFrom(0, 0, 10, 5000, 100_000),
    step: fc.constantFrom(1, 1, 1, 2, 5, -1),
  })
  fc.assert(fc.property(fc.array(packet, { minLength: 1, maxLength: 40 }), connectionHolds), { numRuns: 1500 })
})
