/**
 * Between a node and its home, and between a caller and the home of another: docs/protocol/home.md.
 *
 *     CALL    | 6  | transaction 12 | token 16 | target 32 | length 2 | datagram |
 *     HOME    | 7  | transaction 12 | token 16, zero: none | flags 1 | padding, to 78 in all, 80 if flag 1 |
 *     LEASE   | 10 | transaction 12 | state 1 | token 16 | seconds 2 | endpoint | clock 8 | other port 2 | other family 1, address 0, 4 or 16
 *                  | relay port 2, where flag 1 was set and there is one |
 *     CALLED  | 11 | transaction 12 | state 1 |
 *
 * Flag 1: a relay port is wanted, too (docs/protocol/relay.md). Older homes take it for padding, and their LEASEs end before the port.
 *
 * What a CALL carries is a sealed datagram, of the caller for the target: the home passes it on as it is, and cannot read it.
 */

import * as P from 'micro-packed'
import { type Address, addressOf, type Endpoint } from '../../../base/ip.ts'
import { second, type WallTime } from '../../../base/time.ts'
import { isHost } from '../../directory/record-body.ts'
import { type PublicKey, publicKeyBytes, publicKeyOf } from '../../identity/key.ts'
import * as sizes from '../constants.ts'
import { addressOrNone, bodyOf, endpoint, read, transaction, wireAddress } from './fields.ts'

/** `prove`: come again with the token that this LEASE brings. `full`: there is no room. */
export type LeaseState = 'leased' | 'prove' | 'full'

/**
 * - `passed`: sent to where the target is
 * - `prove`: the token is none, or one for another endpoint, or too old; a LEASE brings a new one
 * - `absent`: the target has no lease here
 * - `busy`: too many calls
 */
export type CallState = 'passed' | 'prove' | 'absent' | 'busy'

export type CallMessage = {
  readonly type: 'call'
  readonly transaction: Uint8Array
  readonly token: Uint8Array
  readonly target: PublicKey
  readonly datagram: Uint8Array
}

export type HomeMessage = {
  readonly type: 'home'
  readonly transaction: Uint8Array
  readonly token: Uint8Array | null
  /** A port of its own at the home, by which it can be reached, is wanted. */
  readonly relay?: true
}

export type LeaseMessage = {
  readonly type: 'lease'
  readonly transaction: Uint8Array
  readonly state: LeaseState
  /** Proves to who gave it, for some minutes, that its owner was heard at `observed`. */
  readonly token: Uint8Array
  /** How long the lease lasts. 0 where there is none. */
  readonly seconds: number
  /** Where the HOME came from. */
  readonly observed: Endpoint
  /** The sender's wall clock, in whole seconds. */
  readonly clock: WallTime
  /** From where else the sender can answer a PING. */
  readonly other: { readonly port?: number; readonly address?: Address }
  /** The asker's port here. */
  readonly relay?: number
}

export type CalledMessage = {
  readonly type: 'called'
  readonly transaction: Uint8Array
  readonly state: CallState
}

const leaseStates: readonly LeaseState[] = ['leased', 'prove', 'full']
const callStates: readonly CallState[] = ['passed', 'prove', 'absent', 'busy']
const noToken = new Uint8Array(sizes.tokenLength)
const flags = { relay: 1 } as const

const token = P.bytes(sizes.tokenLength)
const call = P.struct({ transaction, token, target: P.bytes(sizes.keyLength), datagram: P.bytes(P.U16BE) })
const home = P.struct({ transaction, token })
const lease = P.struct({
  ...{ transaction, state: P.U8, token, seconds: P.U16BE, observed: endpoint, clock: P.U64BE },
  ...{ otherPort: P.U16BE, otherAddress: addressOrNone, rest: P.bytes(null) },
})
const called = P.struct({ transaction, state: P.U8 })

/** A sealed datagram, by its look. */
function isSealed(bytes: Uint8Array): boolean {
  const { length } = bytes
  if (length < sizes.minDatagram || length > sizes.maxCalled) return false
  return bytes[0] === sizes.controlByte && bytes[1] === sizes.formats.sealed
}

/** @throws TypeError for one that nobody may send */
export function encodeCall(type: number, message: CallMessage): Uint8Array {
  if (!isSealed(message.datagram))
    throw new TypeError(`a CALL with ${message.datagram.length} bytes that are not sealed`)
  return bodyOf(type, call.encode({ ...message, target: publicKeyBytes(message.target) }))
}

export function decodeCall(body: Uint8Array): CallMessage | 'malformed' {
  const fields = read(call, body.subarray(1))
  if (!fields || !isSealed(fields.datagram)) return 'malformed'
  const { transaction, token, target, datagram } = fields
  return { type: 'call', transaction, token, target: publicKeyOf(target), datagram }
}

export function encodeHome(type: number, message: HomeMessage): Uint8Array {
  const fields = home.encode({ ...message, token: message.token ?? noToken })
  const bytes = bodyOf(type, fields, message.relay ? sizes.homeLengthWithRelay : sizes.homeLength)
  if (message.relay) bytes[sizes.homeHead] = flags.relay
  return bytes
}

export function decodeHome(body: Uint8Array): HomeMessage | 'malformed' {
  const fields = body.length >= sizes.homeLength && read(home, body.subarray(1))
  if (!fields) return 'malformed'
  const relay = (body[sizes.homeHead]! & flags.relay) !== 0
  if (relay && body.length < sizes.homeLengthWithRelay) return 'malformed'
  const none = fields.token.every(byte => byte === 0)
  return {
    ...{ type: 'home', transaction: fields.transaction, token: none ? null : fields.token },
    ...(relay && { relay }),
  }
}

export function encodeLease(type: number, message: LeaseMessage): Uint8Array {
  const { port, address } = message.other
  return bodyOf(
    type,
    lease.encode({
      ...message,
      state: leaseStates.indexOf(message.state) + 1,
      clock: BigInt(Math.floor(message.clock / second)),
      otherPort: port ?? 0,
      otherAddress: address === undefined ? { TAG: '0', data: new Uint8Array(0) } : wireAddress(address),
      rest: message.relay === undefined ? new Uint8Array(0) : P.U16BE.encode(message.relay),
    }),
  )
}

export function decodeLease(body: Uint8Array): LeaseMessage | 'malformed' {
  const fields = read(lease, body.subarray(1))
  const state = leaseStates[(fields?.state ?? 0) - 1]
  const clock = Number(fields?.clock) * second
  if (!fields || !state || fields.observed.port === 0 || !Number.isSafeInteger(clock)) return 'malformed'
  const { transaction, token, seconds, observed, otherPort, otherAddress } = fields
  const other = {
    ...(otherPort > 0 && { port: otherPort }),
    ...(otherAddress.TAG !== '0' && isHost(otherAddress.data) && { address: addressOf(otherAddress.data) }),
  }
  const relay = read(P.U16BE, fields.rest) ?? 0
  return {
    ...{ type: 'lease', transaction, state, token, seconds, observed, clock, other },
    ...(relay > 0 && { relay }),
  }
}

export function encodeCalled(type: number, message: CalledMessage): Uint8Array {
  return bodyOf(type, called.encode({ ...message, state: callStates.indexOf(message.state) + 1 }))
}

export function decodeCalled(body: Uint8Array): CalledMessage | 'malformed' {
  const fields = read(called, body.subarray(1))
  const state = callStates[(fields?.state ?? 0) - 1]
  return fields && state ? { type: 'called', transaction: fields.transaction, state } : 'malformed'
}
