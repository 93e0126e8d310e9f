/**
 * Chooses how to be on WireGuard's port W.
 *
 *   owner nobody       → socket: W is ours
 *   capture nft, pcap  → that, or a failure that says what is missing
 *   capture auto       → nft; pcap where nftables cannot be used, with a word in the log
 *
 * Under `auto` a tap listens beside the nft rules where the machine's own firewall keeps strangers from W, because only a tap stands in
 * front of it; the answer then opens the firewall for what follows. It costs each packet of the machine a look, so it is opened on
 * evidence only: at the start where the ruleset has a drop for input at all, later where our counters show that control packets arrived
 * and did not get to us, whatever kept them.
 */

import { Failure } from '../../base/failure.ts'
import type { Logger } from '../../base/log.ts'
import type { Tap } from '../../os/capture.ts'
import type { Os } from '../../os/index.ts'
import { firewallMayDrop, openNft } from './nft.ts'
import { openPcap, openTap } from './pcap.ts'
import type { ControlPort, Receive } from './port.ts'
import { openSocket } from './socket.ts'
import { Traffic } from './traffic.ts'

export type Capture = 'auto' | 'nft' | 'pcap'

export type ControlPortOptions = {
  /** W. */
  readonly listenPort: number
  readonly capture: Capture
  /** Who has W: WireGuard, or nobody, and then we take it. */
  readonly owner: 'wireguard' | 'nobody'
}

export type ControlOs = Pick<Os, 'capture' | 'clock' | 'programs' | 'raw' | 'udp'>

const nftRemedy = 'apt install nftables, and be root'
const pcapRemedy = 'apt install libpcap-dev g++ make python3, then npm rebuild pcap, and be root'

/** @throws a Failure where it cannot be done, with nothing left behind. */
export async function openControlPort(
  os: ControlOs,
  log: Logger,
  options: ControlPortOptions,
  receive: Receive,
): Promise<ControlPort> {
  const { listenPort, capture, owner } = options
  if (owner === 'nobody') return await ownPort(os, listenPort, new Traffic(receive))
  if (capture === 'pcap') return await orFailure('pcap', pcapRemedy, openPcap(os, listenPort, new Traffic(receive)))
  if (capture === 'nft') {
    const opened = openNft(os, log, new Traffic(receive), { listenPort, onUnheard() {} })
    return await orFailure('nft', nftRemedy, opened)
  }
  try {
    return await openBoth(os, log, listenPort, receive)
  } catch (error) {
    const problem = (error as Error).message
    log.warn('nftables cannot be used for control packets: using pcap', { problem })
    return await openPcap(os, listenPort, new Traffic(receive)).catch(other => {
      throw new Failure(`no way to share UDP port ${listenPort}: ${problem}; ${(other as Error).message}`, {
        remedy: `${nftRemedy}; or ${pcapRemedy}`,
      })
    })
  }
}

async function ownPort(os: ControlOs, listenPort: number, traffic: Traffic): Promise<ControlPort> {
  try {
    return await openSocket(os.udp, listenPort, traffic)
  } catch (error) {
    const taken = (error as { code?: string }).code === 'EADDRINUSE'
    throw new Failure(
      taken
        ? `UDP port ${listenPort} is taken by another program`
        : `cannot have UDP port ${listenPort}: ${(error as Error).message}`,
      taken ? { remedy: `ss -ulpn 'sport = :${listenPort}' shows who has it; or give another: listen-port PORT` } : {},
    )
  }
}

async function orFailure(capture: Capture, remedy: string, opened: Promise<ControlPort>): Promise<ControlPort> {
  try {
    return await opened
  } catch (error) {
    throw new Failure(`capture ${capture} does not work here: ${(error as Error).message}`, { remedy })
  }
}

/** nft, and a tap beside it from when one is needed. */
async function openBoth(os: ControlOs, log: Logger, listenPort: number, receive: Receive): Promise<ControlPort> {
  const traffic = new Traffic(receive)
  let tap: Promise<Tap | null> | null = null
  const listen = (why: string) => {
    tap ??= openTapBeside(os, log, listenPort, traffic, why)
  }
  const onUnheard = () => listen('control packets arrived and were dropped')
  const port = await openNft(os, log, traffic, { listenPort, onUnheard })
  if (await firewallMayDrop(os.programs)) listen('the firewall has rules that drop')
  await tap
  return {
    backend: port.backend,
    counters: port.counters,
    send: port.send,
    ...(port.branches && { branches: port.branches }),
    async close() {
      await port.close()
      await (await tap)?.close()
    },
  }
}

async function openTapBeside(
  os: ControlOs,
  log: Logger,
  listenPort: number,
  traffic: Traffic,
  why: string,
): Promise<Tap | null> {
  try {
    const tap = await openTap(os, listenPort, traffic)
    traffic.expectCopies(os.clock)
    log.info('listening in front of the firewall, too', { port: listenPort, why })
    return tap
  } catch (error) {
    log.warn('strangers may not be heard: no tap in front of the firewall', {
      port: listenPort,
      why,
      problem: (error as Error).message,
      remedy: `open UDP port ${listenPort} in the firewall; or ${pcapRemedy}`,
    })
    return null
  }
}
