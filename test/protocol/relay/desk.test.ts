import assert from 'node:assert/strict'
import { test } from 'node:test'
import { minute, second } from '../../../src/base/time.ts'
import type { Rank } from '../../../src/protocol/home/desk.ts'
import type { PublicKey } from '../../../src/protocol/identity/key.ts'
import * as limits from '../../../src/protocol/relay/constants.ts'
import type { RelayPolicy } from '../../../src/protocol/relay/desk.ts'
import { around, at, keyOf, Relay } from './guests.ts'

const [a, x, c] = [keyOf(1), keyOf(2), keyOf(3)]
const [placeA, placeX] = [at('192.0.2.1', 4_001), at('198.51.100.2', 4_002)]

/** A relay with two guests that want each other. */
function two() {
  const relay = new Relay()
  const [portA, portX] = [relay.lease(a)!, relay.lease(x)!]
  relay.done()
  const legs = [
    { from: placeA, at: portX, to: placeX, via: portA },
    { from: placeX, at: portA, to: placeA, via: portX },
  ].sort((one, other) => one.at - other.at)
  return { relay, portA, portX, legs }
}

test('both must have bound the port of the other, then they are connected by two legs', () => {
  const { relay, portA, portX, legs } = two()
  const first = relay.bind(a, placeA, portX, null)
  assert.deepEqual([first.state, first.seconds, relay.desk.counts.bindings], ['prove', 0, 0], 'nothing is remembered')
  const waiting = relay.bind(a, placeA, portX, first.token)
  assert.deepEqual([waiting.state, waiting.seconds], ['waiting', 60])
  assert.deepEqual(relay.done(), [])
  const bound = relay.join(x, placeX, portA)
  assert.deepEqual([bound.state, bound.seconds], ['bound', 60])
  assert.deepEqual(relay.done(), [{ kind: 'connect', legs }])
  assert.equal(relay.bind(a, placeA, portX, waiting.token).state, 'bound', 'a refresh connects nothing new')
  assert.deepEqual(relay.done(), [])
})

test('a binding lasts 60 s, and what it connects ends with it', () => {
  const { relay, portA, portX, legs } = two()
  relay.join(a, placeA, portX)
  const { token } = relay.join(x, placeX, portA)
  relay.done()
  relay.pass(59 * second)
  assert.equal(relay.bind(x, placeX, portA, token).state, 'bound')
  assert.equal(relay.desk.wakeAt, relay.now + second)
  relay.pass(second)
  assert.deepEqual(relay.done(), [{ kind: 'disconnect', legs }])
  assert.equal(relay.bind(x, placeX, portA, token).state, 'waiting')
})

test('a port lasts as long as a lease, 90 s, and all that hangs on it ends with it', () => {
  const { relay, portA, portX, legs } = two()
  relay.pass(40 * second)
  relay.lease(a)
  relay.join(a, placeA, portX)
  relay.join(x, placeX, portA)
  relay.done()
  assert.equal(relay.desk.wakeAt, relay.now + 50 * second)
  relay.pass(50 * second)
  const closed = { kind: 'close', port: portX }
  assert.deepEqual(relay.done(), [{ kind: 'disconnect', legs }, closed])
  assert.deepEqual(relay.desk.counts, { ports: 1, bindings: 0 })
  assert.equal(relay.join(a, placeA, portX).state, 'absent', 'nobody has it')
  assert.equal(relay.join(x, placeX, portA).state, 'absent', 'and who has none gets nowhere')
  relay.pass(40 * second)
  assert.deepEqual(relay.done(), [{ kind: 'close', port: portA }])
  assert.deepEqual([relay.desk.counts, relay.desk.wakeAt], [{ ports: 0, bindings: 0 }, Number.POSITIVE_INFINITY])
})

test('the token of a LEASE is good at once where the NAT maps both alike; any other is not', () => {
  const { relay, portX } = two()
  const token = relay.tokens.token(a, placeA, relay.now)
  const others = [
    relay.tokens.token(a, at(placeA.host, 4_003), relay.now),
    relay.tokens.token(x, placeA, relay.now),
    relay.tokens.token(a, placeA, relay.now - 20 * minute),
    relay.tokens.token(a, placeA, relay.now, 1),
    token.map((byte, i) => (i === 3 ? byte ^ 1 : byte)),
    new Uint8Array(16),
  ]
  for (const other of others) assert.equal(relay.bind(a, placeA, portX, other).state, 'prove')
  assert.deepEqual(relay.desk.counts, { ports: 2, bindings: 0 })
  assert.equal(relay.bind(a, placeA, portX, token).state, 'waiting')
})

