/**
 * A lab host: a machine made of namespaces, alive as long as its pid 1.
 *
 *   this process ── setpriv ── unshare ┬─ pid 1 (boot.sh, then cat) ── whatever its programs orphaned
 *                └─ nsenter ── program ┘
 *
 * The host must not outlive us, however we end. When we die, even by kill -9, pid 1 finds its standard input closed and
 * ends, and the death signal set by setpriv and unshare says the same a second time. With pid 1 the kernel ends every
 * process of the pid namespace, also daemons; with the last process go the namespaces, and with them links and files.
 *
 * Private are the network, /run, /etc and /var (writes go to memory), processes and the host's name. Everything else is
 * the machine's own: /tmp, /dev, node and the checkout.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, unlinkSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Program, type Result, type Stdin } from './program.ts'

export type StartOptions = {
  /** Beside PATH, HOME and LC_ALL; nothing else of our environment goes in. */
  env?: Record<string, string>
  /** `/` if not given. */
  cwd?: string
}
export type RunOptions = StartOptions & {
  input?: string | Uint8Array
  /** Milliseconds until the program is killed and `run` throws; 30 s if not given. */
  timeout?: number
}
export type UntilOptions = RunOptions & { every?: number }

const path = `${dirname(process.execPath)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`

export class Host {
  readonly name: string
  /** Pid of the host's pid 1, as the lab sees it: its namespaces are /proc/PID/ns/*. */
  readonly pid: number
  readonly #unshare: ChildProcess
  readonly #gone: Promise<unknown>
  readonly #enter: readonly string[]
  #links = 0

  private constructor(name: string, pid: number, unshare: ChildProcess) {
    this.name = name
    this.pid = pid
    this.#unshare = unshare
    this.#gone = once(unshare, 'exit')
    // root too: where the lab itself runs in a chroot, the mount namespace's root is not ours
    this.#enter = ['nsenter', `--target=${pid}`, '--net', '--mount', '--pid', '--uts', '--root', '--wd', '--']
  }

  static async boot(name: string): Promise<Host> {
    const deathsig = ['--pdeathsig', 'KILL']
    const namespaces = ['--net', '--mount', '--pid', '--uts', '--fork', '--kill-child', '--propagation', 'private']
    const script = `${import.meta.dirname}/boot.sh`
    const unshare = spawn('setpriv', [...deathsig, 'unshare', ...namespaces, 'sh', script, name], {
      env: { PATH: path, LC_ALL: 'C.UTF-8' },
      detached: true, // Ctrl-C in a terminal reaches us, and the hosts through us
      stdio: 'pipe',
    })
    let complaint = ''
    unshare.stderr.setEncoding('utf8').on('data', text => {
      complaint += text
    })
    unshare.stdin.on('error', () => {})
    const [said] = await Promise.race([once(unshare.stdout.setEncoding('utf8'), 'data'), once(unshare, 'close')])
    if (!/^\d+\n$/.test(String(said))) throw new Error(`lab host ${name} does not boot: ${complaint || 'no word'}`)
    unshare.unref() // a lab that was forgotten does not keep the process
    for (const stream of [unshare.stdin, unshare.stdout, unshare.stderr]) (stream as unknown as Socket).unref()
    return new Host(name, Number(said), unshare)
  }

  get alive(): boolean {
    return this.#unshare.exitCode === null && this.#unshare.signalCode === null
  }

  /** Starts a program and does not wait for it; its standard input is open. It ends with the host at the latest. */
  spawn(argv: readonly string[], options: StartOptions = {}): Program {
    return this.#start(argv, options, 'pipe')
  }

