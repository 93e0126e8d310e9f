/** What the daemon answers about who belongs to the network, and what it says in this node's name. */

import type { AnswerOf } from '../../api/schema.ts'
import { Failure } from '../../base/failure.ts'
import { formatEndpoint } from '../../base/ip.ts'
import { second } from '../../base/time.ts'
import type { Node } from '../../node/node.ts'
import type { Os } from '../../os/index.ts'
import { type PublicKey, readPublicKey } from '../../protocol/identity/key.ts'
import { workbitOf } from '../../protocol/identity/workbit.ts'
import { freeAddress, isHostOf } from '../../protocol/membership/claims.ts'
import { confOf } from '../../protocol/membership/conf.ts'
import { inviteKeyOf, secretLength } from '../../protocol/membership/invite-key.ts'
import type { Membership } from '../../protocol/membership/membership.ts'
import { type Content, limits, type Statement, type StatementId } from '../../protocol/membership/statement.ts'
import { formatToken } from '../../protocol/membership/token.ts'
import { sentence } from '../../protocol/membership/words.ts'
import { readEndpoint, readMemberName } from '../../protocol/network/values.ts'
import type { Belonging } from '../membership.ts'
import type { Handlers } from '../server.ts'
import { placesFor } from './places.ts'

export type MembershipHandlers = Pick<
  Handlers,
  'members' | 'log' | 'invite' | 'withdraw' | 'revoke' | 'admit' | 'admin' | 'assign' | 'leave'
>

export type MembershipParts = {
  readonly os: Pick<Os, 'clock' | 'random'>
  readonly node: Node
  readonly belonging: Belonging
  readonly self: PublicKey
  /** @throws a Failure where there is no such member, and it is no key */
  readonly targetOf: (name: string) => Promise<{ key: PublicKey; hostname?: string }>
}

/** How long an invite lasts if nothing says. */
const usualSeconds = 86_400

