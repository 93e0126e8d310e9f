/**
 * Who needs the path, as far as WireGuard's counters and the doorbell tell.
 *
 *     used (data, a ring) ──15 s──▶ not in use: no beats ──60 s──▶ not held: no keepalives ──session over──▶ at rest
 */

import type { Time } from '../../base/time.ts'
import * as constants from './constants.ts'
import { never } from './constants.ts'
import type { TunnelState } from './events.ts'
import type { Heard } from './tunnel.ts'

export class Usage {
  /** Data, or a ring. */
  #usedAt: Time = -never
  /** Somebody here wants an answer: data, an initiation, a ring, a person. */
  #askedAt: Time = -never
  /** Somebody elsewhere wants us. */
  #calledAt: Time = -never
  /** The peer has said that it has no path to us. */
  #lostAt: Time = -never
  #movedAt: Time = -never
  #seen = false
  /** WireGuard's own word, and that moment on our clock: the wall clock may jump. */
  #handshake: { readonly said: number | undefined; readonly at: Time } = { said: undefined, at: -never }

  see({ wall, latestHandshake: said }: TunnelState, { asked, used, moved }: Heard, now: Time): void {
    if (used) this.#usedAt = now
    if (asked) this.#askedAt = now
    if (moved) this.#movedAt = now
    if (said !== this.#handshake.said) {
      const at = said === undefined ? -never : this.#seen ? now : now - Math.max(0, wall - said)
      this.#handshake = { said, at }
    }
    this.#seen = true
  }

  use(now: Time): void {
    this.#usedAt = now
  }

  ask(now: Time): void {
    this.#askedAt = now
  }

  /** The peer looks for us. */
  call(now: Time): void {
    this.#calledAt = now
  }

  /** The peer has lost us. */
  lose(now: Time): void {
    this.#lostAt = now
  }

  isLost(now: Time): boolean {
    return now - this.#lostAt <= constants.calledFor
  }

  /** The path must be known to live. */
  isUsed(now: Time): boolean {
    return now - this.#usedAt < constants.usedFor
  }

  /** The path must stay open. */
  isHeld(now: Time): boolean {
    return now - this.#usedAt < constants.heldFor
  }

  isAsked(now: Time): boolean {
    return now - this.#askedAt <= constants.askedFor
  }

  isUrgent(now: Time): boolean {
    return this.isAsked(now) || now - this.#calledAt <= constants.askedFor
  }

  isCalled(now: Time): boolean {
    return now - this.#calledAt <= constants.calledFor
  }

  /** A packet may go through it; also where WireGuard was not asked yet. */
  hasSession(now: Time): boolean {
    return !this.#seen || now - this.#handshake.at < constants.sessionLife
  }

  /** No session that a packet may go through, nothing on its way, and nobody who wants one. */
  isOver(now: Time): boolean {
    const quietSince = Math.max(this.#usedAt, this.#movedAt)
    return !this.hasSession(now) && now - quietSince >= constants.restAfter
  }

  /** When one of the answers above changes next by time alone. */
  wakeAt(now: Time): Time {
    const ends = [this.#usedAt + constants.usedFor, this.#usedAt + constants.heldFor]
    return Math.min(...ends.map(end => (end > now ? end : never)))
  }
}
