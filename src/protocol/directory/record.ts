/**
 * A node's record: where it can be reached, signed by it and sealed so that only who knows its key can read it.
 *
 *      0         1              9             17        29                n - 64        n
 *      | version | sequence u64 | expires u64 | nonce   | body, tag of 16 | signature   |
 *      | 1       | big-endian   | s since 1970|                           |             |
 *      |------- associated data of the seal --|
 *      |------------------- signed, behind "wirehub record 1" -----------|
 *
 * Those who store it know its place alone (`blind.ts`): they check signature, age and size, and read nothing. The body is
 * `record-body.ts`'s.
 */

import type { Crypto } from '../../base/crypto.ts'
import { hour, second, type WallTime } from '../../base/time.ts'
import type { PrivateKey, PublicKey } from '../identity/key.ts'
import { isSoundKey, SigningKey, signatureRandomness, verify } from '../identity/xeddsa.ts'
import { blindedKey, type Place, placeOf } from './blind.ts'
import { decodeBody, encodeBody, type RecordBody } from './record-body.ts'

export { type Place, placeOf } from './blind.ts'
export type { EndpointKind, Filtering, Home, NatKind } from './record-body.ts'

export type NodeRecord = RecordBody & {
  /** The higher one replaces the lower. At most 2^53 - 1. */
  readonly sequence: number
  /** Whole seconds; what is beyond is cut off. */
  readonly expires: WallTime
}

export type RecordProblem = 'too large' | 'malformed' | 'version' | 'expired' | 'too far ahead' | 'signature' | 'sealed'

/** The largest record has 621 bytes; the rest is room for the next version, and all of it fits into one datagram of 1280 bytes. */
export const recordLimit = 768

/** Twice the usual lifetime: room for clocks that are hours wrong, and an end for a record whose owner set none. */
export const lifetimeLimit = 48 * hour

const version = 1
const clearLength = 17
const nonceLength = 12
const tagLength = 16
const signatureLength = 64
const shortest = clearLength + nonceLength + tagLength + signatureLength
const context = new TextEncoder().encode('wirehub record 1')

type Header = { readonly sequence: number; readonly expires: WallTime }
export type CheckedRecord =
  | { readonly ok: Header; readonly problem?: undefined }
  | { readonly ok?: undefined; readonly problem: RecordProblem }
export type OpenedRecord =
  | { readonly ok: NodeRecord; readonly problem?: undefined }
  | { readonly ok?: undefined; readonly problem: RecordProblem }
type Verifier = Crypto['verifyEd25519']

/**
 * The bytes of a record, for the place `placeOf(key.publicKey(), namespace)`. Some 1 ms.
 *
 * @param record the first 16 endpoints and the first 3 homes are taken; the best should come first. Hosts are addresses, not names
 * @param random gives that many random bytes
 */
export function signRecord(
  crypto: Pick<Crypto, 'seal'>,
  key: PrivateKey,
  namespace: string,
  record: NodeRecord,
  random: (count: number) => Uint8Array,
): Uint8Array {
  const blinded = blindedKey(SigningKey.of(key), namespace)
  const body = encodeBody(record)
  const bytes = new Uint8Array(shortest + body.length)
  const view = new DataView(bytes.buffer)
  bytes[0] = version
  view.setBigUint64(1, BigInt(record.sequence))
  view.setBigUint64(9, BigInt(Math.floor(record.expires / second)))
  const nonce = random(nonceLength)
  bytes.set(nonce, clearLength)
  const clear = bytes.subarray(0, clearLength)
  bytes.set(crypto.seal(blinded.place.sealing, nonce, clear, body), clearLength + nonceLength)
  const signed = bytes.subarray(0, -signatureLength)
  bytes.set(blinded.key.sign(withContext(signed), random(signatureRandomness)), signed.length)
  return bytes
}

/**
 * For those who store records of strangers: is this one to be kept under `id` now? Takes any bytes. The signature is checked last.
 *
 * @param verifyEd25519 as fast as the machine has it; may accept what `isSoundKey` refuses
 */
export function checkRecord(
  id: Uint8Array,
  value: Uint8Array,
  now: WallTime,
  verifyEd25519: Verifier = verify,
): CheckedRecord {
  const header = readHeader(value)
  if (typeof header === 'string') return { problem: header }
  if (header.expires <= now) return { problem: 'expired' }
  if (header.expires > now + lifetimeLimit) return { problem: 'too far ahead' }
  const signed = value.subarray(0, -signatureLength)
  const valid = isSoundKey(id) && verifyEd25519(id, withContext(signed), value.subarray(-signatureLength))
  return valid ? { ok: header } : { problem: 'signature' }
}

/** For those who know the key: checks a record and reads it. Computes the place; who has it kept takes `openRecordAt`. */
export function openRecord(
  crypto: Pick<Crypto, 'open' | 'verifyEd25519'>,
  key: PublicKey,
  namespace: string,
  value: Uint8Array,
  now: WallTime,
): OpenedRecord {
  return openRecordAt(crypto, placeOf(key, namespace), value, now)
}

/** Takes any bytes. The problem `sealed`: signed by the owner, and yet not made as it should be. */
export function openRecordAt(
  crypto: Pick<Crypto, 'open' | 'verifyEd25519'>,
  place: Place,
  value: Uint8Array,
  now: WallTime,
): OpenedRecord {
  const checked = checkRecord(place.id, value, now, crypto.verifyEd25519)
  if (checked.ok === undefined) return checked
  const nonce = value.subarray(clearLength, clearLength + nonceLength)
  const sealed = value.subarray(clearLength + nonceLength, -signatureLength)
  const body = crypto.open(place.sealing, nonce, value.subarray(0, clearLength), sealed)
  const read = body && decodeBody(body)
  return read ? { ok: { ...checked.ok, ...read } } : { problem: 'sealed' }
}

/**
 * Does `a` replace `b`? Of two records of one place that have been checked: the higher sequence, then the later end, then the bytes, so that
 * all nodes choose the same one.
 */
export function newer(a: Uint8Array, b: Uint8Array): boolean {
  const mine = readHeader(a)
  const other = readHeader(b)
  if (typeof mine === 'string' || typeof other === 'string') return typeof mine !== 'string'
  if (mine.sequence !== other.sequence) return mine.sequence > other.sequence
  if (mine.expires !== other.expires) return mine.expires > other.expires
  const i = a.findIndex((byte, i) => byte !== b[i])
  return i < 0 ? false : a[i]! > (b[i] ?? -1)
}

function readHeader(value: Uint8Array): Header | RecordProblem {
  if (value.length > recordLimit) return 'too large'
  if (value.length === 0) return 'malformed'
  if (value[0] !== version) return 'version'
  if (value.length < shortest) return 'malformed'
  const view = new DataView(value.buffer, value.byteOffset, value.length)
  const sequence = Number(view.getBigUint64(1))
  const expires = Number(view.getBigUint64(9)) * second
  if (!Number.isSafeInteger(sequence)) return 'malformed'
  return { sequence, expires }
}

function withContext(signed: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(context.length + signed.length)
  bytes.set(context)
  bytes.set(signed, context.length)
  return bytes
}
