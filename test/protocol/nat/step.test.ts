import assert from 'node:assert/strict'
import { test } from 'node:test'
import { distance, firstPort, lastPort, portAfter, stepOf } from '../../../src/protocol/nat/step.ts'
import { Simulation } from '../../../src/sim/simulation.ts'

const inside = 51_820
const cases: readonly [string, readonly number[], ReturnType<typeof stepOf>][] = [
  ['nobody has told', [], { kind: 'unknown' }],
  ['one alone says nothing of the next', [51_820], { kind: 'unknown' }],
  ['the inside port for all', [51_820, 51_820], { kind: 'preserving' }],
  ['another port, the same for all', [40_000, 40_000, 40_000], { kind: 'constant' }],
  ['a counter', [40_000, 40_001, 40_002], { kind: 'regular', step: 1, last: 40_002 }],
  ['a counter downwards', [40_000, 39_999, 39_998], { kind: 'regular', step: -1, last: 39_998 }],
  ['a counter that keeps the parity', [40_000, 40_002, 40_004], { kind: 'regular', step: 2, last: 40_004 }],
  ['others took some in between', [40_000, 40_001, 40_006, 40_008], { kind: 'regular', step: 1, last: 40_008 }],
  ['others took some, in steps of two', [40_000, 40_004, 40_010], { kind: 'regular', step: 2, last: 40_010 }],
  ['two destinations share a mapping', [40_000, 40_000, 40_001], { kind: 'regular', step: 1, last: 40_001 }],
  ['a counter at its end', [65_534, 65_535, 1_024], { kind: 'regular', step: 1, last: 1_024 }],
  ['by chance', [40_000, 12_345, 60_001], { kind: 'random', last: 60_001 }],
  ['near one another, to and fro', [40_000, 40_010, 40_004], { kind: 'random', last: 40_004 }],
  ['the inside port for the first, then by chance', [51_820, 1_077], { kind: 'random', last: 1_077 }],
]
for (const [name, outside, expected] of cases) {
  test(name, () => assert.deepEqual(stepOf(outside, inside), expected))
}

test('of 20 000 NATs that draw by chance, less than 0.1 % look regular by three words, and less than 0.5 % by two', () => {
  const simulation = new Simulation(1)
  const draw = () => simulation.int(firstPort, lastPort + 1)
  const wrong = (words: number) => {
    const all = Array.from({ length: 20_000 }, () => stepOf(Array.from({ length: words }, draw), inside))
    return all.filter(({ kind }) => kind === 'regular').length
  }
  assert.ok(wrong(3) < 20)
  assert.ok(wrong(2) < 100)
})

test('a port and its distance are each the inverse of the other, around the end too', () => {
  for (const port of [firstPort, 30_000, lastPort]) {
    for (const far of [-32_000, -1, 0, 1, 2, 32_000]) assert.equal(distance(port, portAfter(port, far)), far)
  }
})
