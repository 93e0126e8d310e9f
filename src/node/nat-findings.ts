/** What reflectors have answered in the network that this node is in now, and what follows from it. */

import { type Endpoint, type Family, familyOf } from '../base/ip.ts'
import type { Filtering } from '../protocol/directory/record.ts'
import {
  type Elsewhere,
  type FamilyReport,
  type FilterTest,
  filteringOf,
  keepsPort,
  type Mapping,
  mappingOf,
} from '../protocol/nat/classify.ts'
import { type Step, stepOf } from '../protocol/nat/step.ts'
import type { Surroundings } from '../protocol/path/candidate.ts'
import type { Answer } from './nat-tests.ts'

/** What our record and the planning of paths need. */
export type NatFacts = {
  readonly filtering: Filtering
  readonly hairpins: boolean
  /** How the NAT chooses the outside port of a new mapping. */
  readonly step: Step
  /** The better of the families; `null`: not looked at yet. */
  readonly udp: FamilyReport['udp'] | null
}

export type Found = {
  /** How many were asked. */
  readonly asked: number
  /** In the order of asking. */
  readonly answers: readonly Answer[]
  readonly filter: FilterTest
}

export const families: readonly Family[] = [4, 6]
const nothing: Found = { asked: 0, answers: [], filter: { otherPort: 'not asked', otherAddress: 'not asked' } }
/** The better first. */
const order: readonly FamilyReport['udp'][] = ['works', 'blocked', 'no answer', 'nobody to ask', 'no address']
const later = (before: Elsewhere, now: Elsewhere): Elsewhere => (now === 'not asked' ? before : now)

export class NatFindings {
  readonly #around: () => Surroundings
  /** Other nodes are reached by TCP now. */
  readonly #overTcp: () => boolean
  readonly #found = new Map<Family, Found>()
  hairpins: boolean | null = null

  constructor(around: () => Surroundings, overTcp: () => boolean) {
    this.#around = around
    this.#overTcp = overTcp
  }

  /** What was found out now. A filter that could not be tested again is the one of before. */
  put(family: Family, found: Found): void {
    const before = this.of(family).filter
    const otherPort = later(before.otherPort, found.filter.otherPort)
    const otherAddress = later(before.otherAddress, found.filter.otherAddress)
    this.#found.set(family, { ...found, filter: { otherPort, otherAddress } })
  }

  of(family: Family): Found {
    return this.#found.get(family) ?? nothing
  }

  clear(): void {
    this.#found.clear()
    this.hairpins = null
  }

  /** Nobody else could tell more: of the family that most others have, if this machine has it. */
  get complete(): boolean {
    const family = this.#udp(4) === 'no address' ? 6 : 4
    const { otherPort, otherAddress } = this.of(family).filter
    return this.mapping(family) !== 'unknown' && (otherPort !== 'not asked' || otherAddress !== 'not asked')
  }

  mapping(family: Family): Mapping {
    return this.mappingOf(this.of(family).answers)
  }

  mappingOf(answers: readonly Answer[]): Mapping {
    const { own, port } = this.#around()
    const isOurs = (seen: Endpoint) => seen.port === port && own.some(({ address }) => address === seen.host)
    return mappingOf(answers, isOurs)
  }

  facts(): NatFacts {
    // IPv6 where nothing is known of IPv4, as in `Reflexive.nat`
    const family = this.mapping(4) === 'unknown' && this.mapping(6) !== 'unknown' ? 6 : 4
    const udp = families.map(each => this.#udp(each))
    return {
      filtering: filteringOf(this.of(family).filter, this.mapping(family)).filtering,
      hairpins: this.hairpins === true,
      step: this.#step(family),
      udp: this.#found.size === 0 ? null : (order.find(each => udp.includes(each)) ?? null),
    }
  }

  /** @param mtu `null`: not tried */
  report(family: Family, mtu: number | null): FamilyReport {
    const { answers, asked, filter } = this.of(family)
    const mapping = this.mapping(family)
    return {
      ...{ family, udp: this.#udp(family), asked, mapping, mtu, step: this.#step(family) },
      reflections: answers.map(({ key, to, observed, rtt }) => ({ key, to, observed, rtt })),
      filter: filteringOf(filter, mapping),
      keepsPort: keepsPort(answers, this.#around().port, mapping),
    }
  }

  #step(family: Family): Step {
    const ports = this.of(family).answers.map(({ observed }) => observed.port)
    return stepOf(ports, this.#around().port)
  }

  #udp(family: Family): FamilyReport['udp'] {
    if (!this.#around().own.some(({ address }) => familyOf(address) === family)) return 'no address'
    const { asked, answers } = this.of(family)
    if (asked === 0) return 'nobody to ask'
    if (answers.length > 0) return 'works'
    return this.#overTcp() ? 'blocked' : 'no answer'
  }
}
