/**
 * The client's side of relays: the way to one peer through one relay, for as long as it is wanted. It says when to send a BIND, and how
 * it stands.
 *
 *     binding ──waiting──▶ waiting ──bound──▶ bound ──every 15 to 20 s──▶ bound
 *        │  ▲                                  │
 *        └──┴── silent, refused: asked again ◀─┘
 *
 * Pure; `wakeAt` says when a `timer` is due, the first one at once. Whether packets really pass, only the peer's own answers tell.
 */

import { second, type Time } from '../../base/time.ts'
import * as limits from './constants.ts'
import type { GivenBinding, PassageInput, PassageOutput, PassageReason, PassageState } from './events.ts'

export type { GivenBinding, PassageInput, PassageOutput, PassageReason, PassageState } from './events.ts'

const never = Number.POSITIVE_INFINITY
/** Nobody is asked for a refresh sooner than this, ms, whatever it says about the binding. */
const refreshLeast = 5 * second

export class Passage {
  /** When `handle` wants a `timer`. */
  wakeAt: Time
  readonly #chance: () => number
  #state: PassageState = 'binding'
  #reason: PassageReason | null = null
  #token: Uint8Array | null
  /** BINDs without an answer so far. */
  #open = 0
  /** When the next one is sent, if none is open. */
  #bindAt: Time
  /** When the binding ends. */
  #until: Time = -never
  /** In a row. */
  #silences = 0
  #proves = 0
  #unready = 0
  #movedAt: Time = -never
  #moveAt: Time = never

  /**
   * @param chance numbers from 0 up to 1
   * @param token the last one of this relay: where the NAT maps all its ports alike, it is good for this one
   */
  constructor(chance: () => number, token: Uint8Array | null, now: Time) {
    this.#chance = chance
    this.#token = token
    this.#bindAt = now
    this.wakeAt = now
  }

  get state(): PassageState {
    return this.#state
  }

  /** The relay's last one. */
  get token(): Uint8Array | null {
    return this.#token
  }

  /** Why it is `refused` or `silent`. */
  get reason(): PassageReason | null {
    return this.#reason
  }

  handle(input: PassageInput, now: Time): PassageOutput[] {
    const out: PassageOutput[] = []
    const before = `${this.#state} ${this.#reason}`
    if (input.kind === 'bound' && this.#close()) this.#answered(input.bound, now, out)
    else if (input.kind === 'silent' && this.#close() && this.#open === 0) this.#silent(now)
    else if (input.kind === 'moved') this.#moveAt = Math.max(now, this.#movedAt + limits.moveEvery)
    if (this.#until <= now && this.#isBound()) this.#set('silent', 'no answer')
    if (this.#moveAt <= now) this.#move(now, out)
    else if (this.#open === 0 && this.#bindAt <= now) this.#bind(out)
    if (before !== `${this.#state} ${this.#reason}`) out.push({ kind: 'changed' })
    const bindAt = this.#open === 0 ? this.#bindAt : never
    this.wakeAt = Math.min(bindAt, this.#moveAt, this.#isBound() ? this.#until : never)
    return out
  }

  #isBound(): boolean {
    return this.#state === 'bound' || this.#state === 'waiting'
  }

  /** One `bind` has come to its end. */
  #close(): boolean {
    if (this.#open === 0) return false
    this.#open -= 1
    return true
  }

  #answered({ state, token, seconds }: GivenBinding, now: Time, out: PassageOutput[]): void {
    this.#token = token
    this.#silences = 0
    if (state === 'prove') {
      this.#proves += 1
      if (this.#proves <= limits.provesInRow) this.#bind(out)
      else this.#refuse('prove', now + this.#again(this.#unready++))
      return
    }
    this.#proves = 0
    if (state === 'bound' || state === 'waiting') {
      this.#set(state, null)
      this.#until = now + seconds * second
      const refresh = this.#refreshAfter(seconds)
      // the peer may come at any moment, and who knows it at once can use it
      this.#bindAt = now + (state === 'bound' ? refresh : Math.min(refresh, this.#again(this.#unready)))
      this.#unready = state === 'bound' ? 0 : this.#unready + 1
    } else if (state === 'absent') this.#refuse(state, now + this.#again(this.#unready++))
    else this.#refuse(state, now + (state === 'full' ? limits.fullFor : limits.refusedFor))
  }

  #refuse(reason: PassageReason, bindAt: Time): void {
    this.#proves = 0
    this.#set('refused', reason)
    this.#bindAt = bindAt
  }

  #silent(now: Time): void {
    this.#proves = 0
    this.#bindAt = now + this.#again(this.#silences)
    this.#silences += 1
    if (this.#state === 'binding' || this.#silences >= limits.silencesOfSilent) this.#set('silent', 'no answer')
  }

  /** A new source must prove itself; until then, what the peer sends goes to the old one. */
  #move(now: Time, out: PassageOutput[]): void {
    this.#movedAt = now
    this.#moveAt = never
    this.#silences = 0
    this.#proves = 0
    this.#unready = 0
    this.#bind(out)
  }

  #bind(out: PassageOutput[]): void {
    this.#open += 1
    out.push({ kind: 'bind', token: this.#token })
  }

  #set(state: PassageState, reason: PassageReason | null): void {
    this.#state = state
    this.#reason = reason
  }

  #again(times: number): Time {
    return limits.askAgain[times] ?? limits.askAgain.at(-1)!
  }

  /** @param seconds of the binding: it stands for three refreshes */
  #refreshAfter(seconds: number): Time {
    const pause = Math.min(limits.refreshEvery, (seconds * second) / 3)
    return Math.max(refreshLeast, pause * (1 - limits.jitter * this.#chance()))
  }
}
