/**
 * One peer of the model of WireGuard: sessions, queue, timers, endpoint. After the whitepaper §6 and Linux's `timers.c`, whose names the
 * timers have.
 *
 *     transmit ──session?──yes──▶ data
 *                   │no
 *                   ▼
 *     queue, initiation ──5 s without a response──▶ initiation … 90 s ──▶ queue emptied
 */

import { type Endpoint, sameEndpoint } from '../base/ip.ts'
import { second, type Time, type WallTime } from '../base/time.ts'
import type { ActualPeer } from '../drivers/wireguard/interface.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import type { Wireguard } from './wireguard.ts'

const rekeyAfter = 120 * second
const rejectAfter = 180 * second
const rekeyTimeout = 5 * second
const rekeyJitter = 333
const rekeyAttempts = 18
const keepaliveTimeout = 10 * second
/** An initiation is answered so often at most (INITIATIONS_PER_SECOND 50). */
const floodPause = 20
const queueLimit = 128
/** Counters behind the highest that are still taken. */
const replayWindow = 8_000

export type Session = {
  readonly mine: number
  readonly theirs: number
  readonly initiator: boolean
  readonly born: Time
  sent: number
  highest: number
  readonly seen: Set<number>
}

const empty = new Uint8Array(0)

/** Set, moved and deleted as the kernel's. */
class Timer {
  #handle: { cancel(): void } | null = null
  readonly #clock: Wireguard['parts']['clock']
  readonly #expired: () => void

  constructor(clock: Wireguard['parts']['clock'], expired: () => void) {
    this.#clock = clock
    this.#expired = expired
  }

  get pending(): boolean {
    return this.#handle !== null
  }

  set(after: Time): void {
    this.#handle?.cancel()
    this.#handle = this.#clock.at(this.#clock.now() + after, () => {
      this.#handle = null
      this.#expired()
    })
  }

  delete(): void {
    this.#handle?.cancel()
    this.#handle = null
  }
}

export class WireguardPeer {
  readonly key: PublicKey
  allowedIps: readonly string[] = []
  endpoint: Endpoint | undefined
  readonly #owner: Wireguard
  #current: Session | null = null
  #previous: Session | null = null
  #next: Session | null = null
  #queue: Uint8Array[] = []
  #sentHandshakeAt: Time = Number.NEGATIVE_INFINITY
  #attempts = 0
  #sentLastMinuteHandshake = false
  #greatestTimestamp = Number.NEGATIVE_INFINITY
  #initiatedAt: Time = Number.NEGATIVE_INFINITY
  #latestHandshake: WallTime | undefined
  #received = 0
  #sent = 0
  #keepalive = 0
  #needAnotherKeepalive = false
  readonly #retransmit: Timer
  readonly #newHandshake: Timer
  readonly #sendKeepalive: Timer
  readonly #persistent: Timer

