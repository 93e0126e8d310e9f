/** What the daemon answers on relays: what this node carries for others, and through whom it reaches members itself. */

import type { AnswerOf } from '../../api/schema.ts'
import { formatEndpoint } from '../../base/ip.ts'
import type { RelayingReport } from '../../node/relaying.ts'
import type { PublicKey } from '../../protocol/identity/key.ts'
import type { RelayPolicy } from '../../protocol/relay/desk.ts'

type Answer = AnswerOf<'relay'>
export type Relaying = Answer['relaying']

/** @param report `null`: it does not relay @param reachable for others, and why */
export function relayingOf(
  policy: RelayPolicy,
  report: RelayingReport | null,
  reachable: { readonly server: boolean; readonly reason: string },
): Relaying {
  if (policy === 'never') return { on: false, policy, reason: 'said at wh up' }
  if (!reachable.server) return { on: false, policy, reason: reachable.reason }
  // it begins with the first word of another node
  if (!report) return { on: false, policy, reason: 'nobody has told yet where this node is seen' }
  return { on: true, policy, reason: reachable.reason }
}

export type RelayParts = {
  readonly relaying: Relaying
  readonly report: RelayingReport | null
  readonly hostnameOf: (key: PublicKey) => { hostname?: string }
  readonly through: Answer['through']
  readonly ports: Answer['ports']
  readonly carriers: Answer['carriers']
}

export function relayed({ relaying, report, hostnameOf, through, ports, carriers }: RelayParts): Answer {
  const guests = report?.ports ?? []
  const nodeAt = (port: number) => {
    const key = guests.find(guest => guest.port === port)?.key
    return key && { key, ...hostnameOf(key) }
  }
  return {
    relaying,
    ...(report?.backend && { backend: report.backend === 'netdev' ? 'kernel' : 'process' }),
    guests: guests.map(({ key, port, rank }) => ({ key, ...hostnameOf(key), member: rank === 'member', port })),
    legs: (report?.legs ?? []).map(({ leg, packets, bytes }) => {
      // what leaves from its port is of the one whose port it is
      const [from, to] = [nodeAt(leg.via), nodeAt(leg.at)]
      return {
        ...(from && { from }),
        source: formatEndpoint(leg.from),
        ...(to && { to }),
        destination: formatEndpoint(leg.to),
        ...{ packets, bytes },
      }
    }),
    dropped: { ...report?.dropped },
    ...{ through, ports, carriers },
  }
}
