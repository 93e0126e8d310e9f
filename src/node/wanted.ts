/** What discovery gets from the node, and gives to the directory: plain data. */

import type { Address, Endpoint, Prefix } from '../base/ip.ts'
import type { Logger } from '../base/log.ts'
import type { ByteStream } from '../drivers/carrier/carrier.ts'
import type { ControlPort, Receive } from '../drivers/control/port.ts'
import type { Streams } from '../drivers/control/streams.ts'
import type { Directory } from '../drivers/dht/directory.ts'
import type { PortMapper } from '../drivers/portmap/mapper.ts'
import type { ActualPeer } from '../drivers/wireguard/interface.ts'
import type { Os } from '../os/index.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import type { Network } from '../protocol/network/types.ts'
import type { UseReason } from '../protocol/path/events.ts'
import type { RelayPolicy } from '../protocol/relay/desk.ts'
import type { Boot } from './boots.ts'
import type { Identity } from './desired.ts'
import type { Store } from './memory.ts'
import type { OpenReflector } from './reflection.ts'
import type { OpenRelay } from './relaying.ts'

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
  readonly banned?: ((key: PublicKey) => boolean) | undefined
  /** For people, in `wh show`. */
  readonly warn: (message: string) => void
  /** A node has opened a carrier to us. */
  readonly carried: (key: PublicKey, stream: ByteStream) => void
  /** Nodes that others reach, where they answer us. */
  readonly known: () => readonly Endpoint[]
}

export type DiscoveryParts = {
  readonly os: Pick<Os, 'clock' | 'random' | 'crypto' | 'links' | 'multicast' | 'udp' | 'sleep'>
  readonly log: Logger
  readonly identity: Identity
  readonly network: string
  readonly namespace: string
  readonly workbit: number
  readonly store: Store
  readonly openPort: (listenPort: number, receive: Receive) => Promise<ControlPort>
  /** Without control packets this node has no use, or somebody has said how they shall be had. */
  readonly portRequired: boolean
  readonly loadDirectory: (link: DirectoryLink) => Promise<Directory>
  /** Addresses of a name outside of the overlay. */
  readonly resolve: (host: string) => Promise<readonly Address[]>
  /** Points WireGuard's peer there. */
  readonly use: (key: PublicKey, endpoint: Endpoint, because: UseReason) => Promise<void>
  /** Points it to the doorbell: nobody talks to it. */
  readonly park: (key: PublicKey) => void
  /** Its keepalive, on while somebody talks to it. */
  readonly hold: (key: PublicKey, on: boolean) => void
  /** Has WireGuard begin a session with it. */
  readonly shake: (key: PublicKey) => void
  readonly anew: (key: PublicKey, received: number) => void
  /** What WireGuard says of its peers now. */
  readonly tunnels: () => Promise<readonly ActualPeer[]>
  /** Opens other ports from which this node answers, once others can reach it; absent: it has none. */
  readonly openReflector?: OpenReflector
  /** Opens what forwards datagrams of others, once others can reach it; absent: this node is no relay. */
  readonly openRelay?: OpenRelay
  /** For whom it relays; for nobody, where nothing is said. */
  readonly relay?: RelayPolicy
  /** Who asks the router for a port; `null`, or absent: nobody shall. */
  readonly loadMapper?: () => Promise<PortMapper | null>
  /** Many ports may be tried against a hard NAT; yes, where nothing is said. */
  readonly birthday?: boolean
  /** @param message `null`: it is well again */
  readonly warn: (topic: string, message: string | null) => void
  /** A member has answered from there. */
  readonly met?: ((key: PublicKey, endpoint: Endpoint) => void) | undefined
  /** Whose key is over: neither heard nor spoken of. */
  readonly banned?: ((key: PublicKey) => boolean) | undefined
  /** How the log names a member. */
  readonly called: (key: PublicKey) => string
}

/** Of these, what the machine gives. */
export type MachineParts = Pick<
  DiscoveryParts,
  | 'os'
  | 'store'
  | 'openPort'
  | 'portRequired'
  | 'loadDirectory'
  | 'loadMapper'
  | 'openReflector'
  | 'openRelay'
  | 'relay'
  | 'birthday'
  | 'met'
  | 'banned'
>

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

/** The boot nodes that the file names, but for ourselves. */
export function bootsOf(network: Network, own: PublicKey): Boot[] {
  return network.nodes.flatMap(({ role, key, endpoint }) =>
    role === 'boot' && key !== own && endpoint ? [{ key, endpoint }] : [],
  )
}
