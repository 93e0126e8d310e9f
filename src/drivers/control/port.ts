/**
 * Control packets on WireGuard's own port W: datagrams that start with 0xff, which WireGuard never sends and always drops.
 * One interface, three ways to be on that port (`nft.ts`, `pcap.ts`, `socket.ts`); `open.ts` chooses.
 */

import type { Endpoint } from '../../base/ip.ts'

/** Called with datagrams that start with `controlByte`; the bytes are the callee's to keep. */
export type Receive = (bytes: Uint8Array, from: Endpoint) => void

export type Backend = 'nft' | 'pcap' | 'socket'

/** A plain IPv4 socket beside W, with a port of the kernel's choice and so a mapping of its own in a NAT. */
export interface Branch {
  readonly port: number
  /** Sends from the branch's own port. A datagram may be lost, and nothing is thrown. */
  send(bytes: Uint8Array, to: Endpoint): void
  /** What is bound to it goes from W again. */
  close(): void
}

export interface Branches {
  /** Control packets that come to a branch go to `receive`; what is not one is dropped and counted. @throws where the machine has no sockets left */
  open(count: number, receive: (bytes: Uint8Array, from: Endpoint, branch: Branch) => void): Promise<Branch[]>
  /**
   * W's packets to `to`, WireGuard's too, leave from the branch's port from now on, and what comes back there reaches W. `null`: as
   * before. Resolves when it is in force. @throws a Failure where the machine refuses
   */
  bind(to: Endpoint, branch: Branch | null): Promise<void>
}

export interface ControlPort {
  readonly backend: Backend
  /** Sends from W. A datagram may be lost, and nothing is thrown. */
  send(bytes: Uint8Array, to: Endpoint): void
  readonly counters: { received: number; sent: number; readonly dropped: Record<string, number> }
  /** Absent where nftables cannot be used. */
  readonly branches?: Branches
  /** Does the machine's own firewall keep strangers from W? `null`: not known. */
  firewall?(): 'open' | 'closed' | null
  /** Leaves no rule, capture or socket behind. */
  close(): Promise<void>
}
