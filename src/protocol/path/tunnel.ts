/**
 * What the counters of a WireGuard peer say about its path. The kernel hides the packets, so their sizes have to speak: a
 * keepalive has 32 bytes and wants no answer, an initiation 148, a response 92, data 32 and a multiple of 16 (whitepaper §5.4).
 *
 *     answered   something came that only a working session brings: data, a keepalive, a finished handshake
 *     asked      something went out that wants an answer: data, an initiation, a response
 *     used       data came or went, or an initiation that nothing answers: somebody wants the peer, or it wants us
 *
 * A peer whose initiations arrive while our responses are lost makes both counters grow and gets nowhere: that is no answer.
 */

import { second, type Time } from '../../base/time.ts'
import { keepaliveSeconds, sessionLife } from './constants.ts'
import type { TunnelState } from './events.ts'

const keepaliveSize = 32
const initiationSize = 148
const responseSize = 92
/** WireGuard's own pauses, whitepaper §6: REKEY_TIMEOUT, KEEPALIVE_TIMEOUT. */
const rekeyTimeout = 5 * second
const keepaliveTimeout = 10 * second
/** Initiations that fit into a look at the counters, at most: a longer pause between two looks is rare, and guesses less. */
const handshakesKnown = 8

export type Heard = {
  /** There is nothing to compare with: what it says may be long ago. */
  readonly first: boolean
  readonly answered: boolean
  readonly asked: boolean
  readonly used: boolean
  /** Anything came or went. */
  readonly moved: boolean
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
      return {
        first: true,
        answered: age < sessionLife && state.received > 0,
        asked: false,
        used: false,
        moved: false,
        unansweredFor: 0,
      }
    }
    const received = state.received - before.state.received
    const shaken = state.latestHandshake !== undefined && state.latestHandshake !== before.state.latestHandshake
    const answered = !stale && (shaken || (received > 0 && received % initiationSize !== 0))
    const keepalives = 1 + Math.floor((now - before.at) / (keepaliveSeconds * second))
    const asked = state.sent - before.state.sent > keepalives * keepaliveSize
    if (answered) this.#askedSince = null
    // it may have been asked at any moment since the last look; too early costs one PING, too late costs the people who wait
    else if (asked) this.#askedSince ??= before.at
    const pause = now - before.at
    const used = isData(received, pause) || isData(state.sent - before.state.sent, pause) || (asked && !answered)
    const moved = received > 0 || state.sent > before.state.sent
    return {
      ...{ first: false, answered, asked, used, moved },
      unansweredFor: this.#askedSince === null ? 0 : now - this.#askedSince,
    }
  }

  /** What grew until now is no news: the endpoint that it came through is given up. */
  restart(): void {
    this.#stale = true
    this.#askedSince = null
  }
}

/** No sum of initiations, responses and keepalives that WireGuard may send by itself in that time. */
function isData(grown: number, pause: Time): boolean {
  if (grown === 0) return false
  const handshakes = Math.min(handshakesKnown, 1 + Math.floor(pause / rekeyTimeout))
  const keepalives = 1 + Math.floor(pause / keepaliveTimeout)
  for (let initiations = 0; initiations <= handshakes; initiations++) {
    for (let responses = 0; responses <= handshakes; responses++) {
      const rest = grown - initiations * initiationSize - responses * responseSize
      if (rest >= 0 && rest % keepaliveSize === 0 && rest / keepaliveSize <= keepalives) return false
    }
  }
  return true
}
