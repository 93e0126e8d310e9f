/**
 * The network as a node lives it: what its file says, and whom the accepted statements admit. The file is its owner's own word, so what stands
 * there counts whatever others say; of the statements, a member that the file names has nothing but its warnings.
 */

import { contains } from '../../base/ip.ts'
import type { PublicKey } from '../identity/key.ts'
import { members } from '../network/members.ts'
import type { Network, NodeEntry } from '../network/types.ts'
import { holderOf, type Membership } from './membership.ts'

export type Effective = {
  readonly network: Network
  /** What a person should know. */
  readonly warnings: readonly string[]
}

/** @param called how a key is called for people */
export function effective(file: Network, membership: Membership, called: (key: PublicKey) => string): Effective {
  const warnings: string[] = []
  const own = members(file)
  const keys = new Set(own.map(({ key }) => key))
  const names = new Map(own.flatMap(({ hostname, key }) => (hostname ? [[hostname.toLowerCase(), key] as const] : [])))
  const addresses = new Map(own.flatMap(({ ipv4, key }) => (ipv4 ? [[ipv4, key] as const] : [])))
  for (const { key, hostname } of own) {
    const end = membership.ended.get(key)
    if (!end) continue
    const what = end.statement.kind === 'rotate' ? `has another key now, ${end.statement.key}` : 'is revoked'
    warnings.push(`${hostname ?? called(key)} ${what}, and stays a member here because the file trusts it`)
  }
  const added = membership.members
    .filter(({ key }) => !keys.has(key))
    .map(({ key, hostname, address, endpoint }): NodeEntry => {
      const taken = (what: string, value: string, other: PublicKey) => {
        warnings.push(`${called(key)} has no ${what} here: ${value} is ${called(other)}'s by the file`)
      }
      const nameOwner = hostname && names.get(hostname.toLowerCase())
      if (nameOwner) taken('hostname', hostname, nameOwner)
      const addressOwner = address && addresses.get(address)
      if (addressOwner) taken('IPv4 address of its own', address, addressOwner)
      return {
        ...{ role: 'trust', key },
        ...(hostname && !nameOwner && { hostname }),
        // a file may have no subnet, or another one
        ...(address && !addressOwner && file.subnet && contains(file.subnet, address) && { address }),
        ...(endpoint && { endpoint }),
      }
    })
  for (const { what, value, kept, lost, instead } of membership.conflicts) {
    warnings.push(`${called(kept)} and ${called(lost)} both claim the ${what} ${value}: the second has ${instead}`)
  }
  const written = file.nodes.flatMap((node): NodeEntry[] => {
    if (node.role !== 'boot') return [node]
    // a boot line says where to ask, and not whom to trust: it goes with its node
    const key = holderOf(membership.ended, node.key)
    return membership.ended.has(key) && !keys.has(key) ? [] : [{ ...node, key }]
  })
  return { network: { ...file, nodes: [...written, ...added] }, warnings }
}
