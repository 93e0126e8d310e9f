/**
 * The names of a network: which hostname has which overlay addresses, and for which domains we are the authority.
 *
 * A zone is the domain above a hostname (`test` for `a.test`), the network's own name, and the reverse zones of its addresses.
 * For unknown names in a zone the answer is "does not exist", at once; names outside are none of our business.
 */

import { type Address, addressBytes, addressOf, contains, type Prefix } from '../../base/ip.ts'
import type { Member } from '../network/types.ts'

export type Host = { readonly name: string; readonly ipv4?: Address; readonly ipv6: Address }

export type Zone = {
  /** By lower-case name. */
  readonly hosts: ReadonlyMap<string, Host>
  readonly byAddress: ReadonlyMap<Address, Host>
  /** Lower-case domains without the final dot. */
  readonly domains: ReadonlySet<string>
  readonly prefixes: readonly Prefix[]
}

export function createZone(networkName: string, members: readonly Member[], prefixes: readonly Prefix[]): Zone {
  const hosts = new Map<string, Host>()
  const byAddress = new Map<Address, Host>()
  const domains = new Set([networkName.toLowerCase()])
  for (const { hostname, ipv4, ipv6 } of members) {
    if (hostname === undefined) continue
    const host: Host = { name: hostname, ipv6, ...(ipv4 === undefined ? {} : { ipv4 }) }
    const name = hostname.toLowerCase()
    hosts.set(name, host)
    byAddress.set(ipv6, host)
    if (ipv4 !== undefined) byAddress.set(ipv4, host)
    domains.add(parentOf(name) ?? name)
  }
  return { hosts, byAddress, domains, prefixes }
}

function parentOf(name: string): string | null {
  const dot = name.indexOf('.')
  return dot < 0 ? null : name.slice(dot + 1)
}

/** The domain of ours that holds `name`, or `null`: the authority for an answer. */
export function domainOf(zone: Zone, name: string): string | null {
  for (let at: string | null = name; at !== null; at = parentOf(at)) if (zone.domains.has(at)) return at
  return null
}

/** The address that a reverse name stands for (RFC 1035 §3.5, RFC 3596 §2.5), or `null`. */
export function reverseAddress(name: string): Address | null {
  const ipv4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name)
  if (ipv4) {
    const parts = ipv4.slice(1).reverse().map(Number)
    return parts.every(part => part < 256) ? parts.join('.') : null
  }
  const ipv6 = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name)
  if (!ipv6) return null
  const nibbles = ipv6[1]!.replaceAll('.', '').split('').reverse().join('')
  return addressOf(Uint8Array.from(nibbles.match(/../g)!, byte => Number.parseInt(byte, 16)))
}

/**
 * The reverse zones that a prefix needs, as domains for a resolver's routing: whole labels, so a /20 is sixteen of them and a
 * prefix longer than /24 is the /24 around it.
 */
export function reverseDomains(prefix: Prefix): string[] {
  const bytes = addressBytes(prefix.address)
  if (prefix.family === 6) {
    const nibbles = [...bytes].flatMap(byte => [byte >> 4, byte & 15]).map(nibble => nibble.toString(16))
    return [
      `${nibbles
        .slice(0, Math.floor(prefix.length / 4))
        .reverse()
        .join('.')}.ip6.arpa`,
    ]
  }
  const labels = Math.min(3, Math.ceil(prefix.length / 8))
  const count = 2 ** Math.max(0, 8 * labels - prefix.length)
  return Array.from({ length: count }, (_, i) => {
    const parts = [...bytes.slice(0, labels)]
    parts[labels - 1]! += i
    return `${parts.reverse().join('.')}.in-addr.arpa`
  })
}

/** Is the address one that we answer for? */
export function ours(zone: Zone, address: Address): boolean {
  return zone.prefixes.some(prefix => contains(prefix, address))
}
