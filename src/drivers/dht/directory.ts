/**
 * The directory: a table shared by strangers, in which a signed record is found by its place. The interface as the node sees it;
 * `libp2p.ts` is the one that runs.
 */

import type { Endpoint } from '../../base/ip.ts'
import type { CarriedBy } from '../../protocol/carrier/rungs.ts'
import type { PublicKey } from '../../protocol/identity/key.ts'
import type { ByteStream } from '../carrier/carrier.ts'

/** One node that a walk asked. */
export type WalkStep = {
  readonly key: PublicKey
  readonly endpoint?: string
  readonly answered: 'value' | 'closer' | 'error'
  /** Milliseconds since the walk began. */
  readonly after: number
}

export type DirectoryStatus = {
  /** Servers hold records for others; clients only ask. */
  readonly mode: 'server' | 'client'
  /** Nodes in the routing table. */
  readonly peers: number
  readonly connections: number
  /** Of these, not over UDP. Absent: none. */
  readonly overTcp?: number
  /** Records held for others. */
  readonly stored: number
  /** Refused peers and records, by reason. */
  readonly rejected: Readonly<Record<string, number>>
}

export interface Directory {
  /** Stores a record at the nodes nearest to `id` (32 bytes). */
  publish(id: Uint8Array, value: Uint8Array): Promise<{ readonly stored: number }>
  /** Every valid value as it comes; ends when the walk does or `signal` aborts. */
  find(id: Uint8Array, options?: { signal?: AbortSignal; onStep?: (step: WalkStep) => void }): AsyncIterable<Uint8Array>
  /** What this node itself holds under `id`. */
  local(id: Uint8Array): Promise<Uint8Array | null>
  setServer(server: boolean): Promise<void>
  /** Where others reach this node, from now on; of the host part TCP is announced too, where it is listened on. */
  announce(endpoints: readonly Endpoint[]): Promise<void>
  /** Connects to a node whose key and endpoint are known. @throws where it does not answer. */
  join(key: PublicKey, endpoint: Endpoint): Promise<void>
  /**
   * A stream for a carrier, by this way and no other; `null` where this machine does not have it. @throws where it does not get through
   * @param endpoint for WebRTC, one where the node answers control packets
   */
  carry(key: PublicKey, endpoint: Endpoint, by: CarriedBy, signal: AbortSignal): Promise<ByteStream | null>
  /** A stream of this protocol with a node. @throws where it is not reached, or does not speak it */
  talk(key: PublicKey, endpoint: Endpoint, protocol: string, signal: AbortSignal): Promise<ByteStream>
  /** The nodes of the routing table, and where their connections lead. */
  neighbours(): readonly { readonly key: PublicKey; readonly endpoint?: Endpoint }[]
  status(): DirectoryStatus
  stop(): Promise<void>
}
