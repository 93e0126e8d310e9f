/**
 * A question about names, answered. Sees names and types, not bytes: `drivers/dns/server.ts` knows the wire format.
 *
 *     in a zone of ours, name known, type known   NOERROR, the records
 *     in a zone of ours, name known, type not     NOERROR, no records, SOA in the authority section (RFC 2308 §2.2)
 *     in a zone of ours, name unknown             NXDOMAIN, SOA in the authority section (RFC 2308 §2.1)
 *     anywhere else                               REFUSED
 */

import type { Address } from '../../base/ip.ts'
import { domainOf, type Host, ours, reverseAddress, reverseDomains, type Zone } from './zone.ts'

export type Question = { readonly name: string; readonly type: string; readonly class: string }

export type Soa = {
  readonly mname: string
  readonly rname: string
  readonly serial: number
  readonly refresh: number
  readonly retry: number
  readonly expire: number
  readonly minimum: number
}

export type DnsRecord =
  | { readonly type: 'A' | 'AAAA'; readonly name: string; readonly ttl: number; readonly data: Address }
  | { readonly type: 'PTR' | 'NS'; readonly name: string; readonly ttl: number; readonly data: string }
  | { readonly type: 'SOA'; readonly name: string; readonly ttl: number; readonly data: Soa }

export type Answer = {
  readonly rcode: 'NOERROR' | 'NXDOMAIN' | 'REFUSED' | 'NOTIMP'
  readonly answers: readonly DnsRecord[]
  readonly authorities: readonly DnsRecord[]
}

/** Seconds. Short, because a reload may change an address, and asking us costs nothing. */
export const ttl = 30

const refused: Answer = { rcode: 'REFUSED', answers: [], authorities: [] }

function soa(domain: string): DnsRecord {
  return {
    type: 'SOA',
    name: domain,
    ttl,
    // no secondary server exists, so serial and timers are formal; `minimum` is how long "does not exist" may be kept
    data: {
      mname: domain,
      rname: `hostmaster.${domain}`,
      serial: 1,
      refresh: 3600,
      retry: 600,
      expire: 86400,
      minimum: ttl,
    },
  }
}

const negative = (rcode: 'NOERROR' | 'NXDOMAIN', domain: string): Answer => ({
  rcode,
  answers: [],
  authorities: [soa(domain)],
})

const positive = (...answers: DnsRecord[]): Answer => ({ rcode: 'NOERROR', answers, authorities: [] })

export function answer(zone: Zone, question: Question): Answer {
  if (question.class !== 'IN') return refused
  const asked = question.name.replace(/\.$/, '')
  const name = asked.toLowerCase()
  return name.endsWith('.arpa') ? reverse(zone, asked, name, question.type) : forward(zone, asked, name, question.type)
}

function forward(zone: Zone, asked: string, name: string, type: string): Answer {
  const domain = domainOf(zone, name)
  if (domain === null) return refused
  if (name === domain && type === 'SOA') return positive(soa(domain))
  const host = zone.hosts.get(name)
  if (!host) return name === domain ? negative('NOERROR', domain) : missing(zone, name, domain)
  const records = addressRecords(host, asked, type)
  return records.length > 0 ? positive(...records) : negative('NOERROR', domain)
}

/** A name with known names below it exists, though it has no records (RFC 8020). */
function missing(zone: Zone, name: string, domain: string): Answer {
  const below = `.${name}`
  for (const known of zone.hosts.keys()) if (known.endsWith(below)) return negative('NOERROR', domain)
  return negative('NXDOMAIN', domain)
}

function addressRecords(host: Host, name: string, type: string): DnsRecord[] {
  const records: DnsRecord[] = []
  if (host.ipv4 !== undefined && (type === 'A' || type === 'ANY'))
    records.push({ type: 'A', name, ttl, data: host.ipv4 })
  if (type === 'AAAA' || type === 'ANY') records.push({ type: 'AAAA', name, ttl, data: host.ipv6 })
  return records
}

function reverse(zone: Zone, asked: string, name: string, type: string): Answer {
  const domain = zone.prefixes.flatMap(reverseDomains).find(own => name === own || name.endsWith(`.${own}`))
  if (domain === undefined) return refused
  if (name === domain) return type === 'SOA' ? positive(soa(domain)) : negative('NOERROR', domain)
  const address = reverseAddress(name)
  // a part of a reverse name, as resolvers ask when they walk down label by label (RFC 9156)
  if (address === null) return negative('NOERROR', domain)
  if (!ours(zone, address)) return refused
  const host = zone.byAddress.get(address)
  if (!host) return negative('NXDOMAIN', domain)
  if (type !== 'PTR' && type !== 'ANY') return negative('NOERROR', domain)
  return positive({ type: 'PTR', name: asked, ttl, data: host.name })
}
