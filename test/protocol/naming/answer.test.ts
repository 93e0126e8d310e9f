import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePrefix } from '../../../src/base/ip.ts'
import type { PublicKey } from '../../../src/protocol/identity/key.ts'
import { answer } from '../../../src/protocol/naming/answer.ts'
import { createZone, reverseDomains } from '../../../src/protocol/naming/zone.ts'

const key = 'KJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW4' as PublicKey
const prefixes = [parsePrefix('10.0.42.0/24')!, parsePrefix('fd92:8b20:3669::/48')!]
const zone = createZone(
  'test',
  [
    { role: 'trust', key, hostname: 'a.test', ipv4: '10.0.42.2', ipv6: 'fd92:8b20:3669::2' },
    { role: 'trust', key, hostname: 'B.Test', ipv4: '10.0.42.3', ipv6: 'fd92:8b20:3669::3' },
    { role: 'trust', key, hostname: 'db.eu.prod', ipv4: '10.0.42.4', ipv6: 'fd92:8b20:3669::4' },
    { role: 'trust', key, hostname: 'six.test', ipv6: 'fd92:8b20:3669::6' },
    { role: 'trust', key, hostname: 'nas', ipv4: '10.0.42.5', ipv6: 'fd92:8b20:3669::5' },
    { role: 'trust', key, ipv4: '10.0.42.7', ipv6: 'fd92:8b20:3669::7' },
  ],
  prefixes,
)

/** `RCODE data…`, with `(soa)` where the authority section says who denies. */
function ask(name: string, type: string, cls = 'IN'): string {
  const { rcode, answers, authorities } = answer(zone, { name, type, class: cls })
  const data = answers.map(record => (record.type === 'SOA' ? `SOA ${record.name}` : String(record.data)))
  return [rcode, ...data, ...authorities.map(record => `(${record.name})`)].join(' ')
}

const nibbles = (text: string) => `${[...text].reverse().join('.')}.ip6.arpa`
const table: [string, string, string][] = [
  ['a.test', 'A', 'NOERROR 10.0.42.2'],
  ['a.test.', 'A', 'NOERROR 10.0.42.2'],
  ['A.TEST', 'A', 'NOERROR 10.0.42.2'],
  ['b.test', 'AAAA', 'NOERROR fd92:8b20:3669::3'],
  ['a.test', 'ANY', 'NOERROR 10.0.42.2 fd92:8b20:3669::2'],
  ['a.test', 'MX', 'NOERROR (test)'],
  ['six.test', 'A', 'NOERROR (test)'],
  ['nas', 'A', 'NOERROR 10.0.42.5'],
  ['nosuch.test', 'A', 'NXDOMAIN (test)'],
  ['deep.below.a.test', 'A', 'NXDOMAIN (test)'],
  ['test', 'SOA', 'NOERROR SOA test'],
  ['test', 'A', 'NOERROR (test)'],
  ['eu.prod', 'A', 'NOERROR (eu.prod)'],
  ['prod', 'A', 'REFUSED'],
  ['example.org', 'A', 'REFUSED'],
  ['', 'NS', 'REFUSED'],
  ['2.42.0.10.in-addr.arpa', 'PTR', 'NOERROR a.test'],
  ['3.42.0.10.in-addr.arpa', 'PTR', 'NOERROR B.Test'],
  ['99.42.0.10.in-addr.arpa', 'PTR', 'NXDOMAIN (42.0.10.in-addr.arpa)'],
  ['7.42.0.10.in-addr.arpa', 'PTR', 'NXDOMAIN (42.0.10.in-addr.arpa)'],
  ['2.42.0.10.in-addr.arpa', 'A', 'NOERROR (42.0.10.in-addr.arpa)'],
  ['42.0.10.in-addr.arpa', 'SOA', 'NOERROR SOA 42.0.10.in-addr.arpa'],
  ['2.43.0.10.in-addr.arpa', 'PTR', 'REFUSED'],
  [nibbles('fd928b20366900000000000000000002'), 'PTR', 'NOERROR a.test'],
  [nibbles('fd928b20366900000000000000000099'), 'PTR', 'NXDOMAIN (9.6.6.3.0.2.b.8.2.9.d.f.ip6.arpa)'],
  [nibbles('fd928b2036690'), 'NS', 'NOERROR (9.6.6.3.0.2.b.8.2.9.d.f.ip6.arpa)'],
  [nibbles('20010db8000000000000000000000001'), 'PTR', 'REFUSED'],
]
for (const [name, type, expected] of table)
  test(`${name || '.'} ${type} → ${expected}`, () => assert.equal(ask(name, type), expected))

test('another class than IN is refused', () => assert.equal(ask('a.test', 'A', 'CH'), 'REFUSED'))

test('the answer carries the name as it was asked, which resolvers compare (0x20)', () => {
  assert.equal(answer(zone, { name: 'a.TeSt', type: 'A', class: 'IN' }).answers[0]!.name, 'a.TeSt')
})

test('reverse zones are whole labels', () => {
  assert.deepEqual(reverseDomains(parsePrefix('10.0.0.0/8')!), ['10.in-addr.arpa'])
  assert.deepEqual(reverseDomains(parsePrefix('10.0.42.128/25')!), ['42.0.10.in-addr.arpa'])
  assert.deepEqual(
    reverseDomains(parsePrefix('10.0.40.0/22')!),
    [40, 41, 42, 43].map(n => `${n}.0.10.in-addr.arpa`),
  )
  assert.deepEqual(reverseDomains(parsePrefix('fd92:8b20:3669::/48')!), ['9.6.6.3.0.2.b.8.2.9.d.f.ip6.arpa'])
})
