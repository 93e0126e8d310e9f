/** What came of guessing ports, for each pair of outside addresses: what failed is not repeated at once, what worked is repeated sooner. */

import type { Time } from '../../base/time.ts'
import { failedAgain, pairsRemembered, remembered } from './constants.ts'

export class Outcomes {
  readonly #all = new Map<string, { readonly failures: number; readonly at: Time }>()

  /** `null`: nothing is known, or not any more. */
  of(pair: string, now: Time): { readonly worked: boolean } | null {
    const outcome = this.#all.get(pair)
    if (!outcome) return null
    const { failures, at } = outcome
    const counts = failures === 0 ? remembered : Math.min(remembered, failedAgain * 4 ** (failures - 1))
    return now - at < counts ? { worked: failures === 0 } : null
  }

  worked(pair: string, now: Time): void {
    this.#remember(pair, 0, now)
  }

  failed(pair: string, now: Time): void {
    this.#remember(pair, 1 + (this.#all.get(pair)?.failures ?? 0), now)
  }

  /** @param pair all, if not given */
  forget(pair?: string): void {
    if (pair === undefined) this.#all.clear()
    else this.#all.delete(pair)
  }

  #remember(pair: string, failures: number, now: Time): void {
    this.#all.delete(pair)
    this.#all.set(pair, { failures, at: now })
    if (this.#all.size > pairsRemembered) this.#all.delete(this.#all.keys().next().value!)
  }
}
