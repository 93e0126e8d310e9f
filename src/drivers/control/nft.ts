/**
 * W shared by nftables: plain UDP sockets on a private port C, and rules that swap the two ports (rules.ts). The kernel does the work,
 * for its own WireGuard as for wireguard-go, and no packet of WireGuard's passes through us.
 *
 * One `nft -i` holds the rules for as long as we live. Its table is owned: nobody else can remove it, not even by `flush ruleset`, and
 * the kernel removes it when that process ends, which is when its input ends, which is when we do, even by kill -9. If it ends
 * without us, the rules are loaded again.
 */

import { Failure } from '../../base/failure.ts'
import type { Logger } from '../../base/log.ts'
import { minute, second } from '../../base/time.ts'
import type { Clock } from '../../os/clock.ts'
import type { Os } from '../../os/index.ts'
import type { Child, Programs } from '../../os/run.ts'
import type { ControlPort } from './port.ts'
import { countCommand, listCommand, loadCommand, mayDropInput, tableOf } from './rules.ts'
import { bindPort, type UdpPort } from './socket.ts'
import type { Traffic } from './traffic.ts'

/** How often we look whether a firewall keeps control packets from us. */
const lookEvery = 5 * second

export type NftPort = ControlPort & { readonly privatePort: number }

type Options = {
  readonly listenPort: number
  /** Called once, when the machine's firewall has dropped control packets that were for W. */
  readonly onUnheard: () => void
}

/** @throws a Failure that says why nftables cannot do it here, with nothing left behind. */
export async function openNft(
  os: Pick<Os, 'clock' | 'programs' | 'udp'>,
  log: Logger,
  traffic: Traffic,
  options: Options,
): Promise<NftPort> {
  const { programs, clock } = os
  if (!programs.find('nft')) throw new Failure('nft is not installed', { remedy: 'apt install nftables' })
  const socket = await bindPort(os.udp, 0, traffic)
  try {
    const rules = new HeldRules(programs, clock, log, { ...options, privatePort: socket.port })
    await rules.load()
    return new Port(socket, rules, traffic)
  } catch (error) {
    socket.close()
    throw error
  }
}

/** Asks the firewall itself, so that the first stranger is heard, too. */
export async function firewallMayDrop(programs: Programs): Promise<boolean> {
  // -t: without the elements of sets, of which there may be ten thousands
  const { code, out } = await programs.run(['nft', '-t', '-j', 'list', 'ruleset'])
  return code === 0 && mayDropInput(out)
}

class Port implements NftPort {
  readonly backend = 'nft'
  readonly privatePort: number
  readonly counters: ControlPort['counters']
  readonly send: ControlPort['send']
  readonly #socket: UdpPort
  readonly #rules: HeldRules
  readonly #traffic: Traffic

  constructor(socket: UdpPort, rules: HeldRules, traffic: Traffic) {
    this.privatePort = socket.port
    this.counters = traffic.counters
    this.send = socket.send
    this.#socket = socket
    this.#rules = rules
    this.#traffic = traffic
  }

  async close(): Promise<void> {
    this.#traffic.close()
    await this.#rules.release()
    this.#socket.close()
  }
}

/**
 *   load ──▶ held ── the process ended ──▶ pause ──▶ load …
 *     └─ refused the first time: thrown      release: no way back
 */
class HeldRules {
  readonly #programs: Programs
  readonly #clock: Clock
  readonly #log: Logger
  readonly #options: Options & { readonly privatePort: number }
  #holder: Child | null = null
  #loading: Promise<void> = Promise.resolve()
  #timer: { cancel(): void } | null = null
  #released = false
  #unheard = false
  /** The counter that the next `packets` line belongs to. */
  #counter = ''
  #arrived = 0

  constructor(programs: Programs, clock: Clock, log: Logger, options: Options & { readonly privatePort: number }) {
    this.#programs = programs
    this.#clock = clock
    this.#log = log
    this.#options = options
  }

  /** Resolves when the rules are in force. */
  async load(): Promise<void> {
    const { listenPort, privatePort } = this.#options
    const loaded = Promise.withResolvers<void>()
    let complaint = ''
    const holder = this.#programs.start(['nft', '-i'], {
      // it writes the history of what it was told into its home, and reads it all when it starts
      env: { HOME: '/dev/null' },
      onLine: line => {
        if (line.startsWith(`table inet ${tableOf(privatePort)} {`)) loaded.resolve()
        this.#count(line)
      },
      onError: line => {
        complaint ||= line.trim()
        loaded.reject(new Failure(`nft refuses our rules: ${complaint}`))
      },
    })
    holder.write(`${loadCommand(listenPort, privatePort)}\n${listCommand(privatePort)}\n`)
    void holder.ended.then(code => loaded.reject(new Failure(`nft ended with status ${code}: ${complaint}`)))
    try {
      await loaded.promise
    } catch (error) {
      await holder.stop()
      throw error
    }
    if (this.#released) return await holder.stop()
    this.#holder = holder
    void holder.ended.then(code => this.#lost(code))
    this.#lookLater()
  }

  async release(): Promise<void> {
    this.#released = true
    this.#timer?.cancel()
    await this.#loading
    await this.#holder?.stop()
  }

  #lost(code: number): void {
    if (this.#released) return
    this.#log.warn('the process that holds our nftables rules ended: loading them again', { status: code })
    this.#timer?.cancel()
    this.#loading = this.#again(second)
  }

  async #again(pause: number): Promise<void> {
    try {
      await this.load()
    } catch (error) {
      if (this.#released) return
      const problem = error as Error
      this.#log.error('no control packets until our nftables rules are back', { problem: problem.message })
      this.#timer = this.#clock.at(this.#clock.now() + pause, () => {
        this.#loading = this.#again(Math.min(2 * pause, minute))
      })
    }
  }

  #lookLater(): void {
    if (this.#unheard) return
    this.#timer = this.#clock.at(this.#clock.now() + lookEvery, () => {
      this.#holder?.write(`${countCommand(this.#options.privatePort)}\n`)
      this.#lookLater()
    })
  }

  #count(line: string): void {
    this.#counter = /^\s*counter (\w+) \{/.exec(line)?.[1] ?? this.#counter
    const packets = /^\s*packets (\d+) bytes/.exec(line)?.[1]
    if (packets === undefined) return
    if (this.#counter === 'arrived') this.#arrived = Number(packets)
    else if (Number(packets) < this.#arrived && !this.#unheard) {
      this.#unheard = true
      this.#options.onUnheard()
    }
  }
}
