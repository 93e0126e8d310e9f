// What somebody can do who sees the wire, or writes on it, or floods it: nothing that changes what a node believes.

import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { test } from 'node:test'
import { hex } from '@scure/base'
import { budgets, minPadding, tables } from '../../../src/protocol/control/constants.ts'
import { encodeMessage, noTransaction } from '../../../src/protocol/control/message.ts'
import { publicKeyBytes } from '../../../src/protocol/identity/key.ts'
import { keyWithWork, sealBody } from '../../protocol/control/nodes.ts'
import { type Datagram, Wire } from './wire.ts'

const id = new Uint8Array(32).fill(1)
const record = Uint8Array.of(1, 2, 3)
const mallory = { host: '203.0.113.66', port: 666 }
const once = { sendTimes: [0] }

function ping(padding = minPadding, transaction = new Uint8Array(12).fill(9)): Uint8Array {
  return encodeMessage({ type: 'ping', transaction, candidate: 0, padding })
}

test('a replayed PING gets an answer, to whoever is named as its source, and nothing else happens', async () => {
  const wire = new Wire()
  const [a, b] = [wire.node('192.0.2.1'), wire.node('192.0.2.2')]
  void a.channel.ping(b.key, b.endpoint, once)
  await wire.pass(50)
  const sent = wire.log[0]!
  const size = b.channel.size
  for (const from of [a.endpoint, mallory]) wire.deliver({ ...sent, from })
  await wire.pass(50)
  const answers = wire.log.slice(2)
  assert.deepEqual(
    answers.map(({ to }) => to),
    [a.endpoint, mallory],
  )
  // mallory has one bucket more; the PONG that reached a fits nothing
  assert.equal(b.channel.size, size + 1)
  assert.deepEqual(a.channel.counters.dropped, { 'answer to nothing': 1 })
})

test('a replayed PONG or RECORD fits no later question', async () => {
  const wire = new Wire()
  const a = wire.node('192.0.2.1')
  const b = wire.node('192.0.2.2', { answerFind: () => record })
  const first = [a.channel.ping(b.key, b.endpoint, once), a.channel.find(b.key, b.endpoint, id, once)]
  await wire.pass(50)
  assert.ok((await Promise.all(first)).every(answer => answer !== null))
  const answers = wire.log.filter(({ to }) => to === a.endpoint)
  assert.equal(answers.length, 2)

  wire.carry = () => []
  const later = [a.channel.ping(b.key, b.endpoint, once), a.channel.find(b.key, b.endpoint, id, once)]
  for (const answer of answers) wire.deliver(answer)
  await wire.pass(5_000)
  assert.deepEqual(await Promise.all(later), [null, null])
  assert.deepEqual(a.channel.counters.dropped, { 'answer to nothing': 2 })
})

test('a datagram sent back to its sender is not for him', async () => {
  const wire = new Wire()
  const [a, b] = [wire.node('192.0.2.1'), wire.node('192.0.2.2')]
  wire.carry = ({ bytes, from, to }) => [{ bytes, from: to, to: from }]
  const pong = a.channel.ping(b.key, b.endpoint, once)
  await wire.pass(5_000)
  assert.equal(await pong, null)
  assert.deepEqual(a.channel.counters, { received: 1, opened: 0, sent: 1, passedOn: 0, dropped: { check: 1 } })
})

test('a PING with a forged source proves nothing: its endpoint is still a stranger', async () => {
  const wire = new Wire()
  const rate = { rate: 1, burst: 5 }
  const budgets = { source: rate, strangers: rate, peer: { rate: 100, burst: 100 } }
  const a = wire.node('192.0.2.1')
  const b = wire.node('192.0.2.2', { budgets })
  for (let i = 0; i < 20; i++)
    a.channel.send({ type: 'ping', transaction: id.subarray(0, 12), candidate: 0, padding: 24 }, b.key, b.endpoint)
  await wire.pass(50)
  assert.equal(b.channel.counters.opened, 5)
  assert.equal(b.channel.counters.dropped['source budget'], 15)
})

