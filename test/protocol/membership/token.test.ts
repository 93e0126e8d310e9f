// Tokens: one line that comes back as it was, and of which every slip of a finger is noticed.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { idOf } from '../../../src/protocol/membership/fields.ts'
import { formatToken, readToken, type Token } from '../../../src/protocol/membership/token.ts'
import { keyOf } from './story.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const plain = { noNullPrototype: true } as const
const endpoint = fc.record(
  {
    host: fc.constantFrom('198.51.100.2', '2001:db8::1', 'vps.example.org'),
    port: fc.integer({ min: 1, max: 65_535 }),
  },
  plain,
)
const tokens: fc.Arbitrary<Token> = fc.record(
  {
    network: bytes(32).map(idOf),
    secret: bytes(16),
    workbit: fc.nat(64),
    namespace: fc.constantFrom('public', 'é'),
    places: fc.array(fc.record({ key: fc.constantFrom('anna', 'bert').map(keyOf), endpoint }, plain), {
      maxLength: 3,
    }),
  },
  plain,
)

test('a token comes back as it was, in one word', () => {
  fc.assert(
    fc.property(tokens, token => {
      const text = formatToken(token)
      assert.match(text, /^wh1-[1-9A-HJ-NP-Za-km-z]+$/)
      assert.deepEqual(readToken(` ${text}\n`).ok, token)
    }),
    { numRuns: 200 },
  )
})

test('a character that is another, missing or too many is noticed, and no secret is repeated', () => {
  fc.assert(
    fc.property(tokens, fc.nat(), fc.constantFrom('drop', 'double', 'change', 'swap'), (token, chance, how) => {
      const text = formatToken(token)
      const at = 4 + (chance % (text.length - 5))
      const changed = {
        drop: text.slice(0, at) + text.slice(at + 1),
        double: text.slice(0, at) + text[at] + text.slice(at),
        change: `${text.slice(0, at)}${text[at] === 'x' ? 'y' : 'x'}${text.slice(at + 1)}`,
        swap: `${text.slice(0, at)}${text[at + 1]}${text[at]}${text.slice(at + 2)}`,
      }[how]
      if (changed === text) return
      const { ok, problem } = readToken(changed)
      assert.equal(ok, undefined)
      assert.ok(!problem!.includes(text.slice(4, 20)))
    }),
    { numRuns: 500 },
  )
})

test('what is no token is said to be none, and why', () => {
  const problem = (text: string) => readToken(text).problem
  assert.match(problem('')!, /begins with wh1-/)
  assert.match(problem('KJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW4')!, /begins with wh1-/)
  assert.match(problem('wh2-abc')!, /version 2, and this wh knows version 1/)
  assert.match(problem('wh1-ab0c')!, /"0" at character 7 is in no token/)
  assert.match(problem('wh1-')!, /checksum/)
  assert.match(problem(`wh1-${'z'.repeat(3_000)}`)!, /too many/)
  fc.assert(fc.property(fc.string(), text => void readToken(`wh1-${text}`)))
})
