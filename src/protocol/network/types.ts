/**
 * A network: the one file that says who belongs to it. `Network` is what the file means; `parse.ts` and `yaml.ts` read it,
 * `format.ts` writes it, `check.ts` says what is wrong with it.
 */

import type { Address, Endpoint, Prefix } from '../../base/ip.ts'
import type { PublicKey } from '../identity/key.ts'

/**
 * - `boot`: a reachable node to ask first; in itself not trusted
 * - `peer`: a known node, not trusted
 * - `trust`: a member
 * - `router`: a member, marked as such for people (WireHub's word; no routing effect)
 * - `alias`: an invitation, WireHub's: holds a name and an address for a member whose real key is not known yet
 * - `admin`: a key whose statements about members count here (protocol/membership); in itself no member
 */
export type Role = 'boot' | 'peer' | 'trust' | 'router' | 'alias' | 'admin'

/** One node as the file has it. A key may stand in one `boot` entry, in one `admin` entry, and in one of another role. */
export type NodeEntry = {
  readonly role: Role
  readonly key: PublicKey
  /** As written; compared without regard to case. */
  readonly hostname?: string
  /** The fixed overlay IPv4 address, if one is written. */
  readonly address?: Address
  /** Where the node can be reached, as written: a name is looked up when needed, never here. */
  readonly endpoint?: Endpoint
}

export type Network = {
  readonly name: string
  /** Goes into the work of keys; one namespace, one DHT. */
  readonly namespace: string
  /** Leading zero bits which the key of a node must have to take part. */
  readonly workbit: number
  /** IPv4 of the overlay. Without it the network has only the IPv6 addresses that follow from keys. */
  readonly subnet?: Prefix
  /** In file order, which decides about automatic addresses. */
  readonly nodes: readonly NodeEntry[]
}

/** A node that has a name and addresses on the overlay: the roles `trust`, `router` and `alias`. */
export type Member = {
  readonly role: 'trust' | 'router' | 'alias'
  readonly key: PublicKey
  readonly hostname?: string
  /** Absent where the network has no subnet. */
  readonly ipv4?: Address
  readonly ipv6: Address
  /** From the member's own entry, or from the `boot` entry with the same key. */
  readonly endpoint?: Endpoint
}

export const defaults = {
  namespace: 'public',
  workbit: 8,
  /** WireHub's: the port of an endpoint that names none. */
  port: 62096,
} as const
