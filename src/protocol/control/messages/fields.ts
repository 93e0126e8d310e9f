/** What messages have in common: how their fields are written and read. */

import * as P from 'micro-packed'
import { addressBytes, addressOf, type Endpoint, familyOf } from '../../../base/ip.ts'
import { transactionLength } from '../constants.ts'

/** Why a body is no message for us. */
export type NoMessage = 'malformed' | 'reserved type' | 'unknown type'

export const transaction = P.bytes(transactionLength)

export type WireAddress = { TAG: '4'; data: Uint8Array } | { TAG: '6'; data: Uint8Array }

/** Family and address. */
export const address = P.mappedTag(P.U8, {
  '4': [4, P.bytes(4)],
  '6': [6, P.bytes(16)],
}) as unknown as P.CoderType<WireAddress>

/** The same, or a zero. */
export const addressOrNone = P.mappedTag(P.U8, {
  '0': [0, P.bytes(0)],
  '4': [4, P.bytes(4)],
  '6': [6, P.bytes(16)],
}) as unknown as P.CoderType<WireAddress | { TAG: '0'; data: Uint8Array }>

export const endpoint: P.CoderType<Endpoint> = P.apply(P.struct({ address, port: P.U16BE }), {
  encode: ({ address: { data }, port }) => ({ host: addressOf(data), port }),
  decode: ({ host, port }) => ({ address: wireAddress(host), port }),
})

export function wireAddress(host: string): WireAddress {
  return { TAG: familyOf(host) === 4 ? '4' : '6', data: addressBytes(host) }
}

/** A message: its type, its fields, and zeros up to `length`. */
export function bodyOf(type: number, fields: Uint8Array, length = 0): Uint8Array {
  const bytes = new Uint8Array(Math.max(length, 1 + fields.length))
  bytes[0] = type
  bytes.set(fields, 1)
  return bytes
}

/** The fields at the start of these bytes, or `null` where they are not there. */
export function read<T>(coder: P.CoderType<T>, bytes: Uint8Array): T | null {
  try {
    return coder.decode(bytes, { allowUnreadBytes: true })
  } catch {
    // micro-packed reports by throwing what is too short
    return null
  }
}
