// Two sets find out what the other has not, and what that costs.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blake2b } from '@noble/hashes/blake2.js'
import fc from 'fast-check'
import { idOf } from '../../../src/protocol/membership/fields.ts'
import { type Differences, type Item, Reconciliation } from '../../../src/protocol/membership/reconcile.ts'

const item = (number: number, depth: number): Item => ({
  depth,
  id: idOf(blake2b(new TextEncoder().encode(`${number}`), { dkLen: 32 })),
})
const ordered = (items: readonly Item[]) => [...items].sort((a, b) => a.depth - b.depth || (a.id < b.id ? -1 : 1))

/** What comes out, with the bytes and messages that it took. */
function reconcile(mine: readonly Item[], theirs: readonly Item[]) {
  const [asker, answerer] = [new Reconciliation(ordered(mine)), new Reconciliation(ordered(theirs))]
  const [give, want] = [new Set<string>(), new Set<string>()]
  let [bytes, messages] = [0, 0]
  for (let question: Uint8Array | null = asker.begin(); question; messages += 2) {
    const answer: Uint8Array = answerer.answer(question)!
    bytes += question.length + answer.length
    const read: Differences = asker.read(answer)!
    for (const id of read.give) give.add(id)
    for (const id of read.want) want.add(id)
    question = read.question
  }
  return { give: [...give].sort(), want: [...want].sort(), bytes, messages }
}

test('whatever the two have, each learns what it lacks, and nothing else', () => {
  const some = fc.array(fc.record({ number: fc.nat(400), side: fc.constantFrom('mine', 'theirs', 'both') }), {
    maxLength: 300,
  })
  fc.assert(
    fc.property(some, fc.integer({ min: 1, max: 50 }), (all, depths) => {
      const sides = new Map(all.map(({ number, side }) => [number, side]))
      const of = (...wanted: string[]) =>
        [...sides].filter(([, side]) => wanted.includes(side)).map(([number]) => item(number, number % depths))
      const { give, want } = reconcile(of('mine', 'both'), of('theirs', 'both'))
      const ids = (items: readonly Item[]) => items.map(({ id }) => id).sort()
      assert.deepEqual(give, ids(of('mine')))
      assert.deepEqual(want, ids(of('theirs')))
    }),
    { numRuns: 500 },
  )
})

test('100 news among 10 000 cost little more than themselves; none, one message', t => {
  const old = Array.from({ length: 10_000 }, (_, i) => item(i, 1 + Math.floor(i / 8)))
  const news = Array.from({ length: 100 }, (_, i) => item(20_000 + i, 1_251 + i))
  const fresh = reconcile(old, [...old, ...news])
  assert.equal(fresh.want.length, 100)
  t.diagnostic(`the last 100: ${fresh.bytes} bytes in ${fresh.messages} messages`)
  assert.ok(fresh.bytes < 10_000)
  const scattered = reconcile(
    old.filter((_, i) => i % 100 !== 7),
    old,
  )
  assert.equal(scattered.want.length, 100)
  t.diagnostic(`100 anywhere: ${scattered.bytes} bytes in ${scattered.messages} messages`)
  assert.ok(scattered.bytes < 130_000)
  const equal = reconcile(old, old)
  assert.deepEqual([equal.give, equal.want], [[], []])
  assert.ok(equal.bytes < 500)
  t.diagnostic(`nothing: ${equal.bytes} bytes`)
  const empty = reconcile([], old)
  assert.equal(empty.want.length, 10_000)
  t.diagnostic(`all: ${empty.bytes} bytes in ${empty.messages} messages`)
})

test('any bytes are read as a message, or refused; the work is bounded by their length', () => {
  const own = new Reconciliation(ordered(Array.from({ length: 500 }, (_, i) => item(i, i))))
  const good = own.begin()
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), bytes => void own.answer(bytes)))
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), (at, byte) => {
      const changed = Uint8Array.from(good)
      changed[at] = byte
      own.answer(changed)
      own.read(changed)
    }),
  )
  assert.equal(own.read(new Uint8Array(2 << 20)), null)
})
