import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatEndpoint } from '../../../src/base/ip.ts'
import { publicKeyOf } from '../../../src/protocol/identity/key.ts'
import { ownEndpoints } from '../../../src/protocol/path/own-endpoints.ts'
import { observationLife, Reflexive } from '../../../src/protocol/path/reflexive.ts'
import { around, at } from './run.ts'

const hour = 3_600_000
const seen = '198.51.100.9:51820'

type Word = { who: number; from?: string; observed: string; ahead?: number; at?: number }

/** What is known after these words; reflector n is at 203.0.113.n, and at 2001:db8:f::n. */
function after(...words: readonly Word[]): Reflexive {
  const it = new Reflexive()
  for (const word of words) hear(it, word)
  return it
}

function hear(it: Reflexive, { who, from, observed, ahead = 0, at: time = 0 }: Word): boolean {
  const reflector = publicKeyOf(new Uint8Array(32).fill(who))
  const where = from ?? (observed.startsWith('[') ? `[2001:db8:f::${who}]:51820` : `203.0.113.${who}:51820`)
  return it.observe({ reflector, from: at(where), observed: at(observed), clockAhead: ahead, at: time })
}

const told = (it: Reflexive, now = 0) => it.endpoints(around, now).map(formatEndpoint)

test('nobody has said anything', () => {
  const it = after()
  assert.deepEqual([told(it), it.nat(around, 0), it.clockBehind(0)], [[], 'unknown', null])
})

test('one word is used, and no proof of the kind of NAT', () => {
  const it = after({ who: 1, observed: seen })
  assert.deepEqual([told(it), it.nat(around, 0)], [[seen], 'unknown'])
})

test('two reflectors that see the same: the mapping does not depend on the endpoint', () => {
  const it = after({ who: 1, observed: seen }, { who: 2, observed: seen })
  assert.deepEqual([told(it), it.nat(around, 0)], [[seen], 'endpoint-independent'])
})

test('two keys at one address are one reflector', () => {
  const it = after({ who: 1, observed: seen }, { who: 2, from: '203.0.113.1:51820', observed: seen })
  assert.equal(it.nat(around, 0), 'unknown')
})

test('two that see different ports: it does depend', () => {
  const it = after({ who: 1, observed: seen }, { who: 2, observed: '198.51.100.9:40000' })
  assert.deepEqual([told(it).sort(), it.nat(around, 0)], [['198.51.100.9:40000', seen], 'endpoint-dependent'])
})

test('one that lies among three changes nothing, and his word is not told', () => {
  const it = after({ who: 1, observed: seen }, { who: 2, observed: '192.0.2.66:1' }, { who: 3, observed: seen })
  assert.deepEqual([told(it), it.nat(around, 0)], [[seen], 'endpoint-independent'])
})

test('seen with the address that this machine has: no NAT, and nothing to tell beside it', () => {
  const it = after({ who: 1, observed: '192.168.1.2:51820' })
  assert.deepEqual([told(it), it.nat(around, 0)], [[], 'none'])
})

test('seen with our address and another port: there is something in between', () => {
  const it = after({ who: 1, observed: '192.168.1.2:9' }, { who: 2, observed: '192.168.1.2:9' })
  assert.equal(it.nat(around, 0), 'endpoint-independent')
})

test('a reflector on our own link sees no NAT and is not heard', () => {
  const it = after({ who: 1, from: '192.168.1.9:51820', observed: '192.168.1.2:51820' }, { who: 2, observed: seen })
  assert.deepEqual([told(it), it.nat(around, 0)], [[seen], 'unknown'])
})

test('on a link with public addresses, a reflector there proves that we have ours', () => {
  const own = [{ address: '192.0.2.1', length: 24 }]
  const it = after({ who: 1, from: '192.0.2.2:51820', observed: `192.0.2.1:${around.port}` })
  assert.equal(it.nat({ ...around, own }, 0), 'none')
})

test('one key at two addresses is one reflector: it may lie twice', () => {
  const it = after(
    { who: 1, observed: '192.0.2.66:1' },
    { who: 1, from: '203.0.113.9:51820', observed: '192.0.2.66:1' },
  )
  assert.equal(it.nat(around, 0), 'unknown')
})

