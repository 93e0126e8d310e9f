/** Which pairs of homes are tried, and what is to become of each. */

import type { Nat } from '../lab/nat/home.ts'

export type PairSpec = {
  /** The one that is up already, and the one that is started; it sends the pings. */
  readonly first: Nat
  readonly second: Nat
  /** Both behind one router, of the kind `first`. */
  readonly together?: boolean
  /** Both have IPv6, too. */
  readonly ipv6?: boolean
  /** The hosts' own; `closed` if not given. */
  readonly firewall?: 'closed' | 'none'
  /** Boot nodes; 2 if not given. */
  readonly boots?: 1 | 2
  /** In the end: a `direct` one may be relayed first. `carried`: UDP is blocked on one side, at least. `none`: not that anybody could. */
  readonly path: 'direct' | 'relayed' | 'carried' | 'none'
  /** The direct path is left to chance: 1000 guesses at the 256 sockets of the hard side hit in 98 of 100 runs, so one run more is allowed. */
  readonly chance?: boolean
  /** Seconds from the start to the first reply: the goal for the median of a benchmark. */
  readonly goal?: number
}

const direct = (first: Nat, second: Nat, goal: number, more: Partial<PairSpec> = {}): PairSpec => ({
  ...{ first, second, goal, path: 'direct' },
  ...more,
})
const relayed = (first: Nat, second: Nat, more: Partial<PairSpec> = {}): PairSpec => ({
  ...{ first, second, goal: 0.7, path: 'relayed' },
  ...more,
})
const carried = (first: Nat, second: Nat): PairSpec => ({ first, second, path: 'carried' })
const chance = { chance: true }
const together = { together: true }

export const pairs: readonly PairSpec[] = [
  direct('public', 'public', 0.5),
  direct('public', 'port-restricted', 0.5),
  direct('port-restricted', 'public', 0.5),
  direct('public', 'symmetric', 0.5),
  direct('symmetric', 'public', 0.5),
  direct('public', 'double-symmetric', 0.5),
  direct('port-restricted', 'port-restricted', 0.7),
  direct('port-restricted', 'port-restricted', 0.7, { boots: 1 }),
  direct('port-restricted', 'address-restricted', 0.7),
  direct('address-restricted', 'address-restricted', 0.7),
  direct('full-cone', 'port-restricted', 0.7),
  direct('full-cone', 'full-cone', 0.7),
  direct('hairpin', 'hairpin', 0.7),
  direct('remapped', 'remapped', 0.7),
  direct('remapped', 'port-restricted', 0.7),
  direct('double', 'double', 0.7),
  direct('port-restricted', 'double', 0.7),
  direct('port-restricted', 'port-restricted', 0.7, together),
  direct('hairpin', 'hairpin', 0.7, together),
  direct('symmetric', 'symmetric', 0.7, together),
  direct('double', 'double', 0.7, together),
  direct('symmetric', 'symmetric', 0.7, { ipv6: true }),
  direct('symmetric', 'full-cone', 1.5),
  direct('full-cone', 'symmetric', 1.5),
  direct('symmetric', 'address-restricted', 1.5),
  direct('address-restricted', 'symmetric', 1.5),
  direct('symmetric', 'port-restricted', 3, chance),
  direct('port-restricted', 'symmetric', 3, chance),
  direct('symmetric', 'port-restricted', 3, { boots: 1, chance: true }),
  direct('symmetric', 'double', 3, chance),
  direct('port-restricted', 'double-symmetric', 3, chance),
  direct('sequential', 'port-restricted', 3, chance),
  direct('remapped', 'sequential', 3, chance),
  relayed('symmetric', 'symmetric'),
  relayed('symmetric', 'symmetric', { boots: 1 }),
  relayed('double-symmetric', 'symmetric'),
  relayed('symmetric', 'sequential'),
  relayed('port-restricted-open-input', 'port-restricted-open-input'),
  carried('udp-blocked', 'public'),
  carried('symmetric', 'tcp-only'),
  carried('udp-blocked', 'udp-blocked'),
]

export function nameOf({ first, second, together, ipv6, boots }: PairSpec): string {
  const more = [together ? 'one router' : '', ipv6 ? 'with IPv6' : '', boots === 1 ? 'one boot node' : ''].filter(
    Boolean,
  )
  return `${first} – ${second}${more.length > 0 ? ` (${more.join(', ')})` : ''}`
}

/** Of these, the ones whose name holds a text; all without one. */
export const pairsNamed = (part = '') => pairs.filter(pair => nameOf(pair).includes(part))
