/** What a node tells people about itself and its members: desired state and what WireGuard reports, joined. Pure. */

import { type Endpoint, formatEndpoint } from '../base/ip.ts'
import type { WallTime } from '../base/time.ts'
import type { ActualInterface, ActualPeer } from '../drivers/wireguard/interface.ts'
import { isAlive } from '../drivers/wireguard/plan.ts'
import type { CarriedBy } from '../protocol/carrier/rungs.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import type { Member } from '../protocol/network/types.ts'
import type { CandidateView, PathView } from '../protocol/path/view.ts'
import type { Desired } from './desired.ts'

export type PathState = 'self' | 'direct' | 'relayed' | 'idle' | 'silent' | 'never seen' | 'invited'

export type MemberReport = Omit<Member, 'endpoint'> & {
  readonly state: PathState
  readonly endpoint?: string
  /** By what carrier, if not by UDP. */
  readonly by?: CarriedBy | 'guest'
  readonly latestHandshake?: WallTime
  readonly received: number
  readonly sent: number
}

/** What the path machine of a member says: `hunting` is one that has lost its path, or never had one. */
export type PathOf = (key: PublicKey) => Pick<PathView, 'state' | 'endpoint' | 'candidates' | 'relayed'> | null

function stateOf(
  member: Member,
  self: Member | null,
  peer: ActualPeer | undefined,
  now: WallTime,
  pathOf: PathOf,
): PathState {
  if (member === self) return 'self'
  if (member.role === 'alias') return 'invited'
  const path = pathOf(member.key)
  // a session outlives its path by up to 3 minutes
  if (peer && isAlive(peer, now) && path?.state !== 'hunting') return path?.relayed ? 'relayed' : 'direct'
  const rests = path?.state === 'direct' || (path?.state === 'idle' && path.candidates.some(hasAnswered))
  if (rests) return 'idle'
  return peer?.latestHandshake === undefined ? 'never seen' : 'silent'
}

/** It was there when it was last asked. */
const hasAnswered = ({ answeredAt, why }: CandidateView) => answeredAt !== null && why !== 'stopped answering'

export function reportMembers(
  wanted: Desired,
  actual: ActualInterface | null,
  now: WallTime,
  pathOf: PathOf = () => null,
  wayOf: (endpoint: Endpoint) => Pick<MemberReport, 'by'> = () => ({}),
): MemberReport[] {
  const peers = new Map(actual?.peers.map(peer => [peer.key, peer]))
  return wanted.members.map(({ endpoint: _written, ...member }, i) => {
    const peer = peers.get(member.key)
    return {
      ...member,
      state: stateOf(wanted.members[i]!, wanted.self, peer, now, pathOf),
      ...(peer?.endpoint ? { endpoint: formatEndpoint(peer.endpoint), ...wayOf(peer.endpoint) } : {}),
      ...(peer?.latestHandshake === undefined ? {} : { latestHandshake: peer.latestHandshake }),
      received: peer?.received ?? 0,
      sent: peer?.sent ?? 0,
    }
  })
}