const otherPort = '203.0.113.1:40000'

test('one reflector alone, whose other port sees another mapping: it does depend on the endpoint', () => {
  const it = after({ who: 1, observed: seen }, { who: 1, from: otherPort, observed: '198.51.100.9:40000' })
  assert.equal(it.nat(around, 0), 'endpoint-dependent')
})

test('the same mapping at both ports of one reflector proves nothing about other addresses', () => {
  const it = after({ who: 1, observed: seen }, { who: 1, from: otherPort, observed: seen })
  assert.equal(it.nat(around, 0), 'unknown')
})

test('what the other port saw stays as long as the mapping, which the first port tells', () => {
  const it = after({ who: 1, observed: seen }, { who: 1, from: otherPort, observed: '198.51.100.9:40000' })
  for (let time = 60_000; time <= 2 * observationLife; time += 60_000) hear(it, { who: 1, observed: seen, at: time })
  assert.equal(it.nat(around, 2 * observationLife), 'endpoint-dependent')
  // a port that changes after a minute of silence was forgotten: the other reflectors may be right still
  const later = 2 * observationLife + 60_000
  assert.equal(hear(it, { who: 2, observed: seen, at: later - 1 }), false)
  assert.equal(hear(it, { who: 1, observed: '198.51.100.9:3', at: later }), false)
  assert.deepEqual(told(it, later), ['198.51.100.9:3', seen])
})

test('seen elsewhere than a moment ago: the NAT is another one, and what others saw is old', () => {
  const it = after({ who: 1, observed: seen }, { who: 2, observed: seen }, { who: 3, observed: '192.0.2.66:1' })
  assert.equal(hear(it, { who: 2, observed: seen, at: 5_000 }), false)
  assert.equal(hear(it, { who: 1, observed: '198.51.100.9:2', at: 6_000 }), true)
  assert.deepEqual(told(it, 6_000), ['198.51.100.9:2'])
  assert.equal(hear(it, { who: 2, observed: '198.51.100.9:2', at: 6_020 }), false)
  assert.equal(it.nat(around, 6_020), 'endpoint-independent')
})

test('another public address is another NAT, however long ago the last word was', () => {
  const it = after({ who: 1, observed: seen })
  assert.equal(hear(it, { who: 1, observed: '198.51.100.10:51820', at: 200_000 }), true)
})

test('one that sees something else each time is believed once in 10 s', () => {
  const it = after({ who: 1, observed: '198.51.100.9:1' })
  const said = Array.from({ length: 21 }, (_, i) =>
    hear(it, { who: 1, observed: `198.51.100.9:${i + 2}`, at: i * 1_000 }),
  )
  assert.equal(said.filter(Boolean).length, 3)
})

test('an IPv6 address seen in an IPv4 packet is made up', () => {
  const it = after({ who: 1, from: '203.0.113.1:51820', observed: '[2001:db8::66]:51820' })
  assert.deepEqual([told(it), it.nat(around, 0)], [[], 'unknown'])
})

test('the port is kept: by all that see us outside, and not where there is no NAT', () => {
  const kept = (...words: Word[]) => after(...words).keepsPort(around, 0)
  assert.equal(kept({ who: 1, observed: seen }, { who: 2, observed: '198.51.100.9:51820' }), true)
  assert.equal(kept({ who: 1, observed: seen }, { who: 2, observed: '198.51.100.9:40000' }), false)
  assert.equal(kept({ who: 1, observed: '192.168.1.2:51820' }), false)
  assert.equal(kept(), false)
})

test("a reflector's last word counts, and for a while only", () => {
  const it = after(
    { who: 1, observed: '198.51.100.9:1' },
    { who: 2, observed: seen },
    { who: 1, observed: seen, at: 60_000 },
  )
  assert.equal(it.nat(around, 60_000), 'endpoint-independent')
  assert.equal(it.nat(around, observationLife + 5), 'unknown')
  assert.deepEqual(told(it, observationLife + 60_001), [])
})

