/**
 * Our part in the DHT. Its code is large and nothing waits for it at the start, so it is loaded when somebody needs it, or when the
 * node has had time to come up. What fails here is said aloud and tried again; tunnels do not depend on it.
 *
 *     off ──somebody asks, or 1.5 s──▶ loading ──▶ running ──▶ stopped
 *      ▲                                  │
 *      └───────── a growing pause ────────┘
 */

import type { Endpoint } from '../base/ip.ts'
import type { Logger } from '../base/log.ts'
import { minute, second, type Time } from '../base/time.ts'
import type { ByteStream } from '../drivers/carrier/carrier.ts'
import type { Directory, DirectoryStatus } from '../drivers/dht/directory.ts'
import type { Clock } from '../os/clock.ts'
import type { PublicKey } from '../protocol/identity/key.ts'

export type DhtParts = {
  readonly clock: Clock
  readonly log: Logger
  /** Starts it: as a server or not, reached at these endpoints. */
  readonly load: (server: boolean, endpoints: readonly Endpoint[]) => Promise<Directory>
  /** Ours, to be kept in the DHT. */
  readonly own: () => { id: Uint8Array; value: Uint8Array } | null
  readonly warn: (topic: string, message: string | null) => void
}

/** The peers of our first tunnels come first: loading takes 0.3 s of a core. */
const loadAfter = 1.5 * second
/** The soonest. */
const grace = 300
/** Nodes come and go; a value must find those that are nearest now. */
const republishEvery = 30 * minute
/** A first publication reaches whoever is connected by then. It is repeated soon, and then with growing pauses. */
const firstPause = 2 * second
const longestPause = 5 * minute
/** Nodes of which we keep trying to make neighbours; from them we learn of others. */
const enoughKnown = 32

type Known = {
  endpoint: Endpoint
  state: 'waiting' | 'joining' | 'joined'
  pause: Time
  timer: { cancel(): void } | null
}

export class Dht {
  readonly #parts: DhtParts
  #loading: Promise<Directory | null> | null = null
  #directory: Directory | null = null
  #notBefore: Time = 0
  /** Ends the wait of the start. */
  #ready = () => {}
  #loadTimer: { cancel(): void } | null = null
  #loadPause: Time = firstPause
  /** Why there is none. */
  #absence = 'not started yet'
  #mode = { server: false, reason: 'no evidence yet that others can reach this node' }
  #endpoints: readonly Endpoint[] = []
  readonly #known = new Map<PublicKey, Known>()
  #pause: Time = firstPause
  /** The publication under way or planned; an older one has no say any more. */
  #round = 0
  #publishing: 'not yet' | 'now' | 'kept by nobody' | 'kept' = 'not yet'
  #publishTimer: { cancel(): void } | null = null
  #stopped = false

  constructor(parts: DhtParts) {
    this.#parts = parts
  }

