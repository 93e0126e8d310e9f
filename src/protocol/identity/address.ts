/**
 * The overlay's IPv6 addresses. They follow from keys and the network's name alone, so every node computes the same ones
 * and nothing has to be agreed upon (`fd…` as RFC 4193 §3.1 has it, a hash in place of randomness):
 *
 *     | fd | 40 bits of BLAKE2b-256(network name) | 80 bits of BLAKE2b-256(key ‖ network name) |
 *     |  the network's prefix, a /48             |  the node                                  |
 */

import { blake2b } from '@noble/hashes/blake2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { type Address, addressBytes, addressOf, type Prefix } from '../../base/ip.ts'
import { type PublicKey, publicKeyBytes } from './key.ts'

export function overlayPrefix(networkName: string): Prefix {
  const hash = blake2b(utf8ToBytes(networkName), { dkLen: 32 })
  const address = addressOf(concatBytes(Uint8Array.of(0xfd), hash.subarray(0, 5), new Uint8Array(10)))
  return { address, length: 48, family: 6 }
}

/** @param prefix `overlayPrefix(networkName)`, where many keys of one network follow one another */
export function overlayIPv6(key: PublicKey, networkName: string, prefix = overlayPrefix(networkName)): Address {
  const network = addressBytes(prefix.address).subarray(0, 6)
  const hash = blake2b(concatBytes(publicKeyBytes(key), utf8ToBytes(networkName)), { dkLen: 32 })
  return addressOf(concatBytes(network, hash.subarray(0, 10)))
}