test('a PONG from another place does not prove the place that was asked, nor the other', async () => {
  const wire = new Wire()
  const [a, b] = [wire.node('192.0.2.1'), wire.node('192.0.2.2')]
  wire.carry = datagram => [datagram.from === b.endpoint ? { ...datagram, from: mallory } : datagram]
  const pong = a.channel.ping(b.key, b.endpoint, once)
  await wire.pass(5_000)
  assert.equal(await pong, null)
  assert.deepEqual(a.channel.counters.dropped, { 'answer from another endpoint': 1 })
})

test('reordered and doubled datagrams: every question gets its own answer, once', async () => {
  const wire = new Wire()
  const [a, b] = [wire.node('192.0.2.1'), wire.node('192.0.2.2')]
  const held: Datagram[] = []
  wire.carry = datagram => {
    held.push(datagram)
    return []
  }
  const pongs = Array.from({ length: 10 }, () => a.channel.ping(b.key, b.endpoint, once))
  const release = async () => {
    const sent = held.splice(0)
    for (const datagram of [...sent].reverse()) for (let i = 0; i < 3; i++) wire.deliver(datagram)
    await wire.pass(0)
  }
  await release()
  await release()
  assert.ok((await Promise.all(pongs)).every(pong => pong?.observed.port === a.endpoint.port))
  assert.equal(a.channel.counters.opened, 90)
  assert.deepEqual(a.channel.counters.dropped, { 'answer to nothing': 80 })
})

test('what is not understood is not answered', async () => {
  const wire = new Wire()
  const workbit = 6
  const b = wire.node('192.0.2.2', { workbit })
  const other = wire.node('192.0.2.3')
  const [worker, idler] = [keyWithWork(workbit), keyWithWork(0, workbit - 1)]
  const good = sealBody(worker, b.key, ping())
  const version = (byte: number) => good.map((old, i) => (i === 1 ? byte : old))
  const wrong = {
    'unknown format': [version(0), version(3), version(255)],
    'not a control packet': [good.map((old, i) => (i === 0 ? 1 : old))],
    check: [sealBody(worker, other.key, ping()), good.map((old, i) => (i === 99 ? old ^ 4 : old))],
    workbit: [sealBody(idler, b.key, ping())],
    forged: [sealBody(idler, b.key, ping(), publicKeyBytes(worker.publicKey()))],
    malformed: [sealBody(worker, b.key, ping().subarray(0, 39)), sealBody(worker, b.key, Uint8Array.of(8))],
    'reserved type': [sealBody(worker, b.key, Uint8Array.of(9))],
    'unknown type': [sealBody(worker, b.key, Uint8Array.of(14))],
    length: [good.subarray(0, 50)],
  }
  for (const bytes of Object.values(wrong).flat()) wire.deliver({ bytes, from: mallory, to: b.endpoint })
  await wire.pass(50)
  const expected = Object.fromEntries(Object.entries(wrong).map(([reason, all]) => [reason, all.length]))
  assert.deepEqual(b.channel.counters.dropped, expected)
  assert.equal(wire.log.length, 0)
  wire.deliver({ bytes: good, from: mallory, to: b.endpoint })
  assert.equal(wire.log.length, 1, 'and the right one is')
})

test('a flood from one source takes nothing from another', async () => {
  const wire = new Wire()
  const [a, b] = [wire.node('192.0.2.1'), wire.node('192.0.2.2')]
  const bytes = sealBody(keyWithWork(0), b.key, ping())
  for (let i = 0; i < 3_000; i++) wire.deliver({ bytes, from: { ...mallory, port: 1 + i }, to: b.endpoint })
  assert.equal(b.channel.counters.opened, budgets.source.burst)
  const pong = a.channel.ping(b.key, b.endpoint, once)
  await wire.pass(50)
  assert.ok(await pong)
})

