/**
 * What all commands share: WireHub's keyword style, and one way to fail.
 *
 * `wh up net.conf private-key sk foreground` means `wh up net.conf --private-key sk --foreground`: a word that is exactly the
 * name of one of the command's flags is that flag. `./foreground` or `--` keeps such a word a file name.
 */

import { Command, Errors } from '@oclif/core'
import { exit, Failure } from '../base/failure.ts'

type Flag = { type: 'boolean' | 'option' }

/** Rewrites WireHub's keywords as flags. A keyword's value is taken as it is, also where it is itself a keyword. */
export function keywordsToFlags(argv: readonly string[], flags: Record<string, Flag>): string[] {
  const out: string[] = []
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!
    if (word === '--') return [...out, ...argv.slice(i)]
    const name = word.startsWith('--') ? word.slice(2) : word
    const flag = Object.hasOwn(flags, name) ? flags[name] : undefined
    if (!flag) {
      out.push(word)
      continue
    }
    out.push(`--${name}`)
    // `--workbit -3` would read -3 as a flag; with `=` the value's own check can refuse it
    if (flag.type === 'option' && i + 1 < argv.length) out[out.length - 1] += `=${argv[++i]}`
  }
  return out
}

export abstract class WhCommand extends Command {
  static override enableJsonFlag = false

  protected override async init(): Promise<void> {
    this.argv = keywordsToFlags(this.argv, this.ctor.flags ?? {})
    await super.init()
  }

  /** A `Failure` is written for people: message, remedy, status. Anything else is our mistake and keeps its stack. */
  protected override async catch(error: Error & { exitCode?: number; oclif?: { exit?: number } }): Promise<void> {
    if (error instanceof Failure) {
      this.logToStderr(`wh ${this.id}: ${error.message}`)
      if (error.remedy) for (const line of error.remedy.split('\n')) this.logToStderr(`  ${line}`)
      process.exitCode = error.exit
      return
    }
    if (error instanceof Errors.CLIError && !(error instanceof Errors.ExitError)) {
      // oclif writes for a wide screen: a heading, then columns
      const [message] = error.message.replace(/\s+/g, ' ').split(' See more help with')
      this.logToStderr(`wh ${this.id}: ${message}`)
      this.logToStderr(`  wh ${this.id} --help shows how it is used`)
      process.exitCode = exit.usage
      return
    }
    throw error
  }
}
