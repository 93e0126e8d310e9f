/**
 * A relay with a shortcut: the legs that the kernel can do are in an nftables table (rules.ts), and no packet of theirs comes to this
 * process. The sockets behind it know all legs, and do what the kernel does not: from one family to the other, to this machine itself, to
 * and from guests by a carrier, fragments, and everything while the table is being loaded or somebody has removed it.
 *
 *     legs of the sockets ── what differs, a transaction each ──▶ the table
 *               ▲                                                   │ lost, or refused
 *               └────────────── all of it, loaded anew ◀────────────┘
 */

import type { Endpoint } from '../../base/ip.ts'
import type { Logger } from '../../base/log.ts'
import { second } from '../../base/time.ts'
import type { Clock } from '../../os/clock.ts'
import type { Programs } from '../../os/run.ts'
import { Placement } from './placement.ts'
import { type Carried, type Dropped, keyOf, type Leg, type LegKey, type Relay, type RelayPort } from './relay.ts'
import { type Counted, readLegs, type TableOptions } from './rules.ts'
import { type SocketParts, SocketRelay } from './sockets.ts'
import { Table } from './table.ts'
import { type Surroundings, surroundings, waysTo } from './ways.ts'

/** How often we look whether our table is there: `nft flush ruleset` is how firewalls are set up, and it is nobody's. */
const lookEvery = 10 * second
/** Legs of one transaction: nft takes 2 KiB of memory for each while it reads them. */
const mostAtOnce = 4_096

export type KernelParts = SocketParts & {
  readonly programs: Programs
  readonly log: Logger
  readonly table: TableOptions
}

export class KernelRelay implements Relay {
  readonly backend = 'netdev'
  readonly #programs: Programs
  readonly #clock: Clock
  readonly #log: Logger
  readonly #sockets: SocketRelay
  readonly #table: Table
  #placement = new Placement()
  #around: Surroundings = { devices: [], here: [] }
  /** Of the table before the one that is loaded. */
  #before = new Map<string, Counted>()
  readonly #leftover = new Map<string, Leg>()
  readonly #changed = new Set<string>()
  #next: Promise<void> | null = null
  #last: Promise<void> = Promise.resolve()
  #timer: { cancel(): void } | null = null
  /** What is in the kernel is not what we think. */
  #broken = false
  #closed = false

  private constructor(parts: KernelParts) {
    this.#programs = parts.programs
    this.#clock = parts.clock
    this.#log = parts.log
    this.#sockets = new SocketRelay(parts)
    this.#table = new Table(parts.programs, parts.table)
  }

  /** Takes over what a program before us left. @throws a Failure where the kernel cannot do it, and nothing of ours is left */
  static async open(parts: KernelParts): Promise<KernelRelay> {
    const relay = new KernelRelay(parts)
    const legs = readLegs(await relay.#table.read())
    for (const leg of legs) relay.#leftover.set(keyOf(leg), leg)
    relay.#sockets.hold(legs)
    try {
      await relay.#load()
    } catch (error) {
      await relay.#table.remove()
      await relay.#table.close()
      throw error
    }
    relay.#lookLater()
    return relay
  }

  open(port: number): Promise<RelayPort> {
    return this.#sockets.open(port)
  }

  async connect(legs: readonly Leg[]): Promise<void> {
    const fresh = this.#sockets.hold(legs)
    for (const leg of legs) this.#leftover.delete(keyOf(leg))
    await this.#sync(fresh)
  }

  async disconnect(legs: readonly LegKey[]): Promise<void> {
    this.#sockets.release(legs)
    for (const leg of legs) this.#leftover.delete(keyOf(leg))
    await this.#sync(legs)
  }

  hear(bytes: Uint8Array, from: Endpoint, at: number): boolean {
    return this.#sockets.hear(bytes, from, at)
  }

  leftover(): Leg[] {
    return [...this.#leftover.values()]
  }

  refresh(): Promise<void> {
    return this.#queue(async () => {
      const around = await surroundings(this.#programs)
      const ways = await waysTo(this.#programs, this.#destinations())
      if (JSON.stringify(around) === JSON.stringify(this.#around) && this.#placement.isAs(this.#legs(), ways)) return
      await this.#reload('addresses or routes have changed')
    })
  }

  async counters(): Promise<{ legs: Carried[]; dropped: Dropped }> {
    let legs: Carried[] = []
    await this.#queue(async () => {
      const inKernel = await this.#counted()
      legs = this.#sockets.carried().map(({ leg, packets, bytes }) => {
        const more = inKernel.get(keyOf(leg)) ?? { packets: 0, bytes: 0 }
        return { leg, packets: packets + more.packets, bytes: bytes + more.bytes }
      })
    })
    return { legs, dropped: this.#sockets.dropped }
  }

  async close({ leave = false } = {}): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await this.#last
    if (!leave) await this.#table.remove()
    await this.#table.close()
    await this.#sockets.close()
  }

