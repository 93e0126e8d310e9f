/**
 * When a peer is looked for: its place among others, and the pauses.
 *
 *      rest ──due or wanted──▶ waiting ──granted──▶ active ──all ladders ended, look-up too──▶ rest
 *
 * Two things fall due while nothing is found: the candidates tried again, and the record looked up again. Both are counted, since
 * nobody looks for ever for a peer that nobody asks for. What the hunt does with its time is the peer's business.
 */

import type { Time } from '../../base/time.ts'
import * as constants from './constants.ts'
import { never } from './constants.ts'
import type { Output, Urgency } from './events.ts'
import { Pauses } from './pace.ts'

/** Which pauses: somebody sends and there is no path; there is one, and it is relayed; nobody asks. */
export type Hurry = 'asked' | 'relayed' | 'unasked'

export class Hunt {
  name: 'rest' | 'waiting' | 'active' = 'rest'
  #urgency: Urgency = 'unknown'
  #seeking = false
  #tryAt: Time = never
  /** This hunt has tried candidates. */
  #tried = false
  #lookUpAt: Time = never
  /** Hunts that tried candidates, and look-ups, since the search began. */
  #hunts = 0
  #lookUps = 0
  /** When the look-up under way began. */
  #lookingUpSince: Time | null = null
  readonly #tryPauses: Record<Hurry, Pauses>
  readonly #lookUpPauses: Pauses

  constructor(random: () => number) {
    this.#tryPauses = {
      asked: new Pauses(constants.huntAskedAgain, constants.jitter, random),
      relayed: new Pauses(constants.huntRelayedAgain, constants.jitter, random),
      unasked: new Pauses(constants.huntAgain, constants.jitter, random),
    }
    this.#lookUpPauses = new Pauses(constants.lookUpAgain, constants.jitter, random)
  }

  get isSeeking(): boolean {
    return this.#seeking
  }

  /** There is no path, or none that is direct: look for one until there is. @param grace ms that the directory is left alone for */
  seek(grace: number, now: Time): void {
    this.#seeking = true
    this.#tryAt = now
    this.#lookUpAt = now + grace
    this.#hunts = this.#lookUps = 0
  }

  /** There is a path, or nobody wants one. A hunt under way goes on to its end. */
  settle(): void {
    this.#seeking = false
    this.#tryAt = this.#lookUpAt = never
    this.freshen()
  }

  /** The pauses begin at their shortest again. */
  freshen(): void {
    for (const pauses of Object.values(this.#tryPauses)) pauses.reset()
    this.#lookUpPauses.reset()
  }

  /** So much was done that it is enough for a peer that nobody asks for. @param candidates how many there are */
  isEnough(candidates: number): boolean {
    if (this.name !== 'rest') return false
    return candidates > 0 ? this.#hunts >= constants.unaskedHunts : this.#lookUps >= constants.unaskedLookUps
  }

  ask(urgency: Urgency): Output[] {
    if (this.name === 'active' || (this.name === 'waiting' && urgency === this.#urgency)) return []
    this.name = 'waiting'
    this.#urgency = urgency
    return [{ kind: 'ask', urgency }]
  }

  /** @returns false where no place was wanted any more */
  grant(): boolean {
    if (this.name !== 'waiting') return false
    this.name = 'active'
    return true
  }

  /** Those are due as well that have had their turn. */
  isTryDue(now: Time): boolean {
    return this.#tryAt <= now
  }

  /** Candidates are being tried. @param due their turn had come, and the next one is a pause after this hunt; who is new waits for no turn, and puts off nobody's */
  tries(due: boolean): void {
    if (due) this.#tryAt = never
    this.#tried = true
  }

  cancel(): Output[] {
    const before = this.name
    this.name = 'rest'
    this.#lookingUpSince = null
    return before === 'rest' ? [] : [{ kind: 'done' }]
  }

  lookUpEnded(now: Time): void {
    if (this.#lookingUpSince === null) return
    this.#lookingUpSince = null
    if (this.#seeking) this.#lookUpAt = now + this.#lookUpPauses.take()
  }

  /** Nothing is under way, and something should be. */
  isDue(now: Time): boolean {
    return this.name === 'rest' && Math.min(this.#tryAt, this.#lookUpAt) <= now
  }

  /** Looks up and ends, as it is time. @param climbing probes of this hunt are under way @param candidates how many there are */
  tick(climbing: boolean, candidates: number, hurry: Hurry, now: Time): Output[] {
    if (this.#lookingUpSince !== null && now - this.#lookingUpSince >= constants.lookUpLimit) this.lookUpEnded(now)
    if (this.name !== 'active') return []
    const out: Output[] = []
    if (this.#lookUpAt <= now && this.#lookingUpSince === null) {
      this.#lookingUpSince = now
      this.#lookUpAt = never
      this.#lookUps += 1
      out.push({ kind: 'look up' })
    }
    if (climbing || (this.#seeking && this.#lookingUpSince !== null)) return out
    this.name = 'rest'
    if (this.#tried) this.#hunts += 1
    if (this.#seeking && this.#tried && candidates > 0 && this.#tryAt === never)
      this.#tryAt = now + this.#tryPauses[hurry].take()
    this.#tried = false
    out.push({ kind: 'done' })
    return out
  }

  /** When candidates are tried next; now, or never, where that depends on others. */
  get tryAt(): Time {
    return this.#tryAt
  }

  get wakeAt(): Time {
    let next = this.name === 'rest' ? this.#tryAt : never
    if (this.#lookingUpSince !== null) next = Math.min(next, this.#lookingUpSince + constants.lookUpLimit)
    else if (this.name !== 'waiting') next = Math.min(next, this.#lookUpAt)
    return next
  }
}
