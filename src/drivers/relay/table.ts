/**
 * A relay's table in the kernel (rules.ts). Nobody owns it: it lasts until somebody removes it, so what is relayed goes on while the
 * program that loaded it is away. Each change is one transaction, with a number that tells whether it came about.
 */

import { Failure } from '../../base/failure.ts'
import type { Address } from '../../base/ip.ts'
import type { Programs } from '../../os/run.ts'
import { NftSession } from '../control/nft-session.ts'
import * as rules from './rules.ts'

export type Content = {
  readonly devices: readonly rules.Device[]
  readonly here: readonly Address[]
  readonly ways: ReadonlyMap<number, rules.Way>
  readonly legs: readonly rules.Placed[]
}

export type Difference = {
  readonly remove: readonly rules.Placed[]
  readonly ways: ReadonlyMap<number, rules.Way>
  readonly add: readonly rules.Placed[]
}

export class Table {
  readonly #programs: Programs
  readonly #options: rules.TableOptions
  #session: NftSession | null = null
  #version = 0

  constructor(programs: Programs, options: rules.TableOptions) {
    this.#programs = programs
    this.#options = options
  }

  /** What is there, before anything is loaded; empty where nothing is. */
  async read(): Promise<string> {
    // by a process of its own, here and below: what nft has listed once it keeps in its memory
    const { code, out } = await this.#programs.run(['nft', 'list', 'table', 'netdev', this.#name])
    // ours are later ones: a number that is there already would prove nothing
    this.#version = rules.readVersion(code === 0 ? out : '') ?? 0
    return code === 0 ? out : ''
  }

  /** In place of what is there. @throws a Failure where nft refuses, and all is as before */
  async load({ devices, here, ways, legs }: Content): Promise<void> {
    const version = this.#version + 1
    const base = rules.loadCommands(this.#options, version, devices, here)
    await this.#apply(version, [...base, ...rules.addCommands(this.#options.listenPort, ways, legs)])
  }

  /** @throws a Failure where nft refuses, and all is as before, or the table is not there */
  async change({ remove, ways, add }: Difference): Promise<void> {
    const { listenPort } = this.#options
    const version = this.#version + 1
    await this.#apply(version, [
      ...rules.versionCommands(listenPort, this.#version, version),
      ...rules.deleteCommands(listenPort, remove),
      ...rules.addCommands(listenPort, ways, add),
    ])
  }

  async isThere(): Promise<boolean> {
    const answer = await this.#started().ask([rules.listVersionCommand(this.#options.listenPort)])
    return rules.readVersion(answer ?? '') === this.#version
  }

  async counters(): Promise<Map<number, rules.Counted>> {
    const listed = await Promise.all(
      rules.listCountersCommands(this.#options.listenPort).map(argv => this.#programs.run(['nft', ...argv])),
    )
    return rules.readCounters(listed.map(({ out }) => out).join('\n'))
  }

  async remove(): Promise<void> {
    // one that is not there is no reason to complain
    await this.#started().ask([`add table netdev ${this.#name}; delete table netdev ${this.#name}`])
  }

  /** The table stays. */
  async close(): Promise<void> {
    await this.#session?.stop()
    this.#session = null
  }

  get #name(): string {
    return rules.tableOf(this.#options.listenPort)
  }

  async #apply(version: number, commands: readonly string[]): Promise<void> {
    const session = this.#started()
    const listed = await session.ask([commands.join('; '), rules.listVersionCommand(this.#options.listenPort)])
    if (rules.readVersion(listed ?? '') !== version) throw new Failure(`nft: ${await session.complaint()}`)
    this.#version = version
  }

  #started(): NftSession {
    if (!this.#session || this.#session.ended) this.#session = new NftSession(this.#programs)
    return this.#session
  }
}
