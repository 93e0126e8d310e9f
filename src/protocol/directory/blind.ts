/**
 * Where a node's record is in the directory, and who can read it. The place is a key, as those who store the record have to check its
 * signature; a *blinded* key, as they shall not learn whose it is (Tor's rend-spec-v3 appendix A.2, draft-irtf-cfrg-signature-key-blinding):
 *
 *     A   the node's Edwards key (`xeddsa.ts`), N its namespace
 *     h   = 1 + BLAKE2b-512("wirehub blind 1" ‖ A ‖ N) mod (q - 1)        both little-endian numbers; never 0
 *     A'  = h A, private: a' = h a mod q                                  the place, 32 bytes; the sign bit may be 1
 *     K   = BLAKE2b-256("wirehub seal 1" ‖ A ‖ N)                         opens the record
 *
 * Whoever knows the WireGuard key computes A' and K. Whoever only has A' cannot go back: h hides A as a random factor would.
 */

import { ed25519 } from '@noble/curves/ed25519.js'
import { bytesToNumberLE } from '@noble/curves/utils.js'
import { blake2b } from '@noble/hashes/blake2.js'
import { bytesToHex, concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import type { PublicKey } from '../identity/key.ts'
import { edwardsKeyOf, pointOf, type SigningKey } from '../identity/xeddsa.ts'

export type Place = {
  /** 32 bytes: A', under which the record's signature is valid. */
  readonly id: Uint8Array
  /** The key of the directory's table: `/wh/` and `id` in hex. */
  readonly path: string
  /** K, 32 bytes: seals and opens the record. */
  readonly sealing: Uint8Array
}

const { Fn } = ed25519.Point

/** No key: y is not below 2^255 - 19. */
const nowhere = new Uint8Array(32).fill(0xff)

/** @param id 32 bytes */
export function pathOf(id: Uint8Array): string {
  return `/wh/${bytesToHex(id)}`
}

/** The id in a path; `null` for any other text. */
export function idOf(path: string): Uint8Array | null {
  const hex = /^\/wh\/([0-9a-f]{64})$/.exec(path)?.[1]
  return hex === undefined ? null : Uint8Array.from(hex.match(/../g)!, byte => Number.parseInt(byte, 16))
}

/**
 * The place of a key's record: 1 ms, so it should be kept. A key that can sign nothing, because it is no point of the curve (no private
 * key gives it), has a place where nothing can be valid.
 */
export function placeOf(key: PublicKey, namespace: string): Place {
  const edwards = edwardsKeyOf(key)
  if (!edwards) return place(nowhere, nowhere, namespace)
  return place(pointOf(edwards)!.multiplyUnsafe(blindingFactor(edwards, namespace)).toBytes(), edwards, namespace)
}

/** The key that signs at `placeOf`, and the place. */
export function blindedKey(key: SigningKey, namespace: string): { readonly key: SigningKey; readonly place: Place } {
  const edwards = key.publicKey
  const blinded = key.times(blindingFactor(edwards, namespace))
  return { key: blinded, place: place(blinded.publicKey, edwards, namespace) }
}

function place(id: Uint8Array, edwards: Uint8Array, namespace: string): Place {
  const sealing = blake2b(concatBytes(utf8ToBytes('wirehub seal 1'), edwards, utf8ToBytes(namespace)), { dkLen: 32 })
  return { id, path: pathOf(id), sealing }
}

function blindingFactor(edwards: Uint8Array, namespace: string): bigint {
  const hash = blake2b(concatBytes(utf8ToBytes('wirehub blind 1'), edwards, utf8ToBytes(namespace)), { dkLen: 64 })
  return 1n + (bytesToNumberLE(hash) % (Fn.ORDER - 1n))
}
