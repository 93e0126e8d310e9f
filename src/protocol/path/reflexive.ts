/**
 * What others see of us. Every PONG says from which endpoint our PING came; several together tell where we can be reached and what
 * kind of NAT is in between (RFC 5780 §4.3, with any node as the server).
 *
 * One word is no proof: who says it may lie. An endpoint that two reflectors with different addresses name alike is agreed; while
 * there is none agreed, single words are used too, as candidates that cost a probe. Reflectors on our own link see no NAT, and
 * are heard only where they confirm a public address that this machine has.
 *
 * A reflector may have several endpoints (its other port, another address), and each sees a mapping of its own where the NAT depends
 * on it. What one of them sees now is not compared with what another saw before the mapping changed.
 */

import { type Address, type Endpoint, type Family, familyOf, formatEndpoint, sameEndpoint } from '../../base/ip.ts'
import { hour, minute, second, type Time } from '../../base/time.ts'
import type { NatKind } from '../directory/record.ts'
import type { PublicKey } from '../identity/key.ts'
import { middleOf } from '../nat/classify.ts'
import { onLink, type Surroundings } from './candidate.ts'
import { isPrivate } from './own-endpoints.ts'

/** Longer than several rounds of asking, shorter than NATs keep a mapping that is used (RFC 4787 REQ-5: 5 minutes recommended). */
export const observationLife = 5 * minute

/** How often reflectors are asked: a mapping must hold from one time to the next (RFC 4787 REQ-5: 2 minutes at least). */
export const askReflectorsEvery = 60 * second

/** A NAT that is kept busy holds a mapping for so long, ms; a port that changes later has only been forgotten. */
const mappingHeld = 30 * second

/** A second change so soon is not believed, ms: one reflector that says something else each time would make us ask for ever. */
const remappedAgain = 10 * second

/** Words that are remembered; the one heard longest ago goes. */
const wordsKept = 32

/** Endpoints per address family that are told. */
const endpointsTold = 2

/** A clock may be wrong by so much before somebody is told: records live for a day. */
const clockTolerance = 1 * hour

export type Observation = {
  readonly reflector: PublicKey
  /** Where we asked, and the PONG came from. */
  readonly from: Endpoint
  /** What it says about us. */
  readonly observed: Endpoint
  /** The reflector's clock less ours, ms, when the PONG arrived. */
  readonly clockAhead: number
  readonly at: Time
}

export class Reflexive {
  /** The last word of each endpoint of a reflector, oldest first. */
  readonly #observations = new Map<string, Observation>()
  #remappedAt: Time = Number.NEGATIVE_INFINITY

  /**
   * @param observation of a PONG to our own transaction, from the endpoint that we asked
   * @returns whether the NAT gives us another place than a moment ago: it was restarted, or another one stands there. What others saw
   * is forgotten then; they are worth asking again
   */
  observe(observation: Observation): boolean {
    const { reflector, from, observed, at } = observation
    // whoever sees an IPv6 address in an IPv4 packet makes it up
    if (familyOf(from.host) !== familyOf(observed.host)) return false
    const key = `${reflector} ${formatEndpoint(from)}`
    const before = this.#observations.get(key)
    const differs = before !== undefined && !sameEndpoint(before.observed, observed)
    const remapped = differs && (before.observed.host !== observed.host || at - before.at < mappingHeld)
    if (remapped && at - this.#remappedAt >= remappedAgain) {
      this.#remappedAt = at
      this.#observations.clear()
      this.#observations.set(key, observation)
      return true
    }
    if (before) this.#follow(observation, differs)
    this.#observations.delete(key)
    this.#observations.set(key, observation)
    if (this.#observations.size > wordsKept) this.#observations.delete(this.#observations.keys().next().value!)
    return false
  }

  /** A reflector's other endpoints are asked seldom: what they saw stays as long as the mapping, and goes with it. */
  #follow({ reflector, from, at }: Observation, gone: boolean): void {
    for (const [key, word] of this.#observations) {
      if (word.reflector !== reflector || familyOf(word.from.host) !== familyOf(from.host)) continue
      if (gone) this.#observations.delete(key)
      else this.#observations.set(key, { ...word, at })
    }
  }

  /** Our network has changed: what was seen was another one. */
  clear(): void {
    this.#observations.clear()
  }

  /** Endpoints outside of this machine at which we were seen, the most agreed first. */
  endpoints(around: Surroundings, now: Time): Endpoint[] {
    return ([4, 6] as const).flatMap(family => {
      const votes = this.#votes(family, around, now)
      const agreed = votes.filter(({ weight }) => weight >= 2)
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
    const more = first.weight > (second?.weight ?? 0)
    if (more && isOurs(first.endpoint, around)) return 'none'
    if (more && first.weight >= 2) return 'endpoint-independent'
    return second ? 'endpoint-dependent' : 'unknown'
  }

  /** Outside port = inside port, as far as was seen; false where nothing was, or there is no NAT. */
  keepsPort(around: Surroundings, now: Time): boolean {
    const votes = ([4, 6] as const).flatMap(family => this.#votes(family, around, now))
    const outside = votes.filter(({ endpoint }) => !isOurs(endpoint, around))
    return outside.length > 0 && outside.every(({ endpoint }) => endpoint.port === around.port)
  }

  /** How wrong our own clock seems, as a number of ms that it is behind; `null` where nobody says so. */
  clockBehind(now: Time): number | null {
    const ahead = new Map(this.#current(now).map(({ reflector, clockAhead }) => [reflector, clockAhead]))
    const middle = middleOf([...ahead.values()])
    return middle !== null && Math.abs(middle) > clockTolerance ? middle : null
  }

  #current(now: Time): Observation[] {
    return [...this.#observations.values()].filter(({ at }) => now - at <= observationLife)
  }

  /** Where we were seen, with how many agree: several keys, at several addresses; the most first. */
  #votes(family: Family, around: Surroundings, now: Time): { endpoint: Endpoint; weight: number }[] {
    const votes = new Map<string, { endpoint: Endpoint; addresses: Set<Address>; keys: Set<PublicKey> }>()
    for (const { reflector, from, observed } of this.#current(now)) {
      if (familyOf(observed.host) !== family) continue
      if (onLink(from.host, around) && !(isOurs(observed, around) && !isPrivate(observed.host))) continue
      const text = formatEndpoint(observed)
      const vote = votes.get(text) ?? { endpoint: observed, addresses: new Set(), keys: new Set() }
      vote.addresses.add(from.host)
      vote.keys.add(reflector)
      votes.set(text, vote)
    }
    // in an order that time does not change, or each word behind a hard NAT would make a new record
    return [...votes]
      .map(([text, { endpoint, addresses, keys }]) => ({ text, endpoint, weight: Math.min(addresses.size, keys.size) }))
      .sort((a, b) => b.weight - a.weight || (a.text < b.text ? -1 : 1))
  }
}

function isOurs(endpoint: Endpoint, around: Surroundings): boolean {
  return around.own.some(({ address }) => sameEndpoint({ host: address, port: around.port }, endpoint))
}
