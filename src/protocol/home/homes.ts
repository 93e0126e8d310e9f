/**
 * The client's side of homes: which nodes we ask to keep our mapping alive, and when.
 *
 *              asked             leased                     silent three times, or its lease ran out
 *     known ──────────▶ asked ──────────▶ held ──refresh──▶ held ───────────────────────────────────▶ known, and resting
 *       ▲                 │
 *       └── silent, full ─┘ resting
 *
 * Three are held at most, members before strangers, then the nearest. Those that work are kept: a new node takes only the place of
 * one that is lost, or, as a member, the place of a stranger. Pure; `wakeAt` says when a `timer` is due.
 */

import { type Endpoint, formatEndpoint } from '../../base/ip.ts'
import { second, type Time } from '../../base/time.ts'
import type { PublicKey } from '../identity/key.ts'
import * as limits from './constants.ts'
import type { CurrentHome, HomesInput, HomesOutput, KnownNode } from './events.ts'

export type { CurrentHome, GivenLease, HomesInput, HomesOutput, KnownNode } from './events.ts'

type Held = {
  readonly until: Time
  readonly since: Time
  readonly observed: Endpoint
  readonly relay: number | undefined
}

type Candidate = {
  readonly key: PublicKey
  readonly endpoint: Endpoint
  /** It stands in the last `known`. */
  named: boolean
  member: boolean
  /** Its round trip, in steps. */
  step: number
  held: Held | null
  /** `ask`s without an answer so far. */
  waiting: number
  /** When it may be asked next. */
  askAt: Time
  full: boolean
  token: Uint8Array | null
  /** In a row. */
  silences: number
  proves: number
}

const never = Number.POSITIVE_INFINITY
/** Round trips below this are one step, ms; each doubling is one more. */
const stepOfRtt = 10

export class Homes {
  /** When `handle` wants a `timer`. */
  wakeAt: Time = never
  readonly #chance: () => number
  readonly #candidates = new Map<string, Candidate>()
  #needed = false
  #pause: Time = limits.refreshEvery
  #movedAt: Time = -never
  /** We moved again too soon after: all are asked then. */
  #moveAt: Time = never
  /** What `changed` was last said of. */
  #told = ''

  /** @param chance numbers from 0 up to 1 */
  constructor(chance: () => number) {
    this.#chance = chance
  }

  handle(input: HomesInput, now: Time): HomesOutput[] {
    const out: HomesOutput[] = []
    switch (input.kind) {
      case 'timer':
        break
      case 'known':
        this.#know(input.nodes, now)
        break
      case 'needed':
        this.#needed = input.needed
        break
      case 'lease':
        this.#answered(input, now, out)
        break
      case 'silent': {
        const candidate = this.#waitingOne(input)
        if (candidate && candidate.waiting === 0) this.#silent(candidate, now)
        break
      }
      case 'moved':
        this.#moveAt = Math.max(now, this.#movedAt + limits.moveEvery)
        break
      case 'every':
        this.#pause = input.pause
        for (const candidate of this.#held()) candidate.askAt = Math.min(candidate.askAt, now + this.#refreshAfter())
        break
    }
    this.#expire(now)
    if (this.#needed) {
      if (this.#moveAt <= now) this.#move(now, out)
      this.#askDue(now, out)
    }
    this.#tell(out)
    this.wakeAt = this.#next()
    return out
  }

  /** The homes that we have now, best first. */
  current(): CurrentHome[] {
    return this.#held().flatMap(({ key, endpoint, token, held }) =>
      held && token
        ? {
            ...{ key, endpoint, token, observed: held.observed },
            ...(held.relay !== undefined && { relay: held.relay }),
          }
        : [],
    )
  }

  /** Best first. */
  #held(): Candidate[] {
    return [...this.#candidates.values()].filter(({ held }) => held !== null).sort(compareHeld)
  }

  #know(nodes: readonly KnownNode[], now: Time): void {
    for (const candidate of this.#candidates.values()) candidate.named = false
    for (const { key, endpoint, member, rtt } of nodes) {
      const name = nameOf(key, endpoint)
      let candidate = this.#candidates.get(name)
      if (candidate === undefined) {
        candidate = {
          ...{ key, endpoint, named: true, member, step: 0, held: null, waiting: 0, askAt: now },
          ...{ full: false, token: null, silences: 0, proves: 0 },
        }
        this.#candidates.set(name, candidate)
      }
      candidate.named = true
      candidate.member = member
      // the order of those that work shall not change with each round trip
      if (!candidate.held) candidate.step = rttStep(rtt)
    }
  }

  /** The one that was asked, with one `ask` less to wait for. */
  #waitingOne({ key, endpoint }: { key: PublicKey; endpoint: Endpoint }): Candidate | null {
    const candidate = this.#candidates.get(nameOf(key, endpoint))
    if (!candidate || candidate.waiting === 0) return null
    candidate.waiting -= 1
    return candidate
  }

