/**
 * The roll: the statements of one network that this node holds. What comes is kept if it is signed, by somebody who was ever entitled to
 * say something here, and if what it comes after is held too. A stranger can put nothing in, and a member no more than its share.
 *
 *     bytes ──▶ read ──▶ signed? ──▶ held ──▶ meaning
 *                 │         └ no: refused
 *                 └ comes after something unknown: waiting, for a while
 */

import type { Crypto } from '../../base/crypto.ts'
import type { WallTime } from '../../base/time.ts'
import type { PublicKey } from '../identity/key.ts'
import { Entitled } from './entitled.ts'
import { Graph, type Placed } from './graph.ts'
import { type Membership, membershipOf } from './membership.ts'
import { isSigned, readSigned, type Signed, Verifier } from './signed.ts'
import type { NetworkId, StatementId } from './statement.ts'

export type Kept = 'new' | 'known' | 'waiting' | RollProblem
export type RollProblem = 'malformed' | 'not of this network' | 'not signed' | 'not entitled' | 'too many'

/** 22 MB at most, of 220 bytes mostly. */
export const rollLimit = 100_000
/** Those that wait for another one, which comes soon or never. */
const waitingLimit = 1_000

export class Roll {
  readonly network: NetworkId
  readonly #verifier: Verifier
  readonly #held = new Map<StatementId, Signed>()
  readonly #waiting = new Map<StatementId, Signed>()
  readonly #entitled: Entitled
  readonly #accepted: readonly PublicKey[]
  #graph: Graph | null = null
  #meaning: { readonly membership: Membership; readonly until: WallTime } | null = null

  /** @param accepted whose word counts, by the file */
  constructor(crypto: Pick<Crypto, 'verifyEd25519'>, network: NetworkId, accepted: readonly PublicKey[]) {
    this.#verifier = new Verifier(crypto)
    this.network = network
    this.#accepted = accepted
    this.#entitled = new Entitled(accepted)
  }

  get size(): number {
    return this.#held.size
  }

  /** In their order, as they were signed. */
  all(): Signed[] {
    return this.graph.order.map(({ id }) => this.#held.get(id)!)
  }

  /** What has come since there were so many, in the order in which it came. */
  since(size: number): Signed[] {
    return [...this.#held.values()].slice(size)
  }

  get(id: StatementId): Signed | undefined {
    return this.#held.get(id)
  }

  get graph(): Graph {
    this.#graph ??= new Graph(this.network, [...this.#held.values()])
    return this.#graph
  }

  /** Takes any bytes. @param trusted they were checked before, and come from our own disk */
  add(bytes: Uint8Array, trusted = false): Kept {
    const signed = readSigned(bytes)
    if (!signed) return 'malformed'
    if (this.#held.has(signed.id)) return 'known'
    const kept = this.#keep(signed, trusted)
    if (kept === 'new') this.#wake()
    return kept
  }

  /** Who belongs to the network now; `null` while its genesis is unknown. */
  membership(now: WallTime): Membership | null {
    if (this.#meaning && now < this.#meaning.until) return this.#meaning.membership
    const membership = membershipOf(this.graph, this.#accepted, now)
    if (!membership) return null
    const ends = membership.members.flatMap(({ expires }) => expires ?? [])
    this.#meaning = { membership, until: Math.min(...ends, Number.POSITIVE_INFINITY) }
    return membership
  }

  /** Where each stands, for a comparison with others. */
  items(): readonly Placed[] {
    return this.graph.order
  }

  #keep(signed: Signed, trusted: boolean): Kept {
    const { id, statement } = signed
    if (statement.kind === 'genesis' ? id !== this.network : statement.after.length === 0) return 'not of this network'
    if (statement.after.some(before => !this.#held.has(before))) return this.#wait(signed)
    // which one it is was agreed on elsewhere: by a token, or by an admin's key in the file
    if (statement.kind !== 'genesis' && !this.#entitled.may(statement)) return 'not entitled'
    if (this.#held.size >= rollLimit) return 'too many'
    const inviteKey = (invite: StatementId) => this.#entitled.inviteKey(invite)
    if (!trusted && !isSigned(this.#verifier, this.network, signed, inviteKey)) return 'not signed'
    this.#held.set(id, signed)
    this.#entitled.take(id, statement)
    this.#graph = null
    this.#meaning = null
    return 'new'
  }

  #wait(signed: Signed): Kept {
    // the oldest goes
    if (this.#waiting.size >= waitingLimit) this.#waiting.delete(this.#waiting.keys().next().value!)
    this.#waiting.set(signed.id, signed)
    return 'waiting'
  }

  /** What waited for something that has come. */
  #wake(): void {
    for (let woke = true; woke; ) {
      woke = false
      for (const [id, signed] of this.#waiting) {
        if (signed.statement.after.some(before => !this.#held.has(before))) continue
        this.#waiting.delete(id)
        woke = this.#keep(signed, false) === 'new' || woke
      }
    }
  }
}
