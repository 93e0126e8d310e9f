import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AnswerOf } from '../../../src/api/schema.ts'
import { hour, minute } from '../../../src/base/time.ts'
import { printLookup } from '../../../src/cli/print/lookup.ts'

const now = 1_800_000_000_000
const key = (letter: string) => letter.repeat(43)
const found: AnswerOf<'lookup'> = {
  key: key('b'),
  hostname: 'b.test',
  took: 123.4,
  steps: [
    { via: 'control', key: key('r'), endpoint: '192.0.2.100:51820', answered: 'none', after: 1.26 },
    { via: 'directory', key: key('s'), endpoint: '[2001:db8::1]:51820', answered: 'closer', after: 60.2 },
    { via: 'directory', key: key('t'), answered: 'value', after: 123.4 },
    { via: 'control', key: key('u'), endpoint: '192.0.2.101:51820', answered: 'error', after: 3000 },
  ],
  record: {
    sequence: 1_800_000_000,
    expires: now + 23 * hour,
    nat: 'endpoint-independent',
    filtering: 'unknown',
    endpoints: [
      { kind: 'reflexive', endpoint: '203.0.113.7:40000' },
      { kind: 'host', endpoint: '192.168.1.2:20001' },
    ],
    homes: [],
  },
}

const walk = [
  '1.3 ms   control    rrrrrrrrrr…  192.0.2.100:51820    had none',
  '60 ms    directory  ssssssssss…  [2001:db8::1]:51820  named nearer nodes',
  '123 ms   directory  tttttttttt…                       had the record',
  '3000 ms  control    uuuuuuuuuu…  192.0.2.101:51820    did not answer',
]

test('who was asked, what came of it, and the record', () => {
  assert.equal(
    printLookup(found, now),
    [
      ...walk,
      'b.test: found in 123 ms',
      '  reflexive  203.0.113.7:40000',
      '  host       192.168.1.2:20001',
      '  NAT endpoint-independent, record 1800000000, valid for 23 h',
    ].join('\n'),
  )
})

test('a node that is in no file is called by its key', () => {
  const { hostname: _, ...unnamed } = found
  assert.match(printLookup(unnamed, now), /^bbbbbbbbbb…: found in 123 ms$/m)
})

test('no record', () => {
  assert.equal(printLookup({ ...found, record: null }, now), [...walk, 'no record of b.test found (123 ms)'].join('\n'))
})

test('nobody to ask', () => {
  assert.equal(
    printLookup({ ...found, record: null, steps: [], took: 0.2 }, now),
    'nobody to ask: no boot node or member is known yet\nno record of b.test found (0.2 ms)',
  )
})

test('minutes left of a record', () => {
  const record = { ...found.record!, expires: now + 20 * minute }
  assert.match(printLookup({ ...found, record }, now), /valid for 20 min$/)
})

test('a record may name no endpoint', () => {
  const record = { ...found.record!, endpoints: [] }
  assert.match(printLookup({ ...found, record }, now), /found in 123 ms\n.*record 1800000000, valid for 23 h$/)
})

test('a record that has expired is not called valid', () => {
  const record = { ...found.record!, expires: now - hour }
  assert.doesNotMatch(printLookup({ ...found, record }, now), /valid for/)
})
