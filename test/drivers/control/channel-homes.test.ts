// Homes and calls between channels: what a home can do for two nodes, and what it cannot do to them.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { Endpoint } from '../../../src/base/ip.ts'
import { hour } from '../../../src/base/time.ts'
import type { ChannelOptions } from '../../../src/drivers/control/channel.ts'
import { systemCrypto as crypto } from '../../../src/os/crypto.ts'
import { maxCalled, maxRecord, overhead } from '../../../src/protocol/control/constants.ts'
import { encodeMessage, networkTag, noTransaction, type Offer } from '../../../src/protocol/control/message.ts'
import { Desk } from '../../../src/protocol/home/desk.ts'
import type { PublicKey } from '../../../src/protocol/identity/key.ts'
import { keyWithWork, sealBody } from '../../protocol/control/nodes.ts'
import { type Datagram, type Node, Wire } from './wire.ts'

const network = 'test'
const once = { sendTimes: [0] }
const noon = 1_800_000_000_000

const deskOf = () => new Desk(crypto, randomBytes(32), () => 'stranger')

/** An OFFER; its time counts up. */
let at = noon
function offerOf(fields: Partial<Offer> = {}): Offer {
  at += 1
  return {
    ...{ type: 'offer', transaction: Uint8Array.from(randomBytes(12)), answer: false, at },
    network: networkTag(crypto, network),
    body: { nat: 'endpoint-independent', endpoints: [], homes: [] },
    ...fields,
  }
}

type Heard = { key: PublicKey; offer: Offer; from: Endpoint }

/** Caller, callee and the home of the callee, which has a lease there. */
async function three(options: { home?: Partial<ChannelOptions>; callee?: Partial<ChannelOptions> } = {}) {
  const wire = new Wire()
  const heard: Heard[] = []
  const listen = {
    network,
    onOffer: (key: PublicKey, offer: Offer, from: Endpoint) => void heard.push({ key, offer, from }),
  }
  const caller = wire.node('192.0.2.1', listen)
  const home = wire.node('192.0.2.2', { desk: deskOf(), ...options.home })
  const callee = wire.node('192.0.2.3', { ...listen, ...options.callee })
  const token = await tokenOf(wire, caller, home)
  const lease = callee.channel.home(home.key, home.endpoint, await tokenOf(wire, callee, home))
  await wire.pass(4_000)
  assert.equal((await lease)?.state, 'leased')
  wire.log.length = 0
  const call = async (target: PublicKey, message = offerOf(), by = token) => {
    const state = caller.channel.call(home.key, home.endpoint, by, target, message, once)
    await wire.pass(4_000)
    return state
  }
  return { wire, heard, caller, home, callee, token, call }
}

async function tokenOf(wire: Wire, node: Node, home: Node): Promise<Uint8Array> {
  const lease = node.channel.home(home.key, home.endpoint, null)
  await wire.pass(4_000)
  return (await lease)!.token
}

test('HOME: a token first, then a lease, with where we are seen and from where else it answers', async () => {
  const wire = new Wire()
  const other = { port: 51821, address: '192.0.2.99' }
  const reflect = { otherPort: () => null, otherAddress: () => null, other: () => other }
  const [a, home] = [wire.node('192.0.2.1'), wire.node('2001:db8::2', { desk: deskOf(), reflect })]
  const first = a.channel.home(home.key, home.endpoint, null)
  await wire.pass(20)
  const { token, ...given } = (await first)!
  const seen = { observed: a.endpoint, clock: noon + 1_000, rtt: 20, other }
  assert.deepEqual(given, { state: 'prove', seconds: 0, ...seen })
  const second = a.channel.home(home.key, home.endpoint, token)
  await wire.pass(20)
  assert.deepEqual(await second, { state: 'leased', seconds: 90, token, ...seen })
})

test('an OFFER goes to the callee as it is, and the answer comes back though the caller has no lease', async () => {
  const { wire, heard, caller, home, callee, call } = await three()
  const offer = offerOf({ spray: { host: '198.51.100.9', sockets: 256 } })
  assert.equal(await call(callee.key, offer), 'passed')
  assert.deepEqual(heard, [{ key: caller.key, offer, from: home.endpoint }])
  assert.equal(home.channel.counters.passedOn, 1)

  const answer = offerOf({ answer: true, transaction: offer.transaction })
  const token = await tokenOf(wire, callee, home)
  const state = callee.channel.call(home.key, home.endpoint, token, caller.key, answer)
  await wire.pass(100)
  assert.equal(await state, 'passed')
  assert.deepEqual(heard[1], { key: callee.key, offer: answer, from: home.endpoint })
})

