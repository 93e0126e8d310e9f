/** What a PING of ours can ask for, and what follows from it for its answer. */

import { type Endpoint, parseAddress } from '../../base/ip.ts'
import type { Asking } from './requests.ts'
import type { Way } from './responder.ts'

export type AskingVia = Asking & {
  /** By which the question goes, if not by W. Its answer comes back there. */
  readonly via?: Way
}

export type PingOptions = AskingVia & {
  /** Our number for what this tries. */
  readonly candidate?: number
  /** Bytes; more than the least makes the PING a probe of the path's MTU. */
  readonly padding?: number
  /** Ask whether it is a node of our network. */
  readonly ofNetwork?: boolean
  /** Ask for an answer from another port of the same address. */
  readonly changePort?: true
  /** Ask for an answer from another address. */
  readonly changeAddress?: true
  /** Ask for an answer to another endpoint of ours, with the token that the same node gave us there. It comes in by that way. */
  readonly answerTo?: { readonly token: Uint8Array; readonly endpoint: Endpoint }
  /** Say that our WireGuard sends there. */
  readonly inUse?: true
}

/** Where its PONG may come from; `undefined`: from where we asked. */
export function answersFrom(asked: Endpoint, options: PingOptions): ((from: Endpoint) => boolean) | undefined {
  const host = parseAddress(asked.host)
  if (options.changeAddress) return from => from.host !== host
  if (options.changePort) return from => from.host === host && from.port !== asked.port
  return undefined
}

/** A filter may stop its PONG, a mapping may be gone, a datagram may be too long: that is what is asked. */
export function mayFail({ changePort, changeAddress, answerTo, padding }: PingOptions): boolean {
  return Boolean(changePort || changeAddress || answerTo) || padding !== undefined
}
