/**
 * A token: what somebody needs to join a network, in one line. It names the network by the hash of its genesis, so who joins knows what to believe
 * before anybody tells him anything; it holds the secret of an invite, and where to begin.
 *
 *     wh1-…      base58 of:  | network 32 | secret 16 | workbit u8 | namespace, u8 text | n: u8, places × n | checksum 4 |
 *                            place: | key 32 | host, u8 text | port u16 |
 *
 * The checksum is the first 4 bytes of BLAKE2b-256 of all before it: a letter that is wrong is seen before anything is asked for.
 */

import { blake2b } from '@noble/hashes/blake2.js'
import { concatBytes } from '@noble/hashes/utils.js'
import { base58 } from '@scure/base'
import * as P from 'micro-packed'
import type { Endpoint } from '../../base/ip.ts'
import type { PublicKey, Read } from '../identity/key.ts'
import { endpoint, id, key, list, namespace, workbit } from './fields.ts'
import { secretLength } from './invite-key.ts'
import type { NetworkId } from './statement.ts'

export type Token = {
  readonly network: NetworkId
  readonly secret: Uint8Array
  readonly workbit: number
  readonly namespace: string
  /** Members that anybody can reach, or could. */
  readonly places: readonly { readonly key: PublicKey; readonly endpoint: Endpoint }[]
}

/** What scanners for secrets may look for. */
export const prefix = 'wh1-'
export const placesLimit = 3
const checksumLength = 4
/** base58 takes time with the square of the length. */
const lengthLimit = 2_000

const layout: P.CoderType<Token> = P.struct({
  network: id,
  secret: P.bytes(secretLength),
  workbit,
  namespace,
  places: list(placesLimit, P.struct({ key, endpoint })),
}) as never

export function formatToken(token: Token): string {
  const bytes = layout.encode({ ...token, places: token.places.slice(0, placesLimit) })
  return prefix + base58.encode(concatBytes(bytes, checksumOf(bytes)))
}

/** Says what is wrong with it, and nothing of what it holds. */
export function readToken(text: string): Read<Token> {
  const trimmed = text.trim()
  if (!trimmed.startsWith(prefix)) {
    const other = /^wh(\d+)-/.exec(trimmed)
    if (other) return { problem: `a token of version ${other[1]}, and this wh knows version 1: a newer wh made it` }
    return { problem: `a token begins with ${prefix}` }
  }
  const body = trimmed.slice(prefix.length)
  if (body.length > lengthLimit) return { problem: `${body.length} characters are too many for a token` }
  const foreign = /[^1-9A-HJ-NP-Za-km-z]/u.exec(body)
  if (foreign) {
    return { problem: `${JSON.stringify(foreign[0])} at character ${prefix.length + foreign.index + 1} is in no token` }
  }
  const bytes = base58.decode(body)
  const [told, sum] = [bytes.subarray(0, -checksumLength), bytes.subarray(-checksumLength)]
  if (bytes.length <= checksumLength || checksumOf(told).some((byte, i) => byte !== sum[i])) {
    return { problem: 'its checksum is wrong: a character is missing, too many or another' }
  }
  try {
    return { ok: layout.decode(told) }
  } catch {
    return { problem: 'its checksum is right, and yet it says nothing that this wh understands' }
  }
}

function checksumOf(bytes: Uint8Array): Uint8Array {
  return blake2b(bytes, { dkLen: 32 }).subarray(0, checksumLength)
}
