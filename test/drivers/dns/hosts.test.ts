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

test('no lines, no block', () => assert.equal(withBlock(withBlock(before, id, ['10.0.42.2\ta']), id, []), before))

test('a mark inside a line is not a mark', () => {
  const text = `${before}x # BEGIN wh ${id}\n# BEGIN wh ${id}2\n`
  assert.equal(withoutBlock(text, id), text)
})

test('a block that lost its end mark ends with the last line like ours', () => {
  assert.equal(withoutBlock(`a\n# BEGIN wh ${id}\n10.0.42.2\tb\nfd00::2\tb\n10.9.9.9 mine\n`, id), 'a\n10.9.9.9 mine\n')
  assert.equal(withoutBlock(`a\n# BEGIN wh ${id}\n10.0.42.2\tb\n`, id), 'a\n')
  assert.equal(withoutBlock(`a\n# BEGIN wh ${id}`, id), 'a\n')
})

test('what somebody put between our marks stays', () => {
  const text = withBlock(before, id, ['10.0.42.2\tb.test']).replace('# END', '10.9.9.9 foreign # x\n\n# END')
  assert.equal(withoutBlock(text, id), `${before}10.9.9.9 foreign # x\n\n`)
})

test('a block is known by other line ends, too', () => {
  const text = withBlock(before, id, ['10.0.42.2\tb.test']).replaceAll('\n', '\r\n')
  assert.equal(withoutBlock(text, id), before.replaceAll('\n', '\r\n'))
})

test('lines that others add around the block stay', () => {
  const text = `${withBlock(before, id, ['10.0.42.2\tb'])}10.9.9.9 later\n`
  assert.equal(withoutBlock(text, id), `${before}10.9.9.9 later\n`)
})

const anyText = fc.string({
  unit: fc.constantFrom('a', ' ', '\n', '#', '\r', '\t', 'ß', '# BEGIN wh other x', '# END wh other x'),
})
const anyLine = fc
  .tuple(fc.constantFrom('10.0.42.2', 'fd92::1'), fc.stringMatching(/^[a-z][a-z.-]*$/))
  .map(([address, name]) => `${address}\t${name}`)

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
  const all = withBlock(withBlock(before, id, ['10.0.42.2\tb']), 'home (x) BBBB', ['10.0.43.2\tb'])
  assert.equal(withoutAnyBlock(all), before)
})
