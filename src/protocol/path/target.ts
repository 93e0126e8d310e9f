/**
 * Where WireGuard sends for this peer: an endpoint, the doorbell, or nowhere yet. It moves by itself, too, with each authenticated packet;
 * so what we told it and what it says are kept together.
 */

import { type Endpoint, sameEndpoint } from '../../base/ip.ts'
import type { Time } from '../../base/time.ts'
import * as constants from './constants.ts'
import { never } from './constants.ts'
import type { Output, UseReason } from './events.ts'
import { Pauses } from './pace.ts'

export class Target {
  /** What WireGuard has, as far as it said. */
  endpoint: Endpoint | undefined
  /** There is one that works. */
  doorbell = false
  /** It points there. */
  parked = false
  held = false
  #toldAt: Time = -never
  readonly #insistPauses: Pauses
  #insistAt: Time = -never

  /** @param random as `Math.random` */
  constructor(random: () => number) {
    this.#insistPauses = new Pauses(constants.insistAgain, constants.jitter, random)
  }

  use(endpoint: Endpoint, because: UseReason, now: Time): Output {
    this.endpoint = endpoint
    this.parked = false
    this.#toldAt = now
    return { kind: 'use', endpoint, because }
  }

  park(now: Time): Output[] {
    if (this.parked) return []
    this.endpoint = undefined
    this.parked = true
    this.#toldAt = now
    return [{ kind: 'park' }]
  }

  hold(on: boolean): Output[] {
    if (on === this.held) return []
    this.held = on
    return [{ kind: 'hold', on }]
  }

  /** WireGuard says where it sends. It may not know yet what it was told. */
  saw(endpoint: Endpoint | undefined, now: Time): void {
    if (this.parked && !this.isSettled(now)) return
    this.endpoint = endpoint
    // authenticated packets came from there
    if (endpoint) this.parked = false
  }

  /** What WireGuard says is not what it had before it was told. */
  isSettled(now: Time): boolean {
    return now - this.#toldAt >= constants.settleTime
  }

  /** It has gone elsewhere by itself. */
  isAstray(from: Endpoint): boolean {
    return this.endpoint !== undefined && !sameEndpoint(this.endpoint, from)
  }

  /** Whether to tell WireGuard again, against its own will: not at once, and with growing patience. @param soon with none */
  mayInsist(soon: boolean, now: Time): boolean {
    if (!this.isSettled(now)) return false
    if (soon) return true
    if (now < this.#insistAt) return false
    this.#insistAt = now + this.#insistPauses.take()
    return true
  }

  /** Our network is another one: what it did there says nothing. */
  forgive(): void {
    this.#insistPauses.reset()
  }
}
