/**
 * Other programs: argument vectors, never a shell. What a program shall read goes through an unnamed file, because `wg` opens
 * `/dev/stdin` again and a socket (Node's pipes are sockets) cannot be opened; so a secret is in no argument and under no name.
 *
 * A program that stays (`start`) reads from a pipe of ours. However we die, that pipe closes; so it must be one that ends with its input.
 */

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { accessSync, closeSync, constants, openSync, rmSync, writeSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Readable } from 'node:stream'

export type Result = { readonly code: number; readonly out: string; readonly err: string }

export type StartOptions = {
  /** Called with each line of its output, without the line's end. */
  readonly onLine?: (line: string) => void
  /** The same for its error output. */
  readonly onError?: (line: string) => void
  readonly env?: Record<string, string | undefined>
}

/** A program that runs beside us. */
export type Child = {
  /** What it has to read. Nothing happens where it has ended. */
  write(text: string): void
  /** Closes its input, waits until it has ended, and kills it where that takes longer than 2 s. */
  stop(): Promise<void>
  /** Its exit status, after its last line: 127 where it could not be started, 128 where a signal ended it. */
  readonly ended: Promise<number>
}

export interface Programs {
  /** Runs to the end. A program that cannot be started gives code 127. */
  run(argv: readonly string[], options?: { input?: string; env?: Record<string, string | undefined> }): Promise<Result>
  /** Starts a program that stays until its input ends, which is when we do at the latest. One that is not there says so by `onError`. */
  start(argv: readonly string[], options: StartOptions): Child
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

/** Calls with each line of a stream, and with what stands behind the last one. */
function eachLine(stream: Readable, call: ((line: string) => void) | undefined): void {
  if (!call) return void stream.resume()
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop()!
    for (const line of lines) call(line)
  })
  stream.on('end', () => rest !== '' && call(rest))
}

/** A program that does not end with its input is in some trouble of its own. */
const patience = 2_000

export const systemPrograms: Programs = {
  find,

  start([name, ...args], { onLine, onError, env }) {
    const path = find(name!)
    if (!path) {
      onError?.(`${name}: not installed`)
      return { write() {}, stop: async () => {}, ended: Promise.resolve(127) }
    }
    // a process group of its own: Ctrl-C on the terminal reaches us, and it through us
    const child = spawn(path, args, { stdio: 'pipe', detached: true, env: { ...process.env, ...env, LC_ALL: 'C' } })
    child.stdin.on('error', () => {})
    eachLine(child.stdout, onLine)
    eachLine(child.stderr, onError)
    const ended = new Promise<number>(resolve => {
      child.on('error', error => {
        onError?.(error.message)
        resolve(127)
      })
      child.on('close', code => resolve(code ?? 128))
    })
    return {
      write: text => void child.stdin.write(text),
      async stop() {
        child.stdin.end()
        const timer = setTimeout(() => child.kill('SIGKILL'), patience)
        await ended
        clearTimeout(timer)
      },
      ended,
    }
  },

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
