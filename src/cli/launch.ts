/**
 * The daemon as a child of `wh up`, in a session of its own. It is started before the command line is read, because loading takes
 * longer than all that it does then; it touches nothing until it is told the options, and ends if we end without a word.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { entry } from '../os/program.ts'

let early: ChildProcess | undefined

/** Words with which `wh up` needs no daemon. Only time is lost where this guess is wrong. */
const alone = /^(--)?(help|dry-run|foreground)$|^-h$/

/** @param words what follows `up`, which the daemon shows in the list of processes and does not read */
export function launchEarly(words: readonly string[]): void {
  if (process.geteuid?.() !== 0 || words.some(word => alone.test(word))) return
  early = start(words)
  // what is wrong with it is said by whoever comes to use it
  early.on('error', () => {})
  early.unref()
  early.channel?.unref()
}

/** The daemon, which waits for its options. */
export function launch(words: readonly string[]): ChildProcess {
  const running = early?.pid !== undefined && early.exitCode === null && early.signalCode === null
  const child = running ? early! : start(words)
  child.ref()
  child.channel?.ref()
  return child
}

function start(words: readonly string[]): ChildProcess {
  return spawn(process.execPath, [...process.execArgv, fileURLToPath(entry('daemon/main')), ...words], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    detached: true,
    cwd: '/',
  })
}
