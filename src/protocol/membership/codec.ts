/**
 * Statements as bytes: one form for each, so that its hash is its name.
 *
 *      0         1                              33       37         38
 *     | version | author                       | at u32 | n × 32   | kind and what it says | signature 64 |
 *     | 1       |                              | s      | after    |                       |              |
 *     |--------------------------- id: BLAKE2b-256 of this ------------------------------|
 *
 * Texts have their length in a byte before them, what may be absent has a byte that says whether it is there, times are seconds since
 * 1970, and numbers are big-endian.
 */

import { blake2b } from '@noble/hashes/blake2.js'
import * as P from 'micro-packed'
import { equalBytes } from '../../base/bytes.ts'
import {
  checked,
  endpoint,
  hostname,
  id,
  idOf,
  ipv4,
  key,
  list,
  maybe,
  name,
  namespace,
  proof,
  signatureLength,
  subnet,
  time,
  workbit,
} from './fields.ts'
import { limits, type Statement, type StatementId, saltLength } from './statement.ts'

const version = 1

const content = P.mappedTag(P.U8, {
  genesis: [
    1,
    P.struct({
      salt: P.bytes(saltLength),
      name,
      namespace,
      workbit,
      subnet: maybe(subnet),
      admins: list(limits.admins, key),
      boots: list(limits.boots, P.struct({ key, endpoint })),
    }),
  ],
  invite: [
    2,
    P.struct({
      inviteKey: P.bytes(32),
      uses: checked(P.U16BE, it => it > 0 && it <= limits.uses),
      admin: P.bool,
      expires: maybe(time),
      hostname: maybe(hostname),
    }),
  ],
  admit: [
    3,
    P.struct({
      key,
      hostname: maybe(hostname),
      address: maybe(ipv4),
      endpoint: maybe(endpoint),
      expires: maybe(time),
      invite: maybe(P.struct({ id, proof })),
    }),
  ],
  revoke: [4, P.struct({ key })],
  rotate: [5, P.struct({ key, proof })],
  assign: [
    6,
    P.struct({
      key,
      hostname: maybe(hostname),
      address: maybe(ipv4),
      endpoint: maybe(endpoint),
      expires: maybe(time),
    }),
  ],
  admin: [7, P.struct({ key, admin: P.bool })],
  withdraw: [8, P.struct({ invite: id })],
})

const statement = P.struct({
  version: checked(P.U8, it => it === version),
  author: key,
  at: time,
  after: list(limits.after, id),
  content,
})

/** What is signed of a statement, and hashed. */
export function encodeStatement({ author, at, after, kind, ...data }: Statement): Uint8Array {
  return statement.encode({ version, author, at, after: [...after], content: { TAG: kind, data } as never })
}

/** `null` for bytes that no encoder wrote. */
export function decodeStatement(bytes: Uint8Array): Statement | null {
  if (bytes.length > limits.statement - signatureLength) return null
  try {
    const { author, at, after, content } = statement.decode(bytes)
    const present = Object.fromEntries(Object.entries(content.data).filter(([, value]) => value !== undefined))
    const read = { kind: content.TAG, author, at, after, ...present } as unknown as Statement
    return isInOrder(after) && equalBytes(encodeStatement(read), bytes) ? read : null
  } catch {
    // micro-packed tells in this way that bytes are missing, too many, or no value
    return null
  }
}

/** @param signed what `encodeStatement` gave */
export function hashOf(signed: Uint8Array): StatementId {
  return idOf(blake2b(signed, { dkLen: 32 }))
}

function isInOrder(ids: readonly StatementId[]): boolean {
  return ids.every((id, i) => i === 0 || ids[i - 1]! < id)
}
