/**
 * Whatever is in a network file, reading it returns: a network, or errors with places inside the text. Inputs that ever
 * failed are in corpus/, and are tried first.
 */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { documentText } from '../../src/protocol/network/document.ts'
import { formatConf, formatYaml } from '../../src/protocol/network/format.ts'
import { members } from '../../src/protocol/network/members.ts'
import { parseNetworkFile } from '../../src/protocol/network/parse.ts'
import { formatProblems } from '../../src/protocol/network/problem.ts'

const files = ['net.conf', 'net.yaml'] as const
const corpus = new URL('./corpus/', import.meta.url)
const examples = ['announcement.conf', 'home.conf', 'home.yaml'].map(name => {
  return readFileSync(new URL(`../../config/examples/${name}`, import.meta.url), 'utf8')
})

/** Everything that must hold for any text. */
function holds(text: string, file: string): void {
  const { network, document, problems } = parseNetworkFile(text, file)
  assert.equal(documentText(document), text)
  const lines = text.split(/\r\n|\r|\n/).length
  for (const { line, column, length } of problems) {
    assert.ok(line >= 1 && line <= lines && column >= 1 && length >= 0, `${line}:${column} of ${lines} lines`)
  }
  assert.equal(
    network === null,
    problems.some(({ severity }) => severity === 'error'),
  )
  const shown = formatProblems(problems, file, text)
  assert.doesNotMatch(shown, /[\0-\x09\x0b-\x1f\x7f-\x9f]/)
  if (!network) return
  assert.ok(members(network).every(({ ipv6 }) => ipv6.startsWith('fd')))
  for (const [other, format] of [
    ['a.conf', formatConf],
    ['a.yaml', formatYaml],
  ] as const) {
    const again = parseNetworkFile(format(document), other)
    assert.deepEqual(again.network, network, formatProblems(again.problems, other, format(document)))
    assert.equal(format(again.document), format(document))
  }
}

test('inputs that once failed', () => {
  for (const name of readdirSync(corpus)) {
    const text = readFileSync(new URL(name, corpus), 'latin1')
    for (const file of files) holds(text, file)
  }
})

const runs = { numRuns: 400 }

test('random bytes', () => {
  const bytes = fc.uint8Array({ maxLength: 300 }).map(bytes => new TextDecoder().decode(bytes))
  const units = fc.string({ unit: 'binary', maxLength: 200 })
  for (const file of files)
    fc.assert(
      fc.property(fc.oneof(bytes, units), text => holds(text, file)),
      runs,
    )
})

test('random words of both grammars', () => {
  const words =
    'name namespace subnet workbit boot peer trust router alias admin nodes role key hostname address endpoint'.split(
      ' ',
    )
  const signs = [
    ': ',
    ':\n',
    '\n',
    '\n  ',
    '\n  - ',
    '- ',
    ' ',
    '\t',
    '#',
    ' #',
    '"',
    "'",
    '{',
    '}',
    '[',
    ']',
    ',',
    '&a ',
    '*a ',
    '!t ',
  ]
  const values = [
    '10.0.42.0/24',
    '10.0.42.7',
    '8',
    'a.test',
    '::1',
    '[fd00::1]:9',
    '|\n',
    '---\n',
    '\r',
    '\r\n',
    '\ufeff',
    '?',
    '%',
  ]
  const keys = [examples[0]!.match(/[\w-]{43}/)![0], 'kLfotsCIfB/7OcDGeLenptfy2Dzav9wmVZjVQ0Gvnk0=']
  const texts = fc.array(fc.constantFrom(...words, ...signs, ...values, ...keys), { maxLength: 40 })
  for (const file of files)
    fc.assert(
      fc.property(texts, parts => holds(parts.join(''), file)),
      runs,
    )
  for (const file of files)
    fc.assert(
      fc.property(texts, parts => holds(parts.join(' '), file)),
      runs,
    )
})

test('right files with a part cut out, doubled or replaced', () => {
  const place = fc.nat(2000)
  const piece = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 5 }),
    fc.constantFrom('', '\n', ' ', '#', "'", ': ', '- ', '1'),
  )
  const mutation = fc.record({
    example: fc.constantFrom(...examples),
    from: place,
    length: fc.nat(60),
    piece,
    twice: fc.boolean(),
  })
  for (const file of files) {
    fc.assert(
      fc.property(mutation, ({ example, from, length, piece, twice }) => {
        const at = from % example.length
        const cut = example.slice(at, at + length)
        holds(example.slice(0, at) + (twice ? cut + cut : '') + piece + example.slice(at + length), file)
      }),
      { numRuns: 300 },
    )
  }
})
