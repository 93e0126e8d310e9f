/**
 * The network as all who have the same statements see it, as a file that another could use: with who admitted whom, and when, as comments. It
 * begins as the genesis says, so it is the same everywhere, byte for byte; what a file of one's own says beside stands behind.
 */

import { toNumber } from '../../base/ip.ts'
import type { PublicKey } from '../identity/key.ts'
import { type Document, documentOf, type Item } from '../network/document.ts'
import { formatConf } from '../network/format.ts'
import { members } from '../network/members.ts'
import type { Network, NodeEntry } from '../network/types.ts'
import type { Membership } from './membership.ts'
import { moment } from './words.ts'

/** @param lived the network as this node lives it: of its file and its statements */
export function confOf(lived: Network, membership: Membership | null): string {
  if (!membership) return formatConf(documentOf(lived))
  const { genesis, admins } = membership
  const comments = new Map<NodeEntry, string>()
  const hostnames = new Map(membership.members.map(({ key, hostname }) => [key, hostname]))
  const called = (key: PublicKey) => hostnames.get(key) ?? `${key.slice(0, 10)}…`
  const named = (key: PublicKey) => {
    const hostname = hostnames.get(key)
    return hostname === undefined ? {} : { hostname }
  }
  const admitted = new Map(membership.members.map(member => [member.key, member]))
  const trusted = members(lived).map(({ role, key, hostname, ipv4, endpoint }): NodeEntry => {
    const entry: NodeEntry = {
      ...{ role, key, ...(hostname && { hostname }), ...(ipv4 && { address: ipv4 }) },
      ...(endpoint && { endpoint }),
    }
    const member = admitted.get(key)
    comments.set(entry, member ? `# by ${called(member.by)}, ${moment(member.at)}` : '# by the file alone')
    return entry
  })
  trusted.sort((a, b) => place(a) - place(b) || (a.key < b.key ? -1 : 1))
  const nodes: NodeEntry[] = [
    ...genesis.boots.map(({ key, endpoint }): NodeEntry => ({ role: 'boot', key, endpoint })),
    ...admins.map((key): NodeEntry => ({ role: 'admin', key, ...named(key) })),
    ...trusted,
  ]
  const { subnet, ...rest } = lived
  return formatConf(withComments(documentOf({ ...rest, ...(subnet && { subnet }), nodes }), nodes, comments))
}

function place({ address }: NodeEntry): number {
  return address === undefined ? Number.POSITIVE_INFINITY : toNumber(address)
}

function withComments(
  document: Document,
  nodes: readonly NodeEntry[],
  comments: ReadonlyMap<NodeEntry, string>,
): Document {
  let next = 0
  const items = document.items.map((item): Item => {
    if (item.kind !== 'node') return item
    const comment = comments.get(nodes[next++]!)
    return comment === undefined ? item : { ...item, comment }
  })
  return { ...document, items }
}
