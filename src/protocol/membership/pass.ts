/** One walk through all statements in their order, with what is known to be void: which are taken, and which ends they would set. */

import type { PublicKey } from '../identity/key.ts'
import type { Graph, Placed } from './graph.ts'
import { guestsOf } from './guests.ts'
import { compareRanks, type Rank, rankBelow } from './rank.ts'
import type { Admit, Invite, StatementId } from './statement.ts'

/** Why a statement has no effect. */
export type Refusal =
  | 'its author is no admin'
  | 'its author is no member'
  | 'it is about nobody here'
  | 'the invite is none'
  | 'the invite is used up'
  | 'the key is known already'
  | 'void'

/** The end of a key, of its being an admin, or of an invite. */
export type End = { readonly placed: Placed; readonly rank: Rank | undefined }
export type Void = { readonly by: Placed; readonly scope: 'all' | 'as admin' }

export class Pass {
  readonly ranks: Map<PublicKey, Rank>
  readonly entries = new Map<PublicKey, Placed>()
  readonly assigns: Placed[] = []
  readonly invites = new Map<StatementId, Placed>()
  readonly ends: End[] = []
  readonly refused = new Map<StatementId, Refusal>()
  readonly #counted: ReadonlySet<StatementId>
  /** Whom each invite lets in. */
  readonly #guests: ReadonlyMap<StatementId, ReadonlySet<PublicKey>>

  constructor(
    graph: Graph,
    roots: ReadonlyMap<PublicKey, Rank>,
    voided: ReadonlyMap<StatementId, Void>,
    counted: ReadonlySet<StatementId>,
  ) {
    this.ranks = new Map(roots)
    this.#counted = counted
    const isVoid = (id: StatementId) => voided.get(id)?.scope === 'all'
    this.#guests = guestsOf(graph, isVoid)
    for (const placed of graph.order) {
      const { id, statement } = placed
      const rank = voided.get(id)?.scope === 'as admin' ? undefined : this.ranks.get(statement.author)
      const refusal = isVoid(id) ? 'void' : this.#take(placed, rank)
      if (refusal) this.refused.set(id, refusal)
    }
  }

  /** Ends that do not count yet: revocations before rotations, then the more senior. */
  openEnds(): End[] {
    const late = ({ placed }: End) => Number(placed.statement.kind === 'rotate')
    return this.ends
      .filter(({ placed }) => !this.#counted.has(placed.id))
      .sort((a, b) => late(a) - late(b) || compareRanks(a.rank, b.rank) || a.placed.depth - b.placed.depth)
  }

  #take(placed: Placed, rank: Rank | undefined): Refusal | null {
    const { id, statement } = placed
    const counts = this.#counted.has(id)
    switch (statement.kind) {
      case 'genesis':
        return null
      case 'admit':
        return this.#admit(placed, statement, rank)
      case 'rotate': {
        if (!rank && !this.entries.has(statement.author)) return 'its author is no member'
        if (this.#isKnown(statement.key)) return 'the key is known already'
        // an admin need not be a member
        if (this.entries.has(statement.author)) this.entries.set(statement.key, placed)
        if (rank) this.ranks.set(statement.key, rank)
        this.ends.push({ placed, rank })
        return null
      }
      case 'revoke':
        if (!rank && !counts && statement.key !== statement.author) return 'its author is no admin'
        this.ends.push({ placed, rank })
        return null
    }
    if (!rank && !counts) return 'its author is no admin'
    if (statement.kind === 'invite') this.invites.set(id, placed)
    else if (statement.kind === 'withdraw') {
      if (!this.invites.has(statement.invite)) return 'the invite is none'
      this.ends.push({ placed, rank })
    } else if (!this.#isKnown(statement.key)) return 'it is about nobody here'
    else if (statement.kind === 'assign') this.assigns.push(placed)
    else if (!statement.admin) this.ends.push({ placed, rank })
    else if (!this.ranks.has(statement.key)) this.ranks.set(statement.key, rankBelow(rank!, placed))
    return null
  }

  #admit(placed: Placed, { key, invite, author }: Admit & { readonly author: PublicKey }, rank: Rank | undefined) {
    if (!rank && !(invite && this.entries.has(author)))
      return invite ? 'its author is no member' : 'its author is no admin'
    const invited = invite && this.invites.get(invite.id)
    if (invite && !invited) return 'the invite is none'
    if (this.entries.has(key)) return 'the key is known already'
    if (invite && !this.#guests.get(invite.id)?.has(key)) return 'the invite is used up'
    this.entries.set(key, placed)
    if (invited && (invited.statement as Invite).admin && !this.ranks.has(key)) {
      this.ranks.set(key, rankBelow(this.ranks.get(invited.statement.author)!, placed))
    }
    return null
  }

  #isKnown(key: PublicKey): boolean {
    return this.entries.has(key) || this.ranks.has(key)
  }
}
