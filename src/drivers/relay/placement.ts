/** Which legs are in the kernel, under which numbers, and on which ways. */

import { type Address, familyOf } from '../../base/ip.ts'
import { isGuest } from '../../protocol/carrier/guest.ts'
import { keyOf, type Leg } from './relay.ts'
import { mostNumbers, mostWays, type Placed, type Way } from './rules.ts'
import { sameLeg } from './sockets.ts'
import type { Difference } from './table.ts'

const nameOf = ({ source, hop, device }: Way) => `${source} ${hop} ${device}`

/** The kernel rewrites addresses, and makes no other header of one; and of those who come by a carrier it knows nothing. */
const isForKernel = ({ from, to }: Leg) =>
  familyOf(from.host) === familyOf(to.host) && !isGuest(from.host) && !isGuest(to.host)

/** @property full something was left out, for there are no more numbers */
export type Placing = Difference & { readonly full: boolean }

export class Placement {
  readonly #legs = new Map<string, Placed>()
  /** By what they are; numbers from 1. */
  readonly #ways = new Map<string, number>()
  #lastNumber = 0

  get all(): ReadonlyMap<string, Placed> {
    return this.#legs
  }

  at(key: string): Placed | undefined {
    return this.#legs.get(key)
  }

  /** What must be done so that `keys` are as `wanted`. Legs to which no way leads, or for which no number is left, are left out. */
  difference(
    keys: readonly string[],
    wanted: (key: string) => Leg | undefined,
    ways: ReadonlyMap<Address, Way>,
  ): Placing {
    const fresh = new Map<string, { number: number; way: Way }>()
    const remove: Placed[] = []
    const add: Placed[] = []
    let full = false
    const numberOf = (way: Way): number | null => {
      const name = nameOf(way)
      const known = this.#ways.get(name) ?? fresh.get(name)?.number
      if (known !== undefined) return known
      const number = this.#ways.size + fresh.size + 1
      if (number > mostWays) return null
      fresh.set(name, { number, way })
      return number
    }
    for (const key of keys) {
      const before = this.#legs.get(key)
      const leg = wanted(key)
      const way = leg && isForKernel(leg) ? ways.get(leg.to.host) : undefined
      const wayNumber = way && numberOf(way)
      if (before && before.way === wayNumber && sameLeg(before.leg, leg)) continue
      if (before) remove.push(before)
      if (!leg || wayNumber === undefined) continue
      const number = this.#lastNumber + add.length + 1
      if (wayNumber === null || number > mostNumbers) full = true
      else add.push({ leg, number, way: wayNumber })
    }
    return { remove, ways: new Map([...fresh.values()].map(it => [it.number, it.way])), add, full }
  }

  /** It is in force. */
  apply({ remove, ways, add }: Difference): void {
    for (const { leg } of remove) this.#legs.delete(keyOf(leg))
    for (const [number, way] of ways) this.#ways.set(nameOf(way), number)
    for (const placed of add) {
      this.#legs.set(keyOf(placed.leg), placed)
      this.#lastNumber = placed.number
    }
  }

  /** Would these legs be placed as they are, with these ways? */
  isAs(legs: readonly Leg[], ways: ReadonlyMap<Address, Way>): boolean {
    const byKey = new Map(legs.map(leg => [keyOf(leg), leg]))
    const { remove, add } = this.difference([...byKey.keys()], key => byKey.get(key), ways)
    return remove.length + add.length === 0
  }

  /** Numbers are taken that nobody uses any more: placed anew, there are more. */
  get isWasteful(): boolean {
    const used = new Set([...this.#legs.values()].map(({ way }) => way))
    return this.#lastNumber > 2 * this.#legs.size || this.#ways.size > used.size
  }
}
