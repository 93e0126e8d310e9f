import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseEndpoint } from '../../../src/base/ip.ts'
import {
  type Elsewhere,
  filteringOf,
  keepsPort,
  type Mapping,
  mappingOf,
  middleOf,
  natKindOf,
  type Sight,
} from '../../../src/protocol/nat/classify.ts'

const port = 51_820
const isOurs = (endpoint: { host: string; port: number }) => endpoint.host === '192.0.2.1' && endpoint.port === port
/** `A:1 X:7`: the reflector A saw us from its port 1 at X:7. */
const hosts: Record<string, string> = {
  A: '203.0.113.1',
  B: '203.0.113.2',
  C: '203.0.113.3',
  X: '198.51.100.9',
  US: '192.0.2.1',
}
const place = (text: string) => parseEndpoint(text.replace(/^[A-Z]+/, name => hosts[name]!))!
const sights = (text: string): Sight[] =>
  text
    .split(', ')
    .filter(Boolean)
    .map(each => {
      const [to, observed] = each.split(' ') as [string, string]
      return { to: place(to), observed: place(observed) }
    })

const mappings: [string, string, Mapping][] = [
  ['nobody has answered', '', 'unknown'],
  ['one reflector is no proof', 'A:1 X:7', 'unknown'],
  ['our own endpoint, seen outside', `A:1 US:${port}`, 'none'],
  ['our own address with another port is a NAT', 'A:1 US:9, B:1 US:9', 'endpoint-independent'],
  ['two addresses see the same', 'A:1 X:7, B:1 X:7', 'endpoint-independent'],
  ['two ports of one address see the same: another address may not', 'A:1 X:7, A:2 X:7', 'unknown'],
  ['two ports of one address differ', 'A:1 X:7, A:2 X:8', 'address-and-port-dependent'],
  ['two addresses differ, and nobody has a second port', 'A:1 X:7, B:1 X:8', 'endpoint-dependent'],
  ['two addresses differ, two ports of one do not', 'A:1 X:7, B:1 X:8, A:2 X:7', 'address-dependent'],
  ['two addresses differ, two ports of one too', 'A:1 X:7, B:1 X:8, A:2 X:9', 'address-and-port-dependent'],
  ['one liar among three', 'A:1 X:7, B:1 X:8, C:1 X:7', 'endpoint-independent'],
  ['one that lies that there is no NAT', `A:1 US:${port}, B:1 X:8`, 'endpoint-dependent'],
]
for (const [what, seen, expected] of mappings) {
  test(`mapping: ${what}`, () => assert.equal(mappingOf(sights(seen), isOurs), expected))
}

const filters: [Elsewhere, Elsewhere, Mapping, string][] = [
  ['answered', 'answered', 'endpoint-independent', 'endpoint-independent, certain'],
  ['silent', 'answered', 'endpoint-independent', 'endpoint-independent, certain'],
  ['answered', 'silent', 'endpoint-independent', 'address-dependent, certain'],
  ['answered', 'not asked', 'endpoint-independent', 'address-dependent'],
  ['silent', 'silent', 'endpoint-independent', 'address-and-port-dependent, certain'],
  ['silent', 'not asked', 'address-and-port-dependent', 'address-and-port-dependent, certain'],
  ['not asked', 'silent', 'endpoint-independent', 'address-and-port-dependent'],
  ['not asked', 'not asked', 'endpoint-independent', 'unknown'],
  ['answered', 'answered', 'none', 'none, certain'],
  ['answered', 'not asked', 'none', 'none'],
  ['silent', 'not asked', 'none', 'address-and-port-dependent, certain'],
]
for (const [otherPort, otherAddress, mapping, expected] of filters) {
  test(`filtering: other port ${otherPort}, other address ${otherAddress}, mapping ${mapping}`, () => {
    const { filtering, certain } = filteringOf({ otherPort, otherAddress }, mapping)
    assert.equal(certain ? `${filtering}, certain` : filtering, expected)
  })
}

test('a record knows no difference between two kinds of dependence', () => {
  assert.deepEqual(
    (['none', 'endpoint-independent', 'address-dependent', 'address-and-port-dependent', 'unknown'] as const).map(
      natKindOf,
    ),
    ['none', 'endpoint-independent', 'endpoint-dependent', 'endpoint-dependent', 'unknown'],
  )
})

test('the port is kept where everybody sees it, and there is something to keep it', () => {
  assert.equal(keepsPort(sights(`A:1 X:${port}, B:1 X:${port}`), port, 'endpoint-independent'), true)
  assert.equal(keepsPort(sights(`A:1 X:${port}, B:1 X:8`), port, 'endpoint-dependent'), false)
  assert.equal(keepsPort(sights(`A:1 US:${port}`), port, 'none'), null)
  assert.equal(keepsPort([], port, 'unknown'), null)
})

test('the middle of what several said, which one of two cannot move', () => {
  assert.deepEqual([[], [5], [5, 900], [-900, 5], [-900, 900], [1, 2, 900]].map(middleOf), [null, 5, 5, 0, 0, 2])
})
