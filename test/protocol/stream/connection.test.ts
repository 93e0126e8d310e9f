// Both ends of a connection over a simulated link: how it begins, waits and ends.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { minute, second } from '../../../src/base/time.ts'
import { systemCrypto } from '../../../src/os/crypto.ts'
import * as sealed from '../../../src/protocol/control/constants.ts'
import { encodeMessage } from '../../../src/protocol/control/message.ts'
import {
  confirmWithin,
  giveUpAfter,
  helloDelay,
  initialWindow,
  lingerAtLeast,
  maxDatagram,
  maxIdle,
  openOverhead,
  sendBuffer,
} from '../../../src/protocol/stream/constants.ts'
import { decodeFrames, type Frame } from '../../../src/protocol/stream/frame.ts'
import { openPacket, readHeader, streamKeys } from '../../../src/protocol/stream/packet.ts'
import type { Flow } from '../../sim/link.ts'
import { plainCrypto } from '../../sim/plain-crypto.ts'
import { End, StreamPair } from '../../sim/stream-pair.ts'

const rtt = 20
const path = { delay: rtt / 2 }

function framesOf(pair: StreamPair, { from, bytes }: Flow): Frame[] {
  const key = streamKeys(pair.crypto, pair.secret)[from === 'a' ? 'client' : 'server']
  return decodeFrames(openPacket(pair.crypto, key, readHeader(bytes)!.number, bytes)!)!
}

const typesOf = (pair: StreamPair, flow: Flow) => framesOf(pair, flow).map(({ type }) => type)

/** A pair that has exchanged a byte each way, and has nothing more to say. */
function established(seed = 1, options = path): StreamPair & { server: End } {
  const pair = new StreamPair(seed, options)
  pair.onServer = server => {
    server.onData = () => server.connection.write(Uint8Array.of(2))
  }
  pair.client.write(Uint8Array.of(1))
  pair.run(1000)
  assert.deepEqual([pair.client.length, pair.server?.length], [1, 1])
  pair.server!.onData = () => {}
  pair.link.flow.length = 0
  return pair as StreamPair & { server: End }
}

test('the first packet brings data, and the answer comes one RTT later', () => {
  const pair = new StreamPair(1, path)
  pair.onServer = server => {
    server.onData = bytes => server.connection.write(bytes)
  }
  pair.client.write(new Uint8Array(300))
  pair.run(1000, () => pair.client.length === 300)
  assert.equal(pair.simulation.now(), rtt)
  assert.deepEqual(
    pair.link.flow.map(flow => [flow.at, flow.from, typesOf(pair, flow).join()]),
    [
      [0, 'a', 'stream,padding'],
      [10, 'b', 'ack,stream'],
    ],
  )
})

test('until the server speaks every packet of the client travels in an OPEN, which fills a datagram', () => {
  const pair = new StreamPair(1, path)
  pair.client.write(new Uint8Array(3000))
  pair.run(1000)
  const opens = pair.link.flow.filter(({ bytes }) => pair.opens.has(bytes))
  assert.deepEqual(
    opens.map(({ at }) => at),
    [0, 0, 0],
  )
  assert.ok(opens.every(({ bytes }) => bytes.length + openOverhead === maxDatagram))
  assert.ok(pair.link.flow.every(({ bytes }) => bytes.length <= maxDatagram))
  assert.equal(pair.server!.length, 3000)
  const packet = opens[0]!.bytes
  const message = encodeMessage({ type: 'open', connection: pair.id, secret: pair.secret, packet })
  assert.equal(message.length + sealed.overhead, maxDatagram, 'and the control protocol adds what we think')
})

test('OPENs may come in any order, and the first ones may be lost', () => {
  for (const lost of [0, 1, 2]) {
    const pair = new StreamPair(1, path)
    pair.link.passes = (_from, _bytes, index) => index !== lost
    pair.client.write(Uint8Array.from({ length: 3000 }, (_, i) => i))
    pair.run(5000)
    assert.deepEqual(
      [...pair.server!.bytes],
      Array.from({ length: 3000 }, (_, i) => i & 0xff),
    )
  }
})

test('a client with nothing to say says so after a moment', () => {
  const pair = new StreamPair(1, path)
  pair.run(1000)
  assert.deepEqual([pair.link.flow[0]?.at, pair.client.connection.state], [helloDelay, 'open'])
  assert.deepEqual(typesOf(pair, pair.link.flow[0]!), ['ping', 'padding'])
})

test('after what there is to say there is silence: no ACK of an ACK, no timer', () => {
  const pair = new StreamPair(1, path)
  pair.client.write(Uint8Array.of(1))
  pair.run(1000)
  assert.deepEqual(
    pair.link.flow.map(flow => [flow.from, typesOf(pair, flow).join()]),
    [
      ['a', 'stream,padding'],
      ['b', 'ack,ping'],
      ['a', 'ack,ping'],
      ['b', 'ack'],
    ],
    'each of the two has to learn that the other one receives',
  )
  const wakes = pair.client.wakes + pair.server!.wakes
  pair.run(maxIdle - second)
  assert.deepEqual([pair.link.flow.length, pair.client.wakes + pair.server!.wakes], [4, wakes])
})

