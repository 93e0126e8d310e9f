// The model of WireGuard, by what the whitepaper says of the real one.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoint } from '../../src/base/ip.ts'
import { second } from '../../src/base/time.ts'
import { isFor, isInitiation, mac1Key } from '../../src/protocol/wireguard/mac1.ts'
import { keyOf } from '../../src/sim/node.ts'
import { Simulation } from '../../src/sim/simulation.ts'
import { Wireguard } from '../../src/sim/wireguard.ts'

type Sent = { readonly at: number; readonly from: string; readonly bytes: Uint8Array; readonly to: Endpoint }

/** Two interfaces on a wire of 10 ms, which loses what `passes` says. */
function pair() {
  const simulation = new Simulation(1)
  const sent: Sent[] = []
  const delivered: { at: number; by: string; payload: Uint8Array }[] = []
  const at: Record<string, Endpoint> = { a: { host: '192.0.2.1', port: 1 }, b: { host: '192.0.2.2', port: 2 } }
  const wire = { passes: (_: Sent) => true }
  const ends: Record<string, Wireguard> = {}
  for (const [i, name] of ['a', 'b'].entries()) {
    ends[name] = new Wireguard(keyOf(i).publicKey(), {
      clock: simulation,
      random: simulation,
      send(bytes, to) {
        const packet = { at: simulation.now(), from: name, bytes, to }
        sent.push(packet)
        const other = Object.keys(at).find(each => at[each]!.host === to.host)
        if (!other || !wire.passes(packet)) return
        simulation.at(simulation.now() + 10, () => ends[other]!.receive(bytes, at[name]!))
      },
      deliver: (_from, payload) => delivered.push({ at: simulation.now(), by: name, payload }),
    })
  }
  const [a, b] = [ends.a!, ends.b!]
  const toB = a.addPeer(b.publicKey)
  const toA = b.addPeer(a.publicKey)
  const sizes = (from?: string) => sent.filter(each => !from || each.from === from).map(({ bytes }) => bytes.length)
  const run = (time: number) => simulation.run(simulation.now() + time)
  return { simulation, sent, delivered, at, wire, a, b, toA, toB, sizes, run }
}

const payload = new Uint8Array(84).fill(7)

test('initiation, response, then what waited; the responder needs no endpoint', () => {
  const { a, b, toB, toA, at, sent, sizes, delivered, run } = pair()
  toB.endpoint = at.b
  a.transmit(b.publicKey, payload)
  run(1 * second)
  assert.deepEqual(sizes(), [148, 92, 128])
  const [initiation] = sent
  assert.ok(isInitiation(initiation!.bytes))
  assert.ok(isFor(initiation!.bytes, mac1Key(b.publicKey)))
  assert.ok(!isFor(initiation!.bytes, mac1Key(a.publicKey)))
  assert.deepEqual([...delivered[0]!.payload], [...payload])
  assert.deepEqual(toA.endpoint, at.a)
  const [said] = a.peers()
  assert.equal(said!.sent, 148 + 128)
  assert.equal(said!.received, 92)
  assert.ok(said!.latestHandshake !== undefined)
})

test('without an answer: an initiation every 5 s for 90 s, then what waits is given up', () => {
  const { a, b, toB, at, wire, sizes, sent, delivered, run } = pair()
  toB.endpoint = at.b
  wire.passes = () => false
  a.transmit(b.publicKey, payload)
  run(30 * second)
  assert.ok(sizes().every(size => size === 148))
  const gaps = sent.slice(1).map(({ at }, i) => at - sent[i]!.at)
  assert.ok(gaps.every(gap => gap >= 5 * second && gap <= 5.4 * second))
  run(200 * second)
  assert.equal(sent.length, 20)
  wire.passes = () => true
  run(60 * second)
  assert.equal(delivered.length, 0)
  a.transmit(b.publicKey, payload)
  run(1 * second)
  assert.equal(delivered.length, 1)
})

