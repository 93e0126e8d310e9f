/**
 * Looking for a node's record: by control packets at everybody whose endpoint is known, which takes one round trip, and by a walk of
 * the DHT where those have none. Every value goes through `learn`, which checks it and keeps the newest.
 */

import type { Endpoint } from '../base/ip.ts'
import { formatEndpoint } from '../base/ip.ts'
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
  readonly channel: Pick<Channel, 'find'>
  /** Nodes that answer, or may: boot nodes first, then members with a path. */
  readonly askable: () => readonly { key: PublicKey; endpoint: Endpoint }[]
  /** `null` where the DHT cannot be had. */
  readonly directory: () => Promise<Directory | null>
  /** Checks and keeps. Says whether the value was a valid record of the key. */
  readonly learn: (key: PublicKey, value: Uint8Array) => boolean
}

/** How many nodes are asked by control packets: each answer is a whole record. */
const maxAsked = 8
/** An answer takes one round trip; the DHT, whose code may not even be loaded, is asked where none came in that time. */
const headStart = 250
/** Nodes of the DHT may hold records of different age. Of three values the newest is nearly always the newest there is. */
const enoughValues = 3
/** A walk of a network where a third of the nodes are dead takes 1 s (measured: p2p.md §4). */
const walkTime = 10_000

export class Walk {
  readonly #parts: WalkParts

  constructor(parts: WalkParts) {
    this.#parts = parts
  }

  /**
   * Looks for the record of `key`; what it finds has gone through `learn` when this ends.
   * @param thorough walk the DHT also where a control packet has brought a record
   */
  async find(
    key: PublicKey,
    id: Uint8Array,
    thorough: boolean,
    onStep: (step: Step) => void = () => {},
  ): Promise<void> {
    const { clock } = this.#parts
    const start = clock.now()
    const step = (fields: Omit<Step, 'after'>) => onStep({ ...fields, after: clock.now() - start })
    let found = false
    const take = (value: Uint8Array) => {
      const valid = this.#parts.learn(key, value)
      found ||= valid
      return valid
    }
    const asked = this.#ask(key, id, take, step)
    if (!thorough) await Promise.race([asked, new Promise<void>(done => clock.at(start + headStart, done))])
    if (!found || thorough) await this.#walk(id, take, step)
    await asked
  }

  async #ask(
    key: PublicKey,
    id: Uint8Array,
    take: (value: Uint8Array) => boolean,
    step: (fields: Omit<Step, 'after'>) => void,
  ): Promise<void> {
    const nodes = this.#parts
      .askable()
      .filter(node => node.key !== key)
      .slice(0, maxAsked)
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
    const directory = await this.#parts.directory()
    if (!directory) return
    const { clock } = this.#parts
    const enough = new AbortController()
    const limit = clock.at(clock.now() + walkTime, () => enough.abort())
    let values = 0
    try {
      const options = {
        signal: enough.signal,
        onStep: ({ after: _, ...rest }: Omit<Step, 'via'>) => step({ via: 'directory', ...rest }),
      }
      for await (const value of directory.find(id, options)) {
        if (take(value) && ++values === enoughValues) break
      }
    } finally {
      limit.cancel()
    }
  }
}
