/**
 * When the peer is sent an OFFER, and how many of its own are listened to. A round of them goes with each hunt that has no answer:
 *
 *     begin ──0──▶ ──300──▶ ──1000──▶ ──3000 ms──▶ end          at any time: the path is found, end
 */

import { Allowance } from '../../base/allowance.ts'
import type { Time } from '../../base/time.ts'
import * as constants from './constants.ts'
import { never } from './constants.ts'
import type { Output } from './events.ts'

export class Offers {
  /** There is a way for them. */
  reachable = false
  sent = 0
  sentAt: Time | null = null
  /** OFFERs of the peer that answered ours. */
  answered = 0
  /** When an OFFER of the peer last came. */
  heardAt: Time | null = null
  readonly #allowance = new Allowance(constants.offerBurst, constants.offersPerSecond)
  readonly #heard = new Allowance(constants.offeredBurst, constants.offeredPerSecond)
  #beganAt: Time = -never
  #times: readonly number[] = []

  /** @param most how many, at most @param anew whether a round under way is begun again */
  begin(most: number, anew: boolean, now: Time): void {
    if (this.#times.length > 0 && !anew) return
    this.#beganAt = now
    this.#times = constants.offerTimes.slice(0, most)
  }

  /** The path lives: a PING that left at this time was answered. */
  end(provedAt: Time): void {
    if (provedAt >= this.#beganAt) this.#times = []
  }

  /** An OFFER of the peer has come. @returns whether to act upon it */
  hear(answer: boolean, now: Time): boolean {
    this.heardAt = now
    if (answer) this.answered += 1
    return this.#heard.take(now)
  }

  tick(now: Time): Output[] {
    if (now < this.wakeAt) return []
    const due = this.#times.filter(time => this.#beganAt + time <= now).length
    this.#times = this.#times.slice(due)
    if (!this.#allowance.take(now)) return []
    this.sent += 1
    this.sentAt = now
    return [{ kind: 'offer' }]
  }

  get wakeAt(): Time {
    return this.reachable && this.#times.length > 0 ? this.#beganAt + this.#times[0]! : never
  }
}
