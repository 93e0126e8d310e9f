// Relays between channels: two nodes behind NATs that map each destination to another port reach each other through a third.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { type Endpoint, formatEndpoint, sameEndpoint } from '../../../src/base/ip.ts'
import type { ChannelOptions, Relaying, Way } from '../../../src/drivers/control/channel.ts'
import { systemCrypto as crypto } from '../../../src/os/crypto.ts'
import { bindLength, formats, overhead } from '../../../src/protocol/control/constants.ts'
import { encodeMessage } from '../../../src/protocol/control/message.ts'
import { Desk } from '../../../src/protocol/home/desk.ts'
import { type Leg, RelayDesk, type RelayOutput } from '../../../src/protocol/relay/desk.ts'
import { keyWithWork, sealBody } from '../../protocol/control/nodes.ts'
import { type Datagram, type Node, Wire } from './wire.ts'

const host = '203.0.113.1'
const once = { sendTimes: [0] }

/** A relay as its driver makes it: BINDs go up to W, the rest goes by the legs or nowhere. */
class Relay implements Relaying {
  readonly node: Node
  readonly desk: RelayDesk
  readonly legs: Leg[] = []
  readonly ports = new Map<number, Way>()
  readonly #wire: Wire

  constructor(wire: Wire, options: Partial<ChannelOptions> = {}) {
    const desk = new Desk(crypto, randomBytes(32), () => 'stranger')
    const around = () => ({ overlays: [], own: [{ address: host, length: 24 }], port: 51820 })
    this.#wire = wire
    this.desk = new RelayDesk({ crypto, tokens: desk, rank: () => 'stranger', policy: () => 'anyone', around })
    this.node = wire.node(host, { desk, relay: this, ...options })
  }

  port(port: number): Way | null {
    return this.ports.get(port) ?? null
  }

  act(outputs: readonly RelayOutput[]): void {
    for (const output of outputs) {
      if (output.kind === 'open') this.ports.set(output.port, this.#open(output.port))
      else if (output.kind === 'connect') this.legs.push(...output.legs)
      else if (output.kind === 'disconnect') this.legs.splice(0)
    }
  }

  #open(port: number): Way {
    return this.#wire.socket({ host, port }, (bytes, from) => {
      if (bytes[0] === 0xff && bytes[1] === formats.bind) this.node.channel.receive(bytes, from)
      else {
        const leg = this.legs.find(leg => leg.at === port && sameEndpoint(leg.from, from))
        if (leg) this.port(leg.via)?.send(bytes, leg.to)
      }
    })
  }
}

/** NATs in front of some hosts: another port for each destination, and in from there only. */
function nats(outside: Record<string, string>): Wire['carry'] {
  const mappings: { inside: Endpoint; to: string; outside: Endpoint }[] = []
  return datagram => {
    const { from, to } = datagram
    let sent: Datagram = datagram
    if (outside[from.host]) {
      const name = formatEndpoint(to)
      let mapping = mappings.find(each => each.inside === from && each.to === name)
      if (!mapping) {
        mapping = { inside: from, to: name, outside: { host: outside[from.host]!, port: 7_000 + mappings.length } }
        mappings.push(mapping)
      }
      sent = { ...sent, from: mapping.outside }
    }
    const inbound = mappings.find(each => sameEndpoint(each.outside, to))
    if (!inbound) return Object.values(outside).includes(to.host) ? [] : [sent]
    return inbound.to === formatEndpoint(sent.from) ? [{ ...sent, to: inbound.inside }] : []
  }
}

const settled = async <T>(wire: Wire, question: Promise<T>): Promise<T> => {
  await wire.pass(4_000)
  return question
}

/** A lease with a relay port. */
async function leaseAt(wire: Wire, { node: { key, endpoint } }: Relay, { channel }: Node) {
  const first = await settled(wire, channel.home(key, endpoint, null, { relay: true }))
  assert.ok(first && !('relay' in first), 'no port before the address is proved')
  const lease = await settled(wire, channel.home(key, endpoint, first.token, { relay: true }))
  assert.ok(lease?.relay)
  return { token: lease.token, port: lease.relay }
}