test('a flood from everywhere takes nothing from who answered us', async () => {
  const wire = new Wire()
  const [a, b, c] = [wire.node('192.0.2.1'), wire.node('192.0.2.2'), wire.node('192.0.2.3')]
  void b.channel.ping(a.key, a.endpoint, once)
  await wire.pass(50)
  const bytes = sealBody(keyWithWork(0), b.key, ping())
  const flood = () => {
    for (let i = 0; i < 10_000; i++) {
      wire.deliver({ bytes, from: { host: `10.0.${i >> 8}.${i & 255}`, port: 1 }, to: b.endpoint })
    }
  }
  const opened = b.channel.counters.opened
  flood()
  assert.equal(b.channel.counters.opened - opened, budgets.strangers.burst)
  await wire.pass(0.5)
  const pongs = [a.channel.ping(b.key, b.endpoint, once), c.channel.ping(b.key, b.endpoint, once)]
  // just before they arrive; half a token remains
  await wire.pass(9.99)
  flood()
  await wire.pass(5_000)
  assert.deepEqual((await Promise.all(pongs)).map(Boolean), [true, false])
  assert.ok(b.channel.size < tables.sources + tables.peers + 10)
  // what c lost is found by asking again when the flood is over
  const again = c.channel.ping(b.key, b.endpoint)
  await wire.pass(50)
  assert.ok(await again)
})

test('200 000 random datagrams: no answer, no memory', t => {
  const wire = new Wire()
  const node = wire.node('192.0.2.1', { answerFind: () => record, onOpen() {}, onStreamPacket() {}, onRecord() {} })
  const pool = randomFillSync(new Uint8Array(1 << 20))
  const count = 200_000
  const start = performance.now()
  const memory = process.memoryUsage().heapUsed
  for (let i = 0; i < count; i++) {
    const length = 1 + (i % 1_450)
    const bytes = Uint8Array.from(pool.subarray((i * 613) % (pool.length - length)).subarray(0, length))
    bytes[0] = 0xff
    if (length > 1 && i % 8 > 0) bytes[1] = i % 8 === 7 ? 2 : 1
    wire.now += 0.01
    wire.deliver({
      bytes,
      from: { host: `10.${i & 15}.${(i >> 4) & 255}.${(i >> 12) & 255}`, port: i & 0xffff },
      to: node.endpoint,
    })
  }
  const rate = Math.round(count / ((performance.now() - start) / 1_000))
  t.diagnostic(`${rate} a second, ${Math.round((process.memoryUsage().heapUsed - memory) / 1e6)} MB of heap more`)
  assert.equal(wire.log.length, 0)
  assert.equal(node.channel.counters.opened, 0)
  assert.equal(node.channel.counters.received, count)
  assert.equal(node.channel.size, 0)
})

test('an onlooker sees no public key, whatever nodes say to each other', async () => {
  const wire = new Wire()
  const a = wire.node('192.0.2.1', { onOpen() {} })
  const b = wire.node('192.0.2.2', { answerFind: () => record, onOpen() {} })
  const packet = new Uint8Array(100)
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    void from.channel.ping(to.key, to.endpoint)
    void from.channel.find(to.key, to.endpoint, id)
    from.channel.send({ type: 'record', transaction: noTransaction, record }, to.key, to.endpoint)
    from.channel.send({ type: 'open', connection: new Uint8Array(8), secret: id, packet }, to.key, to.endpoint)
    // even where it is said, it is sealed
    from.channel.send(
      { type: 'record', transaction: noTransaction, record: publicKeyBytes(from.key) },
      to.key,
      to.endpoint,
    )
  }
  await wire.pass(3_000)
  assert.ok(wire.log.length >= 14)
  const seen = wire.log.map(({ bytes }) => hex.encode(bytes)).join(' ')
  for (const node of [a, b]) {
    const key = publicKeyBytes(node.key)
    for (let i = 0; i + 8 <= key.length; i++) assert.ok(!seen.includes(hex.encode(key.subarray(i, i + 8))))
  }
})
