/** Chooses how to relay: `kernel` is that or a failure, `auto` the kernel, and this process alone where it cannot. */

import { Failure } from '../../base/failure.ts'
import type { Logger } from '../../base/log.ts'
import type { Os } from '../../os/index.ts'
import { KernelRelay } from './kernel.ts'
import { removeLeftover } from './leftover.ts'
import {
  defaultLimit,
  defaultRange,
  type Limit,
  type Range,
  type Receive,
  type Relay,
  type SendElsewhere,
} from './relay.ts'
import { SocketRelay } from './sockets.ts'

export type RelayMode = 'auto' | 'kernel' | 'process'

export type RelayOptions = {
  readonly mode: RelayMode
  /** W. */
  readonly listenPort: number
  /**
   * Datagrams for the relay itself are led to W, so that a firewall need not be open for more, and who listens there hears them. Not where
   * that is a tap, which stands in front of the rules. Without the kernel, they come to the sockets.
   */
  readonly bindsToListenPort: boolean
  readonly range?: Range
  /** Of each leg. */
  readonly limit?: Limit
  readonly receive: Receive
  readonly elsewhere?: SendElsewhere
}

/** @throws a Failure where it cannot be done, with nothing left behind */
export async function openRelay(
  { udp, clock, programs }: Pick<Os, 'udp' | 'clock' | 'programs'>,
  log: Logger,
  options: RelayOptions,
): Promise<Relay> {
  const {
    mode,
    listenPort,
    bindsToListenPort,
    range = defaultRange,
    limit = defaultLimit,
    receive,
    elsewhere,
  } = options
  const parts = { udp, clock, range, limit, receive, elsewhere }
  if (mode === 'process') {
    // what a program before us left would go on beside us
    await removeLeftover(programs, listenPort)
    return new SocketRelay(parts)
  }
  try {
    if (!programs.find('nft')) throw new Failure('nft is not installed')
    const table = { listenPort, range, limit, bindsToListenPort }
    return await KernelRelay.open({ ...parts, programs, log, table })
  } catch (error) {
    const problem = (error as Error).message
    if (mode === 'kernel')
      throw new Failure(`the kernel cannot relay here: ${problem}`, { remedy: 'apt install nftables, and be root' })
    log.warn('relaying in this process: the kernel cannot', { problem })
    return new SocketRelay(parts)
  }
}
