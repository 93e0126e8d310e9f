/**
 * Who may hunt now: a few at a time of perhaps 10 000 peers, in order of urgency and then of asking. Some places are kept for peers
 * that somebody talks to, so that these never wait behind a crowd that does not answer.
 */

import { huntsAtOnce, huntsForUrgent } from './constants.ts'
import type { Urgency } from './events.ts'

const order = ['urgent', 'known', 'unknown'] as const satisfies readonly Urgency[]

export class Hunts<Key> {
  readonly #waiting: Record<Urgency, Set<Key>> = { urgent: new Set(), known: new Set(), unknown: new Set() }
  readonly #active = new Set<Key>()

  /** Who waits already is moved only upwards, to the end of the more urgent queue. */
  ask(key: Key, urgency: Urgency): void {
    if (this.#active.has(key)) return
    const at = order.findIndex(each => this.#waiting[each].has(key))
    if (at >= 0 && at <= order.indexOf(urgency)) return
    if (at >= 0) this.#waiting[order[at]!].delete(key)
    this.#waiting[urgency].add(key)
  }

  /** The hunt is over, or nobody wants it any more. */
  done(key: Key): void {
    this.#active.delete(key)
    for (const urgency of order) this.#waiting[urgency].delete(key)
  }

  /** Those whose turn it is, each named once: give them `granted`. */
  next(): Key[] {
    const chosen: Key[] = []
    for (const urgency of order) {
      const places = urgency === 'urgent' ? huntsAtOnce : huntsAtOnce - huntsForUrgent
      for (const key of this.#waiting[urgency]) {
        if (this.#active.size >= places) break
        this.#waiting[urgency].delete(key)
        this.#active.add(key)
        chosen.push(key)
      }
    }
    return chosen
  }

  get size(): { readonly active: number; readonly waiting: number } {
    return { active: this.#active.size, waiting: order.reduce((sum, each) => sum + this.#waiting[each].size, 0) }
  }
}
