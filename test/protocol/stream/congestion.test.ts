import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Congestion } from '../../../src/protocol/stream/congestion.ts'
import {
  forgetPathAfter,
  initialCongestionWindow,
  maxDatagram,
  minCongestionWindow,
} from '../../../src/protocol/stream/constants.ts'
import type { SentPacket } from '../../../src/protocol/stream/loss.ts'
import { RoundTripTime } from '../../../src/protocol/stream/rtt.ts'

const rtt = new RoundTripTime()
rtt.update(40, 0)
/** The same path with its queue full. */
const full = new RoundTripTime()
full.update(40, 0)
full.update(80, 0)

let number = 0
function send(congestion: Congestion, now: number, count: number): SentPacket[] {
  return Array.from({ length: count }, () => {
    const packet: SentPacket = {
      number: number++,
      sentAt: now,
      size: maxDatagram,
      eliciting: true,
      pieces: [],
      maxData: false,
      acknowledges: -1,
      ...congestion.snapshot(now),
      fate: 'unknown',
    }
    congestion.sent(packet.size, now)
    return packet
  })
}

test('ten packets at first (RFC 9002 §7.2)', () => {
  const congestion = new Congestion()
  assert.equal(congestion.room, 10 * maxDatagram)
  send(congestion, 0, 11)
  assert.equal(congestion.room, 0)
})

test('slow start doubles in one RTT (RFC 9002 §7.3.1)', () => {
  const congestion = new Congestion()
  congestion.acknowledged(send(congestion, 0, 10), 40, rtt, true)
  assert.equal(congestion.window, 20 * maxDatagram)
  assert.equal(congestion.inFlight, 0)
})

test('a window that was not used does not grow (RFC 9002 §7.8)', () => {
  const congestion = new Congestion()
  congestion.acknowledged(send(congestion, 0, 3), 40, rtt, false)
  assert.equal(congestion.window, initialCongestionWindow)
})

test('a loss with a queue ends slow start: back to what the path delivers, never below half', () => {
  const congestion = new Congestion()
  // ten packets arrive in one RTT, of which five are lost: the path delivers five
  const packets = send(congestion, 0, 10)
  congestion.lost(packets.slice(0, 5), 80, full, false)
  assert.equal(congestion.window, 5 * maxDatagram)
  assert.equal(congestion.slowStart, false)
  congestion.acknowledged(packets.slice(5), 80, full, true)
  assert.equal(congestion.window, 5 * maxDatagram, 'what was sent before the loss does not raise it')
})

test('Westwood: a loss without a queue leaves what the path delivers', () => {
  const congestion = new Congestion()
  let now = 0
  const round = (count: number) => {
    const packets = send(congestion, now, count)
    now += 40
    return packets
  }
  congestion.acknowledged(round(10), now, rtt, true)
  congestion.lost(round(1), now, full, false)
  const before = congestion.window
  for (let i = 0; i < 3; i++) congestion.acknowledged(round(20), now, rtt, false)
  const [first, ...others] = round(20)
  congestion.acknowledged(others, now, rtt, false)
  congestion.lost([first!], now, rtt, false)
  assert.equal(congestion.window, before)
})

test('congestion avoidance: one packet an RTT (RFC 9002 §7.3.3)', () => {
  const congestion = new Congestion()
  congestion.lost(send(congestion, 0, 5), 40, full, false)
  const window = congestion.window
  congestion.acknowledged(send(congestion, 50, Math.floor(window / maxDatagram)), 90, rtt, true)
  assert.ok(Math.abs(congestion.window - window - maxDatagram) < 0.1 * maxDatagram)
})

test('one answer for all losses of one flight (RFC 9002 §7.3.2)', () => {
  const congestion = new Congestion()
  const packets = send(congestion, 0, 10)
  congestion.lost(packets.slice(0, 1), 80, full, false)
  const { window } = congestion
  congestion.lost(packets.slice(1, 4), 85, full, false)
  assert.equal(congestion.window, window)
  congestion.lost(send(congestion, 90, 1), 140, full, false)
  assert.ok(congestion.window < window)
})

test('slow start passes over a few losses while the RTT shows no queue', () => {
  const congestion = new Congestion()
  const packets = send(congestion, 0, 10)
  congestion.lost(packets.slice(0, 1), 60, rtt, false)
  assert.deepEqual([congestion.window, congestion.slowStart], [initialCongestionWindow, true])
  congestion.lost(packets.slice(1, 2), 61, rtt, false)
  assert.equal(congestion.slowStart, false, 'two of ten are not a few')
})

test('a loss that was none is undone', () => {
  const congestion = new Congestion()
  const packets = send(congestion, 0, 10)
  congestion.lost(packets.slice(0, 2), 80, full, false)
  congestion.late(packets.slice(0, 1))
  assert.ok(congestion.window < initialCongestionWindow)
  congestion.late(packets.slice(1, 2))
  assert.deepEqual([congestion.window, congestion.slowStart], [initialCongestionWindow, true])
})

test('persistent congestion leaves the least window, and slow start (RFC 9002 §7.6.2)', () => {
  const congestion = new Congestion()
  congestion.lost(send(congestion, 0, 10), 1000, rtt, true)
  assert.deepEqual([congestion.window, congestion.slowStart], [minCongestionWindow, true])
})

test('never below the least window', () => {
  const congestion = new Congestion()
  for (let now = 0; now < 2000; now += 100) congestion.lost(send(congestion, now, 2), now + 50, full, false)
  assert.equal(congestion.window, minCongestionWindow)
})

test('after a pause the first flight is small again, after a long one the path is new', () => {
  const congestion = new Congestion()
  congestion.acknowledged(send(congestion, 0, 10), 40, rtt, true)
  congestion.restart(50, rtt)
  assert.equal(congestion.window, 2 * initialCongestionWindow)
  congestion.restart(200, rtt)
  assert.equal(congestion.window, initialCongestionWindow)
  congestion.lost(send(congestion, 200, 5), 280, full, false)
  congestion.restart(280 + forgetPathAfter, rtt)
  assert.deepEqual([congestion.window, congestion.slowStart], [initialCongestionWindow, true])
})
