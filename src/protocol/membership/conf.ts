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
import { holderOf, type Membership } from './membership.ts'
import { moment } from './words.ts'

/** @param lived the network as this node lives it: of its file and its statements */
export function confOf(lived: Network, membership: Membership | null): string {
  if (!membership) return formatConf(documentOf(lived))
  const { genesis, ended } = membership
  const comments = new Map<NodeEntry, string>()
  const hostnames = new Map(membership.members.map(({ key, hostname }) => [key, hostname]))
  const called = (key: PublicKey) => hostnames.get(key) ?? `${key.slice(0, 10)}…`
  const named = (key: PublicKey) => {
    const hostname = hostnames.get(key)
    return hostname === undefined ? {} : { hostname }
  }
  const adminOf = (key: PublicKey): NodeEntry => {
    const holder = holderOf(ended, key)
    // one name, one key
    const entry: NodeEntry = { role: 'admin', key, ...(holder === key && named(key)) }
    if (ended.has(holder)) comments.set(entry, '# revoked')
    else if (holder !== key) comments.set(entry, `# has the key ${holder} now`)
    return entry
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
    ...genesis.boots.flatMap(({ key, endpoint }): NodeEntry[] => {
      const holder = holderOf(ended, key)
      return ended.has(holder) ? [] : [{ role: 'boot', key: holder, endpoint }]
    }),
    // the keys that the statements begin with, whoever has their place now
    ...lived.nodes.filter(({ role }) => role === 'admin').map(({ key }) => adminOf(key)),
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
