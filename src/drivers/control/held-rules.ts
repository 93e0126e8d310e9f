/**
 * The nftables rules of a control port, in the kernel for as long as we live.
 *
 * One `nft -i` holds them. Its table is owned: nobody else can remove it, not even by `flush ruleset`, and the kernel removes it when that
 * process ends, which is when its input ends, which is when we do, even by kill -9. If it ends without us, the rules are loaded again, and
 * what was bound with them.
 *
 *   load ──▶ held ── the process ended ──▶ pause ──▶ load …
 *     └─ refused the first time: thrown      close: no way back
 *
 * Bindings come and go while the table stays. Whether nft has done what it was told is seen in what it lists then: its complaints come on
 * another pipe, sooner or later.
 */

import { Failure } from '../../base/failure.ts'
import { type Endpoint, formatEndpoint } from '../../base/ip.ts'
import type { Logger } from '../../base/log.ts'
import { minute, second } from '../../base/time.ts'
import type { Clock } from '../../os/clock.ts'
import type { Child, Programs } from '../../os/run.ts'
import { startNft } from './nft-session.ts'
import {
  type Binding,
  bindCommand,
  countCommand,
  listBoundCommand,
  listCommand,
  loadCommand,
  readBound,
  readCounters,
  tableOf,
} from './rules.ts'

/** How often we look whether a firewall keeps control packets from us. */
const lookEvery = 5 * second

/** Each change lists them all. */
const mostBound = 256

export type HeldRulesOptions = {
  /** W. */
  readonly listenPort: number
  /** C. */
  readonly privatePort: number
  /** Called once, when the machine's firewall has dropped control packets that were for W. */
  readonly onUnheard: () => void
}

type Difference = { readonly remove: readonly Binding[]; readonly add: readonly Binding[] }

export class HeldRules {
  readonly #programs: Programs
  readonly #clock: Clock
  readonly #log: Logger
  readonly #options: HeldRulesOptions
  /** What is bound, or will be with the next load; by endpoint. */
  readonly #bound = new Map<string, Binding>()
  #changes: Promise<unknown> = Promise.resolve()
  /** Called with all of an answer to a `list`. */
  #listed = (_listing: string) => {}
  #complaint = ''
  #holder: Child | null = null
  #loading: Promise<void> = Promise.resolve()
  #timer: { cancel(): void } | null = null
  #closed = false
  #unheard = false
  #arrived = 0

  constructor(programs: Programs, clock: Clock, log: Logger, options: HeldRulesOptions) {
    this.#programs = programs
    this.#clock = clock
    this.#log = log
    this.#options = options
  }

