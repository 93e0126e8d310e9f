import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { withBlock, withoutAnyBlock, withoutBlock } from '../../../src/drivers/dns/hosts.ts'

const before = '127.0.0.1 localhost\n# mine\n'
const id = 'test KJ7YGrBe'

test('the block stands at the end, between its marks', () => {
  assert.equal(
    withBlock(before, id, ['10.0.42.2\tb.test']),
    '127.0.0.1 localhost\n# mine\n# BEGIN wh test KJ7YGrBe\n10.0.42.2\tb.test\n# END wh test KJ7YGrBe\n',
  )
})

test('a second time replaces the first', () => {
  const once = withBlock(before, id, ['10.0.42.2\tb.test'])
  assert.equal(withBlock(once, id, ['10.0.42.3\tb.test']), withBlock(before, id, ['10.0.42.3\tb.test']))
})

test('no lines, no block', () => assert.equal(withBlock(withBlock(before, id, ['1 a']), id, []), before))

test('a mark inside a line is not a mark', () => {
  const text = `${before}x # BEGIN wh ${id}\n# BEGIN wh ${id}2\n`
  assert.equal(withoutBlock(text, id), text)
})

test('a block without an end loses only its mark', () => {
  assert.equal(withoutBlock(`a\n# BEGIN wh ${id}\n10.0.42.2 b\nmine\n`, id), 'a\n10.0.42.2 b\nmine\n')
})

test('lines that others add around the block stay', () => {
  const text = `${withBlock(before, id, ['10.0.42.2 b'])}10.9.9.9 later\n`
  assert.equal(withoutBlock(text, id), `${before}10.9.9.9 later\n`)
})

const anyText = fc.string({
  unit: fc.constantFrom('a', ' ', '\n', '#', '\r', '\t', 'ß', '# BEGIN wh other x', '# END wh other x'),
})
const anyLine = fc.string({ unit: fc.constantFrom('1', '.', ' ', 'b') })

test('law: what was there comes back byte for byte', () => {
  fc.assert(
    fc.property(anyText, fc.array(anyLine), (text, lines) => {
      assert.equal(withoutBlock(withBlock(text, id, lines), id), text)
    }),
  )
})

test('law: two nodes do not touch one another', () => {
  fc.assert(
    fc.property(anyText, fc.array(anyLine, { minLength: 1 }), (text, lines) => {
      const both = withBlock(withBlock(text, id, lines), 'two AAAA', lines)
      assert.equal(withoutBlock(withoutBlock(both, id), 'two AAAA'), text)
      assert.equal(withoutBlock(withoutBlock(both, 'two AAAA'), id), text)
    }),
  )
})

test('all blocks can be removed at once', () => {
  const all = withBlock(withBlock(before, id, ['10.0.42.2 b']), 'home (x) BBBB', ['10.0.43.2 b'])
  assert.equal(withoutAnyBlock(all), before)
})
