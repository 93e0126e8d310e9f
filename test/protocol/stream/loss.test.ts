import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  granularity,
  initialRtt,
  maxAckDelay,
  maxPacketThreshold,
  maxProbeInterval,
} from '../../../src/protocol/stream/constants.ts'
import type { AckFrame } from '../../../src/protocol/stream/frame.ts'
import { LossDetection, type SentPacket } from '../../../src/protocol/stream/loss.ts'
import { RoundTripTime } from '../../../src/protocol/stream/rtt.ts'

const never = Number.POSITIVE_INFINITY

function send(loss: LossDetection, sentAt: number, change: Partial<SentPacket> = {}): void {
  const number = loss.nextNumber
  const quiet = {
    size: 100,
    eliciting: true,
    pieces: [],
    maxData: false,
    acknowledges: -1,
    delivered: 0,
    deliveredAt: 0,
  }
  loss.sent({ number, sentAt, fate: 'unknown', ...quiet, ...change })
}

/** @param ranges single numbers, or first and last */
const ack = (...ranges: (number | [number, number])[]): AckFrame => ({
  type: 'ack',
  delay: 0,
  ranges: ranges.map(range =>
    typeof range === 'number' ? { from: range, to: range } : { from: range[0], to: range[1] },
  ),
})
const numbers = (packets: readonly SentPacket[]) => packets.map(({ number }) => number)

/** Packets 0 to `count` - 1, one each millisecond from 0 on. */
function flight(count: number): LossDetection {
  const loss = new LossDetection(0)
  for (let i = 0; i < count; i++) send(loss, i)
  return loss
}

test('the first sample makes the estimate (RFC 9002 §5.3)', () => {
  const rtt = new RoundTripTime()
  assert.deepEqual([rtt.smoothed, rtt.variation], [initialRtt, initialRtt / 2])
  rtt.update(100, 0)
  assert.deepEqual([rtt.smoothed, rtt.variation, rtt.min, rtt.latest], [100, 50, 100, 100])
})

test('later samples move it by an eighth, the variation by a quarter', () => {
  const rtt = new RoundTripTime()
  rtt.update(100, 0)
  rtt.update(180, 0)
  assert.deepEqual([rtt.smoothed, rtt.variation, rtt.min], [110, 0.75 * 50 + 0.25 * 80, 100])
})

test('the time that the peer waited is taken off, as far as it leaves the least RTT', () => {
  const rtt = new RoundTripTime()
  rtt.update(100, 0)
  rtt.update(130, 20)
  assert.equal(rtt.latest, 110)
  rtt.update(130, 90)
  assert.equal(rtt.latest, 100)
})

test('a peer that claims to have waited longer than the whole RTT gets probes at most each millisecond', () => {
  const rtt = new RoundTripTime()
  rtt.update(100, 5000)
  assert.equal(rtt.min, granularity)
})

test('only the largest packet gives a sample, and once (RFC 9002 §5.1)', () => {
  const loss = flight(3)
  loss.acknowledge(ack(1), 21)
  assert.equal(loss.rtt.latest, 20)
  loss.acknowledge(ack([0, 1]), 70)
  assert.equal(loss.rtt.latest, 20)
})

test('packet threshold: lost when a packet sent three later is acknowledged (RFC 9002 §6.1.1)', () => {
  const loss = flight(5)
  assert.deepEqual(numbers(loss.acknowledge(ack(2), 42)!.lost), [])
  assert.deepEqual(numbers(loss.acknowledge(ack(3), 43)!.lost), [0])
  assert.deepEqual(numbers(loss.acknowledge(ack(4), 44)!.lost), [1])
})

test('time threshold: lost 9/8 of an RTT after it was sent (RFC 9002 §6.1.2)', () => {
  const loss = new LossDetection(0)
  send(loss, 0)
  send(loss, 1)
  assert.deepEqual(numbers(loss.acknowledge(ack(1), 41)!.lost), [])
  assert.equal(loss.lossAt, 40 + 40 / 8)
  assert.deepEqual(numbers(loss.detect(44).lost), [])
  assert.deepEqual(numbers(loss.detect(45).lost), [0])
  assert.equal(loss.lossAt, never)
  assert.equal(loss.outstanding, false)
})

test('packets after the last acknowledged one are not lost by time, they are probed for', () => {
  const loss = flight(3)
  loss.acknowledge(ack(0), 40)
  assert.deepEqual(numbers(loss.detect(10_000).lost), [])
  assert.equal(loss.lossAt, never)
  assert.notEqual(loss.probeAt, never)
})

