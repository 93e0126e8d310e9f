import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Recent } from '../../../src/protocol/control/recent.ts'

const room = 4
const step = fc.record({ key: fc.nat(8), value: fc.nat(100), does: fc.constantFrom('get', 'set') })

test('it holds what a list of the last used ones holds', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const recent = new Recent<number, number>(room)
      let list: [number, number][] = []
      for (const { key, value, does } of steps) {
        const known = list.find(entry => entry[0] === key)
        if (does === 'get') assert.equal(recent.get(key), known?.[1])
        if (does === 'set') recent.set(key, value)
        list = list.filter(entry => entry[0] !== key)
        if (does === 'set') list.push([key, value])
        if (does === 'get' && known) list.push(known)
        list = list.slice(-room)
        assert.equal(recent.size, list.length)
      }
    }),
  )
})
