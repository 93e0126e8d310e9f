import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hour } from '../../../src/base/time.ts'
import { tables } from '../../../src/protocol/control/constants.ts'
import { Newest } from '../../../src/protocol/control/newest.ts'
import type { PublicKey } from '../../../src/protocol/identity/key.ts'

const [a, b] = ['a', 'b'] as PublicKey[] as [PublicKey, PublicKey]
const noon = 1_800_000_000_000

test('each time of a key is heard once, and only rising', () => {
  const newest = new Newest()
  const heard = [5, 5, 4, 6, 5, 6, 7].map(at => newest.isNew(a, noon + at))
  assert.deepEqual(heard, [true, false, false, true, false, false, true])
  assert.ok(newest.isNew(b, noon), 'another key has a clock of its own')
})

test('a clock that was set back by more than an hour is believed, by less it is not', () => {
  const newest = new Newest()
  assert.ok(newest.isNew(a, noon))
  assert.ok(!newest.isNew(a, noon - 1 * hour))
  assert.ok(newest.isNew(a, noon - 1 * hour - 1))
  assert.ok(!newest.isNew(a, noon - 1 * hour - 1))
  assert.ok(newest.isNew(a, noon - 1 * hour))
})

test('the table has a bound', () => {
  const newest = new Newest()
  for (let i = 0; i < tables.offers + 10; i++) assert.ok(newest.isNew(`${i}` as PublicKey, noon))
  assert.equal(newest.size, tables.offers)
})