test('IPv4 decides, IPv6 only where nothing else is known; both are told', () => {
  const v6 = [
    { who: 1, observed: '[2001:db8::2]:51820' },
    { who: 2, observed: '[2001:db8::2]:51820' },
  ]
  assert.equal(after(...v6).nat(around, 0), 'none')
  const both = after(...v6, { who: 1, observed: seen }, { who: 2, observed: seen })
  assert.deepEqual([told(both), both.nat(around, 0)], [[seen], 'endpoint-independent'])
})

test('a thousand reflectors take no more room than a few', () => {
  const it = after(...Array.from({ length: 1_000 }, (_, i) => ({ who: i % 256, observed: `198.51.100.9:${1 + i}` })))
  assert.equal(told(it).length, 2)
})

const clocks: readonly (readonly [string, number[], number | null])[] = [
  ['one that differs by years is told, if it is the only one', [9_000 * hour], 9_000 * hour],
  ['one that differs by minutes is not', [hour / 2], null],
  ['two that agree are', [-9_000 * hour, -9_001 * hour], -9_000 * hour],
  ['one of two is not', [0, 9_000 * hour], null],
  ['two that differ from us in both directions are no evidence', [-9_000 * hour, 9_000 * hour], null],
  ['one liar among three is outvoted', [0, 9_000 * hour, 5], null],
]
for (const [what, ahead, expected] of clocks) {
  test(`clock: ${what}`, () => {
    const it = after(...ahead.map((each, i) => ({ who: i + 1, observed: seen, ahead: each })))
    assert.equal(it.clockBehind(0), expected)
  })
}

const noneLearnt = { fixed: [], mapped: [], reflexive: [] }
const own = (hosts: string[], learnt: Partial<Record<keyof typeof noneLearnt, string[]>> = {}) => {
  const endpoints = Object.fromEntries(Object.entries(learnt).map(([kind, texts]) => [kind, texts!.map(at)]))
  const here = { ...around, own: hosts.map(address => ({ address, length: address.includes(':') ? 64 : 24 })) }
  return ownEndpoints(here, { ...noneLearnt, ...endpoints }).map(it => `${it.kind} ${formatEndpoint(it.endpoint)}`)
}

test('our record: fixed, mapped, reflexive, then hosts, public ones first, each once', () => {
  assert.deepEqual(
    own(['192.168.1.2', '192.168.1.10', 'fd00::1', '198.51.100.77', '2001:db8::2'], {
      reflexive: [seen],
      fixed: ['203.0.113.80:443', seen],
    }),
    [
      'fixed 203.0.113.80:443',
      `fixed ${seen}`,
      'host [2001:db8::2]:51820',
      'host 198.51.100.77:51820',
      'host 192.168.1.2:51820',
      'host 192.168.1.10:51820',
      'host [fd00::1]:51820',
    ],
  )
})

test('the order of the addresses does not matter, or every look at them would make a new record', () => {
  const hosts = ['192.168.1.2', 'fd00::1', '198.51.100.77', '2001:db8::2']
  assert.deepEqual(own(hosts), own([...hosts].reverse()))
})

test('what leads nowhere for others is not told: loopback, link-local, overlay', () => {
  assert.deepEqual(own(['127.0.0.1', '::1', 'fe80::1', '169.254.3.4', '10.0.42.1', '192.168.1.2']), [
    'host 192.168.1.2:51820',
  ])
})

test('nor is a private address inside of another tunnel; a public one at the end of a modem is', () => {
  const own = ['10.77.0.5', '100.64.3.4', '198.51.100.77'].map(address => ({ address, length: 24, pointToPoint: true }))
  const told = ownEndpoints({ ...around, own }, noneLearnt).map(it => `${it.kind} ${formatEndpoint(it.endpoint)}`)
  assert.deepEqual(told, ['host 198.51.100.77:51820'])
})

test('a machine with a hundred addresses tells 16, and what is fixed among them', () => {
  const hosts = Array.from({ length: 100 }, (_, i) => `172.20.${i}.1`)
  const endpoints = own(hosts, { fixed: ['203.0.113.80:443'] })
  assert.equal(endpoints.length, 16)
  assert.equal(endpoints[0], 'fixed 203.0.113.80:443')
})
