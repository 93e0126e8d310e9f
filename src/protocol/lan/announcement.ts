/**
 * "I am on this link", said by multicast so that only who knows the sender's key understands it: no name, no key, no network.
 *
 *      0      1      2                 18            20                  36
 *     | 0xff | 0x03 | nonce, 16 bytes | port, u16be | tag, 16 bytes      |
 *
 *     tag = first 16 bytes of HMAC-BLAKE2s(LAN key, nonce ‖ port ‖ namespace)
 *     LAN key = BLAKE2s("wirehub lan 1" ‖ the sender's public key)
 *
 * Where the sender is, the datagram's source address says; the port is that of its WireGuard. Nothing of it is proof: whoever
 * knows the public key can make one, and anybody can repeat one from elsewhere. So an announcement is worth a probe, and no more.
 * Longer datagrams are a later version's, and their first 36 bytes mean the same.
 */

import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import type { Crypto } from '../../base/crypto.ts'
import { type PublicKey, publicKeyBytes } from '../identity/key.ts'

export const announcementLength = 36
/** A datagram that does not fit a link's smallest MTU is none of ours. */
const longestAnnouncement = 576
const control = 0xff
const format = 0x03
const nonceLength = 16

/** What recognises the announcements of one node: 32 bytes that follow from its public key. */
export type LanKey = Uint8Array

/** What an announcement says before anybody knows whose it is. */
export type Announcement = {
  readonly nonce: Uint8Array
  /** The sender's WireGuard port. */
  readonly port: number
  readonly tag: Uint8Array
}

export function lanKey(crypto: Crypto, key: PublicKey): LanKey {
  return crypto.hash(utf8ToBytes('wirehub lan 1'), publicKeyBytes(key))
}

function tagOf(crypto: Crypto, key: LanKey, nonce: Uint8Array, port: number, namespace: Uint8Array): Uint8Array {
  return crypto.hmac(key, nonce, Uint8Array.of(port >> 8, port & 0xff), namespace).subarray(0, 16)
}

/** @param nonce 16 random bytes, never used before */
export function encodeAnnouncement(
  crypto: Crypto,
  key: LanKey,
  port: number,
  namespace: string,
  nonce: Uint8Array,
): Uint8Array {
  if (nonce.length !== nonceLength) throw new TypeError('a nonce has 16 bytes')
  const head = Uint8Array.of(control, format)
  const tag = tagOf(crypto, key, nonce, port, utf8ToBytes(namespace))
  return concatBytes(head, nonce, Uint8Array.of(port >> 8, port & 0xff), tag)
}

/** `null` for anything that is no announcement. */
export function decodeAnnouncement(bytes: Uint8Array): Announcement | null {
  if (bytes.length < announcementLength || bytes.length > longestAnnouncement) return null
  if (bytes[0] !== control || bytes[1] !== format) return null
  const port = bytes[18]! * 256 + bytes[19]!
  if (port === 0) return null
  return { nonce: bytes.slice(2, 18), port, tag: bytes.slice(20, announcementLength) }
}

/** Is it the announcement of the node with this key? @param namespace as UTF-8 */
export function isFrom(crypto: Crypto, announcement: Announcement, key: LanKey, namespace: Uint8Array): boolean {
  const tag = tagOf(crypto, key, announcement.nonce, announcement.port, namespace)
  // nothing secret is compared: who can send many guesses can as well read the tag of a real one
  return tag.every((byte, i) => byte === announcement.tag[i])
}
