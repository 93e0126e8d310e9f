/**
 * "Here I am now, and I am looking for you": what both sides tell each other through homes, before they probe.
 *
 *     OFFER   | 12 | transaction 12 | flags 1 | network 8 | at 8 | length 2 | record body | spray, if flag 2 | padding, to a multiple of 64 |
 *
 *     spray:  | family 1: 4 or 6 | address 4 or 16 | base port 2, 0: none | step 2, signed | sockets 2 |
 *
 * The record body is the one of records, unsigned: the datagram's seal authenticates it.
 */

import * as P from 'micro-packed'
import { type Address, addressOf } from '../../../base/ip.ts'
import type { WallTime } from '../../../base/time.ts'
import { decodeBody, encodeBody, isHost, type RecordBody } from '../../directory/record-body.ts'
import * as sizes from '../constants.ts'
import { address, bodyOf, read, transaction, wireAddress } from './fields.ts'

/** The sender's NAT gives each destination another port, so it has opened many at once: on some of them, a PING will be heard. */
export type Spray = {
  /** The NAT's address outside. */
  readonly host: Address
  /** A port that the NAT gave lately, if its ports follow a rule. */
  readonly base?: number
  /** From one mapping to the next. */
  readonly step?: number
  readonly sockets: number
}

export type Offer = {
  readonly type: 'offer'
  /** Random. An answer has that of the OFFER that it answers: so it is known to be fresh, and how long it took. */
  readonly transaction: Uint8Array
  readonly answer: boolean
  /** `networkTag` */
  readonly network: Uint8Array
  /** On the sender's wall clock, ms: greater with each OFFER to the same receiver. For telling repeats, never for time. */
  readonly at: WallTime
  readonly body: RecordBody
  readonly spray?: Spray
}

const flags = { answer: 1, spray: 2 } as const

const offer = P.struct({
  ...{ transaction, flags: P.U8, network: P.bytes(sizes.networkLength), at: P.U64BE },
  ...{ body: P.bytes(P.U16BE), rest: P.bytes(null) },
})
const spray = P.struct({ address, base: P.U16BE, step: P.I16BE, sockets: P.U16BE })

export function encodeOffer(type: number, message: Offer): Uint8Array {
  const fields = offer.encode({
    ...message,
    flags: (message.answer ? flags.answer : 0) | (message.spray ? flags.spray : 0),
    at: BigInt(message.at),
    body: encodeBody(message.body),
    rest: message.spray ? encodeSpray(message.spray) : new Uint8Array(0),
  })
  return bodyOf(type, fields, Math.ceil((1 + fields.length) / sizes.offerBlock) * sizes.offerBlock)
}

function encodeSpray({ host, base = 0, step = 0, sockets }: Spray): Uint8Array {
  return spray.encode({ address: wireAddress(host), base, step, sockets })
}

export function decodeOffer(bytes: Uint8Array): Offer | 'malformed' {
  const fields = read(offer, bytes.subarray(1))
  const at = Number(fields?.at)
  if (!fields || !Number.isSafeInteger(at)) return 'malformed'
  const { transaction, network } = fields
  const body = decodeBody(fields.body)
  const sprayed = (fields.flags & flags.spray) !== 0 ? decodeSpray(fields.rest) : undefined
  if (!body || sprayed === null) return 'malformed'
  const answer = (fields.flags & flags.answer) !== 0
  return { type: 'offer', transaction, answer, network, at, body, ...(sprayed && { spray: sprayed }) }
}

function decodeSpray(bytes: Uint8Array): Spray | null {
  const fields = read(spray, bytes)
  if (!fields || !isHost(fields.address.data) || fields.sockets === 0) return null
  const { base, step, sockets } = fields
  return {
    host: addressOf(fields.address.data),
    ...(base > 0 && { base, ...(step !== 0 && { step }) }),
    sockets,
  }
}