  #answered(input: HomesInput & { kind: 'lease' }, now: Time, out: HomesOutput[]): void {
    const candidate = this.#waitingOne(input)
    if (!candidate) return
    const { state, token, seconds, observed, relay } = input.lease
    candidate.token = token
    // too short to be refreshed at our pace: it does not want us
    const useless = seconds * second - limits.leaseMargin < limits.refreshLeast
    if (state === 'prove') {
      candidate.proves += 1
      if (candidate.proves <= limits.provesInRow) this.#ask(candidate, out)
      else this.#silent(candidate, now)
    } else if (state === 'full' || useless) {
      candidate.held = null
      candidate.full = true
      candidate.askAt = now + limits.fullFor
    } else {
      candidate.silences = 0
      candidate.proves = 0
      candidate.held = { until: now + seconds * second, since: candidate.held?.since ?? now, observed, relay }
      candidate.askAt = now + this.#refreshAfter(seconds)
      this.#release(now)
    }
  }

  #silent(candidate: Candidate, now: Time): void {
    candidate.proves = 0
    candidate.silences += 1
    candidate.askAt = now + (limits.askAgain[candidate.silences - 1] ?? limits.askAgain.at(-1)!)
    if (candidate.silences >= limits.silencesOfLost) candidate.held = null
  }

  /** A member has come where a stranger was: the last of too many goes, and its lease runs out. */
  #release(now: Time): void {
    for (const candidate of this.#held().slice(limits.homesAtOnce)) {
      candidate.held = null
      candidate.askAt = now
    }
  }

  /** Leases that ended while nobody could be asked, or nobody needed to be. And who is not named any more. */
  #expire(now: Time): void {
    for (const [name, candidate] of this.#candidates) {
      if (candidate.held && candidate.held.until <= now) candidate.held = null
      if (!candidate.named && !candidate.held && candidate.waiting === 0) this.#candidates.delete(name)
    }
  }

  #move(now: Time, out: HomesOutput[]): void {
    this.#movedAt = now
    this.#moveAt = never
    for (const candidate of this.#candidates.values()) {
      candidate.silences = 0
      // from a new place, those that were silent may be heard
      if (!candidate.full) candidate.askAt = now
      if (candidate.held || candidate.waiting > 0) this.#begin(candidate, out)
    }
  }

  #askDue(now: Time, out: HomesOutput[]): void {
    const due = [...this.#candidates.values()].filter(({ waiting, askAt }) => waiting === 0 && askAt <= now)
    let busy = this.#busy()
    for (const candidate of due.sort(compareTries)) {
      if (!hasPlace(candidate, busy)) continue
      this.#begin(candidate, out)
      busy = this.#busy()
    }
  }

  /** Those that are held or asked. */
  #busy(): Candidate[] {
    return [...this.#candidates.values()].filter(({ held, waiting }) => held || waiting > 0)
  }

  #begin(candidate: Candidate, out: HomesOutput[]): void {
    candidate.proves = 0
    candidate.full = false
    this.#ask(candidate, out)
  }

  #ask(candidate: Candidate, out: HomesOutput[]): void {
    const { key, endpoint, token } = candidate
    candidate.waiting += 1
    out.push({ kind: 'ask', key, endpoint, token })
  }

  /** @param seconds of the lease */
  #refreshAfter(seconds: number = limits.leaseSeconds): Time {
    const pause = Math.min(this.#pause, seconds * second - limits.leaseMargin)
    return Math.max(limits.refreshLeast, pause * (1 - limits.jitter * this.#chance()))
  }

  #tell(out: HomesOutput[]): void {
    const names = this.current().map(({ key, endpoint, relay = 0 }) => `${nameOf(key, endpoint)} ${relay}`)
    if (names.join() === this.#told) return
    this.#told = names.join()
    out.push({ kind: 'changed' })
  }

  #next(): Time {
    const busy = this.#busy()
    const times = [...this.#candidates.values()].map(candidate => {
      const asks = this.#needed && candidate.waiting === 0 && hasPlace(candidate, busy)
      return Math.min(candidate.held?.until ?? never, asks ? candidate.askAt : never)
    })
    return times.reduce((first, time) => Math.min(first, time), this.#needed ? this.#moveAt : never)
  }
}

const nameOf = (key: PublicKey, endpoint: Endpoint) => `${key} ${formatEndpoint(endpoint)}`

/** Is it held, or is there a place that it may take? A member may take a stranger's. */
function hasPlace({ key, named, member, held }: Candidate, busy: readonly Candidate[]): boolean {
  if (held) return true
  const rivals = member ? busy.filter(other => other.member) : busy
  return named && rivals.length < limits.homesAtOnce && !busy.some(other => other.key === key)
}

/** Below 10 ms 0, then one for each doubling; last where nothing is known. */
function rttStep(rtt: number | undefined): number {
  if (rtt === undefined) return 99
  return rtt < stepOfRtt ? 0 : 1 + Math.floor(Math.log2(rtt / stepOfRtt))
}

/** Members first, then the nearest, then those that came first. */
function compareHeld(a: Candidate, b: Candidate): number {
  return Number(b.member) - Number(a.member) || a.step - b.step || (a.held?.since ?? 0) - (b.held?.since ?? 0)
}

/** Who is held, then who was silent least often, so that all are gone through; then members, then the nearest. */
function compareTries(a: Candidate, b: Candidate): number {
  const held = Number(b.held !== null) - Number(a.held !== null)
  return held || a.silences - b.silences || Number(b.member) - Number(a.member) || a.step - b.step
}
