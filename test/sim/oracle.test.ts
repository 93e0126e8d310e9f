// The oracle, by pairs whose fate is known from laboratories (docs/nat.md) or can be seen on paper.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Means, meansOf, worldAt } from '../../src/sim/oracle.ts'
import type { Allocation, Behaviour, HostSpec, NatSpec, RouterSpec, World } from '../../src/sim/world.ts'

const [ei, ad, apd] = ['endpoint-independent', 'address-dependent', 'address-and-port-dependent'] as const
const link = { delay: 1, jitter: 0, loss: 0 }

function nat(mapping: Behaviour, filtering: Behaviour, kind: 'random' | 'preserving' = 'random'): NatSpec {
  const allocation: Allocation = { kind }
  return { mapping, filtering, allocation, lifetime: 30_000, hairpin: false, maxMappings: 65_536 }
}
const router = (name: string, spec: NatSpec, fields: Partial<RouterSpec> = {}): RouterSpec => ({
  ...{ name, at: 'internet', outside: `outside of ${name}`, inside: '192.168.1', nat: spec },
  ...{ firewall6: true, blocked: false, link },
  ...fields,
})
const host = (name: string, at: string, fields: Partial<HostSpec> = {}): HostSpec => ({
  ...{ name, at, ipv4: `address of ${name}`, port: 1, closed: true, tap: false, branches: true, clockAhead: 0, link },
  ...fields,
})
const world = (hosts: readonly HostSpec[], routers: readonly RouterSpec[] = []): World => ({
  ...{ seed: 1, boots: [], hosts, routers, happenings: [], until: 0 },
})

const kinds = {
  public: null,
  'full cone': nat(ei, ei),
  'address restricted': nat(ei, ad),
  'port restricted': nat(ei, apd),
  'Linux masquerade': nat(apd, apd, 'preserving'),
  symmetric: nat(apd, apd),
}
type Kind = keyof typeof kinds

function meansOfKinds(a: Kind, b: Kind, fields: Partial<HostSpec>): Means {
  const routers = ([a, b] as const).flatMap((kind, i) => (kinds[kind] ? [router(`r${i}`, kinds[kind])] : []))
  const hosts = [a, b].map((kind, i) => host(`h${i}`, kinds[kind as Kind] ? `r${i}` : 'internet', fields))
  return meansOf(world(hosts, routers), 'h0', 'h1')
}

const table: readonly [Kind, Kind, Means, Means][] = [
  // with host firewalls closed, and open
  ['public', 'public', 'punch', 'open'],
  ['public', 'port restricted', 'punch', 'open'],
  ['public', 'symmetric', 'birthday', 'open'],
  ['full cone', 'full cone', 'punch', 'open'],
  ['full cone', 'symmetric', 'birthday', 'open'],
  ['address restricted', 'symmetric', 'birthday', 'punch'],
  ['port restricted', 'port restricted', 'punch', 'punch'],
  ['port restricted', 'symmetric', 'birthday', 'birthday'],
  ['Linux masquerade', 'Linux masquerade', 'punch', 'punch'],
  ['Linux masquerade', 'symmetric', 'birthday', 'birthday'],
  ['symmetric', 'symmetric', 'none', 'none'],
]
for (const [a, b, closed, open] of table) {
  test(`${a} and ${b}: ${closed}, with open hosts ${open}`, () => {
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      assert.equal(meansOfKinds(one, other, { closed: true }), closed)
      assert.equal(meansOfKinds(one, other, { closed: false }), open)
      // a tap is as good as an open firewall: the answer opens it
      assert.equal(meansOfKinds(one, other, { closed: true, tap: true }), open)
    }
  })
}

test('two symmetric ones that let anybody in: nobody can promise', () => {
  const routers = [router('r0', nat(apd, ei)), router('r1', nat(apd, ei))]
  const hosts = [host('h0', 'r0', { closed: false }), host('h1', 'r1', { closed: false })]
  assert.equal(meansOf(world(hosts, routers), 'h0', 'h1'), 'unclear')
})

