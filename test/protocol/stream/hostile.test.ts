// What a peer, or somebody on the path, can do to a connection: not much.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openOverhead } from '../../../src/protocol/stream/constants.ts'
import { writeAck, writeClose, writeStreamHeader } from '../../../src/protocol/stream/frame.ts'
import { sealPacket, streamKeys } from '../../../src/protocol/stream/packet.ts'
import { StreamPair } from '../../sim/stream-pair.ts'

const path = { delay: 10 }

/** A pair of which the test itself is the client from now on. */
function withoutClient(): { pair: StreamPair; say(write: (target: Uint8Array) => number): void } {
  const pair = new StreamPair(1, path)
  pair.client.write(Uint8Array.of(1))
  pair.run(500)
  pair.link.receive.a = () => {}
  let number = 2 ** 52 + 1
  return {
    pair,
    say(write) {
      const target = new Uint8Array(1200)
      const frames = target.subarray(0, write(target))
      const key = streamKeys(pair.crypto, pair.secret).client
      pair.server!.packet(sealPacket(pair.crypto, key, { connection: pair.id, number: number++ }, frames))
    },
  }
}

test('the server sends no more bytes than it received until it is acknowledged', () => {
  for (let seed = 0; seed < 100; seed++) {
    const pair = new StreamPair(seed, { delay: 10, loss: 0.3, duplicates: 0.2 })
    let most = 0
    pair.link.passes = from => {
      const { sent, received } = pair.serverBytes
      if (from === 'b' && pair.server?.connection.state === 'half-open') {
        assert.ok(sent <= received, `seed ${seed}: ${sent} of ${received}`)
        most = Math.max(most, sent / received)
      }
      return true
    }
    pair.onServer = server => server.writeAll(new Uint8Array(60_000))
    pair.client.writeAll(new Uint8Array(100))
    pair.run(60_000, () => pair.client.ended)
    assert.ok(most > 0.7, `seed ${seed}: the allowance is used`)
    assert.deepEqual([pair.client.length, pair.client.ended], [60_000, true], `seed ${seed}`)
  }
})

test('the server is not made to send more by a client that never acknowledges', () => {
  const pair = new StreamPair(1, path)
  pair.link.passes = from => from === 'a'
  pair.onServer = server => server.writeAll(new Uint8Array(60_000))
  pair.client.writeAll(new Uint8Array(5000))
  pair.run(60_000)
  assert.equal(pair.server!.closed, 'unconfirmed')
  const { sent, received } = pair.serverBytes
  assert.ok(sent > 0 && sent <= received, `${sent} of ${received}`)
})

test('a packet is taken once: replays of everything change nothing', () => {
  const pair = new StreamPair(1, { delay: 10, loss: 0.05 })
  pair.onServer = server => {
    server.onData = bytes => server.connection.write(bytes)
  }
  pair.client.write(new Uint8Array(5000))
  pair.run(5000)
  const flow = [...pair.link.flow]
  const before = [pair.client.length, pair.server!.length]
  assert.deepEqual(before, [5000, 5000])
  for (const { from, bytes } of flow) {
    if (from === 'a') pair.server!.packet(bytes)
    else pair.client.packet(bytes)
  }
  pair.run(10_000)
  assert.deepEqual([pair.client.length, pair.server!.length], before)
  const arrived = flow.filter(({ from, fate }) => from === 'a' && fate === 'sent').length
  assert.equal(pair.server!.dropped.filter(reason => reason === 'duplicate').length >= arrived, true)
})

test('a packet with a changed byte, or of the other direction, is dropped', () => {
  const pair = new StreamPair(1, path)
  pair.client.write(new Uint8Array(10))
  pair.run(15)
  const { bytes } = pair.link.flow[0]!
  const far = bytes.with(17, bytes[17]! ^ 0x55)
  pair.server!.packet(far)
  pair.client.packet(bytes.with(17, bytes[17]! ^ 0x33))
  assert.deepEqual([pair.server!.dropped, pair.client.dropped], [['not authentic'], ['not authentic']])
  pair.server!.packet(bytes.subarray(0, 30))
  assert.equal(pair.server!.dropped.at(-1), 'malformed')
})

test('frames that no honest peer writes are dropped with their packet', () => {
  const { pair, say } = withoutClient()
  say(target => {
    target[0] = 0x3f
    return 1
  })
  assert.deepEqual([pair.server!.dropped, pair.server!.closed], [['malformed'], null])
})

const violations: [string, (target: Uint8Array) => number][] = [
  ['data beyond the window', target => writeStreamHeader(target, 0, 10_000_000, 100, false) + 100],
  [
    'an ACK of what was not sent',
    target => writeAck(target, 0, 100, { type: 'ack', delay: 0, ranges: [{ from: 0, to: 2 ** 53 - 5 }] }),
  ],
  ['an end before what came', target => writeStreamHeader(target, 0, 0, 0, true)],
]
for (const [name, write] of violations) {
  test(`${name} ends the connection`, () => {
    const { pair, say } = withoutClient()
    say(write)
    assert.equal(pair.server!.closed, 'protocol violation')
    assert.equal(pair.server!.connection.state, 'closing')
  })
}

test('"finished" from a peer to whom we still have something to say is a reset', () => {
  const { pair, say } = withoutClient()
  say(target => writeClose(target, 0, 0))
  assert.equal(pair.server!.closed, 'reset by peer')
})

test('gaps fill no memory: beyond some, packets count as lost', () => {
  const { pair, say } = withoutClient()
  for (let at = 10; at < 60_000; at += 100) say(target => writeStreamHeader(target, 0, at, 1, false) + 1)
  assert.ok(pair.server!.dropped.length > 300)
  assert.ok(pair.server!.dropped.every(reason => reason === 'out of room'))
  assert.equal(pair.server!.closed, null)
})

test('who was told that it is over is told again when it goes on, at a measured pace', () => {
  const { pair, say } = withoutClient()
  pair.server!.reset()
  const before = pair.link.flow.length
  for (let i = 0; i < 100; i++) say(target => writeStreamHeader(target, 0, 1, 9, false) + 9)
  assert.equal(pair.link.flow.length, before)
  pair.run(pair.simulation.now() + 10)
  say(target => writeStreamHeader(target, 0, 1, 9, false) + 9)
  assert.equal(pair.link.flow.length, before + 1)
  say(target => writeClose(target, 0, 1))
  assert.equal(pair.server!.connection.state, 'draining')
  pair.run(pair.simulation.now() + 60_000)
  assert.equal(pair.server!.connection.state, 'gone')
})

test('an OPEN counts with all of its bytes', () => {
  const pair = new StreamPair(1, path)
  pair.client.write(new Uint8Array(10))
  pair.run(12)
  assert.equal(pair.serverBytes.received, pair.link.flow[0]!.bytes.length + openOverhead)
})
