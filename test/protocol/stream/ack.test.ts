import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReceivedPackets } from '../../../src/protocol/stream/ack.ts'
import { maxAckDelay, maxRanges } from '../../../src/protocol/stream/constants.ts'

const never = Number.POSITIVE_INFINITY

test('the first of two packets waits, the second does not (RFC 9000 §13.2.2)', () => {
  const received = new ReceivedPackets()
  received.record(5, true, 100)
  assert.equal(received.ackAt, 100 + maxAckDelay)
  received.record(6, true, 102)
  assert.equal(received.ackAt, 102)
  assert.deepEqual(received.acknowledge(103), { type: 'ack', delay: 1, ranges: [{ from: 5, to: 6 }] })
  assert.equal(received.ackAt, never)
})

test('a packet that asks for nothing starts no timer, and is acknowledged with the next (RFC 9000 §13.2.1)', () => {
  const received = new ReceivedPackets()
  received.record(1, false, 0)
  assert.deepEqual([received.ackAt, received.pending, received.any], [never, false, true])
  received.record(2, true, 10)
  assert.deepEqual(received.acknowledge(10).ranges, [{ from: 1, to: 2 }])
})

test('a gap is told at once, and so is the packet that fills it (RFC 9000 §13.2.1)', () => {
  const received = new ReceivedPackets()
  received.record(1, true, 0)
  received.acknowledge(0)
  received.record(3, true, 10)
  assert.equal(received.ackAt, 10)
  assert.deepEqual(received.acknowledge(10).ranges, [
    { from: 3, to: 3 },
    { from: 1, to: 1 },
  ])
  received.record(2, true, 20)
  assert.equal(received.ackAt, 20)
  assert.deepEqual(received.acknowledge(25), { type: 'ack', delay: 15, ranges: [{ from: 1, to: 3 }] })
})

test('a packet is taken once', () => {
  const received = new ReceivedPackets()
  received.record(7, true, 0)
  assert.equal(received.isDuplicate(7), true)
  assert.equal(received.isDuplicate(6), false)
  received.forget(7)
  assert.equal(received.isDuplicate(6), true, 'below what is remembered')
  assert.equal(received.isDuplicate(8), false)
})

test('only so many ranges are remembered; what is forgotten counts as received', () => {
  const received = new ReceivedPackets()
  for (let i = 0; i < 3 * maxRanges; i++) received.record(2 * i, true, 0)
  const { ranges } = received.acknowledge(0)
  assert.equal(ranges.length, maxRanges)
  assert.equal(ranges[0]!.to, 2 * (3 * maxRanges - 1))
  assert.equal(received.isDuplicate(1), true)
  assert.equal(received.isDuplicate(ranges[0]!.to - 1), false)
})

test('an ACK names the newest packet even if all is forgotten', () => {
  const received = new ReceivedPackets()
  received.record(4, true, 0)
  received.forget(4)
  assert.deepEqual(received.acknowledge(0).ranges, [{ from: 4, to: 4 }])
})
