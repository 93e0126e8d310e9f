/**
 * Joining a network by a token. Nothing that a member says is believed: the token names the genesis by its hash, the genesis the admins, one of
 * them has signed the invite, and the admit that comes in the end must hold for whoever has the same statements.
 */

import { equalBytes } from '../../base/bytes.ts'
import type { Crypto } from '../../base/crypto.ts'
import { Failure } from '../../base/failure.ts'
import type { PrivateKey } from '../../protocol/identity/key.ts'
import type { Frame } from '../../protocol/membership/frames.ts'
import { inviteKeyOf, proveHello, proveInvite } from '../../protocol/membership/invite-key.ts'
import type { Admitted, Membership } from '../../protocol/membership/membership.ts'
import { Roll } from '../../protocol/membership/roll.ts'
import { readSigned } from '../../protocol/membership/signed.ts'
import type { Genesis } from '../../protocol/membership/statement.ts'
import type { Token } from '../../protocol/membership/token.ts'
import { problemOf } from './admission.ts'
import type { Conversation } from './conversation.ts'

export type Joined = {
  readonly membership: Membership
  readonly self: Admitted
  /** As they were signed, the genesis first. */
  readonly statements: readonly Uint8Array[]
}

/** The member refuses, or the token is none that anybody lets in by: another member would say the same. */
export class Refused extends Failure {}

export type Guest = {
  readonly crypto: Pick<Crypto, 'verifyEd25519'>
  readonly key: PrivateKey
  readonly token: Token
  /** The name that was asked for. */
  readonly hostname: string | undefined
  /** The first label of a name, where neither a person nor the invite gives one. */
  readonly machine: string
  /** The network that the token names, before anything is asked for. @throws to end it */
  readonly found: (genesis: Genesis) => void
  readonly now: number
}

/** @throws Refused; a Failure where the member ends, or says what is not so: another one may do */
export async function join(
  { crypto, key, token, hostname, machine, found, now }: Guest,
  talk: Conversation,
): Promise<Joined> {
  const self = key.publicKey()
  const { network, secret } = token
  const inviteKey = inviteKeyOf(secret)
  await talk.say({ kind: 'hello', inviteKey, proof: proveHello(secret, network, self) })
  const told = await statementsOf(talk)
  const genesis = told.map(readSigned).find(signed => signed?.id === network)
  if (genesis?.statement.kind !== 'genesis') throw new Failure('it is of another network')
  const roll = new Roll(crypto, network, genesis.statement.admins)
  for (const bytes of told) roll.add(bytes)
  const before = roll.membership(now)
  const invitation = before?.invitations.find(({ invite }) => equalBytes(invite.inviteKey, inviteKey))
  if (!before || !invitation) throw new Failure('what it tells does not hold: no admin has signed this invite')
  const isIn = before.members.find(each => each.key === self)
  if (isIn) return { membership: before, self: isIn, statements: roll.all().map(({ bytes }) => bytes) }
  const problem = problemOf(invitation, before, self, now)
  if (problem) throw new Refused(problem)
  found(genesis.statement)
  const name = hostname ?? freeName(`${machine}.${genesis.statement.name}`, before)
  const guest = { key: self, ...(invitation.invite.hostname === undefined && { hostname: name }) }
  await talk.say({ kind: 'request', ...guest, proof: proveInvite(secret, network, invitation.id, guest) })
  for (const bytes of await statementsOf(talk)) roll.add(bytes)
  const membership = roll.membership(now)!
  const admitted = membership.members.find(each => each.key === self)
  if (!admitted) throw new Failure('it has not let us in, though it says so')
  return { membership, self: admitted, statements: roll.all().map(({ bytes }) => bytes) }
}

/** `node.home`, or `node-2.home` where that is another's. */
function freeName(name: string, { members }: Membership): string {
  const taken = new Set(members.map(({ hostname }) => hostname?.toLowerCase()))
  const [label, ...rest] = name.split('.')
  for (let i = 1; ; i++) {
    const free = i === 1 ? name : [`${label}-${i}`, ...rest].join('.')
    if (!taken.has(free.toLowerCase())) return free
  }
}

async function statementsOf(talk: Conversation): Promise<Uint8Array[]> {
  const told: Uint8Array[] = []
  for (;;) {
    const frame: Frame | null = await talk.hear()
    if (frame?.kind === 'done') return told
    if (frame?.kind === 'refused') throw new Refused(printable(frame.reason))
    if (frame?.kind !== 'statements') throw new Failure('it ended the conversation')
    told.push(...frame.statements)
  }
}

/** What a stranger says, for a terminal. */
function printable(text: string): string {
  return text.replace(/[^\p{L}\p{N}\p{P}\p{Zs}]/gu, '?')
}
