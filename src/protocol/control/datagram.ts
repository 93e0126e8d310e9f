/**
 * Format 1: a message sealed for one receiver, which stands alone. Format 4 is the same with another second byte, for BINDs only.
 *
 *      0      1      2                    18                   50                          98              n
 *     | 0xff | 0x01 | check, 16 bytes    | e, 32 bytes        | s sealed, 48 bytes        | body sealed     |
 *                    \ over all that follows                  \ who sent it, for the receiver only
 *
 * The check is keyed with the receiver's public key, like WireGuard's mac1 (whitepaper §5.4.4): who does not know that key cannot make
 * the receiver compute more than two hashes. It proves nothing else. From `e` on it is a Noise message (`noise-x.ts`). No public key
 * stands in it in the clear but `e`, which is used once.
 */

import { utf8ToBytes } from '@noble/hashes/utils.js'
import type { Crypto } from '../../base/crypto.ts'
import * as sizes from './constants.ts'
import { type Claimed, claimNoise, type KeyPair, sealNoise, startHash } from './noise-x.ts'

const prologue = utf8ToBytes(sizes.prologue)
const checkLabel = utf8ToBytes(sizes.checkLabel)
const bodyStart = sizes.headerLength + sizes.checkLength

/** A node to which datagrams go, with what is computed once. */
export type Receiver = {
  readonly publicKey: Uint8Array
  readonly checkKey: Uint8Array
  readonly start: Uint8Array
}

export function receiverOf(crypto: Crypto, publicKey: Uint8Array): Receiver {
  return { publicKey, checkKey: crypto.hash(checkLabel, publicKey), start: startHash(crypto, prologue, publicKey) }
}

/**
 * @param sender 32 bytes, a public key
 * @param ss what the keys of sender and receiver share
 * @param ephemeral fresh for each datagram
 * @returns `null` where the receiver's key is of low order
 */
export function sealDatagram(
  crypto: Crypto,
  sender: Uint8Array,
  receiver: Receiver,
  ss: Uint8Array,
  ephemeral: KeyPair,
  body: Uint8Array,
  format: number = sizes.formats.sealed,
): Uint8Array | null {
  if (body.length === 0 || body.length > sizes.maxMessage) throw new TypeError(`a message of ${body.length} bytes`)
  const noise = sealNoise(crypto, receiver.start, sender, receiver.publicKey, ss, ephemeral, body)
  if (noise === null) return null
  const bytes = new Uint8Array(bodyStart + noise.length)
  bytes[0] = sizes.controlByte
  bytes[1] = format
  bytes.set(crypto.hmac(receiver.checkKey, noise).subarray(0, sizes.checkLength), sizes.headerLength)
  bytes.set(noise, bodyStart)
  return bytes
}

/** Is it long enough and short enough for its format? */
export function fits(bytes: Uint8Array): boolean {
  return bytes.length >= sizes.minDatagram && bytes.length <= sizes.maxDatagram
}

/** Did its maker know the receiver's public key? Two hashes. */
export function passesCheck(crypto: Crypto, receiver: Receiver, bytes: Uint8Array): boolean {
  const check = crypto.hmac(receiver.checkKey, bytes.subarray(bodyStart))
  // no secret is compared here: the key is public, so time tells nothing
  for (let i = 0; i < sizes.checkLength; i++) if (check[i] !== bytes[sizes.headerLength + i]) return false
  return true
}

/** Who claims to have sent it; one curve operation. `null` where it is not for us, or damaged. */
export function claimDatagram(
  crypto: Crypto,
  receiver: Receiver,
  own: KeyPair['key'],
  bytes: Uint8Array,
): Claimed | null {
  return claimNoise(crypto, receiver.start, own, bytes.subarray(bodyStart))
}
