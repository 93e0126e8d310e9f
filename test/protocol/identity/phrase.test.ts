import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { hex } from '@scure/base'
import fc from 'fast-check'
import { newPhrase, phraseRoot } from '../../../src/protocol/identity/phrase.ts'

const { phrases } = JSON.parse(readFileSync(new URL('../../vectors/derived.json', import.meta.url), 'utf8'))
const right: string = phrases[3].words
const words = right.split(' ')
const without = (position: number, word: string) => words.map((it, i) => (i === position - 1 ? word : it)).join(' ')

test('words and roots, as another program computed them', () => {
  for (const { words, entropy, root } of phrases) {
    assert.deepEqual(newPhrase(hex.decode(entropy)), words.split(' '))
    assert.equal(hex.encode(phraseRoot(words).ok!), root)
  }
})

test('a phrase is read as a person writes it', () => {
  const { ok } = phraseRoot(right)
  const table = words.map((word, i) => `${i + 1}. ${word}${i % 4 === 3 ? '\r\n' : '\t'}`).join('')
  for (const text of [`  ${right}\n`, right.toUpperCase(), words.join('\n'), table, table.replaceAll('.', '')]) {
    assert.deepEqual(phraseRoot(text).ok, ok)
  }
})

test('another phrase is another root', () => {
  const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 })
  const rootOf = (random: Uint8Array) => hex.encode(phraseRoot(newPhrase(random).join(' ')).ok!)
  fc.assert(fc.property(bytes, bytes, (a, b) => (hex.encode(a) === hex.encode(b)) === (rootOf(a) === rootOf(b))))
})

test('a wrong word is named, with its position and what is near it', () => {
  assert.match(phraseRoot(without(7, 'abandn')).problem!, /^word 7, "abandn", is not in the list; near it: abandon$/)
  assert.match(phraseRoot(without(24, 'spoo')).problem!, /^word 24, "spoo", is not in the list; near it: spoon, /)
  assert.match(phraseRoot(without(1, 'xxxxxxxxxx')).problem!, /^word 1, "xxxxxxxxxx", is not in the list$/)
  assert.match(phraseRoot(without(1, '\u001b[31m')).problem!, /^word 1, "\\u\{1b\}\[31m", is not in the list/)
})

test('all wrong words are named, and the number of words where it is not 24', () => {
  const { problem } = phraseRoot('abandon abot zoo')
  assert.match(problem!, /^3 words; a phrase has 24\nword 2, "abot", is not in the list; near it: about/)
  assert.match(phraseRoot(`${right} zoo`).problem!, /^25 words/)
  assert.match(phraseRoot('').problem!, /^0 words/)
})

test('words that changed places, or another word of the list, have a wrong checksum', () => {
  const [a, b, ...rest] = words
  for (const text of [[b, a, ...rest].join(' '), without(3, 'zoo')]) {
    assert.match(phraseRoot(text).problem!, /^the checksum is wrong/)
  }
})
