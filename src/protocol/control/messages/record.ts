/**
 * "Do you hold the record of this id?"
 *
 *     FIND    | 3 | transaction 12 | id 32 | padding, to 783 in all          |
 *     RECORD  | 4 | transaction 12 | length 2 | record, 0 to 768             |
 *
 * and the first packets of a byte stream, which are padded as QUIC's are:
 *
 *     OPEN    | 5 | connection 8 | secret 32 | length 2 | stream packet | padding, to 1086 in all |
 */

import * as P from 'micro-packed'
import * as sizes from '../constants.ts'
import { bodyOf, read, transaction } from './fields.ts'

export type Find = { readonly type: 'find'; readonly transaction: Uint8Array; readonly id: Uint8Array }

export type RecordMessage = {
  readonly type: 'record'
  /** All zero where nobody asked. */
  readonly transaction: Uint8Array
  /** Empty means "I hold none". Signed by itself: who passes it on proves nothing. */
  readonly record: Uint8Array
}

export type OpenMessage = {
  readonly type: 'open'
  readonly connection: Uint8Array
  /** From which both directions' keys follow; docs/protocol/stream.md. */
  readonly secret: Uint8Array
  /** A whole stream packet (format 2), header included. */
  readonly packet: Uint8Array
}

/** The transaction of a RECORD that answers no FIND. */
export const noTransaction = new Uint8Array(sizes.transactionLength)

const find = P.struct({ transaction, id: P.bytes(sizes.idLength) })
const record = P.struct({ transaction, record: P.bytes(P.U16BE) })
const open = P.struct({
  connection: P.bytes(sizes.connectionLength),
  secret: P.bytes(sizes.secretLength),
  packet: P.bytes(P.U16BE),
})

export function encodeFind(type: number, message: Find): Uint8Array {
  return bodyOf(type, find.encode(message), sizes.findLength)
}

export function decodeFind(body: Uint8Array): Find | 'malformed' {
  const fields = body.length >= sizes.findLength && read(find, body.subarray(1))
  return fields ? { type: 'find', transaction: fields.transaction, id: fields.id } : 'malformed'
}

/** @throws TypeError for one that is too long */
export function encodeRecord(type: number, message: RecordMessage): Uint8Array {
  if (message.record.length > sizes.maxRecord) throw new TypeError(`a record of ${message.record.length} bytes`)
  return bodyOf(type, record.encode(message))
}

export function decodeRecord(body: Uint8Array): RecordMessage | 'malformed' {
  const fields = read(record, body.subarray(1))
  if (!fields || fields.record.length > sizes.maxRecord) return 'malformed'
  return { type: 'record', transaction: fields.transaction, record: fields.record }
}

/** @throws TypeError for one that is too long */
export function encodeOpen(type: number, message: OpenMessage): Uint8Array {
  const { length } = message.packet
  if (length > sizes.maxOpenPacket) throw new TypeError(`an OPEN with ${length} bytes`)
  return bodyOf(type, open.encode(message), sizes.openLength)
}

export function decodeOpen(body: Uint8Array): OpenMessage | 'malformed' {
  const fields = body.length >= sizes.openLength && read(open, body.subarray(1))
  if (!fields || fields.packet.length > sizes.maxOpenPacket) return 'malformed'
  return { type: 'open', connection: fields.connection, secret: fields.secret, packet: fields.packet }
}
