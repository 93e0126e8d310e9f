/**
 * What members say about who belongs to a network. A network is a set of statements: it only grows, in any order and from anybody, and
 * `membership.ts` says what it means.
 *
 *     genesis ◀── invite ◀── admit ◀── admit          each names the statements that it comes after: what it rests on, the last one of
 *        ◀────────── admin ◀── revoke                 its own author, and of whom it is about, so far as its author knows them
 *
 * Nothing in a statement is a claim about order: how deep it stands follows from what it comes after, which its author cannot
 * know before it exists. The clock is a hint for people.
 */

import type { Address, Endpoint, Prefix } from '../../base/ip.ts'
import type { WallTime } from '../../base/time.ts'
import type { PublicKey } from '../identity/key.ts'

/** BLAKE2b-256 of what is signed, in hexadecimal: 64 characters, whose order is that of the bytes. */
export type StatementId = string & { readonly brand: unique symbol }

/** Of its genesis: the network's name among all others. */
export type NetworkId = StatementId

/** Begins a network. Its author is the first of the admins. */
export type Genesis = {
  readonly kind: 'genesis'
  /** 16 random bytes: nobody makes the same network twice. */
  readonly salt: Uint8Array
  readonly name: string
  readonly namespace: string
  readonly workbit: number
  readonly subnet?: Prefix
  /** The more senior first; the author is one of them. */
  readonly admins: readonly PublicKey[]
  /** Nodes to ask first. A host may be a name. */
  readonly boots: readonly { readonly key: PublicKey; readonly endpoint: Endpoint }[]
}

/** Whoever has the secret of this key may be admitted. By an admin. */
export type Invite = {
  readonly kind: 'invite'
  /** Ed25519, 32 bytes. */
  readonly inviteKey: Uint8Array
  readonly uses: number
  /** Who comes by it is an admin, too; it has one use then. */
  readonly admin: boolean
  /** For the member that admits; later nobody asks. */
  readonly expires?: WallTime
  /** Kept free for who comes by it. */
  readonly hostname?: string
}

/** A key is a member from now on. By an admin, or by any member for who has proved an invite. */
export type Admit = {
  readonly kind: 'admit'
  readonly key: PublicKey
  readonly hostname?: string
  /** IPv4, in the subnet. */
  readonly address?: Address
  /** Where it can always be reached. A host may be a name. */
  readonly endpoint?: Endpoint
  /** Its membership ends then. */
  readonly expires?: WallTime
  /** @see proofMessage */
  readonly invite?: { readonly id: StatementId; readonly proof: Uint8Array }
}

/** A key is a member no more, and never will be again. By an admin, or by itself. */
export type Revoke = { readonly kind: 'revoke'; readonly key: PublicKey }

/** Nobody comes by this invite any more. By an admin. */
export type Withdraw = { readonly kind: 'withdraw'; readonly invite: StatementId }

/** The author's key ends, and another takes its place in everything. The proof is the new key's signature. */
export type Rotate = { readonly kind: 'rotate'; readonly key: PublicKey; readonly proof: Uint8Array }

/** Another name, address, endpoint or end for a member. What is absent stays. By an admin. */
export type Assign = {
  readonly kind: 'assign'
  readonly key: PublicKey
  readonly hostname?: string
  readonly address?: Address
  readonly endpoint?: Endpoint
  /** Its membership ends then; 0: never. */
  readonly expires?: WallTime
}

/** A member becomes an admin, or is one no more. By an admin. */
export type Admin = { readonly kind: 'admin'; readonly key: PublicKey; readonly admin: boolean }

export type Content = Genesis | Invite | Admit | Revoke | Withdraw | Rotate | Assign | Admin

export type Statement = Content & {
  readonly author: PublicKey
  /** Whole seconds, by the author's clock. */
  readonly at: WallTime
  /** In order, each once. */
  readonly after: readonly StatementId[]
}

export const limits = {
  /** Bytes with the signature: a genesis of 8 admins and 8 boot nodes whose hosts have 63 characters has 1200. */
  statement: 2048,
  /** Its author's last one, two that it rests on, one of whom it is about, and room. */
  after: 8,
  admins: 8,
  boots: 8,
  uses: 10_000,
  host: 253,
} as const

export const saltLength = 16
