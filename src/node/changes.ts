/** What a changed file changed, in words for people. Pure. */

import { formatEndpoint } from '../base/ip.ts'
import type { Member, Network } from '../protocol/network/types.ts'
import type { Desired } from './desired.ts'

const called = (member: Member) => member.hostname ?? `${member.key.slice(0, 10)}…`

function differences(before: Member, after: Member): string[] {
  const endpoint = (member: Member) => (member.endpoint ? formatEndpoint(member.endpoint) : 'none')
  const pairs = [
    ['name', called(before), called(after)],
    ['role', before.role, after.role],
    ['address', before.ipv4 ?? 'none', after.ipv4 ?? 'none'],
    ['endpoint', endpoint(before), endpoint(after)],
  ] as const
  return pairs.filter(([, was, is]) => was !== is).map(([what, was, is]) => `${what} ${was} → ${is}`)
}

/** `added d.test`, `removed c.test`, `changed b.test: endpoint none → 192.0.2.2:51820`, in the order of the files. */
export function changes(before: Desired, after: Desired): string[] {
  const was = new Map(before.members.map(member => [member.key, member]))
  const is = new Set(after.members.map(member => member.key))
  const lines = before.members.filter(member => !is.has(member.key)).map(member => `removed ${called(member)}`)
  for (const member of after.members) {
    const old = was.get(member.key)
    const different = old ? differences(old, member) : []
    if (!old) lines.push(`added ${called(member)}`)
    else if (different.length > 0) lines.push(`changed ${called(member)}: ${different.join(', ')}`)
  }
  return lines
}

/** The same of boot nodes, which have no name and no address inside. */
export function bootChanges(before: Network, after: Network): string[] {
  const linesOf = ({ nodes }: Network) =>
    new Set(
      nodes.flatMap(({ role, key, endpoint }) =>
        role === 'boot' && endpoint ? [`boot ${key.slice(0, 10)}… ${formatEndpoint(endpoint)}`] : [],
      ),
    )
  const [was, is] = [linesOf(before), linesOf(after)]
  return [
    ...[...was].filter(line => !is.has(line)).map(line => `removed ${line}`),
    ...[...is].filter(line => !was.has(line)).map(line => `added ${line}`),
  ]
}