test('behind one router', () => {
  const of = (blocked: boolean, closed: boolean) => {
    const hosts = ['a', 'b'].map(name => host(name, 'r', { closed }))
    return meansOf(world(hosts, [router('r', nat(apd, apd), { blocked })]), 'a', 'b')
  }
  assert.equal(of(false, true), 'inside', 'whatever the router is')
  assert.equal(of(true, false), 'inside', 'they hear one another on the link')
  assert.equal(of(true, true), 'unclear')
})

test("behind one provider's NAT", () => {
  for (const hairpin of [false, true]) {
    const provider = router('p', { ...nat(ei, apd), hairpin }, { inside: '100.64.0' })
    const homes = ['r1', 'r2'].map(name => router(name, nat(ei, apd), { at: 'p' }))
    const all = [provider, ...homes]
    const expected = hairpin ? 'hairpin' : 'none'
    assert.equal(meansOf(world([host('a', 'r1'), host('b', 'r2')], all), 'a', 'b'), expected)
    // one of them without a router of its own: its address leads to it, if its firewall lets strangers in
    assert.equal(meansOf(world([host('a', 'p', { closed: false }), host('b', 'r2')], all), 'a', 'b'), 'inside')
    assert.equal(meansOf(world([host('a', 'p'), host('b', 'r2')], all), 'b', 'a'), expected)
  }
})

test('two NATs are as bad as the worse one', () => {
  const provider = router('p', nat(apd, apd), { inside: '100.64.0' })
  const home = router('r', nat(ei, ei), { at: 'p' })
  const other = router('o', nat(ei, apd))
  assert.equal(meansOf(world([host('a', 'r'), host('b', 'o')], [provider, home, other]), 'a', 'b'), 'birthday')
})

test('guessing needs sockets, and tables that hold them', () => {
  const easy = router('e', nat(ei, apd))
  const hard = (maxMappings: number) => router('h', { ...nat(apd, apd), maxMappings })
  const of = (fields: Partial<HostSpec>, table: number) =>
    meansOf(world([host('a', 'e'), host('b', 'h', fields)], [easy, hard(table)]), 'a', 'b')
  assert.equal(of({}, 8_192), 'birthday')
  assert.equal(of({}, 512), 'unclear')
  assert.equal(of({ branches: false }, 8_192), 'none')
})

test('IPv6 needs no luck', () => {
  const six = (name: string, firewall6: boolean) =>
    router(name, nat(apd, apd), { inside6: `2001:db8:${name}:`, firewall6 })
  const hosts = ['r1', 'r2'].map((at, i) => host(`h${i}`, at, { ipv6: `six of ${at}`, closed: false }))
  assert.equal(meansOf(world(hosts, [six('r1', true), six('r2', true)]), 'h0', 'h1'), 'punch')
  assert.equal(meansOf(world(hosts, [six('r1', true), six('r2', false)]), 'h0', 'h1'), 'open')
})

test('blocked is blocked', () => {
  const routers = [router('r1', nat(ei, ei), { blocked: true }), router('r2', nat(ei, ei))]
  assert.equal(meansOf(world([host('a', 'r1'), host('b', 'r2')], routers), 'a', 'b'), 'none')
})

test('a world at a time: who has gone where', () => {
  const before = world([host('a', 'r1'), host('b', 'internet')], [router('r1', nat(apd, apd))])
  const after: World = {
    ...before,
    happenings: [
      { at: 10, kind: 'roam', host: 'a', to: 'internet', ipv4: 'new' },
      { at: 20, kind: 'restart', router: 'r1', outside: 'other' },
    ],
  }
  assert.equal(meansOf(worldAt(after, 9), 'a', 'b'), 'birthday')
  assert.equal(meansOf(worldAt(after, 10), 'a', 'b'), 'punch')
  assert.equal(worldAt(after, 20).routers[0]!.outside, 'other')
})
