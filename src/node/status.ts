/** What a node tells people about itself and its members: desired state and what WireGuard reports, joined. Pure. */

import { formatEndpoint } from '../base/ip.ts'
import type { WallTime } from '../base/time.ts'
import type { ActualInterface, ActualPeer } from '../drivers/wireguard/interface.ts'
import { isAlive } from '../drivers/wireguard/plan.ts'
import type { Member } from '../protocol/network/types.ts'
import type { Desired } from './desired.ts'

/** Relayed paths come with the relays; the contract (`api/schema.ts`) has the word already. */
export type PathState = 'self' | 'direct' | 'silent' | 'never seen' | 'invited'

export type MemberReport = Omit<Member, 'endpoint'> & {
  readonly state: PathState
  readonly endpoint?: string
  readonly latestHandshake?: WallTime
  readonly received: number
  readonly sent: number
}

function stateOf(member: Member, self: Member | null, peer: ActualPeer | undefined, now: WallTime): PathState {
  if (member === self) return 'self'
  if (member.role === 'alias') return 'invited'
  if (peer?.latestHandshake === undefined) return 'never seen'
  return isAlive(peer, now) ? 'direct' : 'silent'
}

export function reportMembers(wanted: Desired, actual: ActualInterface | null, now: WallTime): MemberReport[] {
  const peers = new Map(actual?.peers.map(peer => [peer.key, peer]))
  return wanted.members.map(({ endpoint: _written, ...member }, i) => {
    const peer = peers.get(member.key)
    return {
      ...member,
      state: stateOf(wanted.members[i]!, wanted.self, peer, now),
      ...(peer?.endpoint ? { endpoint: formatEndpoint(peer.endpoint) } : {}),
      ...(peer?.latestHandshake === undefined ? {} : { latestHandshake: peer.latestHandshake }),
      received: peer?.received ?? 0,
      sent: peer?.sent ?? 0,
    }
  })
}
