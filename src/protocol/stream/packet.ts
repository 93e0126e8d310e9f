/**
 * The bytes of a stream packet, format 2 of the control packets, and the keys that seal it.
 *
 *      0      1      2                 10                    18                     n
 *      | 0xff | 0x02 | connection id 8 | packet number u64be | frames sealed, tag 16 |
 *
 * Sealed with ChaCha20-Poly1305; the nonce is 4 zero bytes and the packet number, little-endian, the associated data the 18
 * bytes in front. The key of a direction is HMAC-BLAKE2s(secret of the OPEN, "client" or "server"), by who sends.
 *
 * A key may see a nonce once only, and whoever replays an OPEN makes the server use the same key again. So numbers start at
 * random, below 2^52: two runs overlap with a probability of 2^-48 or so, as RFC 9000's handshake would have ensured by keys.
 */

import type { Crypto } from '../../base/crypto.ts'
import { headerSize, tagSize } from './constants.ts'

export const formatByte = 0x02
export const connectionIdSize = 8
export const secretSize = 32

export type Role = 'client' | 'server'
export type StreamKeys = { readonly [role in Role]: Uint8Array }

const ascii = (text: string) => Uint8Array.from(text, letter => letter.charCodeAt(0))

export function streamKeys(crypto: Crypto, secret: Uint8Array): StreamKeys {
  return { client: crypto.hmac(secret, ascii('client')), server: crypto.hmac(secret, ascii('server')) }
}

/** A first packet number out of 7 random bytes. */
export function firstNumber(random: Uint8Array): number {
  let number = random[0]! & 0x0f
  for (let i = 1; i < 7; i++) number = number * 256 + random[i]!
  return number
}

export type Header = { readonly connection: Uint8Array; readonly number: number }

/** The header, unproved; `null` where the datagram is none of this format, or its number is beyond 2^53. */
export function readHeader(packet: Uint8Array): Header | null {
  if (packet.length <= headerSize + tagSize || packet[0] !== 0xff || packet[1] !== formatByte) return null
  if (packet[10] !== 0 || packet[11]! > 0x1f) return null
  let number = packet[11]!
  for (let i = 12; i < headerSize; i++) number = number * 256 + packet[i]!
  return { connection: packet.subarray(2, 2 + connectionIdSize), number }
}

function nonceOf(number: number): Uint8Array {
  const nonce = new Uint8Array(12)
  for (let i = 4, rest = number; rest > 0; i++, rest = Math.floor(rest / 256)) nonce[i] = rest % 256
  return nonce
}

export function sealPacket(crypto: Crypto, key: Uint8Array, { connection, number }: Header, frames: Uint8Array) {
  const packet = new Uint8Array(headerSize + frames.length + tagSize)
  packet[0] = 0xff
  packet[1] = formatByte
  packet.set(connection, 2)
  for (let i = headerSize - 1, rest = number; rest > 0; i--, rest = Math.floor(rest / 256)) packet[i] = rest % 256
  packet.set(crypto.seal(key, nonceOf(number), packet.subarray(0, headerSize), frames), headerSize)
  return packet
}

/** The frames of a packet, or `null` where it was not sealed with this key. */
export function openPacket(crypto: Crypto, key: Uint8Array, number: number, packet: Uint8Array): Uint8Array | null {
  return crypto.open(key, nonceOf(number), packet.subarray(0, headerSize), packet.subarray(headerSize))
}
