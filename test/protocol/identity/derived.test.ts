import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { bytesToNumberLE } from '@noble/curves/utils.js'
import { hex } from '@scure/base'
import fc from 'fast-check'
import { builds } from '../../../src/drivers/keysearch/wasm.ts'
import { compileWasm, instantiateWasm } from '../../../src/os/wasm.ts'
import { StretchSearch, stretchStart, stretchSteps, type Wish } from '../../../src/protocol/identity/derived.ts'
import type { PrivateKey } from '../../../src/protocol/identity/key.ts'
import { type KeySearchWasm, prepareTable } from '../../../src/protocol/identity/search.ts'

const { keys } = JSON.parse(readFileSync(new URL('../../vectors/derived.json', import.meta.url), 'utf8'))
const root = hex.decode(keys[0].root)
const wish: Wish = { workbit: 8, namespace: 'public', label: '' }

for (const build of builds) {
  const wasm = instantiateWasm<KeySearchWasm>(compileWasm(build)!)
  prepareTable(wasm)

  /** One stretch to its end. */
  function searchStretch(root: Uint8Array, wish: Wish, stretch: number): { key?: PrivateKey; steps: number } {
    const search = new StretchSearch(wasm, root, wish, stretch)
    for (let steps = 1; ; steps++) {
      const { found, over } = search.step()
      if (found) return { key: found, steps }
      if (over) return { steps }
    }
  }

  test(`${build}: the keys of the rule, as another program computed them`, () => {
    for (const vector of keys) {
      for (let stretch = 0; stretch < vector.stretch; stretch++) {
        assert.deepEqual(searchStretch(hex.decode(vector.root), vector, stretch), { steps: stretchSteps })
      }
      const { key } = searchStretch(hex.decode(vector.root), vector, vector.stretch)
      assert.equal(key!.reveal(), vector.private)
      assert.equal(key!.publicKey(), vector.public)
    }
  })

  test(`${build}: a search whose steps have another size is refused`, () => {
    assert.throws(() => new StretchSearch({ ...wasm, KEYS: { value: 1024 } }, root, wish, 0), TypeError)
  })
}

test('the vectors have a key behind the middle of a step, which is left out, and one that is not in the first stretch', () => {
  assert.ok(
    keys.some(
      ({ n, stretch, workbit }: Wish & { n: number; stretch: number }) => n > 1024 && stretch === 0 && workbit === 10,
    ),
  )
  assert.ok(keys.some(({ stretch }: { stretch: number }) => stretch > 0))
})

test('whatever differs in root, wish or number, stretches start nowhere near each other', () => {
  const parts = fc.record({
    root: fc.constantFrom(new Uint8Array(32), root),
    workbit: fc.constantFrom(0, 8, 16),
    // what one name ends with is what the other begins with
    namespace: fc.constantFrom('a', 'ab', 'abc'),
    label: fc.constantFrom('', 'c', 'bc'),
    stretch: fc.constantFrom(0, 1, 256),
  })
  const start = ({ root, stretch, ...wish }: { root: Uint8Array; stretch: number } & Wish) =>
    bytesToNumberLE(stretchStart(root, wish, stretch))
  fc.assert(
    fc.property(parts, parts, (a, b) => {
      const distance = start(a) - start(b)
      const equal =
        JSON.stringify({ ...a, root: hex.encode(a.root) }) === JSON.stringify({ ...b, root: hex.encode(b.root) })
      assert.equal((distance < 0n ? -distance : distance) < 2n ** 128n, equal)
    }),
    { numRuns: 300 },
  )
})

test('a root of another length is our mistake', () => {
  assert.throws(() => stretchStart(new Uint8Array(31), wish, 0), TypeError)
})
