import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RangeSet } from '../../../src/protocol/stream/range-set.ts'

test('law: like a set of numbers', () => {
  const step = fc.record({ add: fc.boolean(), from: fc.nat(40), length: fc.nat(12) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), steps => {
      const set = new RangeSet()
      const model = new Set<number>()
      for (const { add, from, length } of steps) {
        for (let i = from; i < from + length; i++) add ? model.add(i) : model.delete(i)
        add ? set.add(from, from + length) : set.remove(from, from + length)
        for (let i = 0; i < 60; i++) assert.equal(set.has(i), model.has(i), `${i}`)
        assert.ok(set.ranges.every(({ from, to }) => from < to))
        assert.ok(set.ranges.slice(1).every(({ from }, i) => from > set.ranges[i]!.to))
        assert.equal(set.size, set.ranges.length)
        assert.equal(set.first(), set.ranges[0])
      }
    }),
  )
})