test('five minutes of silence end a connection, silently', () => {
  const pair = established()
  pair.run(10 * minute)
  assert.deepEqual([pair.client.closed, pair.server.closed, pair.link.flow.length], ['idle', 'idle', 0])
  assert.equal(pair.client.connection.state, 'gone')
})

test('a peer who does not answer is given up after twelve seconds, and is not flooded until then', () => {
  const pair = established()
  pair.link.passes = () => false
  const start = pair.simulation.now()
  pair.client.writeAll(new Uint8Array(100_000))
  pair.run(start + minute, () => pair.client.closed !== null)
  assert.equal(pair.client.closed, 'no answer')
  assert.equal(pair.simulation.now() - start, giveUpAfter)
  assert.ok(pair.link.flow.length < 40, `${pair.link.flow.length} packets`)
  assert.equal(pair.client.connection.wakeAt, Number.POSITIVE_INFINITY)
})

test('a peer who never answers at all gets eleven OPENs', () => {
  const pair = new StreamPair(1, path)
  pair.link.passes = () => false
  pair.client.write(Uint8Array.of(1))
  pair.run(minute)
  assert.equal(pair.client.closed, 'no answer')
  const times = pair.link.flow.map(({ at }) => Math.round(at))
  assert.deepEqual([...new Set(times)], [0, 99, 297, 693, 1485, 3069, 5069, 7069, 9069, 11069])
})

test('on a slow path giving up takes three probe time-outs', () => {
  const pair = new StreamPair(1, { delay: 3000 })
  pair.client.write(Uint8Array.of(1))
  pair.run(minute)
  assert.equal(pair.client.connection.rtt, 6000)
  pair.link.passes = () => false
  const start = pair.simulation.now()
  pair.client.write(Uint8Array.of(2))
  pair.run(start + 10 * minute, () => pair.client.closed !== null)
  const took = pair.simulation.now() - start
  assert.ok(took > 3 * 6000 && took < 3 * 20_000, `${took}`)
})

test('a path that comes back is noticed', () => {
  const pair = established()
  const start = pair.simulation.now()
  pair.link.passes = () => pair.simulation.now() > start + 9 * second
  pair.client.writeAll(new Uint8Array(50_000))
  pair.run(start + 15 * second)
  assert.deepEqual([pair.server.length, pair.server.ended], [50_001, true])
})

test('half-closed: one end has ended, the other one goes on', () => {
  const pair = established()
  pair.client.end()
  pair.run(2000)
  assert.deepEqual([pair.server.ended, pair.server.closed, pair.client.closed], [true, null, null])
  pair.server.writeAll(new Uint8Array(200_000))
  pair.run(20_000)
  assert.deepEqual([pair.client.length, pair.client.ended], [200_001, true])
  assert.deepEqual([pair.client.closed, pair.server.closed], ['finished', 'finished'])
  assert.deepEqual([pair.client.connection.state, pair.server.connection.state], ['gone', 'gone'])
})

test('an end that was lost is sent again', () => {
  const pair = established()
  pair.link.passes = (_from, _bytes, index) => index > 1
  pair.client.end()
  pair.run(2000)
  assert.equal(pair.server.ended, true)
})

test('both ends finish well though CLOSE is lost many times', () => {
  const pair = established()
  let closes = 0
  pair.link.passes = (from, bytes) => {
    const close = typesOf(pair, { at: 0, from, bytes, fate: 'sent' }).includes('close')
    return !close || closes++ > 3
  }
  pair.server.end()
  pair.run(2000)
  pair.client.end()
  pair.run(2000 + lingerAtLeast)
  assert.ok(closes > 3)
  assert.deepEqual([pair.client.closed, pair.server.closed], ['finished', 'finished'])
})

test('a reset is told, also if it is lost at first and the other one has something to say', () => {
  const pair = established()
  pair.link.passes = (_from, _bytes, index) => index !== 0
  pair.client.reset()
  assert.equal(pair.client.closed, 'reset')
  pair.server.writeAll(new Uint8Array(10_000))
  pair.run(4000)
  assert.equal(pair.server.closed, 'reset by peer')
  assert.deepEqual([pair.client.connection.write(new Uint8Array(1)), pair.client.connection.read()], [0, null])
})

test('a reset before the first packet is nobody else’s business', () => {
  const pair = new StreamPair(1, path)
  pair.client.reset()
  pair.run(minute)
  assert.deepEqual([pair.client.closed, pair.client.connection.state, pair.link.flow.length], ['reset', 'gone', 0])
})

