/**
 * Who was ever entitled to say what: the least that a statement must have to be kept, whether or not it counts. An end takes nothing away here,
 * so it makes no difference in which order statements come. It keeps strangers out, and members from saying what only an admin may.
 */

import type { PublicKey } from '../identity/key.ts'
import type { Invite, Statement, StatementId } from './statement.ts'

/** More guests of one invite than it has uses are kept, as parts of the network may have let in different ones; but not any number. */
const guestsBeside = 64
/** What a member says who was never an admin: whom it let in, and its own end. */
const memberLimit = 1_000
const adminLimit = 25_000

export class Entitled {
  readonly #admins: Set<PublicKey>
  readonly #members = new Set<PublicKey>()
  readonly #invites = new Map<StatementId, { readonly invite: Invite; guests: number }>()
  readonly #said = new Map<PublicKey, number>()

  constructor(accepted: Iterable<PublicKey>) {
    this.#admins = new Set(accepted)
  }

  /** The key of an invite that an admin has made. */
  inviteKey(id: StatementId): Uint8Array | null {
    return this.#invites.get(id)?.invite.inviteKey ?? null
  }

  /** May its author say it, after all that was taken before? */
  may(statement: Statement): boolean {
    const { author } = statement
    const isAdmin = this.#admins.has(author)
    const isOne = isAdmin || this.#members.has(author)
    if (!isOne || (this.#said.get(author) ?? 0) >= (isAdmin ? adminLimit : memberLimit)) return false
    if (statement.kind === 'admit' && statement.invite) {
      const invited = this.#invites.get(statement.invite.id)
      return invited !== undefined && invited.guests < invited.invite.uses + guestsBeside
    }
    if (statement.kind === 'rotate') return true
    return isAdmin || (statement.kind === 'revoke' && statement.key === author)
  }

  /** It is kept. @param id its own */
  take(id: StatementId, statement: Statement): void {
    const { author } = statement
    this.#said.set(author, (this.#said.get(author) ?? 0) + 1)
    if (statement.kind === 'invite') this.#invites.set(id, { invite: statement, guests: 0 })
    if (statement.kind === 'admit') {
      this.#members.add(statement.key)
      const invited = statement.invite && this.#invites.get(statement.invite.id)
      if (!invited) return
      invited.guests++
      if (invited.invite.admin) this.#admins.add(statement.key)
    }
    if (statement.kind === 'admin' && statement.admin) this.#admins.add(statement.key)
    if (statement.kind === 'rotate') {
      if (this.#admins.has(author)) this.#admins.add(statement.key)
      if (this.#members.has(author)) this.#members.add(statement.key)
    }
  }
}
