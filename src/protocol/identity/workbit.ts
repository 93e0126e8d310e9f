/**
 * The work in a key: how many zero bits the hash of a public key starts with. Whoever has a key with w of them has tried
 * about 2^w keys, or paid somebody who did; anyone can check that with one hash. The rule is the first WireHub's.
 */

import { blake2b } from '@noble/hashes/blake2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { type PublicKey, publicKeyBytes } from './key.ts'

/** Leading zero bits of BLAKE2b-256(key ‖ namespace), the digest read as a big-endian number: 0 to 256. */
export function workbitOf(key: PublicKey, namespace: string): number {
  const digest = blake2b(concatBytes(publicKeyBytes(key), utf8ToBytes(namespace)), { dkLen: 32 })
  const i = digest.findIndex(byte => byte !== 0)
  return i < 0 ? 256 : 8 * i + Math.clz32(digest[i]!) - 24
}

/** How likely a search for `workbit` zero bits is over after so many tries. */
export function chanceAfter(tries: number, workbit: number): number {
  return workbit === 0 ? 1 : -Math.expm1(tries * Math.log1p(-(2 ** -workbit)))
}
