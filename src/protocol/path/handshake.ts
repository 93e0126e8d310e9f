/**
 * The path answers PINGs, and no session begins: an initiation or its response was lost. WireGuard tries again after 5 s (REKEY_TIMEOUT), and
 * where three packets of ten are lost, every second handshake comes to nothing. A peer that is made anew begins at once.
 *
 *     waiting ──1 s, or three round trips──▶ look at the counters ──nothing came──▶ anew ──▶ waiting
 *                      ▲                          │  └──a session──▶ confirming: keepalives
 *                      └──the peer's initiation came: our response may be on its way
 *
 * A peer that was made anew may have answered an initiation a moment before: then the other side has a session that we have not, and uses it
 * until it hears us by a newer one. So what began after that is confirmed more than once.
 */

import type { Time } from '../../base/time.ts'
import { answerRtts, confirmEvery, confirmTimes, handshakesMost, handshakeWait, never } from './constants.ts'

export type ShakeState = 'none needed' | 'waits' | 'session'

export class Handshake {
  wakeAt: Time = never
  readonly #random: () => number
  /** When the counters are looked at; `null`: nobody waits. */
  #lookAt: Time | null = null
  #looks = false
  #tries = 0
  /** Bytes that had come from the peer when the handshake began, and have come now. */
  #before = 0
  #received = 0
  #isSilent = false
  /** Keepalives to come, and when the next one does. */
  #confirms = 0
  #confirmAt: Time = never

  /** @param random as `Math.random` */
  constructor(random: () => number) {
    this.#random = random
  }

  /** WireGuard was given an endpoint: what waits begins there. */
  begin(): void {
    this.#lookAt = null
  }

  /** The counters, as they are now. */
  see(received: number): void {
    this.#received = received
    if (!this.#looks) return
    this.#looks = false
    this.#isSilent = received <= this.#before
    this.#before = received
    this.#lookAt = null
  }

  /** @param state `waits`: a session is wanted, and the path answers */
  tick(state: ShakeState, rtt: Time, now: Time): 'look' | 'anew' | 'shake' | null {
    const todo = state === 'waits' ? this.#wait(rtt, now) : this.#rest(state, now)
    this.wakeAt = state === 'waits' ? (this.#looks ? never : (this.#lookAt ?? never)) : this.#confirmAt
    return todo
  }

  #wait(rtt: Time, now: Time): 'look' | 'anew' | null {
    // both sides begin to wait together: in step, each would give up what the other has just answered
    const pause = Math.max(handshakeWait, answerRtts * rtt) * (1 + this.#random() / 2)
    const begins = this.#isSilent
    if (begins) {
      this.#isSilent = false
      this.#tries += 1
      this.#before = 0
    }
    this.#lookAt ??= this.#tries < handshakesMost ? now + pause : never
    if (begins) return 'anew'
    if (this.#looks || now < this.#lookAt) return null
    this.#looks = true
    return 'look'
  }

  #rest(state: ShakeState, now: Time): 'shake' | null {
    if (state === 'session' && this.#tries > 0) {
      this.#confirms = confirmTimes
      this.#confirmAt = now
    }
    this.#lookAt = null
    this.#looks = this.#isSilent = false
    this.#tries = 0
    this.#before = this.#received
    if (now < this.#confirmAt) return null
    this.#confirms -= 1
    this.#confirmAt = this.#confirms > 0 ? now + confirmEvery : never
    return 'shake'
  }
}
