/**
 * Control packets on WireGuard's own port W: datagrams that start with 0xff, which WireGuard never sends and always drops.
 * One interface, three ways to be on that port (`nft.ts`, `pcap.ts`, `socket.ts`); `open.ts` chooses.
 */

import type { Endpoint } from '../../base/ip.ts'

/** Called with datagrams that start with `controlByte`; the bytes are the callee's to keep. */
export type Receive = (bytes: Uint8Array, from: Endpoint) => void

export type Backend = 'nft' | 'pcap' | 'socket'

export interface ControlPort {
  readonly backend: Backend
  /** Sends from W. A datagram may be lost, and nothing is thrown. */
  send(bytes: Uint8Array, to: Endpoint): void
  readonly counters: { received: number; sent: number; readonly dropped: Record<string, number> }
  /** Leaves no rule, capture or socket behind. */
  close(): Promise<void>
}
