/**
 * Learns how long our NAT keeps a mapping that nobody uses, in the background, with a branch that it can spare:
 *
 *     branch ──HOME──▶ home     twice, 3 s apart: an endpoint outside, and a token for it
 *     W ──PING, answer there──▶ home ──PONG──▶ branch     so this home can do it
 *        … silence of the branch …
 *     W ──PING, answer there──▶ home ──PONG──▶ branch?    then the mapping was still there
 */

import { type Address, familyOf } from '../base/ip.ts'
import type { Logger } from '../base/log.ts'
import { minute, second, type Time } from '../base/time.ts'
import type { Channel } from '../drivers/control/channel.ts'
import type { Branch, Branches } from '../drivers/control/port.ts'
import type { Clock } from '../os/clock.ts'
import { type LifetimeFacts, Lifetimes, type Verdict } from '../protocol/nat/lifetime.ts'
import type { Place } from './offers.ts'

export type LifetimeParts = {
  readonly clock: Clock
  readonly log: Logger
  readonly channel: Pick<Channel, 'home' | 'ping' | 'receive'>
  /** `null` where nftables cannot be used: then nothing is learnt. */
  readonly branches: () => Branches | null
  /** A node that is a home for others, outside of our NAT. */
  readonly home: () => Place | null
  /** Our IPv4 address outside; `null` where it is not known, or there is no NAT. */
  readonly address: () => Address | null
  /** From the memory file. */
  readonly known: readonly LifetimeFacts[]
  /** Something is known that was not: for the memory file, and for all keepalives. */
  readonly learnt: () => void
}

/** Paths come first. */
const startAfter = 1 * minute
const pause = 10 * second
/** Nobody was there to ask, or did not answer. */
const longPause = 5 * minute
/** Linux keeps a mapping for long only if it is used for more than 2 s in both directions, as W's is. */
const warmUp = 3 * second
/** So late a timer may be. After more, this machine has slept. */
const late = 3 * second
const asking = { sendTimes: [0, 300, 900], timeout: 2_500 } as const

export class MappingLifetime {
  readonly #parts: LifetimeParts
  readonly #lifetimes: Lifetimes
  /** An experiment of an older one is over. */
  #generation = 0
  #timer: { cancel(): void } | null = null
  #branch: Branch | null = null
  #stopped = false

  constructor(parts: LifetimeParts) {
    this.#parts = parts
    this.#lifetimes = new Lifetimes(parts.known)
  }

  /** Seconds between packets that keep our mapping up. */
  get keepalive(): number {
    return this.#lifetimes.keepalive(this.#parts.address())
  }

  /** What is known of the NAT that we are behind now. */
  get facts(): LifetimeFacts | null {
    const address = this.#parts.address()
    return address === null ? null : this.#lifetimes.of(address)
  }

  /** For the memory file. */
  all(): readonly LifetimeFacts[] {
    return this.#lifetimes.all()
  }

  start(): void {
    this.#again(startAfter)
  }

  /** Our network is another one, or this machine has slept: what is under way says nothing. */
  moved(): void {
    if (!this.#timer && !this.#branch) return
    this.#end()
    this.#again(startAfter)
  }

  stop(): void {
    this.#stopped = true
    this.#end()
  }

  #end(): void {
    this.#generation++
    this.#timer?.cancel()
    this.#timer = null
    this.#branch?.close()
    this.#branch = null
  }

  #again(after: Time): void {
    if (this.#stopped) return
    const { clock } = this.#parts
    const generation = ++this.#generation
    this.#timer = clock.at(clock.now() + after, () => {
      if (generation === this.#generation) void this.#round(generation)
    })
  }

  async #round(generation: number): Promise<void> {
    const { clock, address, branches, home, log, learnt } = this.#parts
    const [here, place] = [address(), home()]
    const gap = here === null ? null : this.#lifetimes.next(here, clock.wall())
    if (here === null || gap === null || !branches() || !place || familyOf(place.endpoint.host) !== 4) {
      this.#again(longPause)
      return
    }
    const verdict = await this.#tryGap(gap, place, here, generation)
    if (generation !== this.#generation) return
    this.#end()
    log.debug('how long our NAT keeps a mapping', { seconds: gap, reason: verdict })
    if (this.#lifetimes.learn(here, gap, verdict, clock.wall())) learnt()
    this.#again(verdict === 'unclear' ? longPause : pause)
  }

  async #tryGap(gap: number, { key, endpoint }: Place, here: Address, generation: number): Promise<Verdict> {
    const { channel, clock } = this.#parts
    const branch = await this.#open(generation)
    if (!branch) return 'unclear'
    const isOver = () => generation !== this.#generation
    const first = await channel.home(key, endpoint, null, { ...asking, via: branch })
    if (!first || isOver() || !(await this.#silence(warmUp))) return 'unclear'
    const lease = await channel.home(key, endpoint, null, { ...asking, via: branch })
    if (!lease || isOver() || lease.observed.host !== here) return 'unclear'
    const answerTo = { token: lease.token, endpoint: lease.observed }
    const arrives = async () => (await channel.ping(key, endpoint, { ...asking, answerTo }))?.via === branch
    if (!(await arrives()) || isOver()) return 'unclear'
    // what came in is no use of ours; but some NATs count it, so silence begins here
    const [wall, time] = [clock.wall(), clock.now()]
    if (!(await this.#silence(gap * second)) || isOver()) return 'unclear'
    // a monotonic clock may stand still in a sleep, and a wall clock may be set
    if (Math.abs(clock.wall() - wall - (clock.now() - time)) > late) return 'unclear'
    const isThere = await channel.ping(key, endpoint, asking)
    if (!isThere || isOver()) return 'unclear'
    return (await arrives()) ? 'works' : 'fails'
  }

  async #open(generation: number): Promise<Branch | null> {
    const { branches, channel, log } = this.#parts
    try {
      const [branch] = (await branches()?.open(1, (bytes, from, way) => channel.receive(bytes, from, way))) ?? []
      if (branch && generation === this.#generation) this.#branch = branch
      else branch?.close()
      return this.#branch
    } catch (error) {
      log.debug('how long our NAT keeps a mapping: no port for trying', { reason: (error as Error).message })
      return null
    }
  }

  /** @returns whether it was as long as it should be; nothing where it was interrupted */
  #silence(duration: Time): Promise<boolean> {
    const { clock } = this.#parts
    const end = clock.now() + duration
    return new Promise(resolve => {
      this.#timer = clock.at(end, () => resolve(clock.now() - end <= late))
    })
  }
}