test('nobody joins for an address where he does not receive', () => {
  const { relay, portA, portX } = two()
  relay.join(a, placeA, portX)
  relay.join(x, placeX, portA)
  relay.done()
  const victim = at('198.51.100.99')
  // he knows all tokens but that of the victim's address, which goes there
  const own = relay.bind(c, at('192.0.2.66'), portX, null).token
  relay.lease(c)
  relay.done()
  assert.equal(relay.bind(c, victim, portX, own).state, 'prove')
  assert.equal(relay.bind(c, victim, portX, null).state, 'prove')
  assert.equal(relay.bind(c, placeA, portX, own).state, 'prove')
  assert.deepEqual(relay.done(), [])
  assert.equal(relay.desk.counts.bindings, 2)
})

test('a new source must prove itself, and replaces the old one at once', () => {
  const { relay, portA, portX, legs } = two()
  const { token } = relay.join(a, placeA, portX)
  relay.join(x, placeX, portA)
  relay.done()
  const rebound = at(placeA.host, 5_555)
  // the NAT of A has a new mapping; even a token for there does not do, which may be an old one
  const old = relay.tokens.token(a, rebound, relay.now)
  assert.equal(relay.bind(a, rebound, portX, token).state, 'prove')
  const prove = relay.bind(a, rebound, portX, old)
  assert.equal(prove.state, 'prove')
  assert.deepEqual(relay.done(), [], 'until then, all stays')
  const moved = relay.bind(a, rebound, portX, prove.token)
  assert.equal(moved.state, 'bound')
  const newLegs = legs.map(leg => (leg.from === placeA ? { ...leg, from: rebound } : { ...leg, to: rebound }))
  assert.deepEqual(relay.done(), [
    { kind: 'disconnect', legs },
    { kind: 'connect', legs: newLegs },
  ])
  assert.equal(relay.bind(a, rebound, portX, moved.token).state, 'bound', 'the token of that BOUND is good from now on')
  assert.deepEqual(relay.done(), [])
})

test('a BIND from the old source that somebody kept moves nothing back, however often the node has moved', () => {
  const { relay, portA, portX } = two()
  relay.join(x, placeX, portA)
  /** All BINDs that were ever sent. */
  const seen: { from: typeof placeA; token: Uint8Array | null }[] = []
  const bind = (from: typeof placeA, token: Uint8Array | null) => {
    seen.push({ from, token })
    return relay.bind(a, from, portX, token)
  }
  const places = [placeA, at(placeA.host, 5_001), at(placeA.host, 5_002), placeA, at(placeA.host, 5_001)]
  for (const from of places) {
    let bound = bind(from, bind(from, null).token)
    assert.equal(bound.state, 'bound')
    bound = bind(from, bound.token)
    assert.equal(bound.state, 'bound')
    relay.done()
    for (const { from: source, token } of seen) {
      const { state } = relay.bind(a, source, portX, token)
      assert.ok(state === 'prove' || source === from || (source.port === from.port && state === 'bound'))
    }
    assert.deepEqual(relay.done(), [])
    relay.pass(20 * second)
    relay.lease(a)
    relay.lease(x)
    relay.join(x, placeX, portA)
  }
})

test('after a binding has ended, what was sent before can be bound to for 60 s, and then be replaced by its owner', () => {
  const { relay, portX } = two()
  const { token } = relay.join(a, placeA, portX)
  relay.pass(60 * second)
  relay.lease(a)
  relay.lease(x)
  assert.equal(relay.bind(a, placeA, portX, token).state, 'waiting', 'somebody sends it again')
  const now = at(placeA.host, 5_001)
  assert.equal(relay.join(a, now, portX).state, 'waiting')
  assert.equal(relay.bind(a, placeA, portX, token).state, 'prove')
})

test('a source is one node at a port: who shows that he receives there now has it', () => {
  const { relay, portA, portX, legs } = two()
  relay.lease(c)
  relay.join(a, placeA, portX)
  relay.join(x, placeX, portA)
  relay.done()
  // behind the same NAT, which has given C the mapping that A had
  const old = relay.tokens.token(c, placeA, relay.now)
  assert.equal(relay.bind(c, placeA, portX, old).state, 'prove', 'it may be from before')
  assert.equal(relay.join(c, placeA, portX).state, 'waiting')
  assert.deepEqual(relay.done(), [{ kind: 'disconnect', legs }])
  assert.equal(relay.join(a, at(placeA.host, 4_444), portX).state, 'bound', 'and A is bound from elsewhere')
})

