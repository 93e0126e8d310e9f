/**
 * libp2p's name for a node, computed from its WireGuard key alone: the Ed25519 key of `xeddsa.ts`, as the identity multihash of its
 * protobuf, in base58 (libp2p specification "Peer Ids and Keys"). Always 52 characters that begin with `12D3Koo`.
 *
 *     | 00       | 24     | 08 01         | 12 20               | 32 bytes    |
 *     | identity | length | type: Ed25519 | bytes of the key: 32 | Ed25519 key |
 */

import { concatBytes } from '@noble/hashes/utils.js'
import { base58 } from '@scure/base'
import type { PublicKey } from './key.ts'
import { edwardsKeyOf, keyOfEdwards } from './xeddsa.ts'

const prefix = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)
/** base58 takes time with the square of the length; what is longer than this is none of ours. */
const textLength = 52

/** `null` where the key is no point of the curve, or one of low order: see `edwardsKeyOf`. */
export function peerIdOf(key: PublicKey): string | null {
  const edwards = edwardsKeyOf(key)
  return edwards && base58.encode(concatBytes(prefix, edwards))
}

/** The WireGuard key of a PeerId; `null` for other text, other kinds of key, and keys that no WireGuard key maps to. */
export function keyOfPeerId(text: string): PublicKey | null {
  if (text.length !== textLength) return null
  try {
    const bytes = base58.decode(text)
    if (bytes.length !== prefix.length + 32 || prefix.some((byte, i) => bytes[i] !== byte)) return null
    return keyOfEdwards(bytes.subarray(prefix.length))
  } catch {
    // a character that base58 does not have
    return null
  }
}
