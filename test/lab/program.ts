/**
 * A program running in a lab host.
 *
 * Between it and us stands `nsenter`, which had to fork to be in the host's pid namespace and passes no signals on. So a
 * signal goes to nsenter's child, found by its parent, and nsenter ends as its child ended.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'

/** `code` is as in a shell: 128 and the signal's number where a signal ended it. */
export type Result = { readonly code: number; readonly out: string; readonly err: string }

/** A file descriptor, a pipe to write to, or nothing to read. */
export type Stdin = number | 'pipe' | 'ignore'

export class Program {
  readonly argv: readonly string[]
  readonly child: ChildProcess
  /** What it wrote so far. */
  out = ''
  err = ''
  readonly ended: Promise<Result>

  /** `entry` is the command that enters the host, `argv` what to run there. */
  constructor(entry: readonly string[], argv: readonly string[], env: Record<string, string>, stdin: Stdin) {
    this.argv = argv
    const [command, ...args] = [...entry, ...argv]
    // detached: a process group of its own, so that a time limit can end nsenter and everything below together
    this.child = spawn(command!, args, { env, detached: true, stdio: [stdin, 'pipe', 'pipe'] })
    this.child.stdout!.setEncoding('utf8').on('data', text => {
      this.out += text
    })
    this.child.stderr!.setEncoding('utf8').on('data', text => {
      this.err += text
    })
    this.child.stdin?.on('error', () => {}) // it ended without reading its input
    this.ended = this.#end()
    this.ended.catch(() => {}) // nobody has to wait for a program
  }

  /** Signals the program itself: none of its children, and not nsenter. False if it has ended. */
  kill(signal: NodeJS.Signals = 'SIGTERM'): boolean {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return false
    try {
      return process.kill(this.pid ?? -this.child.pid!, signal)
    } catch {
      return false
    }
  }

  /**
   * Ends the program and every child that stayed in its process group. Not nsenter: its orphans would go to the pid 1 of
   * *its* namespace, the machine's, which may take its time to reap them.
   */
  killGroup(): void {
    const members = processes().filter(it => it.group === this.child.pid && it.pid !== this.child.pid)
    for (const pid of members.length > 0 ? members.map(it => it.pid) : [this.child.pid!]) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {} // gone already
    }
  }

  /** The program's pid as the lab sees it; undefined before it started and after it ended. */
  get pid(): number | undefined {
    // /proc/PID/task/PID/children would say it in one read, and not every kernel has it
    return processes().find(it => it.parent === this.child.pid)?.pid
  }

  /** Waits until its output (both streams) matches. */
  async says(pattern: RegExp, timeout = 10_000): Promise<RegExpMatchArray> {
    const until = performance.now() + timeout
    let ended = false
    const end = () => {
      ended = true
    }
    this.ended.then(end, end)
    for (;;) {
      const last = ended
      const match = this.out.match(pattern) ?? this.err.match(pattern)
      if (match) return match
      if (last) throw new Error(`${this.argv.join(' ')}: ended without saying ${pattern}\n${this.out}${this.err}`)
      if (performance.now() > until)
        throw new Error(`${this.argv.join(' ')}: did not say ${pattern} within ${timeout} ms\n${this.out}${this.err}`)
      await sleep(10)
    }
  }

  async #end(): Promise<Result> {
    const { child } = this
    const closed = new Promise(resolve => child.once('close', resolve))
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, signal) => resolve(signal ? 128 + constants.signals[signal] : code!))
    })
    // a daemon it left behind may hold its output open for ever
    await Promise.race([closed, sleep(100, undefined, { ref: false })])
    return { code, out: this.out, err: this.err }
  }
}

function processes(): { pid: number; parent: number; group: number }[] {
  return readdirSync('/proc').flatMap(entry => {
    if (!/^\d+$/.test(entry)) return []
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
      // after the name, which may hold anything: state, parent, group
      const [, parent, group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return [{ pid: Number(entry), parent: Number(parent), group: Number(group) }]
    } catch {
      return [] // ended meanwhile
    }
  })
}
