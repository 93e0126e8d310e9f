import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Endpoint } from '../../../src/base/ip.ts'
import type { Open, Pong } from '../../../src/drivers/control/channel.ts'
import { maxOpenFinds, maxOpenRequests, maxPadding, maxRecord } from '../../../src/protocol/control/constants.ts'
import { noTransaction } from '../../../src/protocol/control/message.ts'
import type { PublicKey } from '../../../src/protocol/identity/key.ts'
import { Wire } from './wire.ts'

const id = new Uint8Array(32).fill(1)
const record = Uint8Array.of(1, 2, 3)
const once = { sendTimes: [0] }

test('a PING is answered with the source that was seen, the clock, and the round trip', async () => {
  const wire = new Wire()
  const [a, b] = [wire.node('192.0.2.1'), wire.node('2001:db8::2')]
  const pong = a.channel.ping(b.key, b.endpoint, { candidate: 9 })
  await wire.pass(20)
  assert.deepEqual(await pong, {
    ...{ observed: a.endpoint, clock: 1_800_000_001_000, rtt: 20, from: b.endpoint },
  } satisfies Pong)
  assert.equal(wire.log.length, 2)
  assert.equal(a.channel.counters.opened, 1)
  assert.deepEqual(a.channel.counters.dropped, {})
})

test('a FIND is answered with what is held, or with nothing', async () => {
  const wire = new Wire()
  const held = new Uint8Array(maxRecord).fill(7)
  const a = wire.node('192.0.2.1')
  const b = wire.node('192.0.2.2', { answerFind: async asked => (asked[0] === 1 ? held : null) })
  const c = wire.node('192.0.2.3')
  const found = [
    a.channel.find(b.key, b.endpoint, id),
    a.channel.find(b.key, b.endpoint, new Uint8Array(32)),
    a.channel.find(c.key, c.endpoint, id),
  ]
  await wire.pass(50)
  assert.deepEqual(await Promise.all(found), [held, new Uint8Array(0), new Uint8Array(0)])
})

test('without an answer it is asked again, each time with another transaction, and ends', async () => {
  const wire = new Wire()
  const a = wire.node('192.0.2.1')
  const nobody = { host: '192.0.2.9', port: 9 }
  const key = wire.node('192.0.2.2').key
  let ended: unknown
  const asked = wire.now
  const times: number[] = []
  wire.carry = () => {
    times.push(wire.now - asked)
    return []
  }
  void a.channel.ping(key, nobody, { timeout: 2_000 }).then(pong => {
    ended = pong
  })
  await wire.pass(1_999)
  assert.deepEqual(times, [0, 200, 600, 1_400])
  assert.equal(ended, undefined)
  await wire.pass(1)
  assert.equal(ended, null)
  assert.equal(new Set(wire.log.map(({ bytes }) => String(bytes))).size, 4)
})

test('a lost PING costs a repetition; its round trip is that of the one that was answered', async () => {
  const wire = new Wire()
  const [a, b] = [wire.node('192.0.2.1'), wire.node('192.0.2.2')]
  wire.carry = datagram => (wire.log.length === 1 ? [] : [datagram])
  const pong = a.channel.ping(b.key, b.endpoint)
  await wire.pass(300)
  assert.equal((await pong)?.rtt, 20)
  await wire.pass(3_000)
  assert.equal(wire.log.length, 3, 'nothing is sent after the answer')
})

test('a PONG counts if it comes from where it was asked, with the key that was asked', async () => {
  const wire = new Wire()
  const [a, b, c] = [wire.node('192.0.2.1'), wire.node('192.0.2.2'), wire.node('192.0.2.3')]
  // b's answer comes by another way than the question went: the path that was asked about is not proven
  wire.carry = datagram => [{ ...datagram, from: datagram.from.host === b.endpoint.host ? c.endpoint : datagram.from }]
  const elsewhere = a.channel.ping(b.key, b.endpoint, once)
  await wire.pass(3_000)
  assert.equal(await elsewhere, null)
  assert.deepEqual(a.channel.counters.dropped, { 'answer from another endpoint': 1 })

  // c knows the transaction, as if b had told it
  let transaction: Uint8Array = noTransaction
  const ask = a.channel.send.bind(a.channel)
  a.channel.send = (message, ...rest) => {
    if (message.type === 'ping') transaction = message.transaction
    ask(message, ...rest)
  }
  wire.carry = datagram => (datagram.to.host === b.endpoint.host ? [] : [{ ...datagram, from: b.endpoint }])
  const other = a.channel.ping(b.key, b.endpoint, once)
  c.channel.send({ type: 'pong', transaction, observed: a.endpoint, clock: 0 }, a.key, a.endpoint)
  c.channel.send({ type: 'record', transaction, record }, a.key, a.endpoint)
  await wire.pass(3_000)
  assert.equal(await other, null)
  assert.deepEqual(a.channel.counters.dropped, {
    'answer from another endpoint': 1,
    'answer of another key': 1,
    // the RECORD: that transaction was a PING's
    'answer to nothing': 1,
  })
})

test('a RECORD counts from anywhere, if it has the key that was asked: it proves itself', async () => {
  const wire = new Wire()
  const a = wire.node('192.0.2.1')
  const b = wire.node('192.0.2.2', { answerFind: () => record })
  const moved = { ...b.endpoint, port: 7 }
  wire.carry = datagram => [{ ...datagram, from: datagram.from === b.endpoint ? moved : datagram.from }]
  const found = a.channel.find(b.key, b.endpoint, id)
  await wire.pass(100)
  assert.deepEqual(await found, record)
})

