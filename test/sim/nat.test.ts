// The simulated NATs, by the questions of RFC 5780: where two servers with two ports each see a socket, and who gets back in.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoint } from '../../src/base/ip.ts'
import { Firewall, Nat } from '../../src/sim/nat.ts'
import { Simulation } from '../../src/sim/simulation.ts'
import type { Behaviour, NatSpec } from '../../src/sim/world.ts'

const behaviours: readonly Behaviour[] = ['endpoint-independent', 'address-dependent', 'address-and-port-dependent']
const inside: Endpoint = { host: '192.168.1.2', port: 5_000 }
const neighbour: Endpoint = { host: '192.168.1.3', port: 5_000 }
const server: Endpoint = { host: '198.51.100.1', port: 1_000 }
const otherPort: Endpoint = { ...server, port: 2_000 }
const otherHost: Endpoint = { host: '203.0.113.1', port: 1_000 }

function natOf(spec: Partial<NatSpec>): Nat {
  return new Nat(
    {
      ...{ mapping: 'endpoint-independent', filtering: 'endpoint-independent', allocation: { kind: 'random' } },
      ...{ lifetime: 30_000, hairpin: false, maxMappings: 1_000 },
      ...spec,
    },
    new Simulation(1),
  )
}

for (const [i, mapping] of behaviours.entries()) {
  test(`mapping ${mapping}: one port for how many`, () => {
    const nat = natOf({ mapping })
    const [first, second, third] = [server, otherPort, otherHost].map(to => nat.outbound(inside, to, 0))
    assert.equal(first === second, i < 2)
    assert.equal(first === third, i < 1)
    assert.equal(nat.outbound(inside, server, 1), first, 'and always the same one')
  })
}

for (const [i, filtering] of behaviours.entries()) {
  test(`filtering ${filtering}: who gets in`, () => {
    const nat = natOf({ filtering })
    const port = nat.outbound(inside, server, 0)!
    assert.deepEqual(nat.inbound(port, server, 1), inside)
    assert.deepEqual(nat.inbound(port, otherPort, 1), i < 2 ? inside : 'filtered')
    assert.deepEqual(nat.inbound(port, otherHost, 1), i < 1 ? inside : 'filtered')
    assert.equal(nat.inbound(port + 1, server, 1), 'no mapping')
  })
}

test('ports: kept, in steps, at random', () => {
  const kept = natOf({ allocation: { kind: 'preserving' } })
  assert.equal(kept.outbound(inside, server, 0), 5_000)
  assert.notEqual(kept.outbound(neighbour, server, 0), 5_000, 'two inside hosts cannot have the same one')
  const shared = natOf({ allocation: { kind: 'preserving' }, mapping: 'address-and-port-dependent' })
  assert.equal(shared.outbound(inside, server, 0), 5_000)
  assert.equal(shared.outbound(neighbour, otherHost, 0), 5_000, 'as in Linux, if they talk to different ones')
  assert.deepEqual(shared.inbound(5_000, server, 1), inside)
  assert.deepEqual(shared.inbound(5_000, otherHost, 1), neighbour)
  const steps = natOf({ allocation: { kind: 'sequential', step: 2 }, mapping: 'address-and-port-dependent' })
  const [first, second] = [server, otherPort].map(to => steps.outbound(inside, to, 0)!)
  assert.equal(second, first! + 2)
  const random = natOf({ mapping: 'address-and-port-dependent', maxMappings: 65_536 })
  const seen = new Set(
    Array.from({ length: 500 }, (_, i) => random.outbound(inside, { ...server, port: 1_000 + i }, 0)!),
  )
  assert.equal(seen.size, 500)
  assert.ok(Math.min(...seen) < 5_000 && Math.max(...seen) > 60_000)
})

test('a mapping lives as long as it is used, from either side', () => {
  const nat = natOf({ filtering: 'address-and-port-dependent' })
  const port = nat.outbound(inside, server, 0)!
  assert.deepEqual(nat.inbound(port, server, 29_999), inside)
  assert.deepEqual(nat.inbound(port, server, 59_998), inside)
  assert.equal(nat.inbound(port, server, 89_998), 'no mapping')
  assert.notEqual(nat.outbound(inside, server, 90_000), port)
})

test('the right to answer ends by itself, though others keep the mapping', () => {
  const nat = natOf({ filtering: 'address-and-port-dependent' })
  const port = nat.outbound(inside, server, 0)!
  for (let now = 0; now < 60_000; now += 10_000) nat.outbound(inside, otherHost, now)
  assert.equal(nat.inbound(port, server, 60_000), 'filtered')
  assert.deepEqual(nat.inbound(port, otherHost, 60_000), inside)
})

test('a full table gives nothing to those who are new, until others are gone', () => {
  const nat = natOf({ maxMappings: 2 })
  const at = (number: number) => ({ ...inside, port: number })
  assert.ok(nat.outbound(at(1), server, 0))
  assert.ok(nat.outbound(at(2), server, 20_000))
  assert.equal(nat.outbound(at(3), server, 20_000), null)
  assert.ok(nat.outbound(at(2), server, 25_000))
  assert.ok(nat.outbound(at(3), server, 40_000))
  nat.flush()
  assert.equal(nat.size, 0)
})

test('a firewall lets answers in, for 30 s, and 120 s where there was one', () => {
  const firewall = new Firewall()
  firewall.sends(inside, server, 0)
  assert.equal(firewall.passes(inside, otherPort, 1), false)
  assert.equal(firewall.passes(inside, server, 29_999), true)
  assert.equal(firewall.passes(inside, server, 149_998), true)
  firewall.sends(inside, otherHost, 200_000)
  assert.equal(firewall.passes(inside, otherHost, 230_000), false)
})
