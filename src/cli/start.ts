/** A daemon in the background, from the options to its first words. */

import { exit, Failure } from '../base/failure.ts'
import type { Message } from '../daemon/main.ts'
import { type Options, requireRoot } from '../daemon/prepare.ts'
import { systemOs as os } from '../os/index.ts'
import { launch } from './launch.ts'

/** Tells the daemon what to do, and waits for its first words. @param words for the list of processes */
export function startInBackground(options: Options, words: readonly string[]): Promise<Message> {
  requireRoot(os, 'wh up')
  const child = launch(words)
  let interrupted = false
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      interrupted = true
      child.kill('SIGTERM')
    })
  }
  return new Promise((done, failed) => {
    child.on('error', failed)
    child.on('exit', (code, signal) => {
      if (interrupted) failed(new Failure('interrupted; nothing is left', { exit: exit.interrupted }))
      failed(new Failure(`the daemon ended before it was ready (${signal ?? `exit status ${code}`})`))
    })
    child.send(options)
    child.on('message', message => {
      if (interrupted) return
      child.removeAllListeners('exit')
      child.disconnect()
      child.unref()
      done(message as Message)
    })
  })
}
