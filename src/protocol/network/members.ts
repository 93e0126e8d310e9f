/**
 * The members of a network with their addresses. The IPv4 addresses are given as the first WireHub did, so that the same file gives the
 * same addresses everywhere: first the fixed ones, then in file order the lowest free host number from 2. The network's
 * address, `.1` and the broadcast address are never given by themselves.
 */

import { type Address, fromNumber, type Prefix, parseAddress, toNumber } from '../../base/ip.ts'
import { overlayIPv6, overlayPrefix } from '../identity/address.ts'
import type { PublicKey } from '../identity/key.ts'
import type { Member, Network, NodeEntry } from './types.ts'

const firstHost = 2

type MemberEntry = NodeEntry & { readonly role: Member['role'] }

export function isMember(entry: NodeEntry): entry is MemberEntry {
  return entry.role !== 'boot' && entry.role !== 'peer' && entry.role !== 'admin'
}

/** Whose statements about members count, by the file. */
export function adminsOf(network: Network): PublicKey[] {
  return network.nodes.flatMap(({ role, key }) => (role === 'admin' ? [key] : []))
}

/** In file order. Where the subnet is too small, which `parseNetworkFile` refuses, the last ones have no IPv4 address. */
export function members(network: Network): Member[] {
  const entries = network.nodes.filter(isMember)
  const addresses = network.subnet ? automaticAddresses(entries, network.subnet) : []
  const boot = new Map(network.nodes.filter(({ role }) => role === 'boot').map(({ key, endpoint }) => [key, endpoint]))
  const prefix = overlayPrefix(network.name)
  return entries.map(({ role, key, hostname, endpoint: own }, index) => {
    const ipv4 = addresses[index]
    const endpoint = own ?? boot.get(key)
    const ipv6 = overlayIPv6(key, network.name, prefix)
    return { role, key, ...(hostname && { hostname }), ...(ipv4 && { ipv4 }), ipv6, ...(endpoint && { endpoint }) }
  })
}

/** The IPv4 address of each entry. */
export function automaticAddresses(entries: readonly NodeEntry[], subnet: Prefix): (Address | undefined)[] {
  const base = toNumber(subnet.address)
  const broadcast = 2 ** (32 - subnet.length) - 1
  const fixed = new Set<number>()
  for (const { address } of entries) if (address) fixed.add(toNumber(address) - base)
  let next = firstHost
  return entries.map(({ address }) => {
    if (address) return address
    while (fixed.has(next)) next++
    return next < broadcast ? fromNumber(base + next++) : undefined
  })
}

export function hostAddress(subnet: Prefix, host: number): Address {
  return fromNumber(toNumber(subnet.address) + host)
}

/** The member with this hostname, key in either form, or overlay address. */
export function findMember(members: readonly Member[], text: string): Member | undefined {
  const name = text.toLowerCase()
  const key = text.replace(/=$/, '').replaceAll('+', '-').replaceAll('/', '_')
  const address = parseAddress(text)
  return (
    members.find(member => member.hostname?.toLowerCase() === name) ??
    members.find(member => member.key === key || (address && (member.ipv4 === address || member.ipv6 === address)))
  )
}
