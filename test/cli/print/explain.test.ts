import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { printExplanation } from '../../../src/cli/print/explain.ts'

const explained = {
  ...{ key: 'K', hostname: 'b.test', path: 'direct' as const, reachable: true },
  ...{ verdict: 'b.test: direct', facts: ['a fact'], advice: [] },
  candidates: [{ endpoint: '192.0.2.7:1', kind: 'host', account: 'in use' }],
}

test('the verdict first; what is empty has no heading', () => {
  assert.equal(
    stripVTControlCharacters(printExplanation(explained)),
    'b.test: direct\n\nknown\n  a fact\n\nplaces\n  192.0.2.7:1  host\n      in use',
  )
  assert.match(printExplanation({ ...explained, advice: ['open it'] }), /\n\nwhat would help\n {2}open it$/)
})

test('a relayed path, and its relay among the places', () => {
  const printed = printExplanation({
    ...explained,
    relayed: true,
    verdict: 'b.test: relayed through r1 at 192.0.2.100:61002, 61 ms, because …; a direct path is tried next in 12 s',
    candidates: [{ endpoint: '192.0.2.100:61002', kind: 'relayed', account: 'in use' }],
  })
  const lines = stripVTControlCharacters(printed).split('\n')
  assert.match(lines[0]!, /^b\.test: relayed through r1 at 192\.0\.2\.100:61002/)
  assert.ok(lines.includes('  192.0.2.100:61002  relayed'))
})
