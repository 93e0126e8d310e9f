import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { duration, quantity, searchProgress } from '../../../src/cli/print/progress.ts'

test('a search says how far and how fast it is', () => {
  assert.equal(
    searchProgress(37_400_000, 4000, 32),
    '37.4 M keys tried, 9.35 M/s, 8 min expected, < 1 % likely done by now',
  )
  assert.equal(searchProgress(256, 100, 8), '256 keys tried, 2.56 k/s, under 1 s expected, 63 % likely done by now')
  assert.equal(
    searchProgress(9999, 100, 8),
    '10.0 k keys tried, 100 k/s, under 1 s expected, > 99 % likely done by now',
  )
  assert.equal(searchProgress(0, 0, 8), '0 keys tried, 0/s, … expected, 0 % likely done by now')
})

test('whatever the numbers, it fits a terminal', () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 50 }), fc.nat({ max: 2 ** 32 }), fc.nat({ max: 64 }), (tries, elapsed, workbit) => {
      assert.ok(searchProgress(tries, elapsed, workbit).length < 80)
    }),
  )
})

test('numbers have three digits and a unit', () => {
  for (const [number, text] of [
    [0, '0'],
    [999, '999'],
    [999.6, '1.00 k'],
    [1234, '1.23 k'],
    [45_678, '45.7 k'],
    [999_499, '999 k'],
    [999_500, '1.00 M'],
    [5e12, '5.00 T'],
  ] as const) {
    assert.equal(quantity(number), text)
  }
})

test('times are as coarse as a guess deserves', () => {
  for (const [time, text] of [
    [10, 'under 1 s'],
    [59_000, '59 s'],
    [420_000, '7 min'],
    [3 * 3600_000, '3 h'],
    [10 * 86_400_000, '10 days'],
    [1e15, '31.7 k years'],
  ] as const) {
    assert.equal(duration(time), text)
  }
})
