/**
 * For whom is a WireGuard handshake initiation? All of it is sealed but its mac1, a keyed hash that only proves that the sender knows the
 * receiver's public key (whitepaper §5.4.4). We know all keys that it can be, and so find the one.
 *
 *     initiation   type 1, reserved 3 | sender 4 | ephemeral 32 | static 48 | timestamp 28 | mac1 16 | mac2 16   = 148 bytes
 *     mac1       = keyed BLAKE2s-128 with HASH("mac1----" ‖ receiver's public key), over all that stands before it
 */

import { blake2s } from '@noble/hashes/blake2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { type PublicKey, publicKeyBytes } from '../identity/key.ts'

export const initiationLength = 148
const mac1At = 116
const mac1Length = 16

const label = utf8ToBytes('mac1----')

/** @param receiver its public key */
export function mac1Key(receiver: PublicKey): Uint8Array {
  return blake2s(concatBytes(label, publicKeyBytes(receiver)))
}

/** The mac1 of an initiation, whatever stands in its place. */
export function mac1Of(bytes: Uint8Array, key: Uint8Array): Uint8Array {
  return blake2s(bytes.subarray(0, mac1At), { key, dkLen: mac1Length })
}

/** Going by its length and its first four bytes. */
export function isInitiation(bytes: Uint8Array): boolean {
  return bytes.length === initiationLength && bytes[0] === 1 && bytes[1] === 0 && bytes[2] === 0 && bytes[3] === 0
}

/** Is it for the receiver with this `mac1Key`? @param bytes an initiation */
export function isFor(bytes: Uint8Array, key: Uint8Array): boolean {
  return mac1Of(bytes, key).every((byte, i) => byte === bytes[mac1At + i])
}
