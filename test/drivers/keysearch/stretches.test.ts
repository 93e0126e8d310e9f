import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { hex } from '@scure/base'
import fc from 'fast-check'
import { searchKey } from '../../../src/drivers/keysearch/search.ts'
import { Stretches } from '../../../src/drivers/keysearch/stretches.ts'

const { keys } = JSON.parse(readFileSync(new URL('../../vectors/derived.json', import.meta.url), 'utf8'))

test('in whatever order stretches end, the key is that of the first that has one, as soon as that is sure', () => {
  const order = fc.uniqueArray(fc.nat(19), { minLength: 20, maxLength: 20 })
  fc.assert(
    fc.property(order, fc.uniqueArray(fc.nat(19), { minLength: 1 }), (order, having) => {
      const first = Math.min(...having)
      const stretches = new Stretches()
      const missing = new Set(Array.from({ length: first + 1 }, (_, i) => i))
      for (const stretch of order) {
        if (having.includes(stretch)) stretches.found(stretch, Uint8Array.of(stretch))
        else stretches.ended(stretch)
        missing.delete(stretch)
        assert.deepEqual(stretches.decided(), missing.size > 0 ? undefined : Uint8Array.of(first))
      }
    }),
  )
})

test('one thread and three find the keys of the rule', async () => {
  for (const { root, workbit, namespace, label, private: secret } of keys) {
    for (const threads of [1, 3]) {
      const key = await searchKey({ workbit, namespace }, { threads, from: { root: hex.decode(root), label } })
      assert.equal(key.reveal(), secret)
    }
  }
})
