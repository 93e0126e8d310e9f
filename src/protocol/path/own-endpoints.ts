/**
 * Where we say that we are: the endpoints of our own record, the most useful first, in an order that only changes when they do
 * (a record that says the same must be the same).
 */

import { addressBytes, contains, type Endpoint, familyOf, formatEndpoint, prefixOf } from '../../base/ip.ts'
import type { EndpointKind, NodeRecord } from '../directory/record.ts'
import { refusal, type Surroundings } from './candidate.ts'

/** What a record has room for. */
export const ownEndpointsTold = 16

const privateRanges = [
  prefixOf('10.0.0.0', 8),
  prefixOf('172.16.0.0', 12),
  prefixOf('192.168.0.0', 16),
  prefixOf('100.64.0.0', 10),
  prefixOf('fc00::', 7),
]

/** Endpoints that were learnt, beside the addresses of this machine. */
export type Learnt = {
  /** Our own line of the file, names resolved. */
  readonly fixed: readonly Endpoint[]
  /** Ports that our router has agreed to. */
  readonly mapped: readonly Endpoint[]
  /** `Reflexive.endpoints`. */
  readonly reflexive: readonly Endpoint[]
}

/** RFC 1918, RFC 6598 (shared by the customers of a provider), RFC 4193. */
export const isPrivate = (host: string) => privateRanges.some(range => contains(range, host))

/** Public IPv6 before public IPv4 before private ones: the first need no NAT, the last lead nowhere from outside. */
function hostOrder(host: string): number {
  if (isPrivate(host)) return 2
  return familyOf(host) === 6 ? 0 : 1
}

function byBytes(a: string, b: string): number {
  const [left, right] = [addressBytes(a), addressBytes(b)]
  for (let i = 0; i < Math.min(left.length, right.length); i++) if (left[i] !== right[i]) return left[i]! - right[i]!
  return left.length - right.length
}

/** @param around our addresses outside of tunnels, and our port */
export function ownEndpoints(around: Surroundings, learnt: Learnt): NodeRecord['endpoints'] {
  const hosts = around.own
    // inside of another tunnel: whoever is there, too, reaches us without it
    .filter(({ address, pointToPoint }) => !pointToPoint || !isPrivate(address))
    .map(({ address }) => address)
    .sort((a, b) => hostOrder(a) - hostOrder(b) || byBytes(a, b))
    .map(host => ({ host, port: around.port }))
  const named: [EndpointKind, readonly Endpoint[]][] = [
    ['fixed', learnt.fixed],
    ['mapped', learnt.mapped],
    ['reflexive', learnt.reflexive],
    ['host', hosts],
  ]
  const known = new Set<string>()
  // judged as a stranger would: for him, our own endpoint is none of his
  const others = { ...around, own: [] }
  return named
    .flatMap(([kind, endpoints]) => endpoints.map(endpoint => ({ kind, endpoint })))
    .filter(({ endpoint }) => {
      const text = formatEndpoint(endpoint)
      const good = refusal(endpoint, others) === null && !known.has(text)
      known.add(text)
      return good
    })
    .slice(0, ownEndpointsTold)
}
