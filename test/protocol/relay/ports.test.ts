import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { systemCrypto as crypto } from '../../../src/os/crypto.ts'
import type { PublicKey } from '../../../src/protocol/identity/key.ts'
import { portsAtOnce, portsPerSource } from '../../../src/protocol/relay/constants.ts'
import { Ports } from '../../../src/protocol/relay/ports.ts'
import { at, keyOf, Relay, start } from './guests.ts'

const range = { first: 61_000, last: 65_000 }
const here = at('192.0.2.1')

function portOf(ports: Ports, key: PublicKey): number {
  return ports.give(key, here, 'stranger', start)!
}

test('a key has the same port after a restart, whoever else came before it, but for few', () => {
  const keys = Array.from({ length: 500 }, (_, i) => keyOf(i))
  const before = new Ports(crypto, range)
  const had = new Map(keys.map(key => [key, portOf(before, key)]))
  assert.equal(new Set(had.values()).size, 500)
  for (const port of had.values()) assert.ok(port >= range.first && port <= range.last)
  const after = new Ports(crypto, range)
  const moved = keys.toReversed().filter(key => portOf(after, key) !== had.get(key))
  // 500 of 4001 ports: one in 8 finds its own taken, one in 16 comes after whom it came before
  assert.ok(moved.length < 60, `${moved.length} of 500`)
  const alone = keys.filter(key => portOf(new Ports(crypto, range), key) !== had.get(key))
  assert.ok(alone.length < 60, `${alone.length} of 500`)
})

test('where the own one is taken, the next free one is given; after the last comes the first', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.uniqueArray(fc.nat(1_000), { maxLength: 14 }), (count, numbers) => {
      const ports = new Ports(crypto, { first: 500, last: 500 + count - 1 })
      const taken = new Set<number>()
      for (const number of numbers) {
        const key = keyOf(number)
        const own = portOf(new Ports(crypto, { first: 500, last: 500 + count - 1 }), key)
        let expected: number | null = null
        for (let i = 0; i < count && expected === null; i++) {
          const port = 500 + ((own - 500 + i) % count)
          if (!taken.has(port)) expected = port
        }
        assert.equal(ports.give(key, here, 'stranger', start), expected)
        if (expected !== null) taken.add(expected)
      }
      assert.equal(ports.size, taken.size)
    }),
  )
})

test('a port that others have is given to nobody', () => {
  const ports = new Ports(crypto, { first: 500, last: 502 })
  const own = portOf(ports, keyOf(1))
  ports.take(keyOf(1))
  ports.exclude(own)
  ports.exclude(7)
  assert.notEqual(portOf(ports, keyOf(1)), own)
  assert.notEqual(portOf(ports, keyOf(2)), null)
  assert.equal(ports.room(keyOf(3), here, 'stranger'), 'no')
  assert.equal(ports.give(keyOf(3), here, 'stranger', start), null)
})

test('1024 ports: then strangers find none, and a member gets that of the stranger not heard for longest', () => {
  const members = new Set(Array.from({ length: 1_100 }, (_, i) => keyOf(10_000 + i)))
  const relay = new Relay({ rank: key => (members.has(key) ? 'member' : 'stranger') })
  const from = (i: number) => at(`10.0.${i >> 4}.${(i & 15) + 1}`)
  const strangers = Array.from({ length: portsAtOnce }, (_, i) => keyOf(i))
  const ports = strangers.map((key, i) => relay.lease(key, from(i)))
  assert.equal(new Set(ports).size, portsAtOnce)
  assert.equal(relay.lease(keyOf(5_000)), null)
  assert.equal(relay.lease(strangers[0]!, from(0)), ports[0], 'who has one, keeps it')
  relay.done()
  const [first, ...others] = [...members]
  const port = relay.lease(first!)!
  assert.deepEqual(relay.done(), [
    { kind: 'close', port: ports[1] },
    { kind: 'open', port },
  ])
  for (const member of others.slice(0, portsAtOnce - 1)) assert.notEqual(relay.lease(member), null)
  assert.equal(relay.lease(others[portsAtOnce - 1]!), null, 'all are members now')
  assert.equal(relay.desk.counts.ports, portsAtOnce)
})

test('strangers of one address have 128 ports, of an IPv6 /64 too; members are not counted', () => {
  const member = keyOf(999)
  const relay = new Relay({ rank: key => (key === member ? 'member' : 'stranger') })
  const given = (host: (i: number) => string, offset: number) =>
    Array.from({ length: 200 }, (_, i) => relay.lease(keyOf(offset + i), at(host(i)))).filter(port => port !== null)
  assert.equal(given(() => '203.0.113.1', 1_000).length, portsPerSource)
  assert.equal(given(i => `2001:db8::${i + 1}`, 2_000).length, portsPerSource)
  assert.notEqual(relay.lease(member, at('203.0.113.1')), null)
  assert.notEqual(relay.lease(keyOf(5_000), at('203.0.113.2')), null)
})
