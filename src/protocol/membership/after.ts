/** What a new statement comes after: what it rests on, and what its author has seen of those whom it concerns. */

import type { PublicKey } from '../identity/key.ts'
import type { Graph, Placed } from './graph.ts'
import { type Content, limits, type NetworkId, type StatementId } from './statement.ts'

/**
 * The last statements by and about its author, the last ones by and about whom it concerns, its invite, and the genesis where there is
 * nothing else. Last are those that no other one of them comes after.
 */
export function afterOf(graph: Graph, network: NetworkId, author: PublicKey, content: Content): StatementId[] {
  const ids = new Set<StatementId>()
  const add = (id: StatementId | undefined) => {
    if (id !== undefined && ids.size < limits.after) ids.add(id)
  }
  const lastOf = (isOne: (placed: Placed) => boolean) => {
    for (const id of lastOnes(graph, graph.order.filter(isOne))) add(id)
  }
  const isAbout = ({ statement }: Placed, key: PublicKey) => 'key' in statement && statement.key === key
  lastOf(placed => placed.statement.author === author || isAbout(placed, author))
  if (content.kind === 'withdraw') {
    add(content.invite)
    lastOf(({ statement }) => statement.kind === 'admit' && statement.invite?.id === content.invite)
  }
  if (content.kind === 'admit') add(content.invite?.id)
  if ('key' in content) {
    lastOf(placed => placed.statement.author === content.key || isAbout(placed, content.key))
  }
  if (ids.size === 0) add(network)
  return [...ids].sort()
}

/** Those that none of the others comes after, the deepest first. */
function lastOnes(graph: Graph, placed: readonly Placed[]): StatementId[] {
  const last: StatementId[] = []
  let left = placed
  // more than so many cannot be named
  while (left.length > 0 && last.length < limits.after) {
    const { id } = left.at(-1)!
    const seen = graph.seenBy(id, left)
    last.push(id)
    left = left.filter(each => each.id !== id && !seen.has(each.id))
  }
  return last
}