test('an overtaken packet that comes after all makes the thresholds more patient (RFC 9002 §6.1.1)', () => {
  const loss = flight(12)
  assert.deepEqual(numbers(loss.acknowledge(ack([1, 6]), 20)!.lost), [0])
  const outcome = loss.acknowledge(ack([0, 6]), 21)!
  assert.deepEqual([numbers(outcome.late), numbers(outcome.acknowledged)], [[0], []])
  assert.deepEqual(numbers(loss.acknowledge(ack([8, 11], [0, 6]), 22)!.lost), [], 'four behind: not lost any more')
  send(loss, 22)
  send(loss, 22)
  send(loss, 22)
  assert.deepEqual(numbers(loss.acknowledge(ack([8, 14], [0, 6]), 23)!.lost), [7], 'seven behind')
})

test('patience has a bound', () => {
  const loss = flight(200)
  loss.acknowledge(ack([150, 199]), 210)
  loss.acknowledge(ack([0, 199]), 211)
  for (let i = 0; i <= maxPacketThreshold; i++) send(loss, 212)
  assert.deepEqual(numbers(loss.acknowledge(ack([201, 200 + maxPacketThreshold]), 213)!.lost), [200])
})

test('the probe time-out: smoothed RTT, four variations, the ACK delay (RFC 9002 §6.2.1)', () => {
  const loss = new LossDetection(0)
  send(loss, 1000)
  assert.equal(loss.probeAt, 1000 + initialRtt + 4 * (initialRtt / 2), 'before the first sample')
  loss.acknowledge(ack(0), 1040)
  assert.equal(loss.probeAt, never)
  send(loss, 2000)
  assert.equal(loss.probeAt, 2000 + 40 + 4 * 20 + maxAckDelay)
})

test('each probe doubles the time-out, to a bound, and an ACK ends that (RFC 9002 §6.2.1)', () => {
  const loss = new LossDetection(0)
  send(loss, 0)
  const pauses: number[] = []
  for (let i = 0; i < 8; i++) {
    const at = loss.probeAt
    loss.probed(at)
    send(loss, at)
    pauses.push(loss.probeAt - at)
  }
  const first = loss.rtt.probeTimeout
  assert.deepEqual(
    pauses.slice(0, 4),
    [2, 4, 8, 16].map(n => n * first),
  )
  assert.equal(pauses.at(-1), maxProbeInterval)
  loss.acknowledge(ack(8), loss.probeAt - 1)
  assert.equal(loss.probes, 0)
})

test('where the RTT is beyond the bound, so are the pauses', () => {
  const loss = new LossDetection(0)
  send(loss, 0)
  loss.acknowledge(ack(0), 3000)
  send(loss, 3000)
  loss.probed(loss.probeAt)
  assert.equal(loss.probeAt - loss.rtt.probeTimeout, 3000 + loss.rtt.probeTimeout)
})

test('packets that ask for nothing are neither awaited nor probed for, and cost no memory', () => {
  const loss = new LossDetection(0)
  for (let i = 0; i < 1000; i++) send(loss, i, { eliciting: false })
  assert.deepEqual([loss.outstanding, loss.probeAt], [false, never])
  assert.deepEqual(numbers(loss.acknowledge(ack([0, 999]), 1000)!.acknowledged), [999])
})

test('an ACK of what was never sent is a violation (RFC 9000 §13.1)', () => {
  assert.equal(flight(3).acknowledge(ack([0, 3]), 10), null)
})

test('an ACK may name everything from zero on, and costs no more for that', () => {
  const loss = new LossDetection(2 ** 52)
  send(loss, 0)
  assert.deepEqual(numbers(loss.acknowledge(ack([0, 2 ** 52]), 10)!.acknowledged), [2 ** 52])
})

test('persistent congestion: a run of losses longer than three probe time-outs (RFC 9002 §7.6)', () => {
  const blackout = (length: number) => {
    const loss = new LossDetection(0)
    send(loss, 0)
    loss.acknowledge(ack(0), 40)
    // the estimate at the end: a second sample of 40 ms makes the variation 15
    const span = (40 + 4 * 15 + maxAckDelay) * 3
    send(loss, 100)
    send(loss, 100 + length * span)
    for (let i = 0; i < 3; i++) send(loss, 1000)
    const { lost, persistent } = loss.acknowledge(ack([4, 5]), 1040)!
    return [numbers(lost), persistent]
  }
  assert.deepEqual(blackout(1), [[1, 2], true])
  assert.deepEqual(blackout(0.99), [[1, 2], false])
})

test('persistent congestion: not where one of them got through', () => {
  const loss = new LossDetection(0)
  send(loss, 0)
  loss.acknowledge(ack(0), 40)
  for (const at of [100, 300, 800, 1000, 1000, 1000]) send(loss, at)
  const { lost, persistent } = loss.acknowledge(ack([4, 6], 2), 1040)!
  assert.deepEqual([numbers(lost), persistent], [[1, 3], false])
})
