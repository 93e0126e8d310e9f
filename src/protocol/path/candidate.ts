/**
 * A place where a peer may be: an endpoint, who said so, and what became of it. Whoever said so is not believed; a candidate
 * is worth a probe, and no more.
 *
 * | source | kind                               | who says so                                                        |
 * |--------|------------------------------------|--------------------------------------------------------------------|
 * | file   | `fixed`                            | a person                                                           |
 * | record | `fixed` `host` `mapped` `reflexive`| the peer, signed                                                   |
 * | cache  | `cached`                           | ourselves, the last time                                           |
 * | lan    | `lan`                              | somebody on the link who knows the peer's key                      |
 * | heard  | `heard`                            | the source of a PING that the peer once sealed: may be a replay    |
 * | tunnel | `roamed`                           | WireGuard: an authenticated packet came from there                 |
 * | offer  | `fixed` `host` `mapped` `reflexive`| the peer, sealed to us a moment ago                                |
 * | spray  | `punched`                          | the peer, from a port that was guessed                             |
| relay  | `relayed`                          | the peer, by its homes: a relay that passes all on to it           |

A relay's port stays one, whoever else names it: `relayed` holds until the candidate is forgotten, and what only watches (a packet that
came from there, the cache) is no source of its own for it.
 */

import { type Address, contains, type Endpoint, familyOf, formatPrefix, type Prefix, prefixOf } from '../../base/ip.ts'
import type { Time } from '../../base/time.ts'

export type Source = 'file' | 'record' | 'cache' | 'lan' | 'heard' | 'tunnel' | 'offer' | 'spray' | 'relay'
export type Kind =
  | 'fixed'
  | 'host'
  | 'mapped'
  | 'reflexive'
  | 'lan'
  | 'cached'
  | 'heard'
  | 'roamed'
  | 'punched'
  | 'relayed'

/** A place as a source names it. */
export type Named = { readonly kind: Kind; readonly endpoint: Endpoint }

/** Places of one kind. */
export function named(kind: Kind, endpoints: readonly Endpoint[]): Named[] {
  return endpoints.map(endpoint => ({ kind, endpoint }))
}

/** Why a candidate is not the endpoint in use; `in use` where it is. */
export type Why =
  | 'in use'
  | 'not tried yet'
  | 'being tried'
  | 'no answer'
  | 'stopped answering'
  | 'answered, another ranks better'
  | 'answered, another is as good'
  /** It is where the peer will be looked for first. */
  | 'answered, nobody uses the peer'
  | 'not tried, one that ranks better answers'
  /** Relays are not bothered for a peer that nobody asks for. */
  | 'not tried, nobody asks for the peer'
  | 'no probes left for now'
  | 'no IPv4 here'
  | 'no IPv6 here'

/** Why an endpoint did not even become a candidate. */
export type Refusal =
  | 'overlay address'
  | 'loopback address'
  | 'multicast address'
  | 'unspecified address'
  | 'link-local address'
  | 'not a unicast address'
  | 'our own endpoint'
  | 'no port'

/** Probes on their way up the ladder: `rungs` in all, `step` of them sent, the next thing to do at `next`. */
export type Climb = { readonly rungs: number; readonly wait: Time; step: number; next: Time }

export type Candidate = {
  /** Goes into the PING and comes back with the PONG; never used twice for different endpoints while an answer may be on its way. */
  readonly id: number
  readonly endpoint: Endpoint
  readonly sources: Map<Source, Kind>
  /** The port of a relay, not a place of the peer itself. */
  relayed: boolean
  climb: Climb | null
  /** It has had its turn since something last changed. */
  tried: boolean
  probes: number
  lastProbeAt: Time | null
  /** The last PONG, `null` where none came since it was last found silent. */
  answeredAt: Time | null
  /** The last PONG that ever came. */
  lastAnswerAt: Time | null
  /** Smoothed round trip, ms. */
  rtt: number | null
  why: Why
  /** When that was found. */
  whyAt: Time | null
}

/** An address of this machine with the length of its network. */
export type OwnAddress = {
  readonly address: Address
  readonly length: number
  /** Nobody is on the link but one other machine: a tunnel, perhaps of another VPN, or a modem. */
  readonly pointToPoint?: boolean
}

/** What of our own machine matters for judging endpoints of others. */
export type Surroundings = {
  /** Where no path may lead: addresses inside tunnels, ours and those of other networks. */
  readonly overlays: readonly Prefix[]
  /** Addresses of this machine outside of tunnels. */
  readonly own: readonly OwnAddress[]
  /** Our WireGuard port. */
  readonly port: number
  /** Peers on this machine's loopback are wanted: tests. */
  readonly loopback?: boolean
}

const prefix = (address: Address, length: number) => prefixOf(address, length)
const refused: readonly (readonly [Prefix, Refusal])[] = [
  [prefix('0.0.0.0', 8), 'unspecified address'],
  [prefix('::', 128), 'unspecified address'],
  [prefix('127.0.0.0', 8), 'loopback address'],
  [prefix('::1', 128), 'loopback address'],
  [prefix('224.0.0.0', 4), 'multicast address'],
  [prefix('ff00::', 8), 'multicast address'],
  [prefix('240.0.0.0', 4), 'not a unicast address'],
  // IPv4 in IPv6 clothes would pass the filters for IPv4
  [prefix('::ffff:0:0', 96), 'not a unicast address'],
  [prefix('169.254.0.0', 16), 'link-local address'],
  // without a zone it says no interface, and addresses have no zone here
  [prefix('fe80::', 10), 'link-local address'],
]

/** Why no packet may go to an endpoint, whoever names it; `null` where it may. @param endpoint with an address, not a name */
export function refusal(endpoint: Endpoint, around: Surroundings): Refusal | null {
  if (endpoint.port < 1 || endpoint.port > 65_535) return 'no port'
  for (const [range, why] of refused) {
    if (contains(range, endpoint.host) && !(around.loopback && why === 'loopback address')) return why
  }
  return refusalHere(endpoint, around)
}

/** The part of `refusal` that depends on where we are. */
export function refusalHere(endpoint: Endpoint, around: Surroundings): Refusal | null {
  if (around.overlays.some(overlay => contains(overlay, endpoint.host))) return 'overlay address'
  const ours = endpoint.port === around.port && around.own.some(({ address }) => address === endpoint.host)
  return ours ? 'our own endpoint' : null
}

/** The address lies in a network that this machine is on. What another tunnel calls its network is far away. */
export function onLink(address: Address, around: Surroundings): boolean {
  return around.own.some(own => !own.pointToPoint && contains(prefixOf(own.address, own.length), address))
}

/** No packet can leave for it: this machine has no address of that family. Where it knows none at all, nothing is said. */
export function absentFamily(endpoint: Endpoint, around: Surroundings): 'no IPv4 here' | 'no IPv6 here' | null {
  const family = familyOf(endpoint.host)
  if (around.own.length === 0 || around.own.some(({ address }) => familyOf(address) === family)) return null
  return family === 4 ? 'no IPv4 here' : 'no IPv6 here'
}

export function sameSurroundings(a: Surroundings, b: Surroundings): boolean {
  const text = ({ overlays, own, port, loopback = false }: Surroundings) =>
    [
      ...overlays.map(formatPrefix),
      '|',
      ...own.map(it => `${it.address}/${it.length} ${it.pointToPoint ?? false}`).sort(),
      port,
      loopback,
    ].join()
  return text(a) === text(b)
}

/** What was found of a candidate, and when. */
export function judge(candidate: Candidate, why: Why, now: Time): void {
  candidate.why = why
  candidate.whyAt = now
}
