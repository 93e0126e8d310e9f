// Questions that go out by another way than W, or are answered from or to elsewhere; and that no answer of any kind is longer than
// what was asked.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Endpoint } from '../../../src/base/ip.ts'
import type { ChannelOptions, Way } from '../../../src/drivers/control/channel.ts'
import { systemCrypto as crypto } from '../../../src/os/crypto.ts'
import { minPadding } from '../../../src/protocol/control/constants.ts'
import { networkTag } from '../../../src/protocol/control/message.ts'
import { Desk } from '../../../src/protocol/home/desk.ts'
import type { PublicKey } from '../../../src/protocol/identity/key.ts'
import { message } from '../../protocol/control/messages.ts'
import { keyWithWork } from '../../protocol/control/nodes.ts'
import { type Node, Wire } from './wire.ts'

const network = 'test'
const once = { sendTimes: [0] }
const home = '192.0.2.2'
const branchAt: Endpoint = { host: '198.51.100.1', port: 50_000 }

/** A node, and another one with a second port and a second address. */
function reflecting(options: Partial<ChannelOptions> = {}) {
  const wire = new Wire()
  const ways: { port?: Way; address?: Way } = {}
  const reflect = {
    otherPort: () => ways.port ?? null,
    otherAddress: (host: string) => (host.includes(':') ? null : (ways.address ?? null)),
    other: () => ({}),
  }
  const heard: [PublicKey, Endpoint, Way | undefined][] = []
  const b = wire.node(home, { reflect, desk: new Desk(crypto, randomBytes(32), () => 'stranger'), ...options })
  b.channel.handlers.onPing = (key, from, via) => void heard.push([key, from, via])
  ways.port = wire.way(b, { host: home, port: 51821 })
  ways.address = wire.way(b, { host: '192.0.2.99', port: 51821 })
  const a = wire.node('192.0.2.1', { network })
  return { wire, a, b, ways, heard }
}

test('a PONG from another port or another address, where that was asked for', async () => {
  const { wire, a, b } = reflecting()
  const pongs = [
    a.channel.ping(b.key, b.endpoint, { changePort: true, ofNetwork: true }),
    a.channel.ping(b.key, b.endpoint, { changeAddress: true }),
    a.channel.ping(b.key, b.endpoint, { changeAddress: true, changePort: true }),
  ]
  await wire.pass(4_000)
  const [port, ...address] = await Promise.all(pongs)
  assert.deepEqual([port?.from, port?.observed], [{ host: home, port: 51821 }, a.endpoint])
  for (const pong of address) assert.deepEqual(pong?.from, { host: '192.0.2.99', port: 51821 })
  assert.deepEqual(a.channel.counters.dropped, {})
})

test('silence tells that a node is out of reach, unless it was asked for what may not arrive', async () => {
  const { wire, b, ways } = reflecting()
  delete ways.port
  const silent: PublicKey[] = []
  const a = wire.node('192.0.2.3', { network, onSilence: key => void silent.push(key) })
  const answerTo = { token: new Uint8Array(16), endpoint: { host: '192.0.2.3', port: 9 } }
  for (const test of [{ changePort: true }, { changeAddress: true }, { answerTo }, { padding: 1_000 }] as const) {
    wire.carry = () => []
    const pong = a.channel.ping(b.key, b.endpoint, { ...once, ...test })
    await wire.pass(4_000)
    assert.deepEqual([await pong, silent], [null, []], Object.keys(test).join())
  }
  const pong = a.channel.ping(b.key, b.endpoint, once)
  await wire.pass(4_000)
  assert.deepEqual([await pong, silent], [null, [b.key]])
})

