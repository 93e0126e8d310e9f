/**
 * W shared without nftables: a tap hears the control packets, which WireGuard gets too and drops, and raw sockets send with W as
 * their source port. The tap stands in front of the machine's firewall, so a packet is heard where W is closed; but behind a NAT
 * that this machine does itself the answer comes to another port than W, and is not heard.
 */

import type { Os } from '../../os/index.ts'
import { controlByte } from '../../protocol/control/constants.ts'
import type { ControlPort } from './port.ts'
import { controlHopLimit } from './socket.ts'
import type { Traffic } from './traffic.ts'

/** Hears what comes for W. @throws with a message for a person */
export async function openTap(
  { capture }: Pick<Os, 'capture'>,
  listenPort: number,
  traffic: Traffic,
): Promise<{ close(): Promise<void> }> {
  return await capture.open({
    port: listenPort,
    firstByte: controlByte,
    receive: (bytes, from) => traffic.accept('tap', bytes, from),
    onDrop: reason => traffic.drop(reason),
  })
}

/** @throws with a message for a person, with nothing left open */
export async function openPcap(
  os: Pick<Os, 'capture' | 'raw'>,
  listenPort: number,
  traffic: Traffic,
): Promise<ControlPort> {
  const raw = await os.raw.open(listenPort, controlHopLimit)
  try {
    const tap = await openTap(os, listenPort, traffic)
    return {
      backend: 'pcap',
      counters: traffic.counters,
      send(bytes, to) {
        if (raw.send(bytes, to)) traffic.counters.sent++
        else traffic.drop('not sent')
      },
      async close() {
        traffic.close()
        raw.close()
        await tap.close()
      },
    }
  } catch (error) {
    raw.close()
    throw error
  }
}
