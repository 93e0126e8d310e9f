/**
 * What nodes say to each other, in the clear. A message is the body of a sealed datagram; its first byte is its type. Numbers are
 * big-endian. Whatever follows the known fields is padding and ignored, as are messages of unknown type, so later versions may add both.
 *
 *     PING     1   PONG    2     `messages/ping.ts`
 *     FIND     3   RECORD  4     `messages/record.ts`
 *     OPEN     5
 *     CALL     6   CALLED 11     `messages/home.ts`
 *     HOME     7   LEASE  10
 *     OFFER   12                 `messages/offer.ts`
 *     BIND     8   BOUND  13     `messages/relay.ts`
 *     PSK      9                 reserved
 *
 * A question that is shorter than its longest answer is malformed, so that nobody can be made to send more than came.
 */

import { utf8ToBytes } from '@noble/hashes/utils.js'
import { hex } from '@scure/base'
import type { Crypto } from '../../base/crypto.ts'
import * as sizes from './constants.ts'
import type { NoMessage } from './messages/fields.ts'
import * as homes from './messages/home.ts'
import { decodeOffer, encodeOffer, type Offer } from './messages/offer.ts'
import { decodePing, decodePong, encodePing, encodePong, type Ping, type Pong } from './messages/ping.ts'
import * as records from './messages/record.ts'
import * as relays from './messages/relay.ts'

export type { NoMessage } from './messages/fields.ts'
export type { CallState, LeaseState } from './messages/home.ts'
export type { Offer, Spray } from './messages/offer.ts'
export { leastPadding } from './messages/ping.ts'
export { noTransaction } from './messages/record.ts'
export type { BoundState } from './messages/relay.ts'

export type Message =
  | Ping
  | Pong
  | records.Find
  | records.RecordMessage
  | records.OpenMessage
  | homes.CallMessage
  | homes.HomeMessage
  | homes.LeaseMessage
  | homes.CalledMessage
  | relays.BindMessage
  | relays.BoundMessage
  | Offer

export const types = {
  ...{ ping: 1, pong: 2, find: 3, record: 4, open: 5, call: 6, home: 7, bind: 8, psk: 9 },
  ...{ lease: 10, called: 11, offer: 12, bound: 13 },
} as const

/** Names a network to its members, who know its name. */
export function networkTag(crypto: Pick<Crypto, 'hash'>, name: string): Uint8Array {
  return crypto.hash(utf8ToBytes(`wirehub network 1${name}`)).slice(0, sizes.networkLength)
}

/** A transaction as the key of a map. */
export function transactionKey(transaction: Uint8Array): string {
  return hex.encode(transaction)
}

/** The body of a datagram. @throws TypeError for a message that nobody may send. */
export function encodeMessage(message: Message): Uint8Array {
  const number = types[message.type]
  switch (message.type) {
    case 'ping':
      return encodePing(number, message)
    case 'pong':
      return encodePong(number, message)
    case 'find':
      return records.encodeFind(number, message)
    case 'record':
      return records.encodeRecord(number, message)
    case 'open':
      return records.encodeOpen(number, message)
    case 'call':
      return homes.encodeCall(number, message)
    case 'home':
      return homes.encodeHome(number, message)
    case 'lease':
      return homes.encodeLease(number, message)
    case 'called':
      return homes.encodeCalled(number, message)
    case 'bind':
      return relays.encodeBind(number, message)
    case 'bound':
      return relays.encodeBound(number, message)
    case 'offer':
      return encodeOffer(number, message)
  }
}

/** Reads the body of a datagram, which a stranger wrote. */
export function decodeMessage(body: Uint8Array): Message | NoMessage {
  switch (body[0]) {
    case types.ping:
      return decodePing(body)
    case types.pong:
      return decodePong(body)
    case types.find:
      return records.decodeFind(body)
    case types.record:
      return records.decodeRecord(body)
    case types.open:
      return records.decodeOpen(body)
    case types.call:
      return homes.decodeCall(body)
    case types.home:
      return homes.decodeHome(body)
    case types.lease:
      return homes.decodeLease(body)
    case types.called:
      return homes.decodeCalled(body)
    case types.bind:
      return relays.decodeBind(body)
    case types.bound:
      return relays.decodeBound(body)
    case types.offer:
      return decodeOffer(body)
    case undefined:
      return 'malformed'
    case types.psk:
      return 'reserved type'
    default:
      return 'unknown type'
  }
}
