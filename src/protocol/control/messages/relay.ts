/**
 * Between a node and a relay: "who sends to this port of yours is me, and I want its owner". docs/protocol/relay.md.
 *
 *     BIND    | 8  | transaction 12 | token 16, zero: none | port 2 | flags 1 | padding, to 51 in all |
 *     BOUND   | 13 | transaction 12 | state 1 | token 16 | seconds 2 | endpoint |
 *
 * Flag 1: the binding shall end.
 *
 * A BIND goes to the port that it names, and is the one message of the format `bind`: all else that comes to such a port is forwarded.
 */

import * as P from 'micro-packed'
import type { Endpoint } from '../../../base/ip.ts'
import * as sizes from '../constants.ts'
import { bodyOf, endpoint, read, transaction } from './fields.ts'

/**
 * - `bound`: both sides are, and what they send is forwarded
 * - `waiting`: the asker is bound, the owner of the port has not bound the asker's
 * - `prove`: come again with the token that this BOUND brings
 * - `absent`: nobody has that port, or the asker has none, or it has given the binding up
 * - `full`: there is no room
 * - `refused`: not allowed
 */
export type BoundState = 'bound' | 'waiting' | 'prove' | 'absent' | 'full' | 'refused'

export type BindMessage = {
  readonly type: 'bind'
  readonly transaction: Uint8Array
  readonly token: Uint8Array | null
  /** Of the relay, given to whom the sender wants. */
  readonly port: number
  /** It is not needed any more. */
  readonly release?: true
}

export type BoundMessage = {
  readonly type: 'bound'
  readonly transaction: Uint8Array
  readonly state: BoundState
  /** As in a LEASE: for `observed`, whatever the state. */
  readonly token: Uint8Array
  /** How long the binding lasts. 0 where there is none. */
  readonly seconds: number
  /** Where the BIND came from. */
  readonly observed: Endpoint
}

const states: readonly BoundState[] = ['bound', 'waiting', 'prove', 'absent', 'full', 'refused']
const noToken = new Uint8Array(sizes.tokenLength)

const token = P.bytes(sizes.tokenLength)
const flags = { release: 1 } as const
const bind = P.struct({ transaction, token, port: P.U16BE, flags: P.U8 })
const bound = P.struct({ transaction, state: P.U8, token, seconds: P.U16BE, observed: endpoint })

export function encodeBind(type: number, message: BindMessage): Uint8Array {
  const fields = { ...message, token: message.token ?? noToken, flags: message.release ? flags.release : 0 }
  return bodyOf(type, bind.encode(fields), sizes.bindLength)
}

export function decodeBind(body: Uint8Array): BindMessage | 'malformed' {
  const fields = body.length >= sizes.bindLength && read(bind, body.subarray(1))
  if (!fields || fields.port === 0) return 'malformed'
  const none = fields.token.every(byte => byte === 0)
  return {
    ...{ type: 'bind', transaction: fields.transaction, token: none ? null : fields.token, port: fields.port },
    ...((fields.flags & flags.release) !== 0 && { release: true }),
  }
}

export function encodeBound(type: number, message: BoundMessage): Uint8Array {
  return bodyOf(type, bound.encode({ ...message, state: states.indexOf(message.state) + 1 }))
}

export function decodeBound(body: Uint8Array): BoundMessage | 'malformed' {
  const fields = read(bound, body.subarray(1))
  const state = states[(fields?.state ?? 0) - 1]
  if (!fields || !state || fields.observed.port === 0) return 'malformed'
  const { transaction, token, seconds, observed } = fields
  return { type: 'bound', transaction, state, token, seconds, observed }
}
