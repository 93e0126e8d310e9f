/**
 * The statements of a network in their order: what each comes after, and how deep it stands.
 *
 *     depth 0    1         2        3
 *     genesis ◀─ invite ◀─ admit ◀─ revoke        depth = 1 + the deepest that it comes after
 *
 * Depth then id is an order that all nodes with the same statements agree on, and in which each stands behind what it comes after.
 */

import type { Signed } from './signed.ts'
import type { Genesis, NetworkId, Statement, StatementId } from './statement.ts'

export type Placed = { readonly id: StatementId; readonly depth: number; readonly statement: Statement }

export class Graph {
  readonly genesis: Genesis | null
  /** By depth, then id. */
  readonly order: readonly Placed[]
  /** Those that come after something which is not here. */
  readonly waiting: readonly StatementId[]
  readonly #placed = new Map<StatementId, Placed>()

  constructor(network: NetworkId, statements: readonly Signed[]) {
    const later = new Map<StatementId, Signed[]>()
    const missing = new Map<StatementId, number>()
    const known = new Set(statements.map(({ id }) => id))
    const ready: Signed[] = []
    for (const signed of statements) {
      const { id, statement } = signed
      const isRoot = id === network
      if (isRoot !== (statement.kind === 'genesis') || isRoot !== (statement.after.length === 0)) continue
      missing.set(id, statement.after.length)
      for (const before of statement.after) {
        if (!known.has(before)) continue
        const others = later.get(before)
        if (others) others.push(signed)
        else later.set(before, [signed])
      }
      if (isRoot) ready.push(signed)
    }
    for (let signed = ready.pop(); signed; signed = ready.pop()) {
      const { id, statement } = signed
      const depth = 1 + statement.after.reduce((deepest, each) => Math.max(deepest, this.#placed.get(each)!.depth), -1)
      this.#placed.set(id, { id, depth, statement })
      for (const next of later.get(id) ?? []) {
        const left = missing.get(next.id)! - 1
        missing.set(next.id, left)
        if (left === 0) ready.push(next)
      }
    }
    this.order = [...this.#placed.values()].sort((a, b) => a.depth - b.depth || (a.id < b.id ? -1 : 1))
    this.waiting = statements.flatMap(({ id }) => (this.#placed.has(id) ? [] : [id]))
    const first = this.order[0]?.statement
    this.genesis = first?.kind === 'genesis' ? first : null
  }

  get(id: StatementId): Placed | undefined {
    return this.#placed.get(id)
  }

  /** Which of these the statement comes after, near or far. They are as deep as the least of them, at least, so older ones are not looked at. */
  seenBy(id: StatementId, others: readonly Placed[]): Set<StatementId> {
    const wanted = new Set(others.map(other => other.id))
    const least = others.reduce((least, { depth }) => Math.min(least, depth), Number.POSITIVE_INFINITY)
    const seen = new Set<StatementId>()
    const been = new Set<StatementId>()
    const left = [...(this.#placed.get(id)?.statement.after ?? [])]
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const placed = this.#placed.get(next)
      if (!placed || been.has(next) || placed.depth < least) continue
      been.add(next)
      if (wanted.has(next)) seen.add(next)
      left.push(...placed.statement.after)
    }
    return seen
  }
}