  constructor(key: PublicKey, owner: Wireguard) {
    this.key = key
    this.#owner = owner
    const { clock } = owner.parts
    this.#retransmit = new Timer(clock, () => this.#retransmitExpired())
    this.#newHandshake = new Timer(clock, () => this.#initiate(false))
    this.#sendKeepalive = new Timer(clock, () => {
      this.#keep()
      if (!this.#needAnotherKeepalive) return
      this.#needAnotherKeepalive = false
      this.#sendKeepalive.set(keepaliveTimeout)
    })
    this.#persistent = new Timer(clock, () => {
      if (this.#keepalive > 0) this.#keep()
    })
  }

  get #now(): Time {
    return this.#owner.parts.clock.now()
  }

  dump(): ActualPeer {
    return {
      key: this.key,
      allowedIps: this.allowedIps,
      ...(this.endpoint && { endpoint: this.endpoint }),
      // whole seconds, as `wg` has them
      ...(this.#latestHandshake === undefined
        ? {}
        : { latestHandshake: Math.floor(this.#latestHandshake / second) * second }),
      received: this.#received,
      sent: this.#sent,
      keepalive: this.#keepalive,
    }
  }

  /** @param interval seconds; 0 is off. Switched on, one is sent at once */
  setKeepalive(interval: number): void {
    const before = this.#keepalive
    this.#keepalive = interval
    if (interval > 0 && before === 0) this.#keep()
  }

  transmit(payload: Uint8Array): void {
    if (this.#queue.length >= queueLimit) this.#queue.shift()
    this.#queue.push(payload)
    this.#sendQueue()
  }

  close(): void {
    for (const timer of [this.#retransmit, this.#newHandshake, this.#sendKeepalive, this.#persistent]) timer.delete()
    this.#queue = []
  }

  initiated(theirs: number, timestamp: number, from: Endpoint, size: number): void {
    if (timestamp <= this.#greatestTimestamp || this.#now - this.#initiatedAt < floodPause) return
    this.#greatestTimestamp = timestamp
    this.#initiatedAt = this.#now
    this.#roam(from)
    this.#received += size
    this.#authenticatedReceived()
    const session = this.#begin(theirs, false, this.#owner.index())
    for (const old of [this.#next, this.#previous]) this.#forget(old)
    this.#next = session
    this.#previous = null
    this.#sentHandshakeAt = this.#now
    this.#authenticatedSent()
    this.#put(this.#owner.response(session.mine, theirs))
  }

  answered(mine: number, theirs: number, from: Endpoint, size: number): void {
    const session = this.#begin(theirs, true, mine)
    this.#roam(from)
    this.#received += size
    this.#forget(this.#previous)
    // what the other side began meanwhile, and we have not heard on, is younger than what was in use
    this.#previous = this.#next ?? this.#current
    if (this.#next) this.#forget(this.#current)
    this.#next = null
    this.#current = session
    this.#complete()
    this.#authenticatedReceived()
    this.#keep()
  }

  /** @returns whether it is taken */
  received(session: Session, counter: number, from: Endpoint, size: number, data: boolean): boolean {
    if (this.#now - session.born >= rejectAfter || !fresh(session, counter)) return false
    if (session === this.#next) {
      this.#forget(this.#previous)
      this.#previous = this.#current
      this.#current = session
      this.#next = null
      this.#complete()
      this.#sendQueue()
    }
    this.#roam(from)
    this.#received += size
    this.#authenticatedReceived()
    if (data) {
      if (this.#sendKeepalive.pending) this.#needAnotherKeepalive = true
      else this.#sendKeepalive.set(keepaliveTimeout)
    }
    const current = this.#current
    const old = current?.initiator && this.#now - current.born >= rejectAfter - keepaliveTimeout - rekeyTimeout
    if (old && !this.#sentLastMinuteHandshake) {
      this.#sentLastMinuteHandshake = true
      this.#initiate(false)
    }
    return true
  }

  #begin(theirs: number, initiator: boolean, mine: number): Session {
    const session: Session = { mine, theirs, initiator, born: this.#now, sent: 0, highest: -1, seen: new Set() }
    this.#owner.keep(session, this)
    return session
  }

  #forget(session: Session | null): void {
    if (session) this.#owner.drop(session)
  }

  #complete(): void {
    this.#retransmit.delete()
    this.#attempts = 0
    this.#sentLastMinuteHandshake = false
    this.#latestHandshake = this.#owner.parts.clock.wall()
  }

  #roam(from: Endpoint): void {
    if (!sameEndpoint(this.endpoint, from)) this.endpoint = { host: from.host, port: from.port }
  }

  /** Sends what waits, or begins a handshake for it. */
  #sendQueue(): void {
    const session = this.#current
    if (!session || this.#now - session.born >= rejectAfter) {
      this.#initiate(false)
      return
    }
    for (const payload of this.#queue.splice(0)) {
      this.#authenticatedSent()
      if (payload.length > 0 && !this.#newHandshake.pending) {
        this.#newHandshake.set(keepaliveTimeout + rekeyTimeout + this.#jitter())
      }
      this.#put(this.#owner.data(session, payload))
    }
    if (session.initiator && this.#now - session.born >= rekeyAfter) this.#initiate(false)
  }

  /** An empty packet, if nothing else waits. */
  #keep(): void {
    if (this.#queue.length === 0) this.#queue.push(empty)
    this.#sendQueue()
  }

  #initiate(again: boolean): void {
    if (!again) this.#attempts = 0
    if (this.#now - this.#sentHandshakeAt < rekeyTimeout) return
    this.#sentHandshakeAt = this.#now
    const { clock } = this.#owner.parts
    this.#authenticatedSent()
    this.#put(this.#owner.initiation(this, this.#owner.index(), clock.wall()))
    this.#retransmit.set(rekeyTimeout + this.#jitter())
  }

  #retransmitExpired(): void {
    if (this.#attempts > rekeyAttempts) {
      this.#sendKeepalive.delete()
      this.#queue = []
      return
    }
    this.#attempts += 1
    this.#initiate(true)
  }

  #authenticatedSent(): void {
    this.#sendKeepalive.delete()
    this.#traversed()
  }

  #authenticatedReceived(): void {
    this.#newHandshake.delete()
    this.#traversed()
  }

  #traversed(): void {
    if (this.#keepalive > 0) this.#persistent.set(this.#keepalive * second)
  }

  #put(bytes: Uint8Array): void {
    if (!this.endpoint) return
    this.#sent += bytes.length
    this.#owner.parts.send(bytes, this.endpoint)
  }

  #jitter(): Time {
    return this.#owner.parts.random.int(0, rekeyJitter)
  }
}

/** Is it none that came before? */
function fresh(session: Session, counter: number): boolean {
  if (session.seen.has(counter) || counter <= session.highest - replayWindow) return false
  session.seen.add(counter)
  if (counter > session.highest) session.highest = counter
  if (session.seen.size > 2 * replayWindow) {
    for (const old of session.seen) if (old <= session.highest - replayWindow) session.seen.delete(old)
  }
  return true
}
