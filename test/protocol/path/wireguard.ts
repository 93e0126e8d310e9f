// WireGuard between two sides, as far as paths are concerned: a session lasts 180 s, a handshake is tried again each 5 s while packets
// wait for it, the endpoint follows whoever sends authenticated packets, and the counters grow (whitepaper §6).

import type { Time } from '../../../src/base/time.ts'

const sessionLife = 180_000
/** REKEY_ATTEMPT_TIME. */
const triesFor = 90_000
const [initiation, response] = [148, 92]

export class Tunnel {
  /** REKEY_TIMEOUT. */
  static readonly retry = 5_000

  /** Where it sends: an endpoint, the doorbell, or nowhere. */
  endpoint: string | 'doorbell' | null = null
  received = 0
  sent = 0
  handshake: Time | null = null
  /** Sizes of the packets that wait for a session. */
  readonly waiting: number[] = []
  /** Sizes of data that arrived, and when. */
  readonly arrived: [Time, number][] = []
  /** Data that a session sent to the doorbell: lost. */
  lost = 0
  /** A handshake has come to the doorbell and is kept. */
  hasRung = false
  #tryingSince: Time | null = null
  #triedAt: Time = Number.NEGATIVE_INFINITY

  hasSession(now: Time): boolean {
    return this.handshake !== null && now - this.handshake < sessionLife
  }

  /** @returns whether a handshake is to be begun */
  begin(now: Time): boolean {
    if (this.#tryingSince !== null && now - this.#tryingSince < triesFor) return false
    this.#tryingSince = now
    return true
  }

  isDue(now: Time): boolean {
    return this.#tryingSince !== null && now - this.#tryingSince < triesFor && now - this.#triedAt >= Tunnel.retry
  }

  /** @returns where it goes */
  initiate(now: Time): string | null {
    this.#triedAt = now
    this.hasRung = this.endpoint === 'doorbell'
    if (this.endpoint) this.sent += initiation
    return this.endpoint
  }

  /** An initiation came. @returns where the response goes */
  respond(from: string, now: Time): string {
    this.received += initiation
    this.sent += response
    this.endpoint = from
    this.handshake = now
    return from
  }

  confirm(from: string, now: Time): void {
    this.received += response
    this.endpoint = from
    this.handshake = now
    this.#tryingSince = null
    this.hasRung = false
  }

  /** @returns where it goes; `null`: nowhere */
  transport(size: number): string | null {
    if (this.endpoint === null) return null
    this.sent += size
    if (this.endpoint !== 'doorbell') return this.endpoint
    this.lost += 1
    return null
  }

  receive(from: string, size: number, now: Time): void {
    this.received += size
    this.endpoint = from
    this.handshake ??= now
    this.arrived.push([now, size])
  }
}
