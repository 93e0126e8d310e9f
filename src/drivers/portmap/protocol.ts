/**
 * What the three ways of asking a router for a port have in common: PCP (RFC 6887), NAT-PMP (RFC 6886), UPnP IGD. Each first looks,
 * which changes nothing, and then maps.
 */

import type { Address, Endpoint } from '../../base/ip.ts'
import type { Time } from '../../base/time.ts'

/** The best first: PCP proves by a nonce whose mapping it is; UPnP's answers have to be parsed as XML. */
export const protocolNames = ['pcp', 'nat-pmp', 'upnp'] as const
export type ProtocolName = (typeof protocolNames)[number]

/** On which link: the router, and our address there. */
export type Place = { readonly gateway: Address; readonly own: Address }

export type Wanted = {
  readonly port: number
  /** Of the router's ports; it may give another one. */
  readonly externalPort: number
  readonly lifetime: Time
}

export type Grant = {
  readonly external: Endpoint
  readonly lifetime: Time
}

/** What came of a question, or in a few words why nothing did. */
export type Answered<T> =
  | { readonly ok: T; readonly problem?: undefined }
  | { readonly ok?: undefined; readonly problem: string }

export const noAnswer = 'no answer'

/** One of the three, as spoken with one router. */
export interface Protocol {
  readonly name: ProtocolName
  /** Does the router speak it? And what it says its own address is, where it can be asked without a mapping. */
  look(signal: AbortSignal): Promise<Answered<{ readonly external?: Address }>>
  /** Makes the mapping, or makes it last longer; after `look`. */
  map(wanted: Wanted, signal: AbortSignal): Promise<Answered<Grant>>
  /** @returns whether the router has said that it is gone */
  unmap(wanted: Wanted, signal: AbortSignal): Promise<boolean>
  /** Removes what a run of ours that crashed may have left for ever, but for the mapping that is wanted. */
  tidy?(wanted: Wanted, signal: AbortSignal): Promise<void>
}