test('a reset before the first answer travels in an OPEN, too', () => {
  const pair = new StreamPair(1, path)
  pair.client.write(Uint8Array.of(1))
  pair.client.reset()
  pair.run(minute)
  assert.deepEqual(
    pair.link.flow.filter(({ from }) => from === 'a').map(({ bytes }) => pair.opens.has(bytes)),
    [true, true],
  )
  assert.equal(pair.server!.closed, 'reset by peer')
})

test('who does not read stops the writer: a window and a buffer, not more', () => {
  const pair = established()
  pair.server.paused = true
  const data = Uint8Array.from({ length: 500_000 }, (_, i) => (i * 7) >> 3)
  pair.client.writeAll(data)
  pair.run(5000)
  assert.ok(pair.client.connection.room < sendBuffer / 2)
  const sent = pair.link.flow.filter(({ from }) => from === 'a').reduce((sum, { bytes }) => sum + bytes.length, 0)
  assert.ok(sent < initialWindow * 1.15, `${sent} bytes`)
  pair.run(60_000)
  assert.deepEqual([pair.server.length, pair.client.closed], [1, null], 'and nobody gives up over that')
  pair.server.resume()
  pair.run(70_000)
  assert.ok(pair.server.bytes.subarray(1).equals(data))
  assert.ok(pair.client.drains >= (data.length - initialWindow) / sendBuffer)
})

test('a reader who stops and goes on, again and again, gets everything', () => {
  const pair = established(3, { delay: 10 })
  const data = Uint8Array.from({ length: 1_000_000 }, (_, i) => (i * 13) >> 4)
  pair.client.writeAll(data)
  while (!pair.server.ended && pair.simulation.now() < minute) {
    pair.server.paused = !pair.server.paused
    pair.server.advance()
    pair.run(pair.simulation.now() + 37)
  }
  assert.ok(pair.server.bytes.subarray(1).equals(data))
})

test('an end that comes while nobody reads keeps until somebody does', () => {
  const pair = established()
  pair.server.paused = true
  pair.client.writeAll(new Uint8Array(1000))
  pair.server.end()
  pair.run(10_000)
  assert.equal(pair.client.ended, true)
  assert.deepEqual([pair.client.closed, pair.server.closed, pair.server.connection.state], ['finished', null, 'unread'])
  pair.server.resume()
  assert.deepEqual([pair.server.length, pair.server.ended, pair.server.closed], [1001, true, 'finished'])
})

test('real keys: the same with ChaCha20-Poly1305', () => {
  const pair = new StreamPair(1, { delay: 10, loss: 0.05 }, systemCrypto)
  const data = Uint8Array.from({ length: 100_000 }, (_, i) => i >> 2)
  pair.client.writeAll(data)
  pair.run(20_000)
  assert.ok(pair.server!.bytes.equals(data))
})

test('the same seed gives the same packets at the same times', () => {
  const run = () => {
    const pair = new StreamPair(7, { delay: 10, jitter: 15, loss: 0.1, duplicates: 0.1 })
    pair.client.writeAll(new Uint8Array(200_000))
    pair.run(20_000)
    return pair.link.flow.map(
      ({ at, from, bytes, fate }) => `${at} ${from} ${Buffer.from(bytes).toString('base64')} ${fate}`,
    )
  }
  const first = run()
  assert.ok(first.length > 200)
  assert.deepEqual(first, run())
})

test('a server that nobody really asked ends after ten seconds', () => {
  const pair = new StreamPair(1, path)
  pair.link.passes = from => from === 'a' && pair.link.flow.length === 0
  pair.client.write(new Uint8Array(100))
  pair.run(1000, () => pair.server !== null)
  const born = pair.simulation.now()
  pair.run(born + minute, () => pair.server!.closed !== null)
  assert.deepEqual([pair.server!.closed, pair.simulation.now() - born], ['unconfirmed', confirmWithin])
  assert.equal(pair.server!.connection.state, 'gone')
})

test('a replayed OPEN makes a server that uses no nonce again', () => {
  const pair = established()
  const replay = new StreamPair(2, path, plainCrypto)
  Object.assign(replay, { id: pair.id, secret: pair.secret })
  const again = new End(replay, 'b')
  const fresh = established()
  const numbers = (flow: readonly Flow[]) => flow.map(({ bytes }) => readHeader(bytes)!.number)
  fresh.server.writeAll(new Uint8Array(100_000))
  fresh.run(5000)
  again.writeAll(new Uint8Array(100_000))
  const open = [...pair.opens][0]!
  again.packet(open, open.length + openOverhead)
  const used = new Set(numbers(fresh.link.flow.filter(({ from }) => from === 'b')))
  const replayed = numbers(replay.link.flow.filter(({ from }) => from === 'b'))
  assert.ok(replayed.length > 0 && used.size > 50)
  assert.ok(replayed.every(number => !used.has(number)))
})
