/**
 * Where WireGuard's peers stand that nobody talks to: at the doorbell. The first packet towards one rings, which wakes its path machine;
 * the handshake that rang is kept, and sent to the endpoint that is found, so that neither it nor the packets that wait for it are lost.
 */

import type { Endpoint } from '../base/ip.ts'
import type { Logger } from '../base/log.ts'
import { second, type Time } from '../base/time.ts'
import { Doorbell } from '../drivers/doorbell/doorbell.ts'
import type { Clock } from '../os/clock.ts'
import type { Udp } from '../os/udp.ts'
import type { PublicKey } from '../protocol/identity/key.ts'

export type ParkingParts = {
  readonly clock: Clock
  readonly log: Logger
  readonly udp: Udp
  /** From WireGuard's port. */
  readonly send: (bytes: Uint8Array, to: Endpoint) => void
  readonly rung: (key: PublicKey) => void
  /** Our own key. */
  readonly publicKey: PublicKey
}

/** WireGuard makes another handshake after so long (REKEY_TIMEOUT and a third of a second by chance, whitepaper §6.1), and it rings, too. */
const handshakeLife = 5.5 * second
/** The same one again, ms after the first: one of them may be lost. Who has it already drops the others by their timestamp. */
const sendTimes = [0, 150, 500]
/**
 * Two handshakes that cross are both answered, and WireGuard's implementation in Go then needs 5 s to agree on one. So where the other
 * side calls, too, the one with the larger key waits a moment; mostly it need not send at all.
 */
const giveWay = 250
const crossing = 2 * second

type Rung = { readonly initiation: Uint8Array; readonly at: Time; timers: { cancel(): void }[] }

export class Parking {
  readonly #parts: ParkingParts
  #doorbell: Doorbell | null = null
  readonly #rung = new Map<PublicKey, Rung>()
  /** When members last called us. */
  readonly #calledAt = new Map<PublicKey, Time>()

  constructor(parts: ParkingParts) {
    this.#parts = parts
  }

  /** Where idle peers shall point; none where there is no doorbell. */
  get endpoint(): Endpoint | undefined {
    return this.#doorbell?.endpoint
  }

  /** @param listenPort WireGuard's @param keys members that may ring, from the first packet on */
  async open(listenPort: number, keys: readonly PublicKey[]): Promise<void> {
    const { clock, udp, log } = this.#parts
    const ring = (key: PublicKey, initiation: Uint8Array) => this.#ring(key, initiation)
    try {
      this.#doorbell = await Doorbell.open(udp, listenPort, { clock, ring })
      this.#doorbell.know(keys)
    } catch (error) {
      log.warn('no doorbell: members that nobody talks to are not left alone', { problem: (error as Error).message })
    }
  }

  /** Does a packet from WireGuard's port arrive? The machine's own firewall may have no mind for loopback. */
  async works(): Promise<boolean> {
    return (await this.#doorbell?.check((bytes, to) => this.#parts.send(bytes, to))) ?? false
  }

  /** The members that may ring. */
  know(keys: readonly PublicKey[]): void {
    this.#doorbell?.know(keys)
    const known = new Set(keys)
    for (const key of this.#rung.keys()) if (!known.has(key)) this.#forget(key)
    for (const key of this.#calledAt.keys()) if (!known.has(key)) this.#calledAt.delete(key)
  }

  /** Tells again who rang while nobody listened. */
  repeat(): void {
    for (const key of this.#rung.keys()) if (this.waits(key)) this.#parts.rung(key)
  }

  /** A packet waits for a session with this member. */
  waits(key: PublicKey): boolean {
    const rung = this.#rung.get(key)
    return rung !== undefined && this.#parts.clock.now() - rung.at < handshakeLife
  }

  /** A member calls us: it has something to send, too. */
  calls(key: PublicKey): void {
    this.#calledAt.set(key, this.#parts.clock.now())
  }

  /** WireGuard points there now: so does the handshake that rang. */
  pointed(key: PublicKey, endpoint: Endpoint): void {
    const rung = this.#rung.get(key)
    const { clock, send } = this.#parts
    if (!rung || !this.waits(key)) return
    for (const timer of rung.timers) timer.cancel()
    const now = clock.now()
    const crosses = now - (this.#calledAt.get(key) ?? Number.NEGATIVE_INFINITY) < crossing
    const after = crosses && this.#parts.publicKey > key ? giveWay : 0
    rung.timers = sendTimes.map(time => clock.at(now + after + time, () => send(rung.initiation, endpoint)))
  }

  close(): void {
    for (const key of [...this.#rung.keys()]) this.#forget(key)
    this.#doorbell?.close()
    this.#doorbell = null
  }

  #ring(key: PublicKey, initiation: Uint8Array): void {
    this.#forget(key)
    this.#rung.set(key, { initiation, at: this.#parts.clock.now(), timers: [] })
    this.#parts.rung(key)
  }

  #forget(key: PublicKey): void {
    for (const timer of this.#rung.get(key)?.timers ?? []) timer.cancel()
    this.#rung.delete(key)
  }
}
