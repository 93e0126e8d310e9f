/**
 * How senior an admin is. Who was made one by another stands behind him, and behind all whom he had made before:
 *
 *     0                 the first admin of the genesis
 *     0 · 4 · q1…       made by him, by the statement q1… at depth 4
 *     0 · 7 · Xk…       made by him later
 *     1                 the second admin of the genesis
 */

import type { PublicKey } from '../identity/key.ts'
import type { Placed } from './graph.ts'
import type { Genesis } from './statement.ts'

export type Rank = readonly (number | string)[]

/** Of those whose word a node accepts in the first place: in the order of the genesis, then others by their keys. */
export function rootRanks(genesis: Genesis, accepted: Iterable<PublicKey>): Map<PublicKey, Rank> {
  const { admins } = genesis
  return new Map(
    [...accepted].map(key => [key, admins.includes(key) ? [admins.indexOf(key)] : [admins.length, key]] as const),
  )
}

export function rankBelow(rank: Rank, { depth, id }: Placed): Rank {
  return [...rank, depth, id]
}

/** Negative: `a` is the more senior. Who has none comes last. */
export function compareRanks(a: Rank | undefined, b: Rank | undefined): number {
  if (!a || !b) return a ? -1 : b ? 1 : 0
  for (const [i, mine] of a.entries()) {
    const other = b[i]
    if (other === undefined) return 1
    if (mine !== other) return mine < other ? -1 : 1
  }
  return a.length - b.length
}
