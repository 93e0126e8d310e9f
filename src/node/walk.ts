/**
 * Looking for a node's record: by control packets at everybody whose endpoint is known, which takes one round trip, and by a walk of
 * the DHT where those have none. Every value goes through `learn`, which checks it and keeps the newest.
 */

import { Allowance } from '../base/allowance.ts'
import type { Endpoint } from '../base/ip.ts'
import { formatEndpoint } from '../base/ip.ts'
import type { Logger } from '../base/log.ts'
import type { Time } from '../base/time.ts'
import type { Channel } from '../drivers/control/channel.ts'
import type { Directory } from '../drivers/dht/directory.ts'
import type { Clock } from '../os/clock.ts'
import type { PublicKey } from '../protocol/identity/key.ts'

export type Step = {
  readonly via: 'control' | 'directory'
  readonly key: PublicKey
  readonly endpoint?: string
  readonly answered: 'value' | 'closer' | 'none' | 'error'
  /** Milliseconds since the look-up began. */
  readonly after: Time
}

export type WalkParts = {
  readonly clock: Clock
  readonly log: Logger
  readonly channel: Pick<Channel, 'find'>
  /** Nodes that answer, or may: boot nodes first, then members with a path. */
  readonly askable: () => readonly { key: PublicKey; endpoint: Endpoint }[]
  /** `null` where the DHT cannot be had. */
  readonly directory: () => Promise<Directory | null>
  /** Checks and keeps. `known`: a valid record, and no newer than the one that is held. */
  readonly learn: (key: PublicKey, value: Uint8Array) => 'new' | 'known' | 'refused'
}

/** How many nodes are asked by control packets, where a person waits and where nobody does: each answer is a whole record. */
const maxAsked = { thorough: 8, background: 3 } as const
/**
 * Look-ups that nobody waits for, at once and a second. A file of hundreds of members that are all off would keep this node, the boot
 * nodes and the DHT busy; who is alive is mostly found by the first question.
 */
const questions = { burst: 128, rate: 20 } as const
const walks = { burst: 16, rate: 1 } as const
/** An answer takes one round trip; the DHT, whose code may not even be loaded, is asked where none came in that time. */
const headStart = 250
/** Nodes of the DHT may hold records of different age. Of three values the newest is nearly always the newest there is. */
const enoughValues = 3
/** A walk of a network where a third of the nodes are dead takes 1 s (measured: p2p.md §4). */
const walkTime = 10_000

export class Walk {
  readonly #parts: WalkParts
  readonly #questions = new Allowance(questions.burst, questions.rate)
  readonly #walks = new Allowance(walks.burst, walks.rate)

  constructor(parts: WalkParts) {
    this.#parts = parts
  }

  /**
   * Looks for the record of `key`; what it finds has gone through `learn` when this ends.
   * What is known already is not found: it is looked for because that did not lead there.
   *
   * @param thorough walk the DHT also where a control packet has brought a newer record
   */
  async find(
    key: PublicKey,
    id: Uint8Array,
    thorough: boolean,
    onStep: (step: Step) => void = () => {},
  ): Promise<void> {
    const { clock } = this.#parts
    const start = clock.now()
    if (!thorough && !this.#questions.take(start)) return
    const step = (fields: Omit<Step, 'after'>) => onStep({ ...fields, after: clock.now() - start })
    let fresh = false
    const take = (value: Uint8Array) => {
      const learnt = this.#parts.learn(key, value)
      fresh ||= learnt === 'new'
      return learnt !== 'refused'
    }
    const asked = this.#ask(key, id, thorough ? maxAsked.thorough : maxAsked.background, take, step)
    if (!thorough) await this.#within(headStart, asked)
    if (thorough || (!fresh && this.#walks.take(clock.now()))) await this.#walk(id, take, step)
    await asked
  }

  /** Waits for something, but no longer than that. */
  async #within(time: Time, something: Promise<unknown>): Promise<void> {
    const { clock } = this.#parts
    const { promise: over, resolve } = Promise.withResolvers<void>()
    const limit = clock.at(clock.now() + time, resolve)
    await Promise.race([something, over])
    limit.cancel()
  }

  async #ask(
    key: PublicKey,
    id: Uint8Array,
    most: number,
    take: (value: Uint8Array) => boolean,
    step: (fields: Omit<Step, 'after'>) => void,
  ): Promise<void> {
    const nodes = this.#parts
      .askable()
      .filter(node => node.key !== key)
      .slice(0, most)
    await Promise.all(
      nodes.map(async ({ key: node, endpoint }) => {
        const value = await this.#parts.channel.find(node, endpoint, id)
        const answered = value === null ? 'error' : value.length > 0 && take(value) ? 'value' : 'none'
        step({ via: 'control', key: node, endpoint: formatEndpoint(endpoint), answered })
      }),
    )
  }

  async #walk(
    id: Uint8Array,
    take: (value: Uint8Array) => boolean,
    step: (fields: Omit<Step, 'after'>) => void,
  ): Promise<void> {
    const { clock, log } = this.#parts
    const enough = new AbortController()
    const over = new Promise<null>(done => enough.signal.addEventListener('abort', () => done(null)))
    const limit = clock.at(clock.now() + walkTime, () => enough.abort())
    const options = {
      signal: enough.signal,
      onStep: ({ after: _, ...rest }: Omit<Step, 'via'>) => step({ via: 'directory', ...rest }),
    }
    try {
      const directory = await Promise.race([this.#parts.directory(), over])
      let values = 0
      for await (const value of directory?.find(id, options) ?? []) {
        if (take(value) && ++values === enoughValues) break
      }
    } catch (error) {
      // what others answer counts all the same
      log.debug('walk', { error: String(error) })
    } finally {
      limit.cancel()
    }
  }
}
