/**
 * Who does what when simple probing cannot work: one NAT gives each destination another outside port, so nobody can know the one that
 * the other side would have to write to (docs/protocol/birthday.md).
 *
 *     hard   its ports are unknown: it opens many, so that one is found
 *     easy   its port is known to the hard one: it looks for an open port there
 *
 * Both sides judge by the same rules from the same words, and come to opposite roles.
 */

import type { Address } from '../../base/ip.ts'
import type { Filtering, NatKind } from '../directory/record-body.ts'

/** What is known of one side's NAT, for IPv4. */
export type Side = {
  readonly nat: NatKind
  readonly filtering: Filtering
  /** Its outside port was seen to be the inside one. */
  readonly keepsPort: boolean
  /** Outside. */
  readonly address: Address | null
}

export type Role = 'hard' | 'easy'

/** Why a side plays no part. */
export type NoRole = 'both are hard' | 'neither is hard' | 'neither is known'

export type Roles = {
  readonly own: Role
  /** Is nothing simpler going to work? `likely`: the easy side's filter is not known. */
  readonly needed: 'surely' | 'likely' | 'perhaps'
}

export function rolesOf(own: Side, peer: Side): Roles | NoRole {
  if (isHard(own) && isHard(peer)) return 'both are hard'
  if (isHard(own)) return { own: 'hard', needed: needOf(peer) }
  if (isHard(peer)) return { own: 'easy', needed: needOf(own) }
  // one reflector saw another port than the inside one: it may be the same for all destinations, or not
  const [ownSuspect, peerSuspect] = [isSuspect(own), isSuspect(peer)]
  if (ownSuspect && peerSuspect) return 'neither is known'
  if (ownSuspect) return { own: 'hard', needed: 'perhaps' }
  if (peerSuspect) return { own: 'easy', needed: 'perhaps' }
  return 'neither is hard'
}

const isHard = ({ nat }: Side) => nat === 'endpoint-dependent'
const isSuspect = ({ nat, keepsPort }: Side) => nat === 'unknown' && !keepsPort

/** An easy side that has one port, and lets in only whom it has written to, port for port. */
function needOf({ nat, filtering }: Side): Roles['needed'] {
  if (nat !== 'endpoint-independent') return 'perhaps'
  if (filtering === 'address-and-port-dependent') return 'surely'
  return filtering === 'unknown' ? 'likely' : 'perhaps'
}
