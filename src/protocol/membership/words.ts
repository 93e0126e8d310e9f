/** Statements as sentences, for `wh log`. */

import { formatEndpoint, formatPrefix } from '../../base/ip.ts'
import type { WallTime } from '../../base/time.ts'
import type { PublicKey } from '../identity/key.ts'
import type { Assign, Statement, StatementId } from './statement.ts'

export type Called = (key: PublicKey) => string

/** @param nameOf how an invite is called */
export function sentence(statement: Statement, called: Called, nameOf: (invite: StatementId) => string): string {
  const by = called(statement.author)
  switch (statement.kind) {
    case 'genesis': {
      const { name, subnet, workbit, admins } = statement
      const place = subnet ? `subnet ${formatPrefix(subnet)}, ` : ''
      return `${by} began the network ${name}: ${place}workbit ${workbit}, admins ${admins.map(called).join(', ')}`
    }
    case 'invite': {
      const { uses, admin, expires, hostname } = statement
      const whom = `${hostname ?? (uses === 1 ? 'somebody' : `${uses} guests`)}${admin ? ', as an admin' : ''}`
      return `${by} invited ${whom}${expires === undefined ? '' : `, until ${moment(expires)}`}`
    }
    case 'admit': {
      const { key, invite, expires } = statement
      const end = expires === undefined ? '' : `, until ${moment(expires)}`
      const way = invite ? `, who came by ${nameOf(invite.id)}` : ''
      const at = statement.address === undefined ? '' : `, at ${statement.address}`
      return `${by} admitted ${called(key)}${way}${at}${reachedAt(statement)}${end}`
    }
    case 'revoke':
      return statement.key === statement.author ? `${by} left` : `${by} revoked ${called(statement.key)}`
    case 'withdraw':
      return `${by} withdrew ${nameOf(statement.invite)}`
    case 'rotate':
      return `${by} has another key: ${statement.key}`
    case 'assign': {
      const { key, hostname, expires } = statement
      const name = hostname === undefined ? '' : ` the name ${hostname}`
      const end = expires === undefined ? '' : expires === 0 ? ' time without an end' : ` time until ${moment(expires)}`
      const address = statement.address === undefined ? '' : ` the address ${statement.address}`
      return `${by} gave ${called(key)}${name}${address}${reachedAt(statement)}${end}`
    }
    case 'admin':
      return `${by} ${statement.admin ? 'made' : 'says that'} ${called(statement.key)} ${statement.admin ? 'an admin' : 'is an admin no more'}`
  }
}

/** Swedes write dates as ISO 8601 does. */
const minutes = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'short', timeZone: 'UTC' })

/** `2026-11-30 21:40 UTC` */
export function moment(time: WallTime): string {
  return `${minutes.format(time)} UTC`
}

function reachedAt({ endpoint }: Pick<Assign, 'endpoint'>): string {
  return endpoint === undefined ? '' : `, reached at ${formatEndpoint(endpoint)}`
}