test('what becomes of a CALL: absent, prove, busy, and null where nobody answers', async () => {
  const { wire, caller, home, callee, token, call } = await three()
  const nobody = keyWithWork(0).publicKey()
  assert.equal(await call(nobody), 'absent')
  assert.equal(await call(home.key), 'absent', 'the home itself is no guest of its own')
  assert.equal(await call(caller.key), null, 'nobody seals for himself')
  assert.equal(
    await call(
      callee.key,
      offerOf(),
      token.map(byte => byte ^ 1),
    ),
    'prove',
  )
  const states = Array.from({ length: 120 }, () =>
    caller.channel.call(home.key, home.endpoint, token, callee.key, offerOf(), once),
  )
  await wire.pass(100)
  const counted = (await Promise.all(states)).filter(state => state === 'busy').length
  assert.equal(counted, 20)
  wire.carry = () => []
  assert.equal(await call(callee.key), null)
})

test('a node that is no home drops HOME, CALL and answers to elsewhere, and becomes one when it gets a desk', async () => {
  const wire = new Wire()
  const [a, b] = [wire.node('192.0.2.1'), wire.node('192.0.2.2')]
  const [token, elsewhere] = [new Uint8Array(16).fill(1), { host: '192.0.2.9', port: 9 }]
  void a.channel.home(b.key, b.endpoint, null, once)
  void a.channel.call(b.key, b.endpoint, token, keyWithWork(0).publicKey(), offerOf(), once)
  void a.channel.ping(b.key, b.endpoint, { ...once, answerTo: { token, endpoint: elsewhere } })
  await wire.pass(100)
  assert.deepEqual(b.channel.counters.dropped, { 'no home here': 3 })
  assert.equal(wire.log.length, 3)
  b.channel.desk = deskOf()
  const lease = a.channel.home(b.key, b.endpoint, null, once)
  await wire.pass(100)
  assert.equal((await lease)?.state, 'prove')
})

test('the home cannot read what it passes on, nor change it, nor give it to others', async () => {
  const { wire, heard, caller, home, callee, call } = await three()
  const other = wire.node('192.0.2.4', { network })
  const passed: Datagram[] = []
  wire.carry = datagram => {
    if (datagram.to !== callee.endpoint) return [datagram]
    passed.push(datagram)
    return []
  }
  const offer = offerOf()
  await call(callee.key, offer)
  const [sent] = passed as [Datagram]
  // sealed for the callee: its own door does not open it
  wire.deliver({ ...sent, to: home.endpoint })
  assert.equal(home.channel.counters.dropped.check, 1)
  wire.deliver({ ...sent, to: other.endpoint })
  assert.equal(other.channel.counters.dropped.check, 1)
  for (let i = 0; i < sent.bytes.length; i++)
    wire.deliver({ ...sent, bytes: sent.bytes.map((byte, j) => (j === i ? byte ^ 0x10 : byte)) })
  assert.equal(heard.length, 0)
  // what it says itself, it says under its own name
  home.channel.send(offer, callee.key, callee.endpoint)
  wire.deliver(passed[1]!)
  assert.deepEqual(
    heard.map(({ key }) => key),
    [home.key],
  )
  wire.deliver(sent)
  assert.equal(heard[1]?.key, caller.key)
  // and what it keeps and sends again is heard before
  wire.deliver(sent)
  assert.equal(heard.length, 2)
  assert.equal(callee.channel.counters.dropped['offer heard before'], 1)
})

test('a HOME or a CALL sent again from elsewhere brings nothing; one sent again from there uses up nothing', async () => {
  const { wire, caller, home, callee, token, call } = await three()
  const mallory = { host: '203.0.113.66', port: 666 }
  void callee.channel.home(home.key, home.endpoint, await tokenOf(wire, callee, home), once)
  void call(callee.key)
  await wire.pass(100)
  const asked = wire.log.filter(({ to }) => to === home.endpoint)
  const homeAsked = asked.findLast(({ from }) => from === callee.endpoint)!
  const called = asked.findLast(({ from }) => from === caller.endpoint)!
  wire.log.length = 0
  wire.deliver({ ...homeAsked, from: mallory })
  wire.deliver({ ...called, from: mallory })
  await wire.pass(100)
  assert.equal(home.channel.counters.passedOn, 1)
  assert.deepEqual(
    wire.log.map(({ to }) => to),
    [mallory],
    'a LEASE that says prove, which he cannot read; the CALL was heard before',
  )
  assert.equal(await call(callee.key), 'passed', 'and the lease is where it was')
  for (let i = 0; i < 100; i++) wire.deliver(called)
  assert.equal(home.channel.counters.dropped['call heard before'], 101)
  assert.equal(await call(callee.key), 'passed')
  // with a new transaction he would need the caller's key, with a key of his own a token of his own
  const stolen = encodeMessage({
    ...{ type: 'call', transaction: new Uint8Array(12).fill(5), token, target: callee.key },
    datagram: sealBody(keyWithWork(0), callee.key, encodeMessage(offerOf())),
  })
  const before = wire.log.length
  wire.deliver({ bytes: sealBody(keyWithWork(0), home.key, stolen), from: caller.endpoint, to: home.endpoint })
  assert.equal(home.channel.counters.passedOn, 3)
  assert.equal(wire.log.length, before + 1)
})

