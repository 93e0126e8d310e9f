/**
 * Who is bound to which port of a relay, from where, and until when. A node is bound to a port from one source, and a source is one
 * node's at a port: so source and port tell whose a packet is.
 */

import { type Endpoint, formatEndpoint } from '../../base/ip.ts'
import type { Time } from '../../base/time.ts'
import type { Rank } from '../home/desk.ts'
import type { PublicKey } from '../identity/key.ts'
import * as limits from './constants.ts'

export type Binding = {
  readonly key: PublicKey
  /** Of whom it wants. */
  readonly port: number
  readonly source: Endpoint
  readonly until: Time
  readonly rank: Rank
  /** Counts up with each binding and each new source of one. */
  readonly serial: number
}

export class Bindings {
  /** The longest not refreshed first, so the one that ends first. */
  readonly #all = new Map<string, Binding>()
  readonly #bySource = new Map<string, Binding>()
  readonly #byKey = new Map<PublicKey, Map<string, Binding>>()
  readonly #byPort = new Map<number, Map<string, Binding>>()

  get size(): number {
    return this.#all.size
  }

  /** The one that ends first. */
  get first(): Binding | null {
    for (const binding of this.#all.values()) return binding
    return null
  }

  get(key: PublicKey, port: number): Binding | null {
    return this.#all.get(nameOf(key, port)) ?? null
  }

  /** Whose packets are those that come from there to this port? */
  at(source: Endpoint, port: number): Binding | null {
    return this.#bySource.get(placeOf(source, port)) ?? null
  }

  /** All that end with the port of a node: its own, and those to it. */
  around(key: PublicKey, port: number): Binding[] {
    return [...(this.#byKey.get(key)?.values() ?? []), ...(this.#byPort.get(port)?.values() ?? [])]
  }

  /** May `key` have one more? `yes`, `no`, or which one makes room: of a stranger, for a member. */
  room(key: PublicKey, rank: Rank): 'yes' | 'no' | Binding {
    const most = rank === 'member' ? limits.bindingsOfMember : limits.bindingsOfStranger
    if ((this.#byKey.get(key)?.size ?? 0) >= most) return 'no'
    if (this.#all.size < limits.bindingsAtOnce) return 'yes'
    if (rank === 'stranger') return 'no'
    for (const binding of this.#all.values()) if (binding.rank === 'stranger') return binding
    return 'no'
  }

  /** What stands in its way must have been removed. */
  put(binding: Binding): void {
    const { key, port, source } = binding
    const name = nameOf(key, port)
    this.#all.delete(name)
    this.#all.set(name, binding)
    this.#bySource.set(placeOf(source, port), binding)
    setIn(this.#byKey, key, name, binding)
    setIn(this.#byPort, port, name, binding)
  }

  remove({ key, port, source }: Binding): void {
    const name = nameOf(key, port)
    this.#all.delete(name)
    this.#bySource.delete(placeOf(source, port))
    deleteIn(this.#byKey, key, name)
    deleteIn(this.#byPort, port, name)
  }
}

const nameOf = (key: PublicKey, port: number) => `${key} ${port}`
const placeOf = (source: Endpoint, port: number) => `${formatEndpoint(source)} ${port}`

function setIn<K>(maps: Map<K, Map<string, Binding>>, key: K, name: string, binding: Binding): void {
  const map = maps.get(key) ?? new Map<string, Binding>()
  maps.set(key, map.set(name, binding))
}

function deleteIn<K>(maps: Map<K, Map<string, Binding>>, key: K, name: string): void {
  const map = maps.get(key)
  map?.delete(name)
  if (map?.size === 0) maps.delete(key)
}
