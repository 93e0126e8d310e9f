/**
 * Noise_X_25519_ChaChaPoly_BLAKE2s: one message, from a sender whom only the receiver comes to know, after revision 34 of the Noise
 * specification (§5 the states, §7.4 the pattern).
 *
 *     X:                                    | e, 32 bytes | s sealed, 48 bytes | payload sealed, its length + 16 |
 *       <- s                                               \ key from es        \ key from es and ss
 *       ...
 *       -> e, es, s, ss
 *
 * Opening has two steps: between them the receiver knows who claims to have sent it, and has paid one curve operation. Nothing proves
 * the claim before the second step. Each message has its own keys, so every nonce is zero; a replay cannot be told from the original.
 */

import type { Crypto, DhKey } from '../../base/crypto.ts'
import { keyLength, tagLength } from './constants.ts'

export type KeyPair = { readonly key: DhKey; readonly publicKey: Uint8Array }

/** 32 characters, as long as the hash, so it is itself the first hash (§5.2, InitializeSymmetric). */
const protocolName = new TextEncoder().encode('Noise_X_25519_ChaChaPoly_BLAKE2s')
const nonce = new Uint8Array(12)
const one = Uint8Array.of(1)
const two = Uint8Array.of(2)

const sealedKeyLength = keyLength + tagLength
export const noiseOverhead = keyLength + sealedKeyLength + tagLength

/** What hashing the receiver's key begins with: the same for each message to one receiver. */
export function startHash(crypto: Crypto, prologue: Uint8Array, receiver: Uint8Array): Uint8Array {
  return crypto.hash(crypto.hash(protocolName, prologue), receiver)
}

/** HKDF with two outputs (§4.3): the next chaining key, and a cipher key. */
function mixKey(crypto: Crypto, chain: Uint8Array, secret: Uint8Array): { chain: Uint8Array; key: Uint8Array } {
  const temporary = crypto.hmac(chain, secret)
  const next = crypto.hmac(temporary, one)
  return { chain: next, key: crypto.hmac(temporary, next, two) }
}

/**
 * Seals a payload.
 *
 * @param start `startHash` for the receiver
 * @param ss the secret that the static keys share
 * @param ephemeral fresh for each message
 * @returns `null` where the receiver's key is of low order
 */
export function sealNoise(
  crypto: Crypto,
  start: Uint8Array,
  sender: Uint8Array,
  receiver: Uint8Array,
  ss: Uint8Array,
  ephemeral: KeyPair,
  payload: Uint8Array,
): Uint8Array | null {
  const es = crypto.dh(ephemeral.key, receiver)
  if (es === null) return null
  const first = mixKey(crypto, protocolName, es)
  const afterE = crypto.hash(start, ephemeral.publicKey)
  const sealedKey = crypto.seal(first.key, nonce, afterE, sender)
  const second = mixKey(crypto, first.chain, ss)
  const sealedPayload = crypto.seal(second.key, nonce, crypto.hash(afterE, sealedKey), payload)

  const message = new Uint8Array(noiseOverhead + payload.length)
  message.set(ephemeral.publicKey)
  message.set(sealedKey, keyLength)
  message.set(sealedPayload, keyLength + sealedKeyLength)
  return message
}

/** A message half open. */
export type Claimed = {
  /** Who claims to have sent it, 32 bytes. */
  readonly sender: Uint8Array
  /** The payload, if the claim is true. @param ss the secret that the receiver's key and the sender's share */
  open(ss: Uint8Array): Uint8Array | null
}

/** The first step, or `null` where the message is not for this receiver, or damaged. @param start `startHash` for the receiver */
export function claimNoise(crypto: Crypto, start: Uint8Array, receiver: DhKey, message: Uint8Array): Claimed | null {
  if (message.length < noiseOverhead) return null
  const ephemeral = message.subarray(0, keyLength)
  const sealedKey = message.subarray(keyLength, keyLength + sealedKeyLength)
  const sealedPayload = message.subarray(keyLength + sealedKeyLength)
  const es = crypto.dh(receiver, ephemeral)
  if (es === null) return null
  const first = mixKey(crypto, protocolName, es)
  const afterE = crypto.hash(start, ephemeral)
  const sender = crypto.open(first.key, nonce, afterE, sealedKey)
  if (sender === null) return null
  return {
    sender,
    open(ss) {
      const second = mixKey(crypto, first.chain, ss)
      return crypto.open(second.key, nonce, crypto.hash(afterE, sealedKey), sealedPayload)
    },
  }
}
