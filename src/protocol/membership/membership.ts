/**
 * What a network's statements mean: who belongs to it, by whose word, under which name and address. A function of the statements and
 * of whose word is accepted; in which order they came, and when, makes no difference.
 */

import type { Endpoint } from '../../base/ip.ts'
import type { WallTime } from '../../base/time.ts'
import type { PublicKey } from '../identity/key.ts'
import { type Claim, type Conflict, settle } from './claims.ts'
import type { Graph, Placed } from './graph.ts'
import type { Refusal } from './pass.ts'
import { compareRanks } from './rank.ts'
import { Standing } from './standing.ts'
import type { Admit, Assign, Genesis, Invite, StatementId } from './statement.ts'

export type Admitted = {
  readonly key: PublicKey
  readonly hostname?: string
  readonly address?: string
  readonly endpoint?: Endpoint
  readonly admin: boolean
  /** Who admitted it, by which statement, and when by his clock. Of a key that took another's place, how that one came in. */
  readonly by: PublicKey
  readonly statement: StatementId
  readonly at: WallTime
  /** By which invite. */
  readonly invite?: StatementId
  readonly expires?: WallTime
  /** Keys whose place it has, the first first. */
  readonly before: readonly PublicKey[]
}

export type Invitation = {
  readonly id: StatementId
  readonly invite: Invite
  readonly by: PublicKey
  /** Who came by it, so far. */
  readonly guests: readonly PublicKey[]
  readonly withdrawn: boolean
}

export type Membership = {
  readonly genesis: Genesis
  /** The most senior first. */
  readonly admins: readonly PublicKey[]
  /** In the order in which they came. Those whose time is over are not among them. */
  readonly members: readonly Admitted[]
  /** Whose time is over. */
  readonly expired: readonly Admitted[]
  /** Keys that are members no more, and the statement that says so. */
  readonly ended: ReadonlyMap<PublicKey, Placed>
  readonly invitations: readonly Invitation[]
  readonly conflicts: readonly Conflict[]
  /** Statements without effect. */
  readonly refused: ReadonlyMap<StatementId, Refusal>
}

/** @param accepted whose word counts @param now for memberships that end by themselves; `null` where there is no genesis */
export function membershipOf(graph: Graph, accepted: Iterable<PublicKey>, now: WallTime): Membership | null {
  const { genesis } = graph
  if (!genesis) return null
  const standing = new Standing(graph, accepted)
  const claims = [...standing.entries.keys()]
    .filter(key => !standing.ended.has(key))
    .map(key => claimOf(graph, standing, key))
  const assigns = Map.groupBy(standing.assigns, ({ statement }) => holderOf(standing.ended, (statement as Assign).key))
  const { settled, conflicts } = settle(
    claims.map(claim => ({ ...claim, assigns: assigns.get(claim.key) ?? [] })),
    genesis.subnet,
  )
  const admitted = settled.map(({ claim, ...place }): Admitted => {
    const { key, entry, before } = claim
    const { author, at } = entry.statement
    const { invite } = entry.statement as Admit
    const expires = endOf(claim)
    return {
      key,
      ...place,
      admin: standing.ranks.has(key),
      ...{ by: author, statement: entry.id, at, before },
      ...(invite && { invite: invite.id }),
      ...(expires !== undefined && { expires }),
    }
  })
  const isOver = ({ expires }: Admitted) => expires !== undefined && expires <= now
  const guests = Map.groupBy(admitted, ({ invite }) => invite)
  return {
    genesis,
    admins: [...standing.ranks].sort(([, a], [, b]) => compareRanks(a, b)).map(([key]) => key),
    members: admitted.filter(each => !isOver(each)),
    expired: admitted.filter(isOver),
    ended: standing.ended,
    invitations: [...standing.invites].map(([id, { statement }]) => ({
      ...{ id, invite: statement as Invite, by: statement.author },
      guests: (guests.get(id) ?? []).map(({ key }) => key),
      withdrawn: standing.withdrawn.has(id),
    })),
    conflicts,
    refused: standing.refused,
  }
}

/** When a membership ends: by the last word about that. */
function endOf({ entry, assigns }: Claim): WallTime | undefined {
  const said = [entry, ...assigns].map(({ statement }) => (statement as Admit | Assign).expires)
  return said.findLast(expires => expires !== undefined) || undefined
}

/** How a key came in, through all the keys whose place it took. */
function claimOf(graph: Graph, { entries }: Standing, key: PublicKey): Omit<Claim, 'assigns'> {
  const before: PublicKey[] = []
  let entry = entries.get(key)!
  while (entry.statement.kind === 'rotate') {
    before.unshift(entry.statement.author)
    entry = entries.get(entry.statement.author)!
  }
  const { invite } = entry.statement as Admit
  const invited = invite && graph.get(invite.id)
  return { key, entry, before, ...(invited && { invited }) }
}

/** The key that has the place of this one now; revoked it may be. */
export function holderOf(ended: Membership['ended'], key: PublicKey): PublicKey {
  let holder = key
  for (let end = ended.get(key); end?.statement.kind === 'rotate'; end = ended.get(holder)) holder = end.statement.key
  return holder
}
