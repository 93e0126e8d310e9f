/**
 * What nodes say to each other, in the clear. A message is the body of a sealed datagram; its first byte is its type. Numbers are
 * big-endian. Whatever follows the known fields is padding and ignored, as are messages of unknown type, so later versions may add both.
 *
 *     PING    | 1 | transaction 12 | flags 1 | candidate 2 | network 8, if flag 1 | padding, to 40 in all or more; 41 if flag 1 |
 *     PONG    | 2 | transaction 12 | family 1: 4 or 6 | address 4 or 16 | port 2 | clock 8 | network 1, if asked |
 *     FIND    | 3 | transaction 12 | id 32 | padding, to 783 in all                               |
 *     RECORD  | 4 | transaction 12 | length 2 | record, 0 to 768                                  |
 *     OPEN    | 5 | connection 8 | secret 32 | length 2 | stream packet | padding, to 1086 in all |
 *     CALL HOME RELAY PSK: 6 to 9, reserved
 *
 * A question that is shorter than its longest answer is malformed, so that nobody can be made to send more than came.
 */

import { utf8ToBytes } from '@noble/hashes/utils.js'
import { hex } from '@scure/base'
import * as P from 'micro-packed'
import type { Crypto } from '../../base/crypto.ts'
import { addressBytes, addressOf, type Endpoint, familyOf } from '../../base/ip.ts'
import { second, type WallTime } from '../../base/time.ts'
import * as sizes from './constants.ts'

export type Message =
  | {
      readonly type: 'ping'
      readonly transaction: Uint8Array
      /** A number of the asker's own, for his log: which of his candidates this tries. */
      readonly candidate: number
      /** How many bytes follow; `minPadding` or more, and the first of them say the network, if it is asked for. */
      readonly padding: number
      /** `networkTag`: are you a node of this one? Two nodes of one key may run on a machine, in two networks. */
      readonly network?: Uint8Array
    }
  | {
      readonly type: 'pong'
      readonly transaction: Uint8Array
      /** Where the PING came from, as its receiver saw it. */
      readonly observed: Endpoint
      /** The sender's wall clock, in whole seconds. For comparing, never for setting ours. */
      readonly clock: WallTime
      /** Whether the node is of the network that was asked for; absent where none was. */
      readonly sameNetwork?: boolean
    }
  | { readonly type: 'find'; readonly transaction: Uint8Array; readonly id: Uint8Array }
  | {
      readonly type: 'record'
      /** All zero where nobody asked. */
      readonly transaction: Uint8Array
      /** Empty means "I hold none". Signed by itself: who passes it on proves nothing. */
      readonly record: Uint8Array
    }
  | {
      readonly type: 'open'
      readonly connection: Uint8Array
      /** From which both directions' keys follow; docs/protocol/stream.md. */
      readonly secret: Uint8Array
      /** A whole stream packet (format 2), header included. */
      readonly packet: Uint8Array
    }

/** Why a body is no message for us. */
export type NoMessage = 'malformed' | 'reserved type' | 'unknown type'

export const types = { ping: 1, pong: 2, find: 3, record: 4, open: 5, call: 6, home: 7, relay: 8, psk: 9 } as const

/** The transaction of a RECORD that answers no FIND. */
export const noTransaction = new Uint8Array(sizes.transactionLength)

/** Bit of a PING's flags: a network follows. */
const networkFlag = 1
/** No PING is shorter than its PONG. */
const leastPadding = (asked: boolean) => (asked ? sizes.minPaddingWithNetwork : sizes.minPadding)
/** Last byte of a PONG to such a PING. Zero would be padding. */
const networkAnswers = { same: 1, other: 2 } as const
/** Bytes of a PONG's fields, the type not counted, for an address of that length. */
const pongFields = (address: number) => sizes.transactionLength + 1 + address + 2 + 8

/** Names a network to its members, who know its name. */
export function networkTag(crypto: Pick<Crypto, 'hash'>, name: string): Uint8Array {
  return crypto.hash(utf8ToBytes(`wirehub network 1${name}`)).slice(0, sizes.networkLength)
}

/** A transaction as the key of a map. */
export function transactionKey(transaction: Uint8Array): string {
  return hex.encode(transaction)
}

const transaction = P.bytes(sizes.transactionLength)

/** What remains of a message as a number of bytes, all zero when written. */
const padding: P.CoderType<number> = P.apply(P.bytes(null), {
  encode: (bytes: Uint8Array) => bytes.length,
  decode: (length: number) => new Uint8Array(length),
})

type Observed = { TAG: '4'; data: Uint8Array } | { TAG: '6'; data: Uint8Array }

const family = P.mappedTag(P.U8, { '4': [4, P.bytes(4)], '6': [6, P.bytes(16)] }) as unknown as P.CoderType<Observed>

