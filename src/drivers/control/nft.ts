/**
 * W shared by nftables: plain UDP sockets on a private port C, and rules that swap the two ports (rules.ts, held-rules.ts). The kernel
 * does the work, for its own WireGuard as for wireguard-go, and no packet of WireGuard's passes through us.
 */

import { Failure } from '../../base/failure.ts'
import type { Logger } from '../../base/log.ts'
import type { Os } from '../../os/index.ts'
import type { Programs } from '../../os/run.ts'
import { NftBranches } from './branches.ts'
import { HeldRules } from './held-rules.ts'
import type { ControlPort } from './port.ts'
import { mayDropInput } from './rules.ts'
import { bindPort, type UdpPort } from './socket.ts'
import type { Traffic } from './traffic.ts'

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
    return new Port(socket, rules, traffic, new NftBranches(os.udp, rules, traffic))
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
  readonly branches: NftBranches
  readonly #socket: UdpPort
  readonly #rules: HeldRules
  readonly #traffic: Traffic

  constructor(socket: UdpPort, rules: HeldRules, traffic: Traffic, branches: NftBranches) {
    this.privatePort = socket.port
    this.branches = branches
    this.counters = traffic.counters
    this.send = socket.send
    this.#socket = socket
    this.#rules = rules
    this.#traffic = traffic
  }

  async close(): Promise<void> {
    this.#traffic.close()
    await this.#rules.close()
    this.branches.close()
    this.#socket.close()
  }
}
