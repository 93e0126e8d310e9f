// Networks for tests, told as who says what: statements without signatures, which the meaning of a network does not need.

import { systemCrypto } from '../../../src/os/crypto.ts'
import { PrivateKey, type PublicKey } from '../../../src/protocol/identity/key.ts'
import { afterOf } from '../../../src/protocol/membership/after.ts'
import { encodeStatement, hashOf } from '../../../src/protocol/membership/codec.ts'
import { Graph } from '../../../src/protocol/membership/graph.ts'
import { type Membership, membershipOf } from '../../../src/protocol/membership/membership.ts'
import type { Signed } from '../../../src/protocol/membership/signed.ts'
import type { Content, NetworkId, Statement, StatementId } from '../../../src/protocol/membership/statement.ts'

const keys = new Map<string, PrivateKey>()

/** The same private key for a name in every run. */
export function privateKeyOf(name: string): PrivateKey {
  const key = keys.get(name) ?? new PrivateKey(systemCrypto.hash(new TextEncoder().encode(`member ${name}`)))
  keys.set(name, key)
  return key
}

export const keyOf = (name: string): PublicKey => privateKeyOf(name).publicKey()

export const at = 1_800_000_000_000
export const subnet = { address: '10.0.42.0', length: 24, family: 4 } as const

export function unsigned(statement: Statement): Signed {
  const bytes = encodeStatement(statement)
  return { id: hashOf(bytes), bytes, statement }
}

/** What somebody knows of a network. */
export class View {
  readonly network: NetworkId
  readonly accepted: readonly PublicKey[]
  readonly known = new Map<StatementId, Signed>()

  constructor(genesis: Signed, accepted: readonly PublicKey[]) {
    this.network = genesis.id
    this.accepted = accepted
    this.known.set(genesis.id, genesis)
  }

  static begin(admins: readonly string[], accepted = admins): View {
    const genesis = unsigned({
      ...{ kind: 'genesis', author: keyOf(admins[0]!), at, after: [], salt: new Uint8Array(16).fill(7) },
      ...{ name: 'test', namespace: 'public', workbit: 8, subnet, admins: admins.map(keyOf), boots: [] },
    })
    return new View(genesis, accepted.map(keyOf))
  }

  /** Another who knows the same now. */
  fork(): View {
    const view = new View(this.known.get(this.network)!, this.accepted)
    view.merge(this)
    return view
  }

  merge(other: View): void {
    for (const [id, signed] of other.known) this.known.set(id, signed)
  }

  get graph(): Graph {
    return new Graph(this.network, [...this.known.values()])
  }

  get now(): Membership {
    return membershipOf(this.graph, this.accepted, at)!
  }

  /** @param after what it comes after; as an honest node writes it, if not given */
  say(author: string, content: Content, after?: readonly StatementId[]): StatementId {
    const known = after ?? afterOf(this.graph, this.network, keyOf(author), content)
    const signed = unsigned({ ...content, author: keyOf(author), at, after: [...known].sort() })
    this.known.set(signed.id, signed)
    return signed.id
  }

  admit(author: string, name: string, more: Partial<Content & { kind: 'admit' }> = {}): StatementId {
    return this.say(author, { kind: 'admit', key: keyOf(name), hostname: `${name}.test`, ...more })
  }

  invite(author: string, more: Partial<Content & { kind: 'invite' }> = {}): StatementId {
    return this.say(author, { kind: 'invite', inviteKey: new Uint8Array(32).fill(1), uses: 1, admin: false, ...more })
  }

  /** By an invite, which the member proves that comes. */
  guest(
    author: string,
    name: string,
    invite: StatementId,
    more: Partial<Content & { kind: 'admit' }> = {},
  ): StatementId {
    return this.admit(author, name, { invite: { id: invite, proof: new Uint8Array(64) }, ...more })
  }

  revoke(author: string, name: string): StatementId {
    return this.say(author, { kind: 'revoke', key: keyOf(name) })
  }

  rotate(name: string, next: string): StatementId {
    return this.say(name, { kind: 'rotate', key: keyOf(next), proof: new Uint8Array(64) })
  }

  admin(author: string, name: string, admin = true): StatementId {
    return this.say(author, { kind: 'admin', key: keyOf(name), admin })
  }

  /** The names that members have, by the names of their keys. */
  names(...of: readonly string[]): Record<string, string | undefined> {
    const { members } = this.now
    const names = new Map(of.map(name => [keyOf(name), name]))
    return Object.fromEntries(members.map(({ key, hostname }) => [names.get(key) ?? key, hostname]))
  }
}