test('what nobody asked for: records are handed on, answers are not', async () => {
  const wire = new Wire()
  const got: [PublicKey, Uint8Array, Endpoint][] = []
  const a = wire.node('192.0.2.1', { onRecord: (...all) => void got.push(all) })
  const b = wire.node('192.0.2.2')
  const transaction = new Uint8Array(12).fill(1)
  b.channel.send({ type: 'record', transaction: noTransaction, record }, a.key, a.endpoint)
  b.channel.send({ type: 'record', transaction: noTransaction, record: new Uint8Array(0) }, a.key, a.endpoint)
  b.channel.send({ type: 'record', transaction, record }, a.key, a.endpoint)
  b.channel.send({ type: 'pong', transaction, observed: a.endpoint, clock: 0 }, a.key, a.endpoint)
  await wire.pass(50)
  assert.deepEqual(got, [[b.key, record, b.endpoint]])
  assert.deepEqual(a.channel.counters.dropped, { 'answer to nothing': 2 })
  assert.equal(wire.log.length, 4, 'and nothing is answered')
})

test('OPEN and stream packets reach who handles them, as they came', async () => {
  const wire = new Wire()
  const opened: [PublicKey, Endpoint, Open][] = []
  const packets: [Uint8Array, Endpoint][] = []
  const a = wire.node('192.0.2.1')
  const b = wire.node('192.0.2.2', {
    onOpen: (...all) => void opened.push(all),
    onStreamPacket: (...all) => void packets.push(all),
  })
  const packet = new Uint8Array(40).fill(5)
  packet.set([0xff, 2])
  const open = { connection: new Uint8Array(8).fill(1), secret: new Uint8Array(32).fill(2), packet }
  a.channel.send({ type: 'open', ...open }, b.key, b.endpoint)
  a.channel.sendStreamPacket(packet, b.endpoint)
  b.channel.sendStreamPacket(packet, a.endpoint)
  for (const length of [2, 33, 1401]) {
    const bytes = new Uint8Array(length)
    bytes.set([0xff, 2])
    wire.deliver({ bytes, from: a.endpoint, to: b.endpoint })
  }
  await wire.pass(20)
  assert.equal(wire.log[0]!.bytes.length, 1200)
  assert.deepEqual(opened, [[a.key, a.endpoint, { type: 'open', ...open }]])
  assert.deepEqual(packets, [[packet, a.endpoint]])
  assert.deepEqual(b.channel.counters.dropped, { 'stream packet length': 3 })
  assert.deepEqual(a.channel.counters.dropped, { 'no streams here': 1 })
})

test('answers are never longer than questions', async () => {
  const asked = fc.record({
    padding: fc.integer({ min: 24, max: maxPadding }),
    ipv6: fc.boolean(),
    record: fc.nat(maxRecord),
  })
  await fc.assert(
    fc.asyncProperty(asked, async ({ padding, ipv6, record }) => {
      const wire = new Wire()
      const a = wire.node(ipv6 ? '2001:db8::1' : '192.0.2.1')
      const b = wire.node('192.0.2.2', { answerFind: () => new Uint8Array(record) })
      const answers = [a.channel.ping(b.key, b.endpoint, { padding }), a.channel.find(b.key, b.endpoint, id)]
      await wire.pass(50)
      assert.ok((await Promise.all(answers)).every(answer => answer !== null))
      const lengths = [a, b].map(node =>
        wire.log.filter(({ from }) => from === node.endpoint).map(({ bytes }) => bytes.length),
      )
      const [questions, answered] = lengths as [number[], number[]]
      for (const [i, length] of answered.entries()) assert.ok(length <= questions[i]!, `${length} for ${questions[i]}`)
    }),
    { numRuns: 40 },
  )
})

test('our own mistakes are said, not sent', async () => {
  const wire = new Wire()
  const a = wire.node('192.0.2.1')
  const b = wire.node('192.0.2.2', { answerFind: () => new Uint8Array(maxRecord + 1) })
  assert.throws(() => a.channel.ping(b.key, { host: 'b.example', port: 1 }), TypeError)
  assert.throws(() => a.channel.ping(b.key, b.endpoint, { padding: maxPadding + 1 }), TypeError)
  const found = a.channel.find(b.key, b.endpoint, id, once)
  a.channel.send({ type: 'ping', transaction: id.subarray(0, 12), candidate: 0, padding: 24 }, a.key, b.endpoint)
  await wire.pass(5_000)
  assert.equal(await found, null)
  assert.deepEqual(b.channel.counters.dropped, { 'find failed': 1 })
  assert.deepEqual(a.channel.counters.dropped, { 'no secret with that key': 1 })
})

test('questions that wait have a bound, and end when the channel does', async () => {
  const wire = new Wire()
  const [a, b] = [wire.node('192.0.2.1'), wire.node('192.0.2.2')]
  wire.carry = () => []
  const waiting = Array.from({ length: maxOpenRequests }, () => a.channel.ping(b.key, b.endpoint, { sendTimes: [] }))
  assert.equal(await a.channel.ping(b.key, b.endpoint), null)
  assert.deepEqual(a.channel.counters.dropped, { 'too many questions': 1 })
  a.channel.close()
  assert.ok((await Promise.all(waiting)).every(pong => pong === null))
  a.channel.send({ type: 'record', transaction: noTransaction, record }, b.key, b.endpoint)
  assert.equal(wire.log.length, 0)
})

test('finds that wait for us have a bound', async () => {
  const wire = new Wire()
  const a = wire.node('192.0.2.1')
  const b = wire.node('192.0.2.2', { answerFind: () => new Promise(() => {}) })
  for (let i = 0; i < maxOpenFinds + 5; i++) void a.channel.find(b.key, b.endpoint, id, once)
  await wire.pass(50)
  assert.deepEqual(b.channel.counters.dropped, { 'too many finds': 5 })
})