test('a handshake begins not sooner than 5 s after the last, wherever the endpoint points meanwhile', () => {
  const { a, b, toB, at, sent, delivered, run } = pair()
  toB.endpoint = { host: '192.0.2.99', port: 9 }
  a.transmit(b.publicKey, payload)
  run(1 * second)
  toB.endpoint = at.b
  run(3.9 * second)
  assert.equal(sent.length, 1)
  run(1 * second)
  assert.equal(delivered.length, 1)
})

test('an initiation that is sent again by somebody else is answered to where it came from, and what waited follows', () => {
  const { a, b, toB, sent, delivered, run, at } = pair()
  // the doorbell: nobody is there
  toB.endpoint = { host: '127.0.0.1', port: 9 }
  a.transmit(b.publicKey, payload)
  run(100)
  const [rang] = sent
  b.receive(rang!.bytes, at.a!)
  run(100)
  assert.equal(delivered.length, 1)
  assert.deepEqual(toB.endpoint, at.b)
  // a second copy has an old timestamp
  const before = sent.length
  b.receive(rang!.bytes, at.a!)
  run(100)
  assert.equal(sent.length, before)
})

test('what is heard is answered by a keepalive after 10 s; what is not answered makes a new handshake after 15 s', () => {
  const { a, b, toB, at, sent, wire, sizes, run } = pair()
  toB.endpoint = at.b
  a.transmit(b.publicKey, payload)
  run(9.9 * second)
  assert.equal(sizes('b').length, 1)
  run(0.2 * second)
  assert.deepEqual(sizes('b'), [92, 32])
  run(20 * second)
  wire.passes = ({ from }) => from === 'a'
  const before = sent.length
  a.transmit(b.publicKey, payload)
  run(14.9 * second)
  assert.equal(sent.slice(before).filter(({ bytes }) => bytes.length === 148).length, 0)
  run(1 * second)
  assert.equal(sent.slice(before).filter(({ bytes }) => bytes.length === 148).length, 1)
})

test('a session is renewed by its initiator after 120 s of use, and useless after 180 s', () => {
  const { a, b, toB, at, sizes, delivered, run, wire } = pair()
  toB.endpoint = at.b
  for (let i = 0; i < 125; i++) {
    a.transmit(b.publicKey, payload)
    run(1 * second)
  }
  assert.equal(sizes('a').filter(size => size === 148).length, 2)
  assert.equal(delivered.length, 125)
  run(181 * second)
  wire.passes = ({ bytes }) => bytes.length !== 92
  a.transmit(b.publicKey, payload)
  run(1 * second)
  assert.equal(delivered.length, 125, 'nothing goes out by a dead session')
  assert.equal(sizes('a').at(-1), 148)
})

test('the endpoint follows authenticated packets, and no others', () => {
  const { a, b, toB, toA, at, sent, run } = pair()
  toB.endpoint = at.b
  a.transmit(b.publicKey, payload)
  run(1 * second)
  at.a = { host: '192.0.2.1', port: 77 }
  a.transmit(b.publicKey, payload)
  run(1 * second)
  assert.deepEqual(toA.endpoint, at.a)
  // the same packet again, from elsewhere: its counter has been seen
  b.receive(sent.at(-1)!.bytes, { host: '203.0.113.9', port: 9 })
  assert.deepEqual(toA.endpoint, at.a)
})

test('a persistent keepalive is sent at once, and then where nothing else is', () => {
  const { toB, at, sizes, run } = pair()
  toB.endpoint = at.b
  toB.setKeepalive(25)
  run(1 * second)
  assert.deepEqual(sizes('a'), [148, 32])
  run(60 * second)
  assert.deepEqual(sizes('a'), [148, 32, 32, 32])
})

test('128 packets wait for a session; the oldest go first', () => {
  const { a, b, toB, at, delivered, run } = pair()
  for (let i = 0; i < 200; i++) a.transmit(b.publicKey, Uint8Array.of(i))
  toB.endpoint = at.b
  run(6 * second)
  assert.deepEqual([delivered.length, delivered[0]!.payload[0], delivered.at(-1)!.payload[0]], [128, 72, 199])
})
