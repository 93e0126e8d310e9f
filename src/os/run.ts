/**
 * Other programs: argument vectors, never a shell. What a program shall read goes through an unnamed file, because `wg` opens
 * `/dev/stdin` again and a socket (Node's pipes are sockets) cannot be opened; so a secret is in no argument and under no name.
 */

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { accessSync, closeSync, constants, openSync, rmSync, writeSync } from 'node:fs'
import { delimiter, join } from 'node:path'

export type Result = { readonly code: number; readonly out: string; readonly err: string }

export interface Programs {
  /** Runs to the end. A program that cannot be started gives code 127. */
  run(argv: readonly string[], options?: { input?: string; env?: Record<string, string | undefined> }): Promise<Result>
  /** Where a program is, or `null`. */
  find(name: string): string | null
}

/** sudo and cron come with a PATH without them, and `ip` and `wg` live there. */
const alsoIn = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin', '/bin']

function find(name: string): string | null {
  for (const dir of [...(process.env.PATH ?? '').split(delimiter), ...alsoIn]) {
    if (!dir) continue
    try {
      accessSync(join(dir, name), constants.X_OK)
      return join(dir, name)
    } catch {}
  }
  return null
}

/** An open file that has no name any more, holding `text`. */
function unnamedFile(text: string): number {
  const path = `/dev/shm/wh-${process.pid}-${randomBytes(8).toString('hex')}`
  const fd = openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR | constants.O_NOFOLLOW, 0o600)
  rmSync(path)
  writeSync(fd, text, 0)
  return fd
}

export const systemPrograms: Programs = {
  find,

  run(argv, { input, env } = {}) {
    const [name, ...args] = argv
    const path = find(name!)
    if (!path) return Promise.resolve({ code: 127, out: '', err: `${name}: not installed` })
    const stdin = input === undefined ? 'ignore' : unnamedFile(input)
    return new Promise(resolve => {
      const child = spawn(path, args, { stdio: [stdin, 'pipe', 'pipe'], env: { ...process.env, ...env, LC_ALL: 'C' } })
      if (typeof stdin === 'number') closeSync(stdin)
      let out = ''
      let err = ''
      child.stdout!.setEncoding('utf8').on('data', chunk => {
        out += chunk
      })
      child.stderr!.setEncoding('utf8').on('data', chunk => {
        err += chunk
      })
      child.on('error', error => resolve({ code: 127, out, err: error.message }))
      child.on('close', (code, signal) =>
        resolve({ code: code ?? 128, out, err: signal ? `${err}ended by ${signal}` : err }),
      )
    })
  },
}