test('copies through three homes are one OFFER', async () => {
  const wire = new Wire()
  const heard: Offer[] = []
  const callee = wire.node('192.0.2.1', { network, onOffer: (_, offer) => void heard.push(offer) })
  const caller = wire.node('192.0.2.2')
  const homes = [3, 4, 5].map(i => wire.node(`192.0.2.${i}`, { desk: deskOf() }))
  const offer = offerOf()
  for (const home of homes) {
    void callee.channel.home(home.key, home.endpoint, await tokenOf(wire, callee, home))
    const token = await tokenOf(wire, caller, home)
    void caller.channel.call(home.key, home.endpoint, token, callee.key, offer)
  }
  await wire.pass(200)
  assert.deepEqual(heard, [offer])
  assert.deepEqual(callee.channel.counters.dropped, { 'offer heard before': 2 })
})

test('OFFERs of another network, older than one that was heard, or that nobody wants are dropped', async () => {
  const { heard, callee, call } = await three()
  await call(callee.key, offerOf({ network: networkTag(crypto, 'another') }))
  await call(callee.key, offerOf({ at: noon - 30 * 60_000 }))
  await call(callee.key, offerOf({ at: noon - 30 * 60_000 - 1 }))
  await call(callee.key, offerOf({ at: noon - 2 * hour }))
  assert.deepEqual(
    heard.map(({ offer }) => offer.at - noon),
    [-30 * 60_000, -2 * hour],
  )
  delete callee.channel.handlers.onOffer
  await call(callee.key)
  const { dropped } = callee.channel.counters
  assert.deepEqual(dropped, { 'another network': 1, 'offer heard before': 1, 'no offers here': 1 })
})

test('who names no network hears no OFFER', async () => {
  const wire = new Wire()
  const [a, b] = [wire.node('192.0.2.1'), wire.node('192.0.2.2', { onOffer: () => assert.fail('heard') })]
  for (const network of [new Uint8Array(8), networkTag(crypto, '')])
    a.channel.send(offerOf({ network }), b.key, b.endpoint)
  await wire.pass(100)
  assert.deepEqual(b.channel.counters.dropped, { 'another network': 2 })
})

test('strangers need work for a home and for a call, as for everything', async () => {
  const wire = new Wire()
  const home = wire.node('192.0.2.2', { desk: deskOf(), workbit: 6 })
  const idler = wire.node('192.0.2.1', { privateKey: keyWithWork(0, 5) })
  const worker = wire.node('192.0.2.3', { privateKey: keyWithWork(6) })
  const leases = [idler, worker].map(node => node.channel.home(home.key, home.endpoint, null, once))
  await wire.pass(4_000)
  assert.deepEqual((await Promise.all(leases)).map(Boolean), [false, true])
  assert.deepEqual(home.channel.counters.dropped, { workbit: 1 })
})

test('a CALL in a CALL is a datagram like any other: it ends at the next home', async () => {
  const { wire, caller, home, callee, token } = await three({ callee: { desk: deskOf() } })
  const further = keyWithWork(0).publicKey()
  const inner = sealBody(keyWithWork(0), further, encodeMessage(offerOf()))
  // the callee is a home itself, and has given the caller a token
  const ofCallee = await tokenOf(wire, caller, callee)
  wire.log.length = 0
  const fields = { type: 'call', transaction: new Uint8Array(12).fill(3), target: further, datagram: inner } as const
  void caller.channel.call(home.key, home.endpoint, token, callee.key, { ...fields, token: ofCallee }, once)
  await wire.pass(4_000)
  // CALL, passed on, CALLED to the caller, and a CALLED to the home, which did not call
  assert.equal(wire.log.length, 4)
  assert.equal(callee.channel.counters.passedOn, 0)
  assert.deepEqual(home.channel.counters.dropped, { check: 1 })
})

test('nobody sends a CALL that is too long, or that he cannot seal', async () => {
  const { caller, home, callee, token, wire } = await three()
  const record = { type: 'record', transaction: noTransaction, record: new Uint8Array(maxRecord) } as const
  const long = {
    type: 'ping',
    transaction: new Uint8Array(12),
    candidate: 0,
    padding: maxCalled - overhead - 16,
  } as const
  const call = (message: Parameters<typeof caller.channel.call>[4]) =>
    caller.channel.call(home.key, home.endpoint, token, callee.key, message, once)
  const passed = [call(record), call(long)]
  await wire.pass(100)
  assert.deepEqual(await Promise.all(passed), ['passed', 'passed'])
  assert.throws(() => call({ ...long, padding: long.padding + 1 }), TypeError)
})
