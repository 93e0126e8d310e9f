/** Whom an invite lets in. */

import { blake2b } from '@noble/hashes/blake2.js'
import { bytesToHex, concatBytes } from '@noble/hashes/utils.js'
import { type PublicKey, publicKeyBytes } from '../identity/key.ts'
import { idBytes } from './fields.ts'
import type { Graph, Placed } from './graph.ts'
import type { Admit, StatementId } from './statement.ts'

/**
 * Whom each invite lets in. Where more came than it has uses, those whose key has the lowest hash with it: an order that nobody
 * can choose but by making keys, each of which takes the network's work.
 */
export function guestsOf(graph: Graph, isVoid: (id: StatementId) => boolean): Map<StatementId, Set<PublicKey>> {
  const came = new Map<StatementId, Set<PublicKey>>()
  for (const placed of graph.order) {
    const invite = inviteOf(placed)
    if (invite === undefined || isVoid(placed.id)) continue
    const { key } = placed.statement as Admit
    const others = came.get(invite)
    if (others) others.add(key)
    else came.set(invite, new Set([key]))
  }
  for (const [id, keys] of came) {
    const invite = graph.get(id)?.statement
    const uses = invite?.kind === 'invite' ? (invite.admin ? 1 : invite.uses) : 0
    if (keys.size <= uses) continue
    const place = (key: PublicKey) => bytesToHex(blake2b(concatBytes(idBytes(id), publicKeyBytes(key)), { dkLen: 32 }))
    const ordered = [...keys].map(key => ({ key, at: place(key) })).sort((a, b) => (a.at < b.at ? -1 : 1))
    came.set(id, new Set(ordered.slice(0, uses).map(({ key }) => key)))
  }
  return came
}

export function inviteOf({ statement }: Placed): StatementId | undefined {
  return statement.kind === 'admit' ? statement.invite?.id : undefined
}
