/**
 * A secret as 24 words on paper: BIP-39 with its English list, 256 bits and a checksum of 8. The words are the secret, so the root
 * follows from their bits, and BIP-39's way to a wallet's seed, with its own passphrase, is not taken.
 */

import { blake2b } from '@noble/hashes/blake2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { distance } from 'fastest-levenshtein'
import { quote } from '../network/problem.ts'
import type { Read } from './key.ts'

export const phraseWords = 24

/** @param random 32 bytes, used for nothing else */
export function newPhrase(random: Uint8Array): string[] {
  if (random.length !== 32) throw new TypeError('a phrase is made of 32 bytes')
  return entropyToMnemonic(random, wordlist).split(' ')
}

/** The root of a phrase as a person wrote it: numbers in front of the words, upper case and line breaks do not matter. */
export function phraseRoot(text: string): Read<Uint8Array> {
  const words = text
    .toLowerCase()
    .split(/\s+/)
    .filter(word => word !== '' && !/^\d{1,2}[.)]?$/.test(word))
  const wrong = words.flatMap((word, i) => (wordlist.includes(word) ? [] : [describe(word, i + 1)]))
  const count = words.length === phraseWords ? [] : [`${words.length} words; a phrase has ${phraseWords}`]
  if (wrong.length + count.length > 0) return { problem: [...count, ...wrong].join('\n') }
  let entropy: Uint8Array
  try {
    entropy = mnemonicToEntropy(words.join(' '), wordlist)
  } catch {
    return {
      problem:
        'the checksum is wrong: each word is in the list, but one is another than was written, or two changed places',
    }
  }
  return { ok: blake2b(concatBytes(utf8ToBytes('wirehub phrase root 1'), entropy), { dkLen: 32 }) }
}

function describe(word: string, position: number): string {
  const near = nearestWords(word)
  return `word ${position}, ${quote(word)}, is not in the list${near.length > 0 ? `; near it: ${near.join(', ')}` : ''}`
}

/** Up to three words of the list. The first four letters are enough to tell them apart, so what begins alike comes first. */
function nearestWords(word: string): string[] {
  if (word.length > 24) return []
  const rank = (candidate: string) => distance(word, candidate) - (candidate.startsWith(word.slice(0, 4)) ? 2 : 0)
  return wordlist
    .map(candidate => ({ candidate, rank: rank(candidate) }))
    .filter(({ rank }) => rank <= 2)
    .sort((a, b) => a.rank - b.rank)
    .slice(0, 3)
    .map(({ candidate }) => candidate)
}