const coders = {
  ping: P.struct({ transaction, flags: P.U8, candidate: P.U16BE, padding }),
  pong: P.struct({ transaction, address: family, port: P.U16BE, clock: P.U64BE }),
  find: P.struct({ transaction, id: P.bytes(sizes.idLength) }),
  record: P.struct({ transaction, record: P.bytes(P.U16BE) }),
  open: P.struct({
    connection: P.bytes(sizes.connectionLength),
    secret: P.bytes(sizes.secretLength),
    packet: P.bytes(P.U16BE),
  }),
}

/** The body of a datagram. @throws TypeError for a message that nobody may send. */
export function encodeMessage(message: Message): Uint8Array {
  const { type } = message
  switch (type) {
    case 'ping': {
      const length = message.padding
      const asked = message.network !== undefined
      if (length < leastPadding(asked) || length > sizes.maxPadding)
        throw new TypeError(`a PING with ${length} of padding`)
      const bytes = body(type, coders.ping.encode({ ...message, flags: asked ? networkFlag : 0 }))
      if (asked) bytes.set(message.network!, sizes.pingHead)
      return bytes
    }
    case 'pong': {
      const { transaction, observed } = message
      const data = addressBytes(observed.host)
      const address: Observed = { TAG: familyOf(observed.host) === 4 ? '4' : '6', data }
      const clock = BigInt(Math.floor(message.clock / second))
      const fields = coders.pong.encode({ transaction, address, port: observed.port, clock })
      if (message.sameNetwork === undefined) return body(type, fields)
      const bytes = body(type, fields, 1 + fields.length + 1)
      bytes[bytes.length - 1] = message.sameNetwork ? networkAnswers.same : networkAnswers.other
      return bytes
    }
    case 'find':
      return body(type, coders.find.encode(message), sizes.findLength)
    case 'record':
      if (message.record.length > sizes.maxRecord) throw new TypeError(`a record of ${message.record.length} bytes`)
      return body(type, coders.record.encode(message))
    case 'open':
      if (message.packet.length > sizes.maxOpenPacket)
        throw new TypeError(`an OPEN with ${message.packet.length} bytes`)
      return body(type, coders.open.encode(message), sizes.openLength)
  }
}

function body(type: keyof typeof coders, fields: Uint8Array, length = 0): Uint8Array {
  const bytes = new Uint8Array(Math.max(length, 1 + fields.length))
  bytes[0] = types[type]
  bytes.set(fields, 1)
  return bytes
}

/** Reads the body of a datagram, which a stranger wrote. */
export function decodeMessage(body: Uint8Array): Message | NoMessage {
  const fields = body.subarray(1)
  switch (body[0]) {
    case types.ping: {
      if (body.length < sizes.pingLength) return 'malformed'
      const ping = read(coders.ping, fields)
      if (!ping) return 'malformed'
      const { transaction, candidate, padding, flags } = ping
      if (padding > sizes.maxPadding || padding < leastPadding((flags & networkFlag) !== 0)) return 'malformed'
      const network = body.slice(sizes.pingHead, sizes.pingHead + sizes.networkLength)
      return { type: 'ping', transaction, candidate, padding, ...((flags & networkFlag) !== 0 && { network }) }
    }
    case types.pong: {
      const pong = read(coders.pong, fields)
      const clock = Number(pong?.clock) * second
      if (!pong || pong.port === 0 || !Number.isSafeInteger(clock)) return 'malformed'
      const observed = { host: addressOf(pong.address.data), port: pong.port }
      const answer = fields[pongFields(pong.address.data.length)]
      const known = answer === networkAnswers.same || answer === networkAnswers.other
      return {
        ...{ type: 'pong', transaction: pong.transaction, observed, clock },
        ...(known && { sameNetwork: answer === networkAnswers.same }),
      }
    }
    case types.find: {
      const find = body.length >= sizes.findLength && read(coders.find, fields)
      return find ? { type: 'find', transaction: find.transaction, id: find.id } : 'malformed'
    }
    case types.record: {
      const answer = read(coders.record, fields)
      if (!answer || answer.record.length > sizes.maxRecord) return 'malformed'
      return { type: 'record', transaction: answer.transaction, record: answer.record }
    }
    case types.open: {
      const open = body.length >= sizes.openLength && read(coders.open, fields)
      if (!open || open.packet.length > sizes.maxOpenPacket) return 'malformed'
      return { type: 'open', connection: open.connection, secret: open.secret, packet: open.packet }
    }
    case undefined:
      return 'malformed'
    case types.call:
    case types.home:
    case types.relay:
    case types.psk:
      return 'reserved type'
    default:
      return 'unknown type'
  }
}

function read<T>(coder: P.CoderType<T>, bytes: Uint8Array): T | null {
  try {
    return coder.decode(bytes, { allowUnreadBytes: true })
  } catch {
    // micro-packed reports by throwing what is too short
    return null
  }
}
