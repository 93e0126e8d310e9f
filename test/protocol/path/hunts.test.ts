import assert from 'node:assert/strict'
import { test } from 'node:test'
import { huntsAtOnce, huntsForUrgent } from '../../../src/protocol/path/constants.ts'
import type { Urgency } from '../../../src/protocol/path/events.ts'
import { Hunts } from '../../../src/protocol/path/hunts.ts'

const crowd = (count: number) => Array.from({ length: count }, (_, i) => `peer ${i}`)
const hunts = (count: number, urgency: Urgency) => {
  const all = new Hunts<string>()
  for (const key of crowd(count)) all.ask(key, urgency)
  return all
}

test('10 000 that ask at once go a few at a time, each once, in the order of asking', () => {
  const all = hunts(10_000, 'known')
  const order: string[] = []
  for (let round = 0; all.size.waiting + all.size.active > 0; round++) {
    const chosen = all.next()
    assert.ok(all.size.active <= huntsAtOnce - huntsForUrgent)
    order.push(...chosen)
    for (const key of chosen) all.done(key)
    assert.ok(round < 10_000)
  }
  assert.deepEqual(order, crowd(10_000))
})

test('a crowd never stands in the way of a peer that somebody talks to', () => {
  const all = hunts(10_000, 'known')
  all.next()
  all.ask('friend', 'urgent')
  assert.deepEqual(all.next(), ['friend'])
})

test('peers with candidates go before those of which only the name is known', () => {
  const all = hunts(100, 'unknown')
  all.ask('with record', 'known')
  assert.equal(all.next()[0], 'with record')
})

test('who waits may become more urgent, not less, and has one place all the same', () => {
  const all = hunts(100, 'known')
  all.next()
  all.ask('peer 99', 'urgent')
  all.ask('peer 99', 'unknown')
  assert.deepEqual(all.next(), ['peer 99'])
  all.ask('peer 99', 'urgent')
  assert.deepEqual(all.next(), [])
})

test('even urgent ones are no more than the limit', () => {
  assert.equal(hunts(1_000, 'urgent').next().length, huntsAtOnce)
})

test('who gives the wish up is not called', () => {
  const all = hunts(2, 'known')
  all.done('peer 0')
  assert.deepEqual(all.next(), ['peer 1'])
})
