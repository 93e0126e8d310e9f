/**
 * What the counters of a WireGuard peer say about its path. The kernel hides the packets, so their sizes have to speak: a
 * keepalive has 32 bytes and wants no answer, an initiation 148, a response 92, data 32 and a multiple of 16 (whitepaper §5.4).
 *
 *     answered   something came that only a working session brings: data, a keepalive, a finished handshake
 *     asked      something went out that wants an answer: data, an initiation, a response
 *
 * A peer whose initiations arrive while our responses are lost makes both counters grow and gets nowhere: that is no answer.
 */

import { second, type Time } from '../../base/time.ts'
import { keepaliveSeconds, sessionLife } from './constants.ts'
import type { TunnelState } from './events.ts'

const keepaliveSize = 32
const initiationSize = 148

export type Heard = {
  readonly answered: boolean
  readonly asked: boolean
  /** How long we have been asking without an answer, ms. */
  readonly unansweredFor: number
}

export class TunnelWatch {
  #before: { readonly state: TunnelState; readonly at: Time } | null = null
  #askedSince: Time | null = null
  #stale = false

  see(state: TunnelState, now: Time): Heard {
    const before = this.#before
    this.#before = { state, at: now }
    const stale = this.#stale
    this.#stale = false
    // the first look, and counters that begin again: nothing to compare with, but a session may be alive
    if (!before || state.received < before.state.received || state.sent < before.state.sent) {
      this.#askedSince = null
      const age = state.latestHandshake === undefined ? Number.POSITIVE_INFINITY : state.wall - state.latestHandshake
      return { answered: age < sessionLife && state.received > 0, asked: false, unansweredFor: 0 }
    }
    const received = state.received - before.state.received
    const shaken = state.latestHandshake !== undefined && state.latestHandshake !== before.state.latestHandshake
    const answered = !stale && (shaken || (received > 0 && received % initiationSize !== 0))
    const keepalives = 1 + Math.floor((now - before.at) / (keepaliveSeconds * second))
    const asked = state.sent - before.state.sent > keepalives * keepaliveSize
    if (answered) this.#askedSince = null
    // it may have been asked at any moment since the last look; too early costs one PING, too late costs the people who wait
    else if (asked) this.#askedSince ??= before.at
    return { answered, asked, unansweredFor: this.#askedSince === null ? 0 : now - this.#askedSince }
  }

  /** What grew until now is no news: the endpoint that it came through is given up. */
  restart(): void {
    this.#stale = true
    this.#askedSince = null
  }
}
