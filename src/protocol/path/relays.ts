/**
 * When relays are asked. They carry for others, so nothing goes to them unless somebody asks for the peer:
 *
 *     no path            all of them, at once with the direct candidates
 *     path in doubt      all of them, without waiting for a place among the hunts
 *     path relayed       the one in use by its beats; the best other one that answers, so that it can follow at once: warm
 *     path direct        none: one in doubt is asked soon enough
 *
 * WireGuard follows whatever arrives. Where data goes both ways, what is still on its way through the relay leads one side back to it, whose
 * packets lead the other one back, and so on: the relay would carry it for ever. So once both sides are on a direct path, the relay is left:
 * it passes nothing on, and WireGuard is pointed at the direct path again.
 */

import { Allowance } from '../../base/allowance.ts'
import type { Time } from '../../base/time.ts'
import type { Candidate, Surroundings } from './candidate.ts'
import { begin } from './climb.ts'
import * as constants from './constants.ts'
import { ladder, never } from './constants.ts'
import type { Output } from './events.ts'
import type { Path } from './path.ts'
import { ranked } from './score.ts'
import type { Usage } from './usage.ts'

export class Relays {
  /** Probes through them: what they cost must not be missing where a direct path is looked for. */
  readonly allowance = new Allowance(constants.relayProbeBurst, constants.relayProbesPerSecond)
  /** When the warm one is asked next. */
  #warmAt: Time = never
  #offeredAt: Time = -never
  #calledAt: Time = -never
  /** When the relays are left, after a direct path was found; and when WireGuard is told of that once more. */
  #leaveAt: Time = never
  #againAt: Time = never
  readonly #path: Path
  readonly #usage: Usage
  readonly #emit: (output: Output) => void

  constructor(path: Path, usage: Usage, emit: (output: Output) => void) {
    this.#path = path
    this.#usage = usage
    this.#emit = emit
  }

  /** A direct path has taken the place of a relay. */
  replaced(now: Time): void {
    this.#leaveAt = now + constants.leaveAfter.unheard
  }

  /** The peer's PINGs come by the path in use: it has found it, too, or is about to. */
  heard(now: Time): void {
    if (this.#leaveAt !== never) this.#leaveAt = Math.min(this.#leaveAt, now + constants.leaveAfter.heard)
  }

  tick(candidates: readonly Candidate[], around: Surroundings, now: Time): void {
    this.#leave(candidates, now)
    this.#keepWarm(candidates, around, now)
  }

  get wakeAt(): Time {
    return Math.min(this.#warmAt, this.#leaveAt, this.#againAt)
  }

  /** Somebody asks for the peer, or somebody there for us; or nobody could tell, since there is no doorbell. */
  mayAsk(now: Time): boolean {
    const isCalled = now - this.#calledAt <= constants.askedFor
    return isCalled || !this.#path.target.doorbell || this.#usage.isAsked(now) || this.#usage.isUsed(now)
  }

  /** An OFFER has come. A search that nobody asked for sends one; where somebody waits there, the next one follows at once. */
  offered(now: Time): void {
    if (now - this.#offeredAt <= constants.calledFor) this.called(now)
    this.#offeredAt = now
  }

  /** Somebody there waits for us. */
  called(now: Time): void {
    this.#calledAt = now
  }

  /** The path is relayed, and somebody needs it: a direct one is looked for as long as there is none. */
  wantsDirect(now: Time): boolean {
    return this.#path.isRelayed && (this.#usage.isUsed(now) || this.#usage.isAsked(now))
  }

  /** The peer has lost us, or we it: all of them, now. */
  askAll(candidates: readonly Candidate[], now: Time): void {
    for (const candidate of candidates) {
      if (candidate.relayed && candidate !== this.#path.primary && !candidate.climb)
        begin(candidate, ladder.length, now)
    }
  }

  #leave(candidates: readonly Candidate[], now: Time): void {
    const { primary, target } = this.#path
    if (!primary || primary.relayed) this.#leaveAt = this.#againAt = never
    if (now >= this.#leaveAt) {
      this.#leaveAt = never
      this.#emit({ kind: 'leave' })
      // what the relay passed on before it heard of that has arrived by then
      const rtts = candidates.map(each => (each.relayed ? (each.rtt ?? 0) : 0))
      this.#againAt = now + Math.max(constants.leaveAgain, ...rtts)
    }
    if (now >= this.#againAt) {
      this.#againAt = never
      if (!target.parked) this.#path.use(primary!, 'once more', now)
    }
  }

  /** While one relay is in use, the next best is asked now and then. */
  #keepWarm(candidates: readonly Candidate[], around: Surroundings, now: Time): void {
    this.#warmAt = never
    const { isRelayed, primary } = this.#path
    if (!isRelayed || !this.#usage.isUsed(now)) return
    const others = candidates.filter(each => each.relayed && each !== primary && each.answeredAt !== null)
    const [warm] = ranked(others, around)
    if (!warm || warm.climb) return
    const dueAt = (warm.lastProbeAt ?? -never) + constants.warmEvery
    if (dueAt <= now) begin(warm, constants.checkRungs, now)
    else this.#warmAt = dueAt
  }
}
