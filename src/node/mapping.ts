/**
 * A port of our router's that leads to W, as long as the node wants one:
 *
 *     off ──wanted──▶ asking ──▶ mapped ──half of its life──▶ asked again, until its life is over
 *      ▲                │ ▲         │
 *      └──not wanted────┘ └──pause──┴── the router said no, or nothing
 *
 * Only one question is under way at a time, and one that has become pointless is given up. What fails is no warning: most routers
 * are asked in vain, and everything works without.
 */

import { Allowance } from '../base/allowance.ts'
import { type Endpoint, formatEndpoint, sameEndpoint } from '../base/ip.ts'
import type { Logger } from '../base/log.ts'
import { hour, minute, second, type Time } from '../base/time.ts'
import type { Findings, Mapped, PortMapper } from '../drivers/portmap/mapper.ts'
import type { Clock } from '../os/clock.ts'

export type MappingParts = {
  readonly clock: Clock
  readonly log: Logger
  readonly mapper: Pick<PortMapper, 'map' | 'unmap' | 'forget' | 'isHere' | 'findings' | 'listen'>
  /** `endpoints` says something else now. */
  readonly changed: () => void
}

/** For a person. */
export type MappingReport = Findings & {
  readonly state: 'off' | 'asking' | 'mapped' | 'none'
  readonly mapped?: Mapped
  /** Why there is none. */
  readonly problem?: string
  /** When that was found out. */
  readonly at?: Time
}

/** What is asked for. Short, so that what a crashed node leaves is soon gone, and a router that has forgotten is soon told again. */
export const lifetimeAsked = 20 * minute
/** A router that gives less than a minute is not asked more often for that. */
const leastPause = 15 * second
/** After a refusal or silence; doubled each time. */
const firstPause = 1 * minute
const longestPause = 1 * hour
/** The same while a path is looked for. */
const seekAgain = 10 * second
/** A mapping that was not made to last longer in time is asked for again at half of what is left. */
const leastRetry = 5 * second
/** How long the end may take. */
const patience = 900

export class Mapping {
  readonly #parts: MappingParts
  #wanted: { readonly port: number } | null = null
  #mapped: { readonly mapped: Mapped; readonly ends: Time } | null = null
  #outcome: { readonly problem: string; readonly at: Time } | null = null
  /** The question under way. */
  #asking: AbortController | null = null
  #timer: { cancel(): void } | null = null
  #pause: Time = firstPause
  #ears: Promise<{ close(): void }> | null = null
  /** Anybody on the link can say that the router has begun anew. */
  readonly #announced = new Allowance(2, 1 / 30)
  #last: Promise<unknown> = Promise.resolve()

  constructor(parts: MappingParts) {
    this.#parts = parts
  }

