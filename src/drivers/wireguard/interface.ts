/** A WireGuard interface as plain data: what is wanted, and what `wg` and `ip` say there is. */

import type { Endpoint } from '../../base/ip.ts'
import type { WallTime } from '../../base/time.ts'
import type { PrivateKey, PublicKey } from '../../protocol/identity/key.ts'

export type WantedPeer = {
  readonly key: PublicKey
  /** Prefixes as `wg` writes them, such as `10.0.42.2/32`, in `wg`'s order: see `plan.ts`. */
  readonly allowedIps: readonly string[]
  /** An address, never a name. Absent: leave what the kernel has learnt. */
  readonly endpoint?: Endpoint
  /** Seconds; 0 is off. */
  readonly keepalive: number
}

export type WantedInterface = {
  readonly name: string
  /** Marks the interface as ours (its `ip link` alias), so that we never touch another's. */
  readonly owner: string
  readonly privateKey: PrivateKey
  readonly listenPort: number
  readonly mtu: number
  /** With prefix length, which makes the kernel add the network's route: `10.0.42.1/24`. */
  readonly addresses: readonly string[]
  readonly peers: readonly WantedPeer[]
}

export type ActualPeer = {
  readonly key: PublicKey
  readonly endpoint?: Endpoint
  readonly allowedIps: readonly string[]
  /** Absent: none yet. */
  readonly latestHandshake?: WallTime
  readonly received: number
  readonly sent: number
  readonly keepalive: number
}

export type ActualLink = {
  readonly name: string
  readonly owner: string
  readonly kind: string
  readonly up: boolean
  readonly mtu: number
  readonly addresses: readonly string[]
}

export type ActualInterface = ActualLink & {
  readonly publicKey?: PublicKey
  readonly listenPort: number
  readonly peers: readonly ActualPeer[]
}