  /** Resolves when the rules are in force. */
  async load(): Promise<void> {
    const { listenPort, privatePort } = this.#options
    const loaded = Promise.withResolvers<void>()
    let listing = ''
    this.#complaint = ''
    this.#listed = () => loaded.resolve()
    const holder = startNft(this.#programs, {
      onLine: line => {
        if (line.startsWith(`table inet ${tableOf(privatePort)} {`)) listing = ''
        listing += `${line}\n`
        if (line.startsWith('}')) this.#read(listing)
      },
      onComplaint: line => {
        this.#complaint ||= line
        loaded.reject(new Failure(`nft refuses our rules: ${this.#complaint}`))
      },
    })
    const rules = loadCommand(listenPort, privatePort, [...this.#bound.values()])
    holder.write(`${rules}\n${listCommand(privatePort)}\n`)
    void holder.ended.then(code => loaded.reject(new Failure(`nft ended with status ${code}: ${this.#complaint}`)))
    try {
      await loaded.promise
    } catch (error) {
      await holder.stop()
      throw error
    }
    if (this.#closed) return await holder.stop()
    this.#holder = holder
    void holder.ended.then(code => this.#lost(code))
    this.#lookLater()
  }

  /**
   * What W exchanges with `to` goes through `port` from now on; `null`: through W. Resolves when that is in force.
   * @throws a Failure where nft refuses, and all is as before
   */
  bind(to: Endpoint, port: number | null): Promise<void> {
    return this.#change(() => {
      const before = this.#bound.get(formatEndpoint(to))
      if ((before?.port ?? null) === port) return { remove: [], add: [] }
      if (port !== null && this.#bound.size >= mostBound) throw new Failure(`${mostBound} endpoints are bound already`)
      return { remove: before ? [before] : [], add: port === null ? [] : [{ to, port }] }
    })
  }

  /** Nothing goes through `port` from now on. @throws as `bind` */
  unbind(port: number): Promise<void> {
    return this.#change(() => ({ remove: [...this.#bound.values()].filter(it => it.port === port), add: [] }))
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await this.#loading
    await this.#holder?.stop()
  }

  /** One after the other: a difference is one to what was in force before. */
  #change(difference: () => Difference): Promise<void> {
    const change = this.#changes.then(async () => {
      await this.#loading
      await this.#apply(difference())
    })
    this.#changes = change.catch(() => {})
    return change
  }

  async #apply({ remove, add }: Difference): Promise<void> {
    if (remove.length + add.length === 0) return
    const holder = this.#holder
    if (this.#closed || !holder) throw new Failure('our nftables rules are not in force: the log says why')
    const { listenPort, privatePort } = this.#options
    const listed = Promise.withResolvers<Map<string, number> | null>()
    this.#complaint = ''
    this.#listed = listing => {
      const bound = readBound(listing)
      if (bound) listed.resolve(bound)
    }
    this.#note(remove, add)
    holder.write(`${bindCommand(listenPort, privatePort, { remove, add })}\n${listBoundCommand(privatePort)}\n`)
    void holder.ended.then(() => listed.resolve(null))
    const bound = (await listed.promise) ?? (await this.#loadedAgain())
    const keys = [...remove, ...add].map(({ to }) => formatEndpoint(to))
    if (keys.every(key => bound?.get(key) === this.#bound.get(key)?.port)) return
    this.#note(add, remove)
    throw new Failure(
      `nft does not bind ${keys.join()}: ${this.#complaint || 'the process that holds our rules ended'}`,
    )
  }

  /** The holder ended in the middle: what is noted came with the next load, or never. */
  async #loadedAgain(): Promise<Map<string, number> | null> {
    await this.#loading
    return this.#holder && new Map([...this.#bound].map(([key, { port }]) => [key, port]))
  }

  #note(remove: readonly Binding[], add: readonly Binding[]): void {
    for (const { to } of remove) this.#bound.delete(formatEndpoint(to))
    for (const binding of add) this.#bound.set(formatEndpoint(binding.to), binding)
  }

  #lost(code: number): void {
    if (this.#closed) return
    this.#holder = null
    this.#log.warn('the process that holds our nftables rules ended: loading them again', { status: code })
    this.#timer?.cancel()
    this.#loading = this.#again(second)
  }

  async #again(pause: number): Promise<void> {
    try {
      await this.load()
    } catch (error) {
      if (this.#closed) return
      const problem = error as Error
      this.#log.error('no control packets until our nftables rules are back', { problem: problem.message })
      this.#timer = this.#clock.at(this.#clock.now() + pause, () => {
        this.#loading = this.#again(Math.min(2 * pause, minute))
      })
    }
  }

  #lookLater(): void {
    if (this.#unheard) return
    this.#timer = this.#clock.at(this.#clock.now() + lookEvery, () => {
      this.#holder?.write(`${countCommand(this.#options.privatePort)}\n`)
      this.#lookLater()
    })
  }

  #read(listing: string): void {
    this.#listed(listing)
    const { arrived, heard } = readCounters(listing)
    this.#arrived = arrived ?? this.#arrived
    if (heard === undefined || heard >= this.#arrived || this.#unheard) return
    this.#unheard = true
    this.#options.onUnheard()
  }
}
