/**
 * What others see of us. Every PONG says from which endpoint our PING came; several together tell where we can be reached and what
 * kind of NAT is in between (RFC 5780 §4.3, with any node as the server).
 *
 * One word is no proof: who says it may lie. An endpoint that two reflectors with different addresses name alike is agreed; while
 * there is none agreed, single words are used too, as candidates that cost a probe. Reflectors on our own link see no NAT, and
 * are heard only where they confirm a public address that this machine has.
 */

import { type Address, type Endpoint, type Family, familyOf, formatEndpoint, sameEndpoint } from '../../base/ip.ts'
import { hour, minute, second, type Time } from '../../base/time.ts'
import type { NatKind } from '../directory/record.ts'
import type { PublicKey } from '../identity/key.ts'
import { onLink, type Surroundings } from './candidate.ts'
import { isPrivate } from './own-endpoints.ts'

/** Longer than several rounds of asking, shorter than NATs keep a mapping that is used (RFC 4787 REQ-5: 5 minutes recommended). */
export const observationLife = 5 * minute

/** How often reflectors are asked: a mapping must hold from one time to the next (RFC 4787 REQ-5: 2 minutes at least). */
export const askReflectorsEvery = 60 * second

/** Reflectors that are remembered; the one heard longest ago goes. */
const reflectorsKept = 32

/** Endpoints per address family that are told. */
const endpointsTold = 2

/** A clock may be wrong by so much before somebody is told: records live for a day. */
const clockTolerance = 1 * hour

export type Observation = {
  readonly reflector: PublicKey
  /** Where the PONG came from. */
  readonly address: Address
  /** What it says about us. */
  readonly observed: Endpoint
  /** The reflector's clock less ours, ms, when the PONG arrived. */
  readonly clockAhead: number
  readonly at: Time
}

export class Reflexive {
  /** The last word of each reflector in each family, oldest first. */
  readonly #observations = new Map<string, Observation>()

  /** @param observation of a PONG to our own transaction, from the node that we asked */
  observe(observation: Observation): void {
    const key = `${observation.reflector} ${familyOf(observation.observed.host)}`
    this.#observations.delete(key)
    this.#observations.set(key, observation)
    if (this.#observations.size > reflectorsKept) this.#observations.delete(this.#observations.keys().next().value!)
  }

  /** Our network has changed: what was seen was another one. */
  clear(): void {
    this.#observations.clear()
  }

  /** Endpoints outside of this machine at which we were seen, the most agreed first. */
  endpoints(around: Surroundings, now: Time): Endpoint[] {
    return ([4, 6] as const).flatMap(family => {
      const votes = this.#votes(family, around, now)
      const agreed = votes.filter(({ addresses }) => addresses.size >= 2)
      const told = agreed.length > 0 ? agreed : votes
      const outside = told.filter(({ endpoint }) => !isOurs(endpoint, around))
      return outside.slice(0, endpointsTold).map(({ endpoint }) => endpoint)
    })
  }

  /** The NAT in front of us: IPv4's where it is known, since IPv6 seldom has one. */
  nat(around: Surroundings, now: Time): NatKind {
    const v4 = this.natOf(4, around, now)
    return v4 === 'unknown' ? this.natOf(6, around, now) : v4
  }

  natOf(family: Family, around: Surroundings, now: Time): NatKind {
    const votes = this.#votes(family, around, now)
    const [first, second] = votes
    if (!first) return 'unknown'
    if (isOurs(first.endpoint, around) && first.addresses.size > (second?.addresses.size ?? 0)) return 'none'
    if (first.addresses.size >= 2 && first.addresses.size > (second?.addresses.size ?? 0)) return 'endpoint-independent'
    return second ? 'endpoint-dependent' : 'unknown'
  }

  /** How wrong our own clock seems, as a number of ms that it is behind; `null` where nobody says so. */
  clockBehind(now: Time): number | null {
    const ahead = new Map(this.#current(now).map(({ reflector, clockAhead }) => [reflector, clockAhead]))
    const sorted = [...ahead.values()].sort((a, b) => a - b)
    if (sorted.length === 0) return null
    // with an even number, the one nearer to us: one liar among two shall not be enough
    const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)]!, sorted[Math.floor(sorted.length / 2)]!]
    const median = Math.abs(low) <= Math.abs(high) ? low : high
    return Math.abs(median) > clockTolerance && low * high > 0 ? median : null
  }

  #current(now: Time): Observation[] {
    return [...this.#observations.values()].filter(({ at }) => now - at <= observationLife)
  }

  /** Who was seen where, by how many reflector addresses; the most votes first. */
  #votes(family: Family, around: Surroundings, now: Time): { endpoint: Endpoint; addresses: Set<Address>; at: Time }[] {
    const votes = new Map<string, { endpoint: Endpoint; addresses: Set<Address>; at: Time }>()
    for (const { address, observed, at } of this.#current(now)) {
      if (familyOf(observed.host) !== family) continue
      if (onLink(address, around) && !(isOurs(observed, around) && !isPrivate(observed.host))) continue
      const text = formatEndpoint(observed)
      const vote = votes.get(text) ?? { endpoint: observed, addresses: new Set(), at }
      vote.addresses.add(address)
      vote.at = Math.max(vote.at, at)
      votes.set(text, vote)
    }
    // in an order that time does not change, or each word behind a hard NAT would make a new record
    const text = ({ endpoint }: { endpoint: Endpoint }) => formatEndpoint(endpoint)
    return [...votes.values()].sort((a, b) => b.addresses.size - a.addresses.size || (text(a) < text(b) ? -1 : 1))
  }
}

function isOurs(endpoint: Endpoint, around: Surroundings): boolean {
  return around.own.some(({ address }) => sameEndpoint({ host: address, port: around.port }, endpoint))
}