  /** Runs a program to its end, whatever its status. */
  async run(argv: readonly string[], options: RunOptions = {}): Promise<Result> {
    const { input, timeout = 30_000 } = options
    const stdin = input === undefined ? 'ignore' : fileOf(input)
    const program = this.#start(argv, options, stdin)
    if (stdin !== 'ignore') closeSync(stdin)
    let late = false
    const timer = setTimeout(() => {
      late = true
      program.killGroup()
    }, timeout)
    const result = await program.ended.finally(() => clearTimeout(timer))
    if (late) throw new Error(this.#told(argv, result, `no end within ${timeout} ms`))
    return result
  }

  /** Runs a program that has to succeed, and gives what it printed. */
  async ok(argv: readonly string[], options: RunOptions = {}): Promise<string> {
    const result = await this.run(argv, options)
    if (result.code !== 0) throw new Error(this.#told(argv, result, `status ${result.code}`))
    return result.out
  }

  /** Runs a program again and again until `good` says so of its result; throws after `timeout`, with the last one. */
  async until(argv: readonly string[], good: (result: Result) => boolean, options: UntilOptions = {}): Promise<Result> {
    const { timeout = 10_000, every = 20, ...rest } = options
    const end = performance.now() + timeout
    for (;;) {
      const result = await this.run(argv, { ...rest, timeout: Math.max(end - performance.now(), 1_000) })
      if (good(result)) return result
      if (performance.now() > end) throw new Error(this.#told(argv, result, `not as wanted within ${timeout} ms`))
      await sleep(every)
    }
  }

  // By a program inside: through /proc/PID/root our kernel would follow absolute links (/var/run!) into the real machine.
  async writeFile(file: string, content: string | Uint8Array, options: { mode?: number } = {}): Promise<void> {
    const mode = (options.mode ?? 0o644).toString(8)
    const script = 'mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1"'
    await this.ok(['sh', '-c', script, 'sh', file, mode], { input: content })
  }

  async readFile(file: string): Promise<string> {
    return await this.ok(['cat', file])
  }

  /** Commands of one `ip -batch`, with pids as the lab sees them, so that links can lead into other hosts. */
  async ip(lines: readonly string[]): Promise<void> {
    if (!this.alive) throw new Error(`lab host ${this.name} is off`)
    const argv = ['ip', '-batch', '-']
    const program = new Program(['nsenter', `--target=${this.pid}`, '--net', '--'], argv, { PATH: path }, 'pipe')
    program.child.stdin!.end(`${lines.join('\n')}\n`)
    const result = await program.ended
    if (result.code !== 0) throw new Error(this.#told([...argv, ...lines], result, `status ${result.code}`))
  }

  /** eth0, eth1, … */
  nextLink(): string {
    return `eth${this.#links++}`
  }

  /** A power cut: nothing inside gets to say goodbye. When this returns, no process of the host is left. */
  async kill(): Promise<void> {
    if (!this.alive) return
    this.#unshare.ref()
    try {
      process.kill(this.pid, 'SIGKILL')
    } catch {} // gone already, and unshare about to be
    await this.#gone
  }

  #start(argv: readonly string[], options: StartOptions, stdin: Stdin): Program {
    if (!this.alive) throw new Error(`lab host ${this.name} is off`)
    const command = options.cwd === undefined ? argv : ['env', '-C', options.cwd, ...argv]
    return new Program(this.#enter, command, { PATH: path, HOME: '/root', LC_ALL: 'C.UTF-8', ...options.env }, stdin)
  }

  #told(argv: readonly string[], result: Result, what: string): string {
    return [`${this.name}: ${argv.join(' ')}: ${what}`, result.out, result.err].filter(Boolean).join('\n').trimEnd()
  }
}

// Node's pipes are sockets, which nobody can open a second time: `wg set wg0 private-key /dev/stdin` fails on them
function fileOf(input: string | Uint8Array): number {
  const file = `${tmpdir()}/lab-input-${process.pid}-${performance.now()}`
  writeFileSync(file, input, { mode: 0o600, flag: 'wx' })
  const fd = openSync(file, 'r')
  unlinkSync(file)
  return fd
}