async function three(natted = true) {
  const wire = new Wire()
  if (natted) wire.carry = nats({ '10.0.0.1': '192.0.2.1', '10.0.0.2': '198.51.100.2' })
  const relay = new Relay(wire)
  const a = wire.node(natted ? '10.0.0.1' : '192.0.2.1')
  const x = wire.node(natted ? '10.0.0.2' : '198.51.100.2')
  const ofA = await leaseAt(wire, relay, a)
  const ofX = await leaseAt(wire, relay, x)
  const bind = (node: Node, port: number, token: Uint8Array | null) =>
    settled(wire, node.channel.bind(relay.node.key, { host, port }, port, token, once))
  return { wire, relay, a, x, ofA, ofX, bind }
}

test('two nodes behind NATs that map each destination anew reach each other through a relay', async () => {
  const { wire, relay, a, x, ofA, ofX, bind } = await three()
  assert.notEqual(ofA.port, ofX.port)
  const prove = await bind(a, ofX.port, ofA.token)
  assert.equal(prove?.state, 'prove', 'the NAT shows another port there than at W')
  const waiting = await bind(a, ofX.port, prove!.token)
  assert.deepEqual([waiting?.state, waiting?.seconds, waiting?.observed.host], ['waiting', 60, '192.0.2.1'])
  assert.equal(waiting?.rtt, 20)
  const ping = (from: Node, port: number, key = x.key) =>
    settled(wire, from.channel.ping(key, { host, port }, { timeout: 1_000 }))
  assert.equal(await ping(a, ofX.port), null, 'the other side has to want it, too')
  const there = await bind(x, ofA.port, (await bind(x, ofA.port, ofX.token))!.token)
  assert.equal(there?.state, 'bound')
  assert.equal((await bind(a, ofX.port, waiting!.token))?.state, 'bound')

  const pong = await ping(a, ofX.port)
  assert.deepEqual(pong?.observed, { host, port: ofA.port }, 'to X, A is its port at the relay')
  assert.deepEqual(pong?.from, { host, port: ofX.port })
  assert.deepEqual((await ping(x, ofA.port, a.key))?.observed, { host, port: ofX.port })
  // the relay saw none of it
  assert.deepEqual(relay.node.channel.counters.dropped, {})
  // and a stranger's packets match no leg
  const stranger = wire.node('192.0.2.66')
  assert.equal(await ping(stranger, ofX.port), null)
  assert.equal(x.channel.counters.dropped.check, undefined)
})

test('where the NAT shows the same port everywhere, the token of the LEASE is good at once', async () => {
  const { a, ofA, ofX, bind } = await three(false)
  assert.equal((await bind(a, ofX.port, ofA.token))?.state, 'waiting')
})

test('a BOUND leaves from the port that was asked, and is not longer than its BIND', async () => {
  const { wire, a, ofA, ofX, bind } = await three(false)
  wire.log.length = 0
  for (const [port, token] of [
    [ofX.port, null],
    [ofX.port, ofA.token],
    [ofA.port, ofA.token],
  ] as const)
    assert.ok(await bind(a, port, token))
  assert.equal(wire.log.length, 6)
  for (let i = 0; i < 6; i += 2) {
    const [question, answer] = [wire.log[i]!, wire.log[i + 1]!]
    assert.equal(question.bytes.length, bindLength + overhead)
    assert.ok(answer.bytes.length <= question.bytes.length)
    assert.deepEqual([answer.from, answer.to], [question.to, question.from])
    assert.deepEqual([...question.bytes.subarray(0, 2)], [0xff, 4])
    assert.deepEqual([...answer.bytes.subarray(0, 2)], [0xff, 1])
  }
})

test('a BIND of the other format, and anything else of its format, is dropped and counted', async () => {
  const { wire, relay, a, ofA, ofX } = await three(false)
  wire.log.length = 0
  const { key, endpoint, channel } = relay.node
  const me = keyWithWork(0)
  const transaction = new Uint8Array(12).fill(1)
  const bind = sealBody(me, key, encodeMessage({ type: 'bind', transaction, token: ofA.token, port: ofX.port }))
  const ping = sealBody(me, key, encodeMessage({ type: 'ping', transaction, candidate: 0, padding: 24 }))
  const home = sealBody(me, key, encodeMessage({ type: 'home', transaction, token: null }))
  for (const bytes of [bind, ...[ping, home].map(bytes => bytes.with(1, formats.bind))]) {
    assert.ok(bytes[1] === formats.bind || bytes === bind)
    wire.deliver({ bytes, from: a.endpoint, to: endpoint })
  }
  await wire.pass(100)
  assert.deepEqual(channel.counters.dropped, { 'another format': 3 })
  assert.deepEqual(wire.log, [])
  wire.deliver({ bytes: bind.with(1, formats.bind), from: a.endpoint, to: endpoint })
  assert.equal(wire.log.length, 1)
})