  /** @param port W @param needed whether a mapping is of use: not for who has a public address, and not where the owner wants none */
  set({ port, needed }: { port: number; needed: boolean }): void {
    const wanted = needed && port > 0 ? { port } : null
    if (wanted?.port === this.#wanted?.port) return
    this.#remove()
    this.#wanted = wanted
    this.#pause = firstPause
    this.#giveUp()
    this.#closeEars()
    if (wanted) this.#begin()
  }

  /** What to tell others. */
  endpoints(): Endpoint[] {
    return this.#mapped ? [this.#mapped.mapped.external] : []
  }

  report(): MappingReport {
    const found = this.#parts.mapper.findings()
    if (!this.#wanted) return { ...found, state: 'off' }
    if (this.#mapped) return { ...found, state: 'mapped', mapped: this.#mapped.mapped }
    if (!this.#outcome) return { ...found, state: 'asking' }
    return { ...found, state: 'none', ...this.#outcome }
  }

  /** Our addresses or routes have changed, or what others see of us: the router may be another one, or have forgotten. */
  moved(): void {
    if (!this.#wanted) return
    this.#pause = firstPause
    this.#giveUp()
    if (this.#mapped && !this.#parts.mapper.isHere(this.#mapped.mapped)) this.#drop()
    this.#closeEars()
    this.#begin(true)
  }

  /** A path is looked for: a router that said no a while ago may have changed its mind, and a firewall of ours may keep it from telling. */
  seek(): void {
    const { clock } = this.#parts
    if (!this.#wanted || this.#mapped || this.#asking || clock.now() - (this.#outcome?.at ?? 0) < seekAgain) return
    this.#timer?.cancel()
    void this.#ask(false)
  }

  /** Removes the mapping, if the router says so in time. */
  async stop(): Promise<void> {
    const { clock } = this.#parts
    this.set({ port: 0, needed: false })
    const late = new Promise<void>(resolve => void clock.at(clock.now() + patience, resolve))
    await Promise.race([this.#last, late])
  }

  #begin(anew = false): void {
    const { mapper, clock } = this.#parts
    void this.#ask(anew)
    this.#ears = mapper.listen(() => {
      if (this.#announced.take(clock.now())) this.moved()
    })
  }

  /** @param anew the router may be another one that looks the same: what does not answer now is gone */
  async #ask(anew: boolean): Promise<void> {
    const { mapper, clock } = this.#parts
    const wanted = this.#wanted
    if (!wanted) return
    const asking = new AbortController()
    this.#asking = asking
    // a mapping that is being removed must be gone before it is asked for again
    await this.#last
    if (asking.signal.aborted) return
    const began = clock.now()
    const before = this.#mapped
    const { ok, problem } = await mapper.map(wanted.port, lifetimeAsked, before?.mapped ?? null, asking.signal)
    if (this.#asking !== asking) return
    this.#asking = null
    if (ok) return this.#keep(ok, began)
    this.#outcome = { problem, at: clock.now() }
    this.#parts.log.debug('no port mapping', { problem })
    const left = before ? before.ends - clock.now() : 0
    if (before && !anew && left > leastRetry) return this.#later(Math.max(left / 2, leastRetry))
    this.#drop()
    // once for what was lost; then with growing pauses
    this.#later(before ? leastRetry : this.#pause)
    if (!before) this.#pause = Math.min(this.#pause * 2, longestPause)
  }

  #keep(mapped: Mapped, began: Time): void {
    const before = this.#mapped?.mapped.external
    this.#mapped = { mapped, ends: began + mapped.lifetime }
    this.#outcome = null
    this.#pause = firstPause
    this.#later(Math.max(leastPause, Math.min(mapped.lifetime, lifetimeAsked) / 2))
    if (sameEndpoint(before, mapped.external)) return
    const endpoint = formatEndpoint(mapped.external)
    this.#parts.log.info('port mapped', { endpoint, protocol: mapped.protocol })
    this.#parts.changed()
  }

  #later(pause: Time): void {
    const { clock } = this.#parts
    this.#timer?.cancel()
    this.#timer = clock.at(clock.now() + pause, () => void this.#ask(false))
  }

  #giveUp(): void {
    this.#timer?.cancel()
    this.#asking?.abort()
    this.#asking = null
    this.#outcome = null
  }

  #closeEars(): void {
    void this.#ears?.then(ears => ears.close())
    this.#ears = null
  }

  /** It leads to us no more. */
  #drop(): void {
    if (!this.#mapped) return
    this.#mapped = null
    this.#parts.changed()
  }

  #remove(): void {
    const { mapper, log } = this.#parts
    const [port, mapped, asking] = [this.#wanted?.port, this.#mapped?.mapped, this.#asking !== null]
    this.#drop()
    if (mapped) {
      const endpoint = formatEndpoint(mapped.external)
      this.#afterwards(async signal => {
        const gone = await mapper.unmap(mapped, signal)
        if (!gone) log.debug('the port mapping is left to expire', { endpoint })
      })
    } else if (port !== undefined && asking) {
      this.#afterwards(signal => mapper.forget(port, signal))
    }
  }

  /** One thing after the other, and none for long. */
  #afterwards(work: (signal: AbortSignal) => Promise<void>): void {
    const { clock } = this.#parts
    this.#last = this.#last.then(async () => {
      const late = new AbortController()
      const timer = clock.at(clock.now() + patience, () => late.abort())
      await work(late.signal)
      timer.cancel()
    })
  }
}
