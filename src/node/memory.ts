/**
 * What a node remembers over restarts, so that it finds its members again when every boot node is dead: where each was last, and its
 * newest record. And the sequence number of its own record, which may only grow.
 */

import { type Endpoint, sameEndpoint } from '../base/ip.ts'
import { second } from '../base/time.ts'
import type { Clock } from '../os/clock.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import type { LifetimeFacts } from '../protocol/nat/lifetime.ts'

export type Remembered = {
  /** Endpoints that answered, the last one first. */
  readonly endpoints: readonly Endpoint[]
  /** As it was signed. */
  readonly record?: Uint8Array
}

export type Remembrance = {
  readonly sequence: number
  readonly peers: ReadonlyMap<PublicKey, Remembered>
  /** How long the NATs that we were behind keep a mapping. */
  readonly lifetimes: readonly LifetimeFacts[]
}

/** Where it is kept. Neither call throws: a node without memory is slow to start, and works. */
export interface Store {
  load(): Remembrance
  save(memory: Remembrance): void
}

export const nothing: Remembrance = { sequence: 0, peers: new Map(), lifetimes: [] }

/** Endpoints that are remembered of a member. */
const endpointLimit = 4
/** What was learnt is written so much later, together with what follows. */
const saveAfter = 5 * second

/** What is to be kept besides the endpoints. */
export type Keeping = {
  /** Members of the file; the others are forgotten. */
  readonly keys: () => readonly PublicKey[]
  readonly record: (key: PublicKey) => Uint8Array | undefined
  readonly sequence: () => number
  readonly lifetimes: () => readonly LifetimeFacts[]
}

export class Memory {
  /** Of our own record: the last one that was used. */
  readonly sequence: number
  readonly lifetimes: readonly LifetimeFacts[]
  readonly #store: Store
  readonly #clock: Clock
  readonly #keeping: Keeping
  readonly #peers: Map<PublicKey, Remembered>
  #timer: { cancel(): void } | null = null

  constructor(store: Store, clock: Clock, keeping: Keeping) {
    this.#store = store
    this.#clock = clock
    this.#keeping = keeping
    const { sequence, peers, lifetimes } = store.load()
    this.sequence = sequence
    this.lifetimes = lifetimes
    this.#peers = new Map(peers)
  }

  of(key: PublicKey): Remembered | undefined {
    return this.#peers.get(key)
  }

  /** The member has answered from there. */
  saw(key: PublicKey, endpoint: Endpoint): void {
    const before = this.#peers.get(key)?.endpoints ?? []
    if (sameEndpoint(before[0], endpoint)) return
    const others = before.filter(each => !sameEndpoint(each, endpoint))
    this.#peers.set(key, { endpoints: [endpoint, ...others].slice(0, endpointLimit) })
    this.saveSoon()
  }

  forget(key: PublicKey): void {
    this.#peers.delete(key)
    this.saveSoon()
  }

  saveSoon(): void {
    this.#timer ??= this.#clock.at(this.#clock.now() + saveAfter, () => this.save())
  }

  save(): void {
    this.#timer?.cancel()
    this.#timer = null
    const peers = this.#keeping.keys().flatMap((key): [PublicKey, Remembered][] => {
      const endpoints = this.#peers.get(key)?.endpoints ?? []
      const record = this.#keeping.record(key)
      return endpoints.length > 0 || record ? [[key, { endpoints, ...(record && { record }) }]] : []
    })
    const { sequence, lifetimes } = this.#keeping
    this.#store.save({ sequence: sequence(), peers: new Map(peers), lifetimes: lifetimes() })
  }
}