  /** What has changed while the table was busy goes in together. */
  #sync(legs: readonly LegKey[]): Promise<void> {
    for (const leg of legs) this.#changed.add(keyOf(leg))
    // what is there already may still be on its way into the table
    if (this.#changed.size === 0) return this.#last
    this.#next ??= this.#queue(async () => {
      this.#next = null
      const keys = [...this.#changed]
      this.#changed.clear()
      for (let i = 0; i < keys.length; i += mostAtOnce) await this.#change(keys.slice(i, i + mostAtOnce))
    })
    return this.#next
  }

  /** One after the other: a difference is one to what was in force before. */
  #queue(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(async () => {
      if (!this.#closed) await work()
    })
    this.#last = done.catch(() => {})
    return done
  }

  async #change(keys: readonly string[]): Promise<void> {
    const wanted = keys.flatMap(key => this.#sockets.leg(key) ?? [])
    const ways = await waysTo(
      this.#programs,
      wanted.map(({ to }) => to.host),
    )
    const difference = this.#placement.difference(keys, key => this.#sockets.leg(key), ways)
    if (difference.full && this.#placement.isWasteful) return await this.#reload('their numbers are used up')
    if (difference.remove.length + difference.add.length === 0) return
    try {
      await this.#table.change(difference)
      this.#placement.apply(difference)
      for (const { leg } of difference.remove) this.#before.delete(keyOf(leg))
    } catch (error) {
      await this.#reload((error as Error).message)
    }
  }

  /** What cannot be loaded, the sockets do; we try again when we look next. */
  async #reload(why: string): Promise<void> {
    if (!this.#broken) this.#log.warn('the rules of the relay are loaded anew', { why })
    try {
      const counted = await this.#counted()
      await this.#load()
      this.#before = counted
      if (this.#broken) this.#log.info('the kernel relays again')
      this.#broken = false
    } catch (error) {
      const problem = (error as Error).message
      if (!this.#broken) this.#log.error('relaying without the kernel until its rules can be loaded', { problem })
      this.#broken = true
    }
  }

  /** The first part comes in place of what is there; until the others are there, too, the sockets do their work. */
  async #load(): Promise<void> {
    const legs = this.#legs()
    this.#around = await surroundings(this.#programs)
    const ways = await waysTo(this.#programs, this.#destinations())
    const placement = new Placement()
    const first = legs.slice(0, mostAtOnce)
    const place = (part: readonly Leg[]) => {
      const byKey = new Map(part.map(leg => [keyOf(leg), leg]))
      const difference = placement.difference([...byKey.keys()], key => byKey.get(key), ways)
      placement.apply(difference)
      return difference
    }
    const { ways: used, add } = place(first)
    await this.#table.load({ ...this.#around, ways: used, legs: add })
    this.#placement = placement
    for (let i = mostAtOnce; i < legs.length; i += mostAtOnce) {
      await this.#table.change(place(legs.slice(i, i + mostAtOnce)))
    }
  }

  /** In this table and those before it, by the legs' keys. */
  async #counted(): Promise<Map<string, Counted>> {
    const counted = await this.#table.counters()
    const all = new Map(this.#before)
    for (const [key, { number }] of this.#placement.all) {
      const more = counted.get(number)
      if (!more) continue
      const { packets, bytes } = all.get(key) ?? { packets: 0, bytes: 0 }
      all.set(key, { packets: packets + more.packets, bytes: bytes + more.bytes })
    }
    return all
  }

  #lookLater(): void {
    this.#timer = this.#clock.at(this.#clock.now() + lookEvery, () => {
      void this.#queue(async () => {
        if (this.#broken || !(await this.#table.isThere())) await this.#reload('somebody has removed them')
      }).then(() => this.#closed || this.#lookLater())
    })
  }

  #legs(): Leg[] {
    return this.#sockets.carried().map(({ leg }) => leg)
  }

  #destinations(): Set<string> {
    return new Set(this.#legs().map(({ to }) => to.host))
  }
}
