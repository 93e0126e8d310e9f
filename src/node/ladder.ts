/**
 * Reaching nodes where UDP is blocked: notices that nothing answers by UDP, and climbs (protocol/carrier/rungs.ts).
 *
 *     UDP answers ◀───────────── asked each 15 s ────────────────┐
 *         │ a question without an answer,                        │
 *         ▼ and nobody's since it was asked                      │
 *      climbing ── TCP, WebSocket, …: the first that is through ─▶ carried ── it ends ─▶ climbing
 *         └── none: again after 2 s, 4 s, … 5 min
 */

import { type Address, type Endpoint, formatEndpoint } from '../base/ip.ts'
import type { Logger } from '../base/log.ts'
import type { Time } from '../base/time.ts'
import type { ByteStream } from '../drivers/carrier/carrier.ts'
import type { Clock } from '../os/clock.ts'
import {
  askUdp,
  attemptTime,
  carriersMost,
  climbAgain,
  headStart,
  type Rung,
  rungs,
} from '../protocol/carrier/rungs.ts'
import { notFirst, type Tried, through, underWay } from '../protocol/carrier/words.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import type { Carriers } from './carriers.ts'
import type { Place } from './offers.ts'
import { Timers } from './timers.ts'

/** Opens a stream of ours by a rung. `null`: this machine does not have that rung. @throws where it does not get through */
export type OpenStream = (
  key: PublicKey,
  endpoint: Endpoint,
  rung: Rung['name'],
  signal: AbortSignal,
) => Promise<ByteStream | null>

export type LadderParts = {
  readonly clock: Clock
  readonly log: Logger
  readonly carriers: Carriers
  readonly open: OpenStream
  /** Asks by UDP, and by nothing else. @returns whether it was answered */
  readonly ask: (key: PublicKey, endpoint: Endpoint) => Promise<boolean>
  /** Nodes that would carry for us: boot nodes, and members that anybody can reach. */
  readonly places: () => readonly Place[]
}

type Climb = {
  readonly key: PublicKey
  readonly endpoint: Endpoint
  pause: Time
  /** Not before. */
  againAt: Time
  underWay: boolean
  /** When it was last begun. */
  begunAt: Time
  /** What became of each rung then. */
  results: readonly Tried[]
}

export class Ladder {
  readonly #parts: LadderParts
  readonly #climbs = new Map<Address, Climb>()
  readonly #timers: Timers
  /** When a node that is not on our link last answered by UDP. */
  #answeredAt: Time = Number.NEGATIVE_INFINITY
  #asking: { cancel(): void } | null = null
  readonly #over = new AbortController()
  #stopped = false

  constructor(parts: LadderParts) {
    this.#parts = parts
    this.#timers = new Timers(parts.clock)
  }

  /** The node begins, or its network is another one: UDP gets its head start. @param elsewhere streams that were opened before are dead */
  begin(elsewhere: boolean): void {
    const { clock, carriers } = this.#parts
    for (const climb of this.#climbs.values()) {
      climb.pause = climbAgain.first
      climb.againAt = Number.NEGATIVE_INFINITY
    }
    if (elsewhere) {
      this.#climbs.clear()
      for (const { endpoint } of carriers.report().own) carriers.drop(endpoint.host)
    }
    const since = clock.now()
    this.#timers.in(headStart, () => {
      if (this.#answeredAt >= since || carriers.isGuest) return
      for (const place of this.#places()) this.#climb(place)
    })
    if (carriers.isGuest) void this.#askUdp()
  }

  /** A node has answered by UDP. */
  answered(): void {
    this.#answeredAt = this.#parts.clock.now()
  }

