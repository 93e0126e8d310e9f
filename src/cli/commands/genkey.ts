/** `wh genkey`: looks for a private key whose public key carries work. */

import { Args, Flags } from '@oclif/core'
import { exit, Failure } from '../../base/failure.ts'
import { searchKey } from '../../drivers/keysearch/search.ts'
import { WhCommand } from '../command.ts'
import { goalOf } from '../goal.ts'
import { searchProgress } from '../print/progress.ts'

/** So many take 5 s to start on two cores; more is a slip of the finger. */
const mostThreads = 128

export default class Genkey extends WhCommand {
  static override summary = 'Print a new private key whose public key carries a proof of work'
  static override description =
    'The key is an ordinary WireGuard key. Each bit of work doubles the time of the search. FILE is a network file: its workbit and namespace are taken. A search on a terminal shows its progress there; standard output carries the key alone.'
  static override examples = [
    '<%= config.bin %> genkey workbit 16 > private.key',
    '<%= config.bin %> genkey ./net.conf > private.key',
    '<%= config.bin %> genkey workbit 8 | <%= config.bin %> pubkey | <%= config.bin %> workbit',
    '<%= config.bin %> genkey workbit 24 namespace example threads 4 > private.key',
  ]
  static override args = {
    FILE: Args.string({ ignoreStdin: true, description: 'network file that says workbit and namespace' }),
  }
  static override flags = {
    workbit: Flags.string({
      description: 'zero bits which the hash of the public key starts with (8 if nothing says)',
    }),
    namespace: Flags.string({ description: 'what the work is done for (public if nothing says)' }),
    threads: Flags.string({ description: 'threads that search (one per core if nothing says)' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Genkey)
    const goal = goalOf(flags, args.FILE)
    const stop = new AbortController()
    const onInterrupt = () => stop.abort()
    process.once('SIGINT', onInterrupt)
    const line = statusLine()
    const began = performance.now()
    try {
      const key = await searchKey(goal, {
        ...(flags.threads !== undefined && { threads: readThreads(flags.threads) }),
        signal: stop.signal,
        progress: tries => line.show(searchProgress(tries, performance.now() - began, goal.workbit)),
      })
      line.clear()
      this.log(key.reveal())
    } catch (error) {
      line.clear()
      if (!stop.signal.aborted) throw error
      process.exitCode = exit.interrupted
    } finally {
      process.off('SIGINT', onInterrupt)
    }
  }
}

function readThreads(text: string): number {
  if (!/^[1-9]\d*$/.test(text) || Number(text) > mostThreads) {
    throw new Failure(`threads: "${text}" is not a number from 1 to ${mostThreads}`, { exit: exit.usage })
  }
  return Number(text)
}

/** One line at the end of a terminal; nothing where standard error is none. */
function statusLine(): { show(text: string): void; clear(): void } {
  const { stderr } = process
  let shown = 0
  if (!stderr.isTTY) return { show() {}, clear() {} }
  return {
    show(text) {
      // each thread reports for itself, and eyes want fewer changes
      if (performance.now() - shown < 100) return
      shown = performance.now()
      stderr.write(`\r\x1b[K${text.slice(0, (stderr.columns || 80) - 1)}`)
    },
    clear() {
      if (shown > 0) stderr.write('\r\x1b[K')
    },
  }
}
