import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addressOf, formatEndpoint } from '../../../src/base/ip.ts'
import { refusal, type Source } from '../../../src/protocol/path/candidate.ts'
import { Candidates } from '../../../src/protocol/path/candidates.ts'
import { room } from '../../../src/protocol/path/constants.ts'
import { displaces, kindOf, ranked, tier } from '../../../src/protocol/path/score.ts'
import { around, at } from './run.ts'

const refusals: readonly (readonly [string, string | null])[] = [
  ['203.0.113.7:1', null],
  ['[2001:db8:9::1]:65535', null],
  ['192.168.1.2:51821', null],
  ['203.0.113.7:0', 'no port'],
  ['203.0.113.7:65536', 'no port'],
  ['10.0.42.9:51820', 'overlay address'],
  ['127.0.0.1:51820', 'loopback address'],
  ['127.9.9.9:51820', 'loopback address'],
  ['[::1]:51820', 'loopback address'],
  ['0.0.0.0:51820', 'unspecified address'],
  ['[::]:51820', 'unspecified address'],
  ['239.255.1.1:51820', 'multicast address'],
  ['[ff02::1]:51820', 'multicast address'],
  ['255.255.255.255:51820', 'not a unicast address'],
  ['[::ffff:7f00:1]:51820', 'not a unicast address'],
  ['169.254.1.1:51820', 'link-local address'],
  ['[fe80::1]:51820', 'link-local address'],
  ['192.168.1.2:51820', 'our own endpoint'],
  ['[2001:db8::2]:51820', 'our own endpoint'],
]

for (const [endpoint, why] of refusals) {
  test(`${endpoint} is ${why ?? 'a candidate'}`, () => assert.equal(refusal(at(endpoint), around), why))
}

test('a place on our link ranks first, one inside of another tunnel does not', () => {
  const rank = (pointToPoint: boolean) => {
    const here = { ...around, own: [{ address: '10.77.0.5', length: 24, pointToPoint }] }
    const candidates = new Candidates()
    const { candidate } = candidates.add('record', 'host', at('10.77.0.9:51820'), here, null)!
    return tier(candidate, here)
  }
  assert.deepEqual([rank(false), rank(true)], [0, 1])
})

const sources: readonly Source[] = ['file', 'record', 'offer', 'cache', 'lan', 'heard', 'tunnel', 'spray', 'relay']
const endpoints = fc.record({
  host: fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }).map(addressOf),
    fc.uint8Array({ minLength: 16, maxLength: 16 }).map(addressOf),
    fc.constantFrom('203.0.113.7', '203.0.113.8', 'name.example', '0x7f.1', '::FFFF'),
  ),
  port: fc.integer({ min: -1, max: 70_000 }),
})

test('whatever is said, there are at most 56 candidates, each endpoint once, none refused, no id twice', () => {
  const said = fc.array(fc.record({ source: fc.constantFrom(...sources), endpoint: endpoints, all: fc.boolean() }), {
    maxLength: 200,
  })
  fc.assert(
    fc.property(said, words => {
      const candidates = new Candidates()
      for (const { source, endpoint, all } of words) {
        if (all) candidates.replace(source, [{ kind: 'host', endpoint }], around, null)
        else candidates.add(source, 'host', endpoint, around, null)
        const texts = candidates.all.map(each => formatEndpoint(each.endpoint))
        assert.equal(new Set(texts).size, texts.length)
        assert.equal(new Set(candidates.all.map(({ id }) => id)).size, texts.length)
        assert.ok(texts.length <= 56)
        assert.ok(candidates.all.every(each => refusal(each.endpoint, around) === null && each.sources.size > 0))
        for (const each of sources) {
          assert.ok(candidates.all.filter(candidate => candidate.sources.has(each)).length <= room[each])
        }
        assert.ok(candidates.refused.size <= 8)
      }
    }),
  )
  assert.equal(
    Object.values(room).reduce((sum, each) => sum + each, 0),
    56,
  )
})

test('an endpoint that several name is one candidate, of the best kind, until none names it', () => {
  const candidates = new Candidates()
  const endpoint = at('203.0.113.7:51820')
  candidates.add('heard', 'heard', endpoint, around, null)
  candidates.replace('record', [{ kind: 'reflexive', endpoint }], around, null)
  candidates.replace('file', [{ kind: 'fixed', endpoint }], around, null)
  assert.equal(candidates.size, 1)
  assert.equal(kindOf(candidates.all[0]!), 'fixed')
  candidates.replace('file', [], around, null)
  assert.equal(kindOf(candidates.all[0]!), 'reflexive')
  candidates.replace('record', [], around, null)
  assert.equal(kindOf(candidates.all[0]!), 'heard')
})

test('the oldest that was heard makes room, but never the endpoint in use', () => {
  const candidates = new Candidates()
  const first = candidates.add('heard', 'heard', at('203.0.113.1:1'), around, null)!.candidate
  for (let i = 2; i < 20; i++) candidates.add('heard', 'heard', at(`203.0.113.${i}:1`), around, first)
  assert.equal(candidates.size, room.heard + 1)
  assert.ok(candidates.all.includes(first))
})

test('ranks: answered, then on our link or fixed, then addresses of its own, then faster, then kind, then IPv6', () => {
  const candidates = new Candidates()
  const record = [
    ['reflexive', '203.0.113.1:1'],
    ['host', '203.0.113.2:1'],
    ['host', '[2001:db8:9::2]:1'],
    ['host', '192.168.1.77:1'],
    ['mapped', '203.0.113.4:1'],
  ] as const
  candidates.replace(
    'record',
    record.map(([kind, text]) => ({ kind, endpoint: at(text) })),
    around,
    null,
  )
  candidates.replace('file', [{ kind: 'fixed', endpoint: at('203.0.113.5:1') }], around, null)
  const order = () => ranked(candidates.all, around).map(({ endpoint }) => formatEndpoint(endpoint))
  const before = [
    '203.0.113.5:1',
    '192.168.1.77:1',
    '[2001:db8:9::2]:1',
    '203.0.113.2:1',
    '203.0.113.4:1',
    '203.0.113.1:1',
  ]
  assert.deepEqual(order(), before)
  Object.assign(candidates.at(at('203.0.113.1:1'))!, { answeredAt: 0, rtt: 500 })
  assert.equal(order()[0], '203.0.113.1:1')
  Object.assign(candidates.at(at('203.0.113.2:1'))!, { answeredAt: 0, rtt: 900 })
  assert.equal(order()[0], '203.0.113.2:1')
})

test('of two candidates, never does each displace the other', () => {
  const kind = fc.constantFrom('fixed', 'host', 'mapped', 'reflexive', 'cached', 'lan' as const)
  const one = fc.record({ kind, rtt: fc.option(fc.double({ min: 0, max: 5_000, noNaN: true })) })
  fc.assert(
    fc.property(one, one, (a, b) => {
      const candidates = new Candidates()
      const [x, y] = [a, b].map((each, i) => {
        const { candidate } = candidates.add('record', each.kind, at(`203.0.113.${i}:1`), around, null)!
        return Object.assign(candidate, { answeredAt: 0, rtt: each.rtt })
      })
      assert.ok(!(displaces(x!, y!, around) && displaces(y!, x!, around)))
    }),
  )
})
