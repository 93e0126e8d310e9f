/**
 * What kind of network a node is in, judged from what reflectors answered: the words of RFC 4787 §4 and §5, the tests of RFC 5780 §4.
 * Whoever asks them (`node/netcheck.ts`) only writes down what came back.
 *
 *     mapping      one socket, several destinations: does each see the same endpoint?        (RFC 5780 §4.3)
 *     filtering    one destination written to: do answers from its neighbours come through?  (RFC 5780 §4.4)
 */

import { type Address, type Endpoint, type Family, formatEndpoint } from '../../base/ip.ts'
import type { Filtering, NatKind } from '../directory/record-body.ts'
import type { Step } from './step.ts'

/**
 * How a NAT maps one inside port (RFC 4787 §4.1); `none` where there is no NAT. `endpoint-dependent`: by address, or by address and
 * port, and nobody could tell which.
 */
export type Mapping = NatKind | 'address-dependent' | 'address-and-port-dependent'

/** Where one destination saw one socket of ours. */
export type Sight = { readonly to: Endpoint; readonly observed: Endpoint }

/** What became of a question that was to be answered from somewhere else. */
export type Elsewhere = 'answered' | 'silent' | 'not asked'

/** Answers from an endpoint that we never wrote to: another port of the address that we asked, another address. */
export type FilterTest = { readonly otherPort: Elsewhere; readonly otherAddress: Elsewhere }

/** `certain`: false where the stricter of two possible kinds is named, because nobody could tell. */
export type Filter = { readonly filtering: Filtering; readonly certain: boolean }

/** Whom we asked, and what it said. */
export type Reflection = Sight & { readonly key: string; readonly rtt: number }

export type FamilyReport = {
  readonly family: Family
  /**
   * - `works`: a reflector has answered
   * - `no answer`: those who were asked did not
   * - `blocked`: they did not, and one of them can be reached by TCP
   * - `nobody to ask`: no reflector of that family is known
   * - `no address`: this machine has none of that family
   */
  readonly udp: 'works' | 'no answer' | 'blocked' | 'nobody to ask' | 'no address'
  /** In the order of asking. */
  readonly reflections: readonly Reflection[]
  /** How many were asked. */
  readonly asked: number
  readonly mapping: Mapping
  readonly filter: Filter
  /** Outside port = inside port (RFC 4787 §4.2.1); `null` where there is no NAT, or nothing was seen. */
  readonly keepsPort: boolean | null
  /** How it chooses the outside port of each new mapping. */
  readonly step: Step
  /** The longest UDP payload that was answered, bytes, of at most 1400; `null`: not tried. */
  readonly mtu: number | null
}

export type Lifetime = {
  /** The longest silence after which a mapping was still there, s; `null`: none was tried yet. */
  readonly works: number | null
  /** The shortest one after which it was gone, s. */
  readonly fails: number | null
  /** How often a packet keeps it up, s. */
  readonly keepalive: number
}

/** Ports that the router may open for us (PCP, NAT-PMP, UPnP): what `node/mapping.ts` reports. */
export type PortMapping = {
  /** `off`: not wanted, because this node is reachable without, or by a setting. */
  readonly state: 'off' | 'asking' | 'mapped' | 'none'
  readonly gateway: string | null
  /** What came of each protocol, in words. */
  readonly protocols: Readonly<Record<string, string>>
  readonly mapped?: { readonly protocol: string; readonly external: Endpoint }
  /** Why there is none. */
  readonly problem?: string
}

export type Report = {
  /** W. */
  readonly port: number
  readonly families: readonly FamilyReport[]
  /** Two hosts behind the NAT reach each other by its outside address (RFC 4787 §6); `null`: not known, or no NAT. */
  readonly hairpins: boolean | null
  /** Our own firewall has W closed to strangers; `null`: not known. */
  readonly firewall: 'open' | 'closed' | null
  readonly lifetime: Lifetime | null
  readonly portMapping: PortMapping | null
  /** Clocks of the reflectors less ours, the middle one, ms; `null` where nobody answered. */
  readonly clockAhead: number | null
}

/**
 * @param sights of one socket, all of about the same moment: a mapping that ended in between would look like two
 * @param isOurs the endpoint is one that this machine has itself
 */
export function mappingOf(sights: readonly Sight[], isOurs: (endpoint: Endpoint) => boolean): Mapping {
  const votes = new Map<string, { readonly observed: Endpoint; readonly addresses: Set<Address> }>()
  for (const { to, observed } of sights) {
    const text = formatEndpoint(observed)
    const vote = votes.get(text) ?? { observed, addresses: new Set() }
    vote.addresses.add(to.host)
    votes.set(text, vote)
  }
  const [first, second] = [...votes.values()].sort((a, b) => b.addresses.size - a.addresses.size)
  if (!first) return 'unknown'
  // one that lies, or sees us through a translator of its own, is outvoted
  const agreed = first.addresses.size > (second?.addresses.size ?? 0)
  if (agreed && isOurs(first.observed)) return 'none'
  if (agreed && first.addresses.size >= 2) return 'endpoint-independent'
  if (!second) return 'unknown'
  return dependence(sights)
}

/** Destinations see different endpoints: do two ports of one address? */
function dependence(sights: readonly Sight[]): Mapping {
  let samePortTwice = false
  for (const [i, { to, observed }] of sights.entries()) {
    for (const other of sights.slice(i + 1)) {
      if (other.to.host !== to.host || other.to.port === to.port) continue
      if (formatEndpoint(other.observed) !== formatEndpoint(observed)) return 'address-and-port-dependent'
      samePortTwice = true
    }
  }
  return samePortTwice ? 'address-dependent' : 'endpoint-dependent'
}

/** @param mapping where there is no NAT, what filters is a firewall, and `none` says that there is none */
export function filteringOf({ otherPort, otherAddress }: FilterTest, mapping: Mapping): Filter {
  const open = mapping === 'none' ? 'none' : 'endpoint-independent'
  if (otherAddress === 'answered') return { filtering: open, certain: true }
  if (otherPort === 'answered') {
    // a firewall that knows addresses and not ports is a thing of the past; a NAT of that kind is not
    if (mapping === 'none' && otherAddress === 'not asked') return { filtering: 'none', certain: false }
    return { filtering: 'address-dependent', certain: otherAddress === 'silent' }
  }
  if (otherPort === 'silent') return { filtering: 'address-and-port-dependent', certain: true }
  if (otherAddress === 'silent') return { filtering: 'address-and-port-dependent', certain: false }
  return { filtering: 'unknown', certain: false }
}

/** The word for a record, which knows no difference between the two kinds of dependence. */
export function natKindOf(mapping: Mapping): NatKind {
  return mapping === 'address-dependent' || mapping === 'address-and-port-dependent' ? 'endpoint-dependent' : mapping
}

/** `null` where nothing was seen, or there is no NAT to keep it. */
export function keepsPort(sights: readonly Sight[], port: number, mapping: Mapping): boolean | null {
  return sights.length === 0 || mapping === 'none' ? null : sights.every(({ observed }) => observed.port === port)
}

/**
 * The middle of what several said. With an even number, the one of the two that is nearer to zero, and zero where they disagree about
 * the side: one liar among two shall not be enough.
 */
export function middleOf(values: readonly number[]): number | null {
  if (values.length === 0) return null
  const sorted = [...values].sort((a, b) => a - b)
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)]!, sorted[Math.floor(sorted.length / 2)]!]
  if (low < 0 && high > 0) return 0
  return Math.abs(low) <= Math.abs(high) ? low : high
}
