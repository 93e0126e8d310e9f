/** The parts of a libp2p node that it does not show to who made it, and gives to its services. */

import type { Connection, Listener, Upgrader } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Target } from './dialer.ts'
import type { webSocketTransport } from './websocket.ts'

export type Components = Parameters<ReturnType<typeof webSocketTransport>>[0] & {
  readonly transportManager: {
    getListeners(): Listener[]
    dial(address: Multiaddr, options: { signal: AbortSignal }): Promise<Connection>
  }
  readonly upgrader: Upgrader
  readonly connectionManager: {
    openConnection(target: Target, options?: { signal?: AbortSignal; force?: boolean }): Promise<Connection>
  }
}
