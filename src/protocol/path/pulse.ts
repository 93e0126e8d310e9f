/**
 * Does the endpoint in use still answer? Asked by PINGs (beats) at a steady pace, while somebody uses it.
 *
 *     beat ─▶ answered ─▶ the next one at its pace
 *        └──▶ late ─▶ beats hurry ─▶ unanswered, several in a row ─▶ more than chance explains: silent
 *
 * Chance is the loss that was measured on this path while it lived. So a path that loses every third packet is given more time
 * than one that loses none, and both are given up with the same error.
 */

import type { Time } from '../../base/time.ts'
import * as constants from './constants.ts'
import { never } from './constants.ts'

export class Pulse {
  /** Ever. */
  sent = 0
  missed = 0
  readonly #pace: () => Time
  /** The candidate that is asked; `null`: none. */
  #of: number | null = null
  #eager = true
  #rtt = 0
  #deviation = 0
  #lost = 0
  #counted = 0
  /** When the beats were sent that may still be answered, oldest first. */
  #flying: Time[] = []
  /** The same of those that were not answered in time, sent after the last one that was. */
  #silent: Time[] = []
  /** When the newest beat was sent that was answered. */
  #goodAt: Time = -never
  #sentAt: Time = -never
  #doubtedAt: Time = -never

  /** @param pace ms from one beat to the next */
  constructor(pace: () => Time) {
    this.#pace = pace
  }

  get isBeating(): boolean {
    return this.#of !== null
  }

  /**
   * @param of the candidate's id @param rtt its round trip, ms @param eager not eager: it does not answer just now, and is asked seldom
   * @param provedAt when it answered, if that was a moment ago
   */
  start(of: number, rtt: number, eager: boolean, provedAt: Time | null): void {
    this.#eager = eager
    if (this.#of === of) return
    this.stop()
    this.#of = of
    this.#goodAt = provedAt ?? -never
    this.#rtt = rtt
    this.#deviation = rtt / 2
    this.#lost = this.#counted = 0
  }

  stop(): void {
    this.#of = null
    this.#flying = []
    this.#silent = []
    this.#goodAt = this.#sentAt = this.#doubtedAt = -never
  }

  /** Something suggests that it is gone: the next beats hurry, until one is answered. */
  doubt(now: Time): void {
    this.#doubtedAt = now
  }

  /** Gives up what is overdue. @returns whether to send a beat now */
  tick(now: Time): boolean {
    if (this.#of === null) return false
    if (now - this.wakeAt > constants.sleptFor) {
      this.#flying = []
      this.#silent = []
    }
    while (this.#flying.length > 0 && this.#flying[0]! + this.#timeout <= now) {
      this.#silent.push(this.#flying.shift()!)
      this.missed += 1
    }
    this.#settle()
    if (now < this.#nextAt) return false
    this.#sentAt = now
    this.#flying.push(now)
    this.sent += 1
    return true
  }

  /** A PONG of the candidate; one to a PING that was no beat proves as much. */
  answered(rtt: number, now: Time): void {
    if (this.#of === null) return
    const sentAt = now - rtt
    this.#deviation += (Math.abs(this.#rtt - rtt) - this.#deviation) / 4
    this.#rtt += (rtt - this.#rtt) / 8
    this.#goodAt = Math.max(this.#goodAt, sentAt)
    for (const beats of [this.#flying, this.#silent]) {
      // the packet left a moment after it was asked for, and times are rounded
      const at = beats.findLastIndex(time => time <= sentAt + 1)
      if (at < 0 || sentAt - beats[at]! > constants.beatHurried / 2) continue
      this.#goodAt = Math.max(this.#goodAt, beats[at]!)
      beats.splice(at, 1)
      this.#count(false)
      break
    }
    this.#settle()
  }

  /** It has answered lately, or while it was asked here: it is not one that went long ago. */
  get hasLived(): boolean {
    return this.#goodAt !== -never
  }

  /** When the first of the beats left that nothing has answered since; never: none is overdue. */
  get silentSince(): Time {
    return this.#silent[0] ?? never
  }

  /** More beats in a row were not answered than chance explains. */
  isSilent(chance: number, { least, most }: { least: number; most: number }): boolean {
    const { loss } = this
    // what was measured over a few beats may have been luck: one standard deviation more
    const likely = loss + Math.sqrt((loss * (1 - loss)) / (this.#counted + constants.lossAtFirst.weight))
    const enough = Math.ceil(Math.log(chance) / Math.log(Math.min(likely, 0.9)))
    return this.#silent.length >= Math.min(most, Math.max(least, enough))
  }

  /** Share of the beats that were lost while the path lived. */
  get loss(): number {
    const { share, weight } = constants.lossAtFirst
    return (this.#lost + share * weight) / (this.#counted + weight)
  }

  get wakeAt(): Time {
    if (this.#of === null) return never
    return Math.min(this.#nextAt, this.#flying.length > 0 ? this.#flying[0]! + this.#timeout : never)
  }

  get #nextAt(): Time {
    if (this.#sentAt === -never) return -never
    const steady = this.#sentAt + (this.#eager ? this.#pace() : constants.beatSlow)
    const waiting = this.#silent[0] ?? this.#flying.find(time => time > this.#goodAt)
    const doubted = this.#doubtedAt > this.#goodAt
    if (!this.#eager || (waiting === undefined && !doubted)) return steady
    const late = doubted ? this.#doubtedAt : waiting! + this.#timeout * constants.beatLate
    return Math.min(steady, Math.max(this.#sentAt + constants.beatHurried, late))
  }

  get #timeout(): Time {
    return Math.max(constants.beatTimeout, 2 * this.#rtt, this.#rtt + 4 * this.#deviation)
  }

  /** What was not answered before something else was, is loss; after it, it may be the end. */
  #settle(): void {
    while (this.#silent.length > 0 && this.#silent[0]! < this.#goodAt) {
      this.#silent.shift()
      this.#count(true)
    }
  }

  #count(lost: boolean): void {
    const keep = 1 - 1 / constants.lossMemory
    this.#lost = this.#lost * keep + (lost ? 1 : 0)
    this.#counted = this.#counted * keep + 1
  }
}
