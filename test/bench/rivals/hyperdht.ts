/**
 * hyperdht (npm): no tunnel, but streams through NATs, which it is good at. It is none of our dependencies: it is installed into a
 * folder that is removed afterwards. A stream that carries a word and its echo is what a ping is elsewhere.
 */

import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { promisify } from 'node:util'
import type { Program } from '../../lab/lab.ts'
import type { Pair, Stage } from '../../nat/pair.ts'
import type { Rival } from './rival.ts'

const version = '6.34.0'
const exec = promisify(execFile)

export class HyperDht implements Rival {
  readonly name = `hyperdht ${version}`
  readonly #folder: string
  #bootstrap = ''
  #key = ''
  #server: Program | null = null

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** Null, with the reason said, where it cannot be installed. */
  static async open(): Promise<HyperDht | null> {
    const folder = await mkdtemp(`${tmpdir()}/wh-bench-hyperdht-`)
    try {
      await writeFile(`${folder}/package.json`, '{}')
      await exec('npm', ['install', '--no-audit', '--no-fund', `hyperdht@${version}`], {
        cwd: folder,
        timeout: 120_000,
      })
      return new HyperDht(folder)
    } catch (error) {
      await rm(folder, { recursive: true })
      console.log(`hyperdht is not measured: ${(error as Error).message.trim().split('\n').at(-1)}`)
      return null
    }
  }

  async serve(stage: Stage): Promise<void> {
    this.#bootstrap = stage.servers[0].address
    for (const { host, address } of stage.servers)
      await host.spawn(this.#argv('serve', address, this.#bootstrap)).says(/ready/, 60_000)
  }

  async begin({ members: [first] }: Pair): Promise<void> {
    this.#server = first.host.spawn(this.#argv('listen', this.#bootstrap))
    const [key] = await this.#server.says(/^[0-9a-f]{64}$/m, 30_000)
    this.#key = key
  }

  async connect(pair: Pair, patience: number): Promise<number | null> {
    const [, second] = pair.members
    await pair.forget()
    const argv = ['timeout', String(patience / 1000), ...this.#argv('connect', this.#bootstrap, this.#key)]
    const out = await second.host.run(['sh', '-c', 'date +%s%3N; exec "$@"', 'sh', ...argv], {
      timeout: patience + 10_000,
    })
    const [start, reply] = out.out.trim().split('\n').map(Number)
    return reply === undefined ? null : reply - start!
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true })
  }

  #argv(...args: string[]): string[] {
    return [process.execPath, `${import.meta.dirname}/hyperdht-node.ts`, this.#folder, ...args]
  }
}