  start(): void {
    const { clock } = this.#parts
    this.#notBefore = clock.now() + grace
    if (!this.#loading) this.#loadIn(loadAfter)
  }

  /** The directory, loaded by the first who asks; `null` where it cannot be had now. */
  get(): Promise<Directory | null> {
    if (this.#stopped) return Promise.resolve(null)
    if (!this.#loading) {
      this.#loadTimer?.cancel()
      this.#loading = this.#load()
    }
    return this.#loading
  }

  #loadIn(pause: Time): void {
    const { clock } = this.#parts
    this.#loadTimer = clock.at(clock.now() + pause, () => {
      this.#loading = null
      void this.get()
    })
  }

  /** Whoever asks at the very start waits until the node is up: loading holds everything else up. */
  async #grace(): Promise<void> {
    const { clock } = this.#parts
    if (this.#notBefore <= clock.now()) return
    const over = Promise.withResolvers<void>()
    this.#ready = over.resolve
    const timer = clock.at(this.#notBefore, over.resolve)
    await over.promise
    timer.cancel()
  }

  async #load(): Promise<Directory | null> {
    const { load, warn } = this.#parts
    const { server } = this.#mode
    const endpoints = this.#endpoints
    this.#absence = 'loading'
    try {
      await this.#grace()
      if (this.#stopped) return null
      const directory = await load(server, endpoints)
      if (this.#stopped) {
        await this.#end(directory)
        return null
      }
      this.#directory = directory
    } catch (error) {
      if (this.#stopped) return null
      this.#absence = (error as Error).message
      warn('dht', `no DHT: ${this.#absence}; trying again`)
      // whoever asks until then is told at once that there is none
      this.#loadIn(this.#loadPause)
      this.#loadPause = Math.min(this.#loadPause * 2, longestPause)
      return null
    }
    warn('dht', null)
    // what has changed while it was loading
    if (this.#endpoints !== endpoints) this.announce(this.#endpoints)
    if (this.#mode.server !== server) this.#tellMode()
    for (const [key, known] of this.#known) void this.#join(key, known)
    this.publish()
    return this.#directory
  }

  /** A node that has answered a control packet, and so can be a neighbour. Its DHT may not be up yet: tried until it is. */
  join(key: PublicKey, endpoint: Endpoint): void {
    const known = this.#known.get(key)
    if (known) {
      known.endpoint = endpoint
      // whoever answers again is worth another try, where we are alone
      if (known.state === 'joined' && this.#directory?.status().connections === 0) void this.#join(key, known)
      return
    }
    if (this.#known.size >= enoughKnown) return
    const fresh: Known = { endpoint, state: 'waiting', pause: firstPause, timer: null }
    this.#known.set(key, fresh)
    if (this.#directory) void this.#join(key, fresh)
  }

  async #join(key: PublicKey, known: Known): Promise<void> {
    const { clock, log } = this.#parts
    known.state = 'joining'
    try {
      await this.#directory!.join(key, known.endpoint)
      known.state = 'joined'
      known.pause = firstPause
      // it could not be kept before, as we knew nobody
      if (this.#publishing === 'kept by nobody') this.publish()
    } catch (error) {
      log.debug('cannot join', { key: key.slice(0, 10), error: (error as Error).message })
      if (this.#stopped) return
      known.state = 'waiting'
      known.timer = clock.at(clock.now() + known.pause, () => void this.#join(key, known))
      known.pause = Math.min(known.pause * 2, longestPause)
    }
  }

  /** A stream for a carrier; `null` where this machine has none of that rung, or no DHT now. @throws where it does not get through */
  async carry(...it: Parameters<Directory['carry']>): Promise<ByteStream | null> {
    return (await (await this.get())?.carry(...it)) ?? null
  }

  /** Where others reach us. */
  announce(endpoints: readonly Endpoint[]): void {
    this.#endpoints = endpoints
    this.#directory?.announce(endpoints).catch(error => this.#parts.log.warn('dht address', { error: String(error) }))
  }

  setServer(server: boolean, reason: string): void {
    const changed = this.#mode.server !== server
    this.#mode = { server, reason }
    if (!changed) return
    this.#parts.log.info('dht', { mode: server ? 'server' : 'client', reason })
    this.#tellMode()
  }

  #tellMode(): void {
    const { log } = this.#parts
    this.#directory?.setServer(this.#mode.server).catch(error => log.warn('dht mode', { error: String(error) }))
  }

  /** Our record has changed, or is new: it goes out now, and again. */
  publish(): void {
    this.#pause = firstPause
    void this.#publish()
  }

  async #publish(): Promise<void> {
    const { clock, own, log } = this.#parts
    const round = ++this.#round
    this.#publishTimer?.cancel()
    const record = own()
    if (!this.#directory || !record || this.#stopped) return
    this.#publishing = 'now'
    let stored = 0
    try {
      stored = (await this.#directory.publish(record.id, record.value)).stored
      log.debug('published', { stored })
    } catch (error) {
      log.debug('cannot publish', { error: (error as Error).message })
    }
    if (this.#stopped || round !== this.#round) return
    this.#publishing = stored > 0 ? 'kept' : 'kept by nobody'
    this.#publishTimer = clock.at(clock.now() + this.#pause, () => void this.#publish())
    this.#pause = Math.min(this.#pause * 4, stored > 0 ? republishEvery : longestPause)
  }

  async local(id: Uint8Array): Promise<Uint8Array | null> {
    return (await this.#directory?.local(id)) ?? null
  }

  /** Servers of the routing table that we are connected with; none before it runs. */
  neighbours(): { readonly key: PublicKey; readonly endpoint: Endpoint }[] {
    const all = this.#directory?.neighbours() ?? []
    return all.flatMap(({ key, endpoint }) => (endpoint ? [{ key, endpoint }] : []))
  }

  status(): (
    | DirectoryStatus
    | { mode: 'off'; peers: 0; connections: 0; overTcp?: 0; stored: 0; rejected: Record<string, number> }
  ) & {
    reason: string
  } {
    if (this.#directory) return { ...this.#directory.status(), reason: this.#mode.reason }
    return { mode: 'off', peers: 0, connections: 0, stored: 0, rejected: {}, reason: this.#absence }
  }

  /** Resolves when nothing of it runs any more, also where it was just being loaded. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#loadTimer?.cancel()
    for (const { timer } of this.#known.values()) timer?.cancel()
    this.#publishTimer?.cancel()
    this.#ready()
    await this.#loading
    if (this.#directory) await this.#end(this.#directory)
  }

  async #end(directory: Directory): Promise<void> {
    await directory.stop().catch(error => this.#parts.log.warn('dht stop', { error: String(error) }))
  }
}
