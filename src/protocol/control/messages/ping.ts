/**
 * "Are you there, and where do you see me?"
 *
 *     PING    | 1 | transaction 12 | flags 1 | candidate 2 | network 8, if flag 1 | token 16, endpoint, if flag 8 | padding |
 *     PONG    | 2 | transaction 12 | endpoint | clock 8 | network 1, if asked |
 *
 *     endpoint: | family 1: 4 or 6 | address 4 or 16 | port 2 |
 *
 * A PING has 40 bytes or more, 41 if flag 1 is set: as many as the longest PONG to it. Flags 2 and 4 are the CHANGE-REQUEST of
 * RFC 5780 §7.2. Flag 16 says that the asker's WireGuard sends to the receiver by this path.
 */

import * as P from 'micro-packed'
import type { Endpoint } from '../../../base/ip.ts'
import { second, type WallTime } from '../../../base/time.ts'
import * as sizes from '../constants.ts'
import { bodyOf, endpoint, read, transaction } from './fields.ts'

export type Ping = {
  readonly type: 'ping'
  readonly transaction: Uint8Array
  /** A number of the asker's own, for his log: which of his candidates this tries. */
  readonly candidate: number
  /** How many bytes follow the candidate; `leastPadding` or more, and the first of them are the network, the token and the endpoint. */
  readonly padding: number
  /** `networkTag`: are you a node of this one? Two nodes of one key may run on a machine, in two networks. */
  readonly network?: Uint8Array
  /** Answer from another port of yours. */
  readonly changePort?: true
  /** Answer from another address of yours. */
  readonly changeAddress?: true
  /** My WireGuard sends to you by this path. */
  readonly inUse?: true
  /** Answer to this other endpoint of mine. You gave me the token when I asked from there. */
  readonly answerTo?: { readonly token: Uint8Array; readonly endpoint: Endpoint }
}

export type Pong = {
  readonly type: 'pong'
  readonly transaction: Uint8Array
  /** Where the PING came from, as its receiver saw it. */
  readonly observed: Endpoint
  /** The sender's wall clock, in whole seconds. For comparing, never for setting ours. */
  readonly clock: WallTime
  /** Whether the node is of the network that was asked for; absent where none was. */
  readonly sameNetwork?: boolean
}

const flags = { network: 1, changePort: 2, changeAddress: 4, answerTo: 8, inUse: 16 } as const
/** Last byte of a PONG to a PING with a network. Zero would be padding. */
const networkAnswers = { same: 1, other: 2 } as const

const head = P.struct({ transaction, flags: P.U8, candidate: P.U16BE })
const place = P.struct({ token: P.bytes(sizes.tokenLength), endpoint })
const pong = P.struct({ transaction, observed: endpoint, clock: P.U64BE })

/** What a PING must have behind its candidate: its fields, and never less than makes it as long as its PONG. */
export function leastPadding(ping: Pick<Ping, 'network' | 'answerTo'>): number {
  const fields = (ping.network?.length ?? 0) + (ping.answerTo ? place.encode(ping.answerTo).length : 0)
  return Math.max(fields, ping.network ? sizes.minPaddingWithNetwork : sizes.minPadding)
}

/** @throws TypeError for one that nobody may send */
export function encodePing(type: number, ping: Ping): Uint8Array {
  const { padding, network, answerTo } = ping
  if (padding < leastPadding(ping) || padding > sizes.maxPadding)
    throw new TypeError(`a PING with ${padding} of padding`)
  const set =
    (network ? flags.network : 0) |
    (ping.changePort ? flags.changePort : 0) |
    (ping.changeAddress ? flags.changeAddress : 0) |
    (answerTo ? flags.answerTo : 0) |
    (ping.inUse ? flags.inUse : 0)
  const bytes = bodyOf(type, head.encode({ ...ping, flags: set }), sizes.pingHead + padding)
  if (network) bytes.set(network, sizes.pingHead)
  if (answerTo) bytes.set(place.encode(answerTo), sizes.pingHead + (network?.length ?? 0))
  return bytes
}

export function decodePing(body: Uint8Array): Ping | 'malformed' {
  const fields = read(head, body.subarray(1))
  const padding = body.length - sizes.pingHead
  if (!fields || padding > sizes.maxPadding) return 'malformed'
  const has = (flag: number) => (fields.flags & flag) !== 0
  const networkEnd = sizes.pingHead + (has(flags.network) ? sizes.networkLength : 0)
  const answerTo = has(flags.answerTo) ? read(place, body.subarray(networkEnd)) : undefined
  if (answerTo === null || answerTo?.endpoint.port === 0) return 'malformed'
  const ping = {
    ...(has(flags.network) && { network: body.slice(sizes.pingHead, networkEnd) }),
    ...(answerTo && { answerTo }),
  }
  if (padding < leastPadding(ping)) return 'malformed'
  return {
    ...{ type: 'ping', transaction: fields.transaction, candidate: fields.candidate, padding },
    ...(has(flags.changePort) && { changePort: true }),
    ...(has(flags.changeAddress) && { changeAddress: true }),
    ...(has(flags.inUse) && { inUse: true }),
    ...ping,
  }
}

export function encodePong(type: number, message: Pong): Uint8Array {
  const clock = BigInt(Math.floor(message.clock / second))
  const fields = pong.encode({ ...message, clock })
  if (message.sameNetwork === undefined) return bodyOf(type, fields)
  const bytes = bodyOf(type, fields, 1 + fields.length + 1)
  bytes[bytes.length - 1] = message.sameNetwork ? networkAnswers.same : networkAnswers.other
  return bytes
}

export function decodePong(body: Uint8Array): Pong | 'malformed' {
  const fields = read(pong, body.subarray(1))
  const clock = Number(fields?.clock) * second
  if (!fields || fields.observed.port === 0 || !Number.isSafeInteger(clock)) return 'malformed'
  const answer = body[1 + pong.encode(fields).length]
  const known = answer === networkAnswers.same || answer === networkAnswers.other
  return {
    ...{ type: 'pong', transaction: fields.transaction, observed: fields.observed, clock },
    ...(known && { sameNetwork: answer === networkAnswers.same }),
  }
}
