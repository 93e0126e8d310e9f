/**
 * Standard output that fails: said once, and seen in the exit status. A key that went nowhere must not look like a success.
 *
 * Nothing ends at the failure itself: `wh up foreground` has a network to take down first. `bin/wh` makes a closed standard
 * output one that refuses what is written, because Node replaces it by /dev/null before any of our code runs.
 */

import { fstatSync, writeSync } from 'node:fs'
import { exit } from '../base/failure.ts'
import { refusal } from './refusal.ts'

/** To be called when oclif is loaded: it throws what we report. */
export function watchOutput(): void {
  const { stdout } = process
  let failed = false
  stdout.removeAllListeners('error')
  stdout.on('error', error => {
    // a reader that closes the pipe early (`wh show | head -1`) is no error
    if (failed || (error as NodeJS.ErrnoException).code === 'EPIPE') return
    failed = true
    process.stderr.write(`wh: cannot write to standard output: ${refusal(error)}\n`)
  })
  // the error may come after the command is done, and the command may have set a status of its own
  process.on('exit', () => {
    if (failed) process.exitCode ||= exit.failed
  })
  // a disk that is nearly full takes a part and calls that a success; Node's stream for files believes it
  if (isFile(stdout.fd)) stdout._write = (chunk, _encoding, done) => done(writeAll(stdout.fd, chunk))
}

function isFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile()
  } catch {
    return false
  }
}

function writeAll(fd: number, bytes: Buffer): Error | null {
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
    return null
  } catch (error) {
    return error as Error
  }
}
