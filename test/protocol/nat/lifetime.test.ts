import assert from 'node:assert/strict'
import { test } from 'node:test'
import { day } from '../../../src/base/time.ts'
import { gaps, type LifetimeFacts, Lifetimes } from '../../../src/protocol/nat/lifetime.ts'

const address = '198.51.100.1'
const now = 1_800_000_000_000

/** All experiments with a NAT that keeps mappings for so many seconds. @returns the gaps tried, in order */
function learnAll(lifetimes: Lifetimes, lifetime: number, at = now): number[] {
  const tried: number[] = []
  for (;;) {
    const gap = lifetimes.next(address, at)
    if (gap === null) return tried
    tried.push(gap)
    lifetimes.learn(address, gap, gap < lifetime ? 'works' : 'fails', at)
    assert.ok(tried.length < 50, 'it never ends')
  }
}

const cases: readonly [lifetime: number, tried: readonly number[], keepalive: number][] = [
  [20, [35, 35, 25, 25], 15],
  [30, [35, 35, 25], 18],
  [60, [35, 50, 75, 75], 37],
  [120, [35, 50, 75, 110, 160, 160], 82],
  [180, [35, 50, 75, 110, 160, 240, 240], 110],
  [300, [...gaps], 110],
]
for (const [lifetime, tried, keepalive] of cases) {
  test(`a NAT that keeps mappings for ${lifetime} s: a packet each ${keepalive} s`, () => {
    const lifetimes = new Lifetimes()
    assert.equal(lifetimes.keepalive(address), 25)
    assert.deepEqual(learnAll(lifetimes, lifetime), tried)
    assert.equal(lifetimes.keepalive(address), keepalive)
  })
}

test('at no moment, for no lifetime, a keepalive comes after three quarters of a gap that was seen to fail', () => {
  for (let lifetime = 16; lifetime < 400; lifetime += 3) {
    const lifetimes = new Lifetimes()
    for (let gap = lifetimes.next(address, now); gap !== null; gap = lifetimes.next(address, now)) {
      lifetimes.learn(address, gap, gap < lifetime ? 'works' : 'fails', now)
      const fails = lifetimes.of(address)?.fails ?? Number.POSITIVE_INFINITY
      const keepalive = lifetimes.keepalive(address)
      assert.ok(keepalive < 0.75 * fails, `${keepalive} s with ${fails} s that fail`)
      assert.ok(keepalive <= 110 && keepalive >= 15)
    }
    assert.ok(lifetimes.keepalive(address) < lifetime)
  }
})

test('one failure is none: the next try of the same gap decides', () => {
  const lifetimes = new Lifetimes()
  assert.equal(lifetimes.learn(address, 35, 'fails', now), false)
  assert.equal(lifetimes.of(address), null)
  lifetimes.learn(address, 35, 'works', now)
  assert.equal(lifetimes.next(address, now), 50)
  lifetimes.learn(address, 50, 'fails', now)
  assert.equal(lifetimes.of(address)?.fails, null)
  lifetimes.learn(address, 50, 'fails', now)
  assert.deepEqual(lifetimes.of(address), { address, works: 35, fails: 50, at: now })
})

test('what is unclear teaches nothing', () => {
  const lifetimes = new Lifetimes()
  for (let i = 0; i < 5; i++) assert.equal(lifetimes.learn(address, 35, 'unclear', now), false)
  assert.deepEqual([lifetimes.next(address, now), lifetimes.keepalive(address)], [35, 25])
})

test('addresses are apart, and nobody knows which: the usual', () => {
  const lifetimes = new Lifetimes()
  learnAll(lifetimes, 300)
  assert.equal(lifetimes.keepalive('203.0.113.9'), 25)
  assert.equal(lifetimes.keepalive(null), 25)
  assert.equal(lifetimes.next('203.0.113.9', now), 35)
})

test('it is remembered as plain data, and learnt anew after a week', () => {
  const before = new Lifetimes()
  learnAll(before, 300)
  const lifetimes = new Lifetimes(JSON.parse(JSON.stringify(before.all())) as LifetimeFacts[])
  assert.deepEqual([lifetimes.keepalive(address), lifetimes.next(address, now)], [110, null])
  // until something else is known, it holds
  assert.deepEqual([lifetimes.keepalive(address), lifetimes.next(address, now + 8 * day)], [110, 35])
  assert.deepEqual(learnAll(lifetimes, 60, now + 8 * day), [35, 50, 75, 75])
  assert.equal(lifetimes.keepalive(address), 37)
})

test('no more than 16 addresses are remembered, the last ones', () => {
  const lifetimes = new Lifetimes()
  for (let i = 1; i <= 20; i++) lifetimes.learn(`198.51.100.${i}`, 35, 'works', now)
  assert.equal(lifetimes.all().length, 16)
  assert.equal(lifetimes.of('198.51.100.1'), null)
  assert.equal(lifetimes.of('198.51.100.20')?.works, 35)
})