  /** A node that others reach has not answered a question of ours, which was asked at that time. */
  silent(place: Place, askedAt: Time): void {
    if (this.#answeredAt >= askedAt || this.#parts.carriers.leadsTo(place.endpoint.host)) return
    this.#climb(place)
  }

  /** UDP gets nowhere, as far as is known. */
  get isBlocked(): boolean {
    return this.#parts.carriers.isGuest
  }

  /** A node is needed that only a carrier leads to, if anything. */
  need(place: Place): void {
    if (this.isBlocked && !this.#parts.carriers.leadsTo(place.endpoint.host)) this.#climb(place)
  }

  /** A carrier that we opened has ended. */
  ended(host: Address): void {
    const climb = this.#climbs.get(host)
    if (!climb || this.#stopped) return
    this.#again(climb)
  }

  /** What was tried to reach nodes, and what came of it; nothing where UDP has been answered since. */
  tried(): readonly (Place & { readonly results: readonly Tried[] })[] {
    return [...this.#climbs.values()]
      .filter(({ begunAt }) => begunAt > this.#answeredAt)
      .map(({ key, endpoint, results }) => ({ key, endpoint, results }))
  }

  stop(): void {
    this.#stopped = true
    this.#timers.end()
    this.#over.abort(new Error('stopped'))
    this.#climbs.clear()
  }

  /** As many as there may be homes; two would do, and one of them may be gone. */
  #places(): readonly Place[] {
    return this.#parts.places().slice(0, 3)
  }

  /** Carriers to nodes that others reach: where a call leads to, UDP does not. */
  #own() {
    return this.#parts.carriers.report().own.filter(({ rung }) => rung !== 'webrtc')
  }

  #climb({ key, endpoint }: Place): void {
    const { clock, carriers } = this.#parts
    const climb = this.#climbs.get(endpoint.host) ?? {
      ...{ key, endpoint, pause: climbAgain.first },
      ...{ againAt: Number.NEGATIVE_INFINITY, underWay: false, begunAt: clock.now(), results: [] },
    }
    if (this.#stopped || climb.underWay || climb.againAt > clock.now() || carriers.leadsTo(endpoint.host)) return
    if (this.#own().length >= carriersMost) return
    this.#climbs.set(endpoint.host, climb)
    void this.#race(climb)
  }

  async #race(climb: Climb): Promise<void> {
    const { clock, carriers, log } = this.#parts
    const { key, endpoint } = climb
    climb.underWay = true
    climb.begunAt = clock.now()
    const tried = new Map<Rung['name'], string>()
    // one for each attempt: TCP holds on to its signal after it is through
    const attempts = new Set<AbortController>()
    const end = (why: string) => {
      for (const other of attempts) other.abort(new Error(why))
    }
    const isAnswered = () => this.#answeredAt >= climb.begunAt
    const attempt = async ({ name, after }: Rung) => {
      const own = new AbortController()
      attempts.add(own)
      await this.#wait(after - headStart, own.signal)
      tried.set(name, underWay)
      try {
        const stream = await this.#parts.open(key, endpoint, name, own.signal)
        attempts.delete(own)
        if (!stream) tried.delete(name)
        if (!stream) throw new Error('not here')
        // two may get through at the same moment; and UDP may just have been slow
        if (climb.underWay && !this.#stopped && !isAnswered()) return { name, stream }
        stream.abort()
        throw new Error(notFirst)
      } catch (error) {
        // whoever is called off throws what he likes
        const why = own.signal.aborted ? (own.signal.reason as Error) : (error as Error)
        if (tried.has(name)) tried.set(name, why.message)
        throw error
      }
    }
    const stop = () => end('stopped')
    this.#over.signal.addEventListener('abort', stop)
    const limit = clock.at(clock.now() + attemptTime, () => end('no answer'))
    try {
      const { name, stream } = await Promise.any(rungs.map(attempt))
      climb.underWay = false
      climb.pause = climbAgain.first
      tried.set(name, through)
      end(notFirst)
      carriers.open(key, endpoint, name, stream)
      this.#askUdpLater()
    } catch {
      climb.underWay = false
      log.debug('no carrier', { endpoint: formatEndpoint(endpoint), tried: [...tried].join('; ') })
      if (!this.#stopped && !isAnswered()) this.#again(climb)
    } finally {
      limit.cancel()
      this.#over.signal.removeEventListener('abort', stop)
      climb.results = [...tried].map(([rung, result]) => ({ rung, result }))
    }
  }

  #again(climb: Climb): void {
    const { clock } = this.#parts
    climb.againAt = clock.now() + climb.pause
    this.#timers.in(climb.pause, () => this.#retry(climb))
    climb.pause = Math.min(climb.pause * 2, climbAgain.last)
  }

  /** If UDP still gets nowhere. */
  async #retry(climb: Climb): Promise<void> {
    const { carriers, ask } = this.#parts
    if (carriers.leadsTo(climb.endpoint.host)) return
    if (await ask(climb.key, climb.endpoint)) this.answered()
    else this.#climb(climb)
  }

  #askUdpLater(pause: Time = askUdp.first): void {
    this.#asking?.cancel()
    this.#asking = this.#timers.in(pause, async () => {
      await this.#askUdp()
      if (this.#parts.carriers.isGuest && !this.#stopped) this.#askUdpLater(Math.min(2 * pause, askUdp.last))
    })
  }

  /** Who is reached by UDP again needs no carrier. */
  async #askUdp(): Promise<void> {
    const { carriers, ask } = this.#parts
    await Promise.all(
      this.#own().map(async ({ key, endpoint }) => {
        if (!(await ask(key, endpoint)) || this.#stopped) return
        this.answered()
        this.#climbs.delete(endpoint.host)
        carriers.leave(endpoint.host)
      }),
    )
  }

  #wait(time: Time, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#timers.in(time, resolve)
      signal.addEventListener('abort', () => {
        timer.cancel()
        reject(signal.reason)
      })
    })
  }
}