test('who has no other port or address does not answer, and who ignores the wish is not believed', async () => {
  const { wire, a, b, ways } = reflecting()
  delete ways.port
  const six = wire.node('2001:db8::1')
  const none = [
    a.channel.ping(b.key, b.endpoint, { ...once, changePort: true }),
    six.channel.ping(b.key, b.endpoint, { ...once, changeAddress: true }),
  ]
  await wire.pass(4_000)
  assert.deepEqual(await Promise.all(none), [null, null])
  assert.deepEqual(b.channel.counters.dropped, { 'no other port here': 1, 'no other address here': 1 })
  // an older node answers from where it was asked, and a NAT lets that in
  const older = wire.node('192.0.2.5', {
    reflect: { otherPort: () => same, otherAddress: () => same, other: () => ({}) },
  })
  const same = wire.way(older, older.endpoint)
  const wrong = [
    a.channel.ping(older.key, older.endpoint, { ...once, changePort: true }),
    a.channel.ping(older.key, older.endpoint, { ...once, changeAddress: true }),
  ]
  await wire.pass(4_000)
  assert.deepEqual(await Promise.all(wrong), [null, null])
  assert.deepEqual(a.channel.counters.dropped, { 'answer from another endpoint': 2 })
})

test('an address may be written in any way', async () => {
  const wire = new Wire()
  const [a, b] = [wire.node('2001:db8::1'), wire.node('2001:db8::2')]
  const otherPort = wire.way(b, { host: '2001:db8::2', port: 51821 })
  b.channel.reflect = { otherPort: () => otherPort, otherAddress: () => null, other: () => ({}) }
  wire.carry = datagram => [{ ...datagram, to: { ...datagram.to, host: datagram.to.host.replace('DB8:0:', 'db8:') } }]
  const loud = { host: '2001:DB8:0::2', port: b.endpoint.port }
  const pongs = [a.channel.ping(b.key, loud), a.channel.ping(b.key, loud, { changePort: true })]
  await wire.pass(4_000)
  assert.ok((await Promise.all(pongs)).every(pong => pong !== null))
})

test('an answer from elsewhere proves no endpoint', async () => {
  const budgets = { source: { rate: 0, burst: 3 }, strangers: { rate: 0, burst: 9 }, peer: { rate: 9, burst: 99 } }
  const { wire, b, ways } = reflecting()
  const a = wire.node('192.0.2.7', { budgets })
  const pong = a.channel.ping(b.key, b.endpoint, { changePort: true })
  await wire.pass(4_000)
  assert.ok(await pong)
  for (let i = 0; i < 9; i++)
    b.channel.send({ ...asked(), transaction: new Uint8Array(12).fill(i) }, a.key, a.endpoint, ways.port)
  await wire.pass(4_000)
  assert.equal(a.channel.counters.dropped['source budget'], 7)
})

const asked = () => ({ type: 'ping', transaction: new Uint8Array(12), candidate: 0, padding: minPadding }) as const

test('a question by a branch goes and comes by the branch, and gets a token for where that is seen', async () => {
  const { wire, a, b, heard } = reflecting()
  const branch = wire.way(a, branchAt)
  const pong = a.channel.ping(b.key, b.endpoint, { via: branch })
  const lease = a.channel.home(b.key, b.endpoint, null, { via: branch })
  await wire.pass(4_000)
  assert.deepEqual((await pong)?.observed, branchAt)
  assert.equal((await pong)?.via, branch)
  assert.deepEqual((await lease)?.observed, branchAt)
  assert.deepEqual(heard, [[a.key, branchAt, undefined]])
})

test('what comes in by another way is answered by that way, and its callee knows', async () => {
  const { wire, a, b, ways, heard } = reflecting({ answerFind: () => Uint8Array.of(1) })
  const there = { host: home, port: 51821 }
  const answers = [a.channel.ping(b.key, there), a.channel.find(b.key, there, new Uint8Array(32))]
  await wire.pass(4_000)
  assert.ok((await Promise.all(answers)).every(answer => answer !== null))
  assert.deepEqual(heard, [[a.key, a.endpoint, ways.port]])
})

