/**
 * Which statements stand: who may say what, and what of it an end has made void. Every node with the same statements, and the same
 * accepted admins, comes to the same.
 *
 *     pass: in order, each is taken if its author may say it ──▶ ends that somebody may set, the more senior first
 *      ▲                                                              │ the first of them counts for good: what its key
 *      └── again, without what is void ◀───────────────────────────────┘ says, and that the end has not seen, is void
 *
 * So a revocation takes from its key everything that it did not know of, however old that is said to be; of two admins that revoke
 * one another the more senior prevails; and a revocation that counted once is not undone by a later one.
 */

import type { PublicKey } from '../identity/key.ts'
import type { Graph, Placed } from './graph.ts'
import { inviteOf } from './guests.ts'
import { Pass, type Refusal, type Void } from './pass.ts'
import { type Rank, rootRanks } from './rank.ts'
import type { StatementId } from './statement.ts'

export class Standing {
  readonly ranks: ReadonlyMap<PublicKey, Rank>
  /** The statement by which each came in: an admit, or a rotation. Those whose key has ended, too. */
  readonly entries: ReadonlyMap<PublicKey, Placed>
  /** The other names, addresses and endpoints that members got, in order. */
  readonly assigns: readonly Placed[]
  readonly invites: ReadonlyMap<StatementId, Placed>
  /** Keys that are members no more, by a revocation or a rotation. */
  readonly ended: Map<PublicKey, Placed>
  readonly withdrawn: Map<StatementId, Placed>
  readonly voided: ReadonlyMap<StatementId, Void>
  readonly refused: ReadonlyMap<StatementId, Refusal>

  constructor(graph: Graph, accepted: Iterable<PublicKey>) {
    const roots: ReadonlyMap<PublicKey, Rank> = graph.genesis ? rootRanks(graph.genesis, accepted) : new Map()
    const voided = new Map<StatementId, Void>()
    const counted = new Set<StatementId>()
    const subjects = Map.groupBy(graph.order, ({ statement }) => statement.author)
    const guests = Map.groupBy(graph.order, inviteOf)
    let pass = new Pass(graph, roots, voided, counted)
    for (let ends = pass.openEnds(); ends.length > 0; ends = pass.openEnds()) {
      for (const { placed } of ends) {
        counted.add(placed.id)
        const { statement } = placed
        const ended = statement.kind === 'withdraw' ? guests.get(statement.invite) : subjects.get(endedKey(placed)!)
        if (voidUnseen(graph, placed, ended ?? [], voided, counted)) break
      }
      pass = new Pass(graph, roots, voided, counted)
    }
    this.ended = new Map()
    this.withdrawn = new Map()
    for (const { placed } of pass.ends) {
      const key = endedKey(placed)
      if (key !== null) pass.ranks.delete(key)
      const { statement } = placed
      // of several, the first
      if (statement.kind === 'withdraw') setFirst(this.withdrawn, statement.invite, placed)
      else if (statement.kind !== 'admin') setFirst(this.ended, key!, placed)
    }
    this.voided = voided
    this.ranks = pass.ranks
    this.entries = pass.entries
    this.assigns = pass.assigns
    this.invites = pass.invites
    this.refused = pass.refused
  }
}

/** The key that an end is about; `null` where it is about an invite. */
export function endedKey({ statement }: Placed): PublicKey | null {
  if (statement.kind === 'rotate') return statement.author
  return statement.kind === 'revoke' || statement.kind === 'admin' ? statement.key : null
}

function setFirst<K, V>(map: Map<K, V>, key: K, value: V): void {
  if (!map.has(key)) map.set(key, value)
}

/**
 * What the ended key says, or by the ended invite is let in, and that the end has not seen, is void.
 * @returns whether that may change who may set ends
 */
function voidUnseen(
  graph: Graph,
  end: Placed,
  ended: readonly Placed[],
  voided: Map<StatementId, Void>,
  counted: ReadonlySet<StatementId>,
): boolean {
  const seen = graph.seenBy(end.id, ended)
  const scope = end.statement.kind === 'admin' ? 'as admin' : 'all'
  let matters = false
  for (const { id, statement } of ended) {
    if (seen.has(id) || id === end.id || voided.get(id)?.scope === 'all') continue
    // a revocation that counts stays; a rotation gives way
    if (counted.has(id) && statement.kind !== 'rotate') continue
    voided.set(id, { by: end, scope })
    matters ||= statement.kind !== 'assign' && (statement.kind !== 'admit' || statement.invite !== undefined)
  }
  return matters
}