test('a node that is no relay drops BINDs, and gives no port; nor does one that is asked for none', async () => {
  const { wire, relay, a, ofX, bind } = await three(false)
  relay.node.channel.relay = undefined
  assert.equal(await bind(a, ofX.port, null), null)
  assert.deepEqual(relay.node.channel.counters.dropped, { 'no relay here': 1 })
  const { key, endpoint } = relay.node
  const lease = async (options: { relay?: true }) => {
    const { token } = (await settled(wire, a.channel.home(key, endpoint, null)))!
    return settled(wire, a.channel.home(key, endpoint, token, options))
  }
  const given = await lease({ relay: true })
  assert.deepEqual([given?.state, given?.relay], ['leased', undefined])
  relay.node.channel.relay = relay
  assert.equal((await lease({}))?.relay, undefined)
  assert.notEqual((await lease({ relay: true }))?.relay, undefined)
})

test('strangers need work for a BIND, too', async () => {
  const wire = new Wire()
  const relay = new Relay(wire, { workbit: 6 })
  const idler = wire.node('192.0.2.1', { privateKey: keyWithWork(0, 5) })
  const place = { host, port: 51820 }
  assert.equal(await settled(wire, idler.channel.bind(relay.node.key, place, 61_000, null, once)), null)
  assert.deepEqual(relay.node.channel.counters.dropped, { workbit: 1 })
})

test('a flood of BINDs from one source costs what any flood does', async () => {
  const wire = new Wire()
  const relay = new Relay(wire)
  const me = keyWithWork(0)
  const from = { host: '192.0.2.1', port: 1 }
  const bytes = sealBody(
    me,
    relay.node.key,
    encodeMessage({ type: 'bind', transaction: new Uint8Array(12), token: null, port: 61_000 }),
  ).with(1, formats.bind)
  for (let i = 0; i < 1_000; i++) wire.deliver({ bytes, from, to: relay.node.endpoint })
  assert.equal(wire.log.length, 200)
  assert.deepEqual(relay.node.channel.counters.dropped, { 'source budget': 800 })
  assert.deepEqual(relay.desk.counts, { ports: 0, bindings: 0 })
})

test('an answer counts from the relay only: its key, its address; from W where it does not hold the port', async () => {
  const { wire, relay, a, ofA, ofX, bind } = await three(false)
  // the port is gone, and W answers
  relay.ports.delete(ofX.port)
  assert.equal((await bind(a, ofX.port, ofA.token))?.state, 'waiting')
  assert.deepEqual(wire.log.at(-1)?.from, relay.node.endpoint)
  // from another address, or late
  const carry = wire.carry
  wire.carry = datagram =>
    sameEndpoint(datagram.to, a.endpoint) ? [{ ...datagram, from: { host: '192.0.2.9', port: ofX.port } }] : [datagram]
  assert.equal(await bind(a, ofX.port, ofA.token), null)
  wire.carry = carry
  const { dropped } = a.channel.counters
  assert.equal(dropped['answer from another endpoint'], 1)
  // another key cannot answer: what it knows of the transaction, it would have had to open
  const liar = keyWithWork(0)
  const said = {
    ...({ type: 'bound', transaction: new Uint8Array(12), state: 'bound', token: ofA.token, seconds: 60 } as const),
    observed: a.endpoint,
  }
  wire.deliver({ bytes: sealBody(liar, a.key, encodeMessage(said)), from: { host, port: ofX.port }, to: a.endpoint })
  assert.equal(dropped['answer to nothing'], 1)
})

test('a BIND sent again from elsewhere binds nobody there', async () => {
  const { wire, relay, a, x, ofA, ofX, bind } = await three(false)
  await bind(a, ofX.port, ofA.token)
  await bind(x, ofA.port, ofX.token)
  assert.equal(relay.legs.length, 2)
  const legs = [...relay.legs]
  const mallory = { host: '192.0.2.66', port: 666 }
  const sent = wire.log.filter(({ bytes }) => bytes[1] === formats.bind)
  for (const datagram of sent) wire.deliver({ ...datagram, from: mallory })
  await wire.pass(100)
  assert.deepEqual(relay.legs, legs)
  assert.equal(relay.desk.counts.bindings, 2)
  assert.equal(wire.log.filter(({ to }) => to === mallory).length, sent.length, 'he gets what he cannot read')
})