test('an answer to another endpoint of the asker: with the token of there, for the key that got it', async () => {
  const { wire, a, b, heard } = reflecting()
  const branch = wire.way(a, branchAt)
  const lease = a.channel.home(b.key, b.endpoint, null, { via: branch })
  const other = wire.node('192.0.2.8')
  await wire.pass(4_000)
  const { token } = (await lease)!
  const ask = async (node: Node, answerTo: { token: Uint8Array; endpoint: Endpoint }) => {
    const pong = node.channel.ping(b.key, b.endpoint, { ...once, ofNetwork: true, answerTo })
    wire.log.length = 0
    await wire.pass(4_000)
    return pong
  }
  const pong = await ask(a, { token, endpoint: branchAt })
  assert.equal(pong?.via, branch)
  assert.deepEqual(pong?.observed, a.endpoint, 'it says where the question came from')
  const size = heard.length
  for (const [node, answerTo] of [
    [a, { token, endpoint: a.endpoint }],
    [a, { token, endpoint: { ...branchAt, port: 50_001 } }],
    [a, { token, endpoint: { host: '203.0.113.1', port: 53 } }],
    [a, { token: token.map(byte => byte ^ 1), endpoint: branchAt }],
    [other, { token, endpoint: branchAt }],
  ] as const) {
    assert.equal(await ask(node, answerTo), null)
    assert.equal(wire.log.length, 0, 'nobody gets anything')
  }
  assert.equal(b.channel.counters.dropped.token, 5)
  assert.equal(heard.length, size, 'nor is it told of')
})

test('no answer of any kind is longer than its question, and nobody gets more bytes than came', async () => {
  const key = keyWithWork(0).publicKey()
  /** The most answers to each kind. */
  const answered = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(message, fc.boolean(), fc.nat(2), async (drawn, ipv6, state) => {
      const { wire, b } = reflecting({ network, answerFind: id => new Uint8Array(((id[0] ?? 0) * 3) % 769) })
      const asker = wire.node(ipv6 ? '2001:db8::1' : '192.0.2.10')
      const callee = wire.node('2001:db8::3')
      b.channel.handlers.onOffer = () => {}
      const desk = new Desk(crypto, new Uint8Array(32), () => 'stranger')
      b.channel.desk = desk
      const token = desk.token(asker.key, asker.endpoint, wire.now)
      desk.home(callee.key, callee.endpoint, desk.token(callee.key, callee.endpoint, wire.now), wire.now)
      // so that what needs a token is not always refused
      const sent = {
        ...drawn,
        ...((drawn.type === 'home' || drawn.type === 'call') && { token }),
        ...(drawn.type === 'call' && { target: state > 0 ? callee.key : key }),
        ...(drawn.type === 'ping' && drawn.network && state > 0 && { network: networkTag(crypto, network) }),
        ...(drawn.type === 'ping' && drawn.answerTo && { answerTo: { token, endpoint: asker.endpoint } }),
      }
      // the drawn endpoint may have been the longer one
      if (sent.type === 'ping' && drawn.type === 'ping') Object.assign(sent, { padding: Math.max(drawn.padding, 43) })
      asker.channel.send(sent, b.key, b.endpoint)
      await wire.pass(11)
      const [question, ...answers] = wire.log.map(({ bytes }) => bytes.length) as [number]
      for (const length of answers) assert.ok(length <= question, `${drawn.type}: ${length} for ${question}`)
      const all = answers.reduce((sum, length) => sum + length, 0)
      assert.ok(all <= question, `${drawn.type}: ${all} in all for ${question}`)
      if (answers.length > (answered.get(drawn.type) ?? 0)) answered.set(drawn.type, answers.length)
    }),
    // a smaller example is not worth ten minutes
    { numRuns: 250, endOnFailure: true },
  )
  assert.deepEqual([...answered.entries()].sort(), [
    ['call', 2],
    ['find', 1],
    ['home', 1],
    ['ping', 1],
  ])
})