export function membershipHandlers(parts: MembershipParts): MembershipHandlers {
  const { os, node, belonging, self, targetOf } = parts
  const { registrar } = belonging

  /** What is known of who belongs here. @throws a Failure where nothing can be said */
  function known(): Membership {
    registrar.needed()
    return registrar.membership!
  }

  /** How keys are called, those too that are members no more. Computed once for each answer: there may be ten thousand. */
  function naming() {
    const names = formerNames()
    for (const { key, hostname } of belonging.members()) if (hostname !== undefined) names.set(key, hostname)
    const peerOf = (key: PublicKey) => {
      const hostname = names.get(key)
      return { key, ...(hostname === undefined ? {} : { hostname }) }
    }
    const called = (key: PublicKey) => names.get(key) ?? `${key.slice(0, 10)}…`
    const inviteName = (id: StatementId) => {
      const invite = registrar.roll?.get(id)?.statement
      return `the invite ${id.slice(0, 8)}${invite?.kind === 'invite' ? ` of ${called(invite.author)}` : ''}`
    }
    return { peerOf, called, told: (statement: Statement) => sentence(statement, called, inviteName) }
  }

  /** Of keys that are members no more, too. */
  function formerNames(): Map<PublicKey, string> {
    const names = new Map<PublicKey, string>()
    for (const { statement } of registrar.roll?.items() ?? []) {
      if ((statement.kind === 'admit' || statement.kind === 'assign') && statement.hostname !== undefined)
        names.set(statement.key, statement.hostname)
      if (statement.kind === 'rotate') {
        const name = names.get(statement.author)
        if (name !== undefined) names.set(statement.key, name)
      }
    }
    return names
  }

  function requireAdmin(): void {
    if (known().admins.includes(self)) return
    throw new Failure('this node is no admin: its word would not count', {
      remedy: `ask one: ${known().admins.map(naming().called).join(', ')}`,
    })
  }

  function say(content: Content): AnswerOf<'revoke'> {
    const { statement, id } = registrar.say(content)
    return { id, ...('key' in statement && { key: statement.key }), sentence: naming().told(statement) }
  }

  return {
    async members() {
      const { membership } = registrar
      const { peerOf } = naming()
      const admitted = new Map(membership?.members.map(member => [member.key, member]))
      return {
        id: registrar.roll?.network ?? null,
        admins: membership?.admins.map(peerOf) ?? [],
        members: belonging.members().map(({ key, hostname, ipv4, ipv6, endpoint }) => {
          const by = admitted.get(key)
          return {
            ...{ key, ...(hostname === undefined ? {} : { hostname }), ...(ipv4 === undefined ? {} : { ipv4 }), ipv6 },
            ...(endpoint && { endpoint: formatEndpoint(endpoint) }),
            by: by ? peerOf(by.by) : null,
            ...(by && { at: by.at }),
            ...(by?.expires === undefined ? {} : { expires: by.expires }),
          }
        }),
        expired: membership?.expired.map(({ key, expires }) => ({ ...peerOf(key), expires: expires! })) ?? [],
        invites:
          membership?.invitations.map(({ id, by, invite, guests, withdrawn }) => ({
            ...{ id, by: peerOf(by), admin: invite.admin, uses: invite.uses, used: guests.length, withdrawn },
            ...(invite.hostname === undefined ? {} : { hostname: invite.hostname }),
            ...(invite.expires === undefined ? {} : { expires: invite.expires }),
          })) ?? [],
        warnings: [...belonging.warnings],
        conf: confOf(belonging.network(), membership),
      }
    },

    async log() {
      const { refused } = known()
      const { peerOf, told } = naming()
      return {
        entries: registrar.roll!.items().map(({ id, statement }) => {
          const why = refused.get(id)
          return {
            ...{ id, at: statement.at, kind: statement.kind, author: peerOf(statement.author) },
            sentence: told(statement),
            ...(why === undefined ? {} : { refused: why }),
          }
        }),
      }
    },

    async invite({ hostname, admin = 'false', ...given }) {
      requireAdmin()
      const uses = Number(given.uses ?? 1)
      const seconds = Number(given.seconds ?? usualSeconds)
      if (uses > limits.uses) throw new Failure(`an invite has ${limits.uses} uses at most`)
      const { genesis } = known()
      const isAdmin = admin === 'true'
      if (isAdmin && uses !== 1) throw new Failure('an invite for an admin has one use')
      if (hostname !== undefined) requireFree(hostname)
      if (hostname !== undefined && uses !== 1) throw new Failure('an invite with a name has one use')
      const secret = os.random.bytes(secretLength)
      const expires = endIn(seconds)
      const { id } = registrar.say({
        ...{ kind: 'invite', inviteKey: inviteKeyOf(secret), uses, admin: isAdmin },
        ...(seconds > 0 && { expires }),
        ...(hostname !== undefined && { hostname }),
      })
      const places = placesFor(node, self, key => known().members.some(member => member.key === key))
      const { namespace, workbit } = genesis
      const token = formatToken({ network: registrar.roll!.network, secret, workbit, namespace, places })
      return {
        ...{ id, token, ...(seconds > 0 && { expires }) },
        places: places.map(({ endpoint }) => formatEndpoint(endpoint)),
      }
    },

    async withdraw({ invite }) {
      requireAdmin()
      const found = known().invitations.filter(({ id }) => id.startsWith(invite))
      if (found.length !== 1) {
        throw new Failure(
          `${found.length === 0 ? 'no invite' : `${found.length} invites`} whose id begins with ${invite}`,
          {
            remedy: 'wh members --json lists them',
          },
        )
      }
      if (found[0]!.withdrawn) throw new Failure('it is withdrawn already')
      return say({ kind: 'withdraw', invite: found[0]!.id })
    },

    async revoke({ name }) {
      requireAdmin()
      const { key } = await formerOr(name)
      if (key === self) throw new Failure('this is the node itself', { remedy: 'wh leave' })
      if (known().ended.has(key)) throw new Failure(`${name} is a member no more already`)
      const answer = say({ kind: 'revoke', key })
      // a thief may have made tokens that nobody has seen used
      for (const { id, by, withdrawn } of known().invitations) {
        if (by === key && !withdrawn) say({ kind: 'withdraw', invite: id })
      }
      return answer
    },

    async admit({ key: text, hostname, endpoint, seconds }) {
      requireAdmin()
      const { ok: key, problem } = readPublicKey(text)
      if (!key) throw new Failure(`not a public key: ${problem}`)
      if (known().ended.has(key))
        throw new Failure('this key was revoked, or another took its place: it never comes back')
      if (known().members.some(member => member.key === key)) throw new Failure('this key is a member already')
      const { namespace, workbit, subnet } = known().genesis
      const bits = workbitOf(key, namespace)
      if (bits < workbit) {
        throw new Failure(`the key has ${bits} workbits, and the network asks for ${workbit}`, {
          remedy: `make another one there: wh genkey workbit ${workbit}`,
        })
      }
      requireFree(hostname)
      const place = endpoint === undefined ? undefined : readEndpoint(endpoint)
      if (place?.problem !== undefined) throw new Failure(`not an endpoint: ${place.problem}`)
      return say({
        ...{ kind: 'admit', key, hostname },
        ...freeAddress(key, subnet, belonging.members()),
        ...(place?.ok && { endpoint: place.ok }),
        ...(seconds !== undefined && { expires: endIn(seconds) }),
      })
    },

    async admin({ name, admin }) {
      requireAdmin()
      const { key } = await targetOf(name)
      const isOne = known().admins.includes(key)
      if (!known().members.some(member => member.key === key)) {
        throw new Failure(`${name} is a member by the file alone: only whom the statements admit can be an admin`)
      }
      if (isOne === (admin === 'true')) throw new Failure(`${name} is ${isOne ? 'an admin already' : 'no admin'}`)
      if (!isOne || known().admins.length > 1) return say({ kind: 'admin', key, admin: !isOne })
      throw new Failure('it is the only admin: nobody could admit or revoke any more')
    },

    async assign({ name, hostname, address, seconds }) {
      requireAdmin()
      const { key } = await targetOf(name)
      if (hostname === undefined && address === undefined && seconds === undefined) {
        throw new Failure('neither a name nor an address is given')
      }
      if (hostname !== undefined) requireFree(hostname, key)
      if (address !== undefined) requireUsable(address, key)
      return say({
        ...{ kind: 'assign', key },
        ...(hostname !== undefined && { hostname }),
        ...(address !== undefined && { address }),
        ...(seconds !== undefined && { expires: seconds === '0' ? 0 : endIn(seconds) }),
      })
    },

    async leave() {
      const { admins, members: all } = known()
      if (!all.some(({ key }) => key === self)) throw new Failure('this node is a member by the file alone')
      if (admins.length === 1 && admins[0] === self && all.length > 1) {
        throw new Failure('this node is the only admin: nobody could admit or revoke any more', {
          remedy: 'make another member one first: wh admin NAME',
        })
      }
      return say({ kind: 'revoke', key: self })
    },
  }

  /** A member, or a key that was one. */
  async function formerOr(name: string): Promise<{ key: PublicKey }> {
    const former = [...formerNames()].find(([, hostname]) => hostname.toLowerCase() === name.toLowerCase())
    return targetOf(name).catch(error => {
      if (former) return { key: former[0] }
      throw error
    })
  }

  /** In whole seconds, as statements have them. */
  function endIn(seconds: string | number): number {
    return Math.floor(os.clock.wall() / second + Number(seconds)) * second
  }

  function requireFree(hostname: string, own?: PublicKey): void {
    const { problem } = readMemberName(hostname)
    if (problem !== undefined) throw new Failure(`not a hostname: ${problem}`)
    const same = (other: string | undefined) => other?.toLowerCase() === hostname.toLowerCase()
    const owner = belonging.members().find(member => same(member.hostname) && member.key !== own)
    if (owner) throw new Failure(`${hostname} is the name of another member`)
    const now = os.clock.wall()
    const kept = known().invitations.find(({ invite, withdrawn, guests }) => {
      const isOver = withdrawn || guests.length > 0 || (invite.expires !== undefined && invite.expires <= now)
      return same(invite.hostname) && !isOver
    })
    if (kept) {
      throw new Failure(`${hostname} is kept free by the invite ${kept.id.slice(0, 8)}`, {
        remedy: `wh withdraw ${kept.id.slice(0, 8)}, or another name`,
      })
    }
  }

  function requireUsable(address: string, own: PublicKey): void {
    const { subnet } = belonging.network()
    const owner = belonging.members().find(member => member.ipv4 === address && member.key !== own)
    if (owner) throw new Failure(`${address} is the address of ${naming().called(owner.key)}`)
    if (!subnet || !isHostOf(subnet, address)) throw new Failure(`${address} is no address of a member in this network`)
  }
}
