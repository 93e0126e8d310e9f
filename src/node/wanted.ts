/** What discovery gets from the node, and gives to the directory: plain data. */

import type { Endpoint, Prefix } from '../base/ip.ts'
import type { Streams } from '../drivers/control/streams.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import type { Boot } from './boots.ts'

/** What the directory needs of us. */
export type DirectoryLink = {
  readonly streams: Streams
  readonly listenPort: number
  /** Hold records for others from the start. */
  readonly server: boolean
  /** Where others reach this node. */
  readonly endpoints: readonly Endpoint[]
  /** Named in the file: needs no work. */
  readonly exempt: (key: PublicKey) => boolean
  /** For people, in `wh show`. */
  readonly warn: (message: string) => void
}

/** What the file and the machine say, and discovery has to serve. */
export type Wanted = {
  readonly listenPort: number
  /** `null` on a helper. */
  readonly interfaceName: string | null
  readonly overlays: readonly Prefix[]
  readonly boots: readonly Boot[]
  /** Members that have a tunnel: all but ourselves and aliases. Their endpoints by the file, names looked up. */
  readonly members: readonly { readonly key: PublicKey; readonly endpoints: readonly Endpoint[] }[]
  /** Ours, by the file. */
  readonly ownEndpoints: readonly Endpoint[]
}