test('loops and sources where nobody can be are refused, and whoever asks learns it', () => {
  const { relay, portX } = two()
  const nonsense = [
    at(around.own[0]!.address, portX),
    at(around.own[0]!.address, around.port),
    at(around.own[0]!.address, 1_234),
    at('127.0.0.1'),
    at('::1'),
    at('224.0.0.1'),
    at('ff02::1'),
    at('0.0.0.0'),
    at('255.255.255.255'),
    at('169.254.1.1'),
    at('fe80::1'),
    at('10.42.0.7'),
    at('192.0.2.1', 0),
  ]
  for (const from of nonsense) {
    const token = relay.tokens.token(a, from, relay.now)
    assert.equal(relay.bind(a, from, portX, token).state, 'refused', from.host)
  }
  assert.equal(relay.desk.counts.bindings, 0)
  assert.equal(relay.join(a, at('10.0.0.7'), portX).state, 'waiting', 'somebody in the same private network')
  const lab = new Relay({ around: () => ({ ...around, loopback: true }) })
  const port = lab.lease(x)!
  lab.lease(a)
  assert.equal(lab.join(a, at('127.0.0.1'), port).state, 'waiting')
})

test('nobody binds his own port', () => {
  const { relay, portA } = two()
  assert.equal(relay.join(a, placeA, portA).state, 'refused')
  assert.deepEqual([relay.desk.counts.bindings, relay.done()], [0, []])
})

test('nobody learns who has a port before he has shown where he is', () => {
  const { relay, portX } = two()
  assert.equal(relay.bind(c, placeA, portX, null).state, 'prove')
  assert.equal(relay.bind(c, placeA, 65_000, null).state, 'prove')
  assert.equal(relay.join(c, placeA, portX).state, 'absent', 'without a port of his own')
  assert.equal(relay.join(a, placeA, 65_000).state, 'absent')
})

test('whom it forwards for is asked each time: nobody, members, anyone', () => {
  let policy: RelayPolicy = 'members'
  const rank = (key: PublicKey): Rank => (key === c ? 'stranger' : 'member')
  const relay = new Relay({ policy: () => policy, rank })
  const [portA, portX] = [relay.lease(a)!, relay.lease(x)!]
  assert.equal(relay.lease(c), null)
  assert.equal(relay.join(c, at('192.0.2.3'), portA).state, 'refused')
  relay.join(a, placeA, portX)
  relay.join(x, placeX, portA)
  policy = 'anyone'
  const portC = relay.lease(c)!
  assert.equal(relay.join(c, at('192.0.2.3'), portA).state, 'waiting')
  policy = 'never'
  assert.equal(relay.lease(a), null)
  assert.equal(relay.join(a, placeA, portX).state, 'refused')
  // and what there is runs out
  relay.done()
  relay.pass(60 * second)
  assert.deepEqual(relay.kinds(), ['disconnect'])
  relay.pass(30 * second)
  assert.deepEqual(relay.kinds(), ['disconnect', 'close', 'close', 'close'])
  assert.ok(portC > 0)
})

test('64 bindings of a member, 16 of a stranger; those that stand are refreshed all the same', () => {
  const member = keyOf(900)
  const relay = new Relay({ rank: key => (key === member ? 'member' : 'stranger') })
  const ports = Array.from({ length: 70 }, (_, i) => relay.lease(keyOf(100 + i))!)
  relay.lease(c)
  relay.lease(member)
  const states = (key: PublicKey) => ports.map(port => relay.join(key, placeA, port).state)
  const count = (all: readonly string[], state: string) => all.filter(each => each === state).length
  for (const _ of [1, 2]) {
    const ofStranger = states(c)
    assert.equal(count(ofStranger, 'waiting'), limits.bindingsOfStranger)
    assert.ok(ofStranger.slice(16).every(state => state === 'full'))
  }
  assert.equal(count(states(member), 'waiting'), limits.bindingsOfMember)
  relay.pass(60 * second)
  assert.equal(relay.desk.counts.bindings, 0)
})

test('a port that the driver cannot hold is closed, and its owner gets another one', () => {
  const { relay, portA, portX, legs } = two()
  relay.join(a, placeA, portX)
  relay.join(x, placeX, portA)
  relay.done()
  relay.outputs.push(...relay.desk.lose(portX, relay.now))
  const closed = { kind: 'close', port: portX }
  assert.deepEqual(relay.done(), [{ kind: 'disconnect', legs }, closed])
  const port = relay.lease(x)!
  assert.notEqual(port, portX)
  assert.deepEqual(relay.done(), [{ kind: 'open', port }])
  assert.deepEqual(relay.desk.lose(portX, relay.now), [], 'it is nobody’s')
})

test('when it ends, everything is disconnected and closed', () => {
  const { relay, portA, portX, legs } = two()
  relay.join(a, placeA, portX)
  relay.join(x, placeX, portA)
  const closed = [portA, portX].map(port => ({ kind: 'close', port }))
  assert.deepEqual(relay.desk.close(), [{ kind: 'disconnect', legs }, ...closed])
  assert.deepEqual([relay.desk.counts, relay.desk.wakeAt], [{ ports: 0, bindings: 0 }, Number.POSITIVE_INFINITY])
})
