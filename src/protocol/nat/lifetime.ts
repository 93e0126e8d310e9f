/**
 * How long NATs keep a mapping that nobody uses, and so how often a packet has to keep it up: what experiments have shown, for each
 * outside address, and which one comes next.
 *
 *     35 ──works──▶ 50 ──works──▶ 75 ─▶ 110 ─▶ 160 ─▶ 240      the first gap that fails twice ends it
 *      └─fails twice──▶ 25
 *
 * RFC 4787 REQ-5 asks for 2 minutes, and few do it: 30 s to 3 minutes are common. Longer gaps than needed cost nothing to learn
 * but time, each packet that is spared lets a telephone sleep.
 */

import type { Address } from '../../base/ip.ts'
import { day, type WallTime } from '../../base/time.ts'

/** What is remembered, over restarts too. Seconds. */
export type LifetimeFacts = {
  readonly address: Address
  /** The longest silence after which the mapping was still there. */
  readonly works: number | null
  /** The shortest one after which it was gone, twice. */
  readonly fails: number | null
  readonly at: WallTime
}

/** `unclear`: whoever should have answered did not, or our own clock slept. */
export type Verdict = 'works' | 'fails' | 'unclear'

export const gaps: readonly number[] = [35, 50, 75, 110, 160, 240]

/** Below the 30 s of most, and WireGuard's own word for it (`PersistentKeepalive`). */
export const usual = 25
/** Some routers forget after 20 s. */
const least = 15
/** Below the 2 minutes that a NAT should keep, whatever was measured. */
const most = 110
/** A timer is late, a packet under way: the rest is for them. */
const share = 0.75
/** Providers change what they have. */
const validFor = 7 * day
const addressesKept = 16

export class Lifetimes {
  readonly #facts = new Map<Address, LifetimeFacts>()
  /** One failure may be a lost packet. */
  readonly #failedOnce = new Map<Address, number>()

  constructor(known: readonly LifetimeFacts[] = []) {
    for (const facts of known.slice(-addressesKept)) this.#facts.set(facts.address, facts)
  }

  /** Seconds between packets that keep a mapping up. */
  keepalive(address: Address | null): number {
    const { works = null, fails = null } = (address !== null && this.#facts.get(address)) || {}
    if (fails !== null && fails <= usual) return least
    if (works === null) return usual
    const below = fails === null ? most : Math.ceil(share * fails) - 1
    return Math.min(most, below, Math.floor(share * works))
  }

  /** The next gap to try, seconds; `null` where all is known. */
  next(address: Address, now: WallTime): number | null {
    const facts = this.#fresh(address, now)
    const { works = null, fails = null } = facts ?? {}
    if (fails === gaps[0] && works === null) return usual
    if (fails !== null) return null
    return gaps.find(gap => gap > (works ?? 0)) ?? null
  }

  /** @returns whether anything is known now that was not known before */
  learn(address: Address, gap: number, verdict: Verdict, now: WallTime): boolean {
    if (verdict === 'unclear') return false
    if (verdict === 'fails' && this.#failedOnce.get(address) !== gap) {
      this.#failedOnce.delete(address)
      this.#failedOnce.set(address, gap)
      if (this.#failedOnce.size > addressesKept) this.#failedOnce.delete(this.#failedOnce.keys().next().value!)
      return false
    }
    this.#failedOnce.delete(address)
    const before = this.#fresh(address, now) ?? { address, works: null, fails: null }
    this.#facts.delete(address)
    this.#facts.set(address, { ...before, [verdict]: gap, at: now })
    if (this.#facts.size > addressesKept) this.#facts.delete(this.#facts.keys().next().value!)
    return true
  }

  of(address: Address): LifetimeFacts | null {
    return this.#facts.get(address) ?? null
  }

  /** For the memory file, the last ones learnt at the end. */
  all(): readonly LifetimeFacts[] {
    return [...this.#facts.values()]
  }

  /** A clock that was set back makes facts of the future: those count, too. */
  #fresh(address: Address, now: WallTime): LifetimeFacts | null {
    const facts = this.#facts.get(address)
    return facts && now - facts.at < validFor ? facts : null
  }
}
