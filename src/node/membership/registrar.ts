/**
 * The registrar: holds the roll of this node's network, says things in its owner's name, and keeps what others say.
 *
 *     disk ──▶ roll ◀── statements of others          who is a member has changed ──▶ `changed`
 *               ▲                                     something is new            ──▶ `news`
 *               └── `say`, signed by this node's key
 */

import type { Crypto } from '../../base/crypto.ts'
import { Failure } from '../../base/failure.ts'
import type { Logger } from '../../base/log.ts'
import { second } from '../../base/time.ts'
import type { Clock } from '../../os/clock.ts'
import type { Random } from '../../os/random.ts'
import type { PublicKey } from '../../protocol/identity/key.ts'
import { afterOf } from '../../protocol/membership/after.ts'
import type { Membership } from '../../protocol/membership/membership.ts'
import { type Kept, Roll } from '../../protocol/membership/roll.ts'
import { isSigned, readSigned, type Signed, signStatement, Verifier } from '../../protocol/membership/signed.ts'
import type { Content, NetworkId } from '../../protocol/membership/statement.ts'
import type { Identity } from '../desired.ts'

/** Where statements are kept. */
export interface RollStore {
  /** What was kept, genesis first; `null`: nothing yet. */
  load(): readonly Uint8Array[] | null
  /** @throws where they cannot be written */
  append(statements: readonly Uint8Array[]): void
}

export type RegistrarParts = {
  readonly clock: Clock
  readonly random: Random
  readonly crypto: Crypto
  readonly log: Logger
  readonly identity: Identity
  /** The network's name, by the file. */
  readonly name: string
  readonly store: RollStore
}

export class Registrar {
  readonly #parts: RegistrarParts
  #accepted: readonly PublicKey[]
  #roll: Roll | null = null
  #unwritten: Uint8Array[] = []
  /** Who is a member may be another now. */
  changed: () => void = () => {}
  /** These are new here. @param from who told them; `null`: this node says them */
  news: (statements: readonly Signed[], from: PublicKey | null) => void = () => {}

  /** @param accepted whose word counts, by the file */
  constructor(parts: RegistrarParts, accepted: readonly PublicKey[]) {
    this.#parts = parts
    this.#accepted = accepted
    const [genesis, ...rest] = parts.store.load() ?? []
    if (genesis) this.#open(genesis, rest)
  }

  get clock(): Clock {
    return this.#parts.clock
  }

  /** `null`: no genesis is known yet. */
  get roll(): Roll | null {
    return this.#roll
  }

  /** The file accepts somebody's word. */
  get takesPart(): boolean {
    return this.#accepted.length > 0
  }

  get membership(): Membership | null {
    return this.#roll?.membership(this.#parts.clock.wall()) ?? null
  }

  /** The file has other `admin` lines now. */
  accept(accepted: readonly PublicKey[]): void {
    if (accepted.join() === this.#accepted.join()) return
    this.#accepted = accepted
    const [genesis, ...rest] = this.#roll?.all().map(({ bytes }) => bytes) ?? []
    if (genesis) this.#open(genesis, rest)
  }

  /** The genesis of a network that this node is to live in: one of its name, by somebody whose word counts. @returns whether it is now */
  adopt(bytes: Uint8Array): boolean {
    const { crypto, name } = this.#parts
    const signed = readSigned(bytes)
    if (this.#roll || signed?.statement.kind !== 'genesis' || signed.statement.name !== name) return false
    if (!this.#accepted.includes(signed.statement.author)) return false
    if (!isSigned(new Verifier(crypto), signed.id, signed, () => null)) return false
    this.#open(bytes, [])
    this.#write([bytes])
    return true
  }

  /**
   * Says something in this node's name.
   * @throws a Failure where it would count for nothing
   */
  say(content: Content): Signed {
    const { identity, clock, random } = this.#parts
    const roll = this.needed()
    const author = identity.publicKey
    const at = Math.floor(clock.wall() / second) * second
    const after = afterOf(roll.graph, roll.network, author, content)
    const signed = signStatement(identity.privateKey, roll.network, { ...content, author, at, after }, count =>
      random.bytes(count),
    )
    const kept = roll.add(signed.bytes)
    if (kept !== 'new') throw new Failure(kept === 'not entitled' ? 'this node may not say that' : `refused: ${kept}`)
    this.#write([signed.bytes])
    this.changed()
    this.news([signed], null)
    return signed
  }

  /** Takes what another has said. @returns what became of each */
  hear(statements: readonly Uint8Array[], from: PublicKey): Kept[] {
    const { log } = this.#parts
    const roll = this.#roll
    if (!roll) return []
    const { size } = roll
    const kept = statements.map(bytes => roll.add(bytes))
    // one that had waited may have come with them
    const fresh = roll.since(size)
    for (const problem of new Set(kept)) {
      if (problem !== 'new' && problem !== 'known' && problem !== 'waiting')
        log.warn('a statement is refused', { node: `${from.slice(0, 10)}…`, problem })
    }
    if (fresh.length === 0) return kept
    this.#write(fresh.map(({ bytes }) => bytes))
    this.changed()
    this.news(fresh, from)
    return kept
  }

  /** A full disk is no reason not to know: others have it, too, and it is tried again with what comes next. */
  #write(statements: readonly Uint8Array[]): void {
    this.#unwritten.push(...statements)
    try {
      this.#parts.store.append(this.#unwritten)
      this.#unwritten = []
    } catch (error) {
      this.#parts.log.warn('statements cannot be written', { problem: (error as Error).message })
    }
  }

  #open(genesis: Uint8Array, rest: readonly Uint8Array[]): void {
    const { crypto, log } = this.#parts
    const signed = readSigned(genesis)
    if (!signed) return
    const roll = new Roll(crypto, signed.id as NetworkId, this.#accepted)
    for (const bytes of [genesis, ...rest]) {
      const kept = roll.add(bytes, true)
      if (kept !== 'new' && kept !== 'known') log.warn('a statement on disk is left out', { problem: kept })
    }
    this.#roll = roll
  }

  /** @throws Failure where there is none, with the reason */
  needed(): Roll {
    if (this.#roll) return this.#roll
    throw new Failure(
      this.#accepted.length === 0
        ? 'the network file has no admin line: who belongs to the network stands in the file alone'
        : 'nothing is known yet of who belongs to the network: no member was reached',
      {
        remedy: this.#accepted.length === 0 ? 'wh init NAME begins a network that people can join' : 'try again later',
      },
    )
  }
}
