/**
 * WebRTC between two members, for networks that drop WireGuard and what they do not know, and let calls pass. Both sides try each other at the
 * same moment (ICE, RFC 8445); what one has to tell the other for that goes through a connection that they have already, by a relay. No server
 * of others is asked for anything: STUN is answered by nodes of ours.
 *
 *     who is blocked ──/webrtc-signaling/0.0.1 over control packets──▶ relay ──▶ member
 *            └───────────────── STUN, then DTLS, from a port of its own ───────────┘
 *
 * The package is large and partly compiled, and nobody needs it before this: it is loaded then. It reads what members send, and nobody else:
 * strangers have no way to begin. Of libp2p's transport only the two ends are used; its listener and its addresses are for libp2p's own relays.
 */

import type { Connection, PeerId, Stream, Transport } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import type { Address, Endpoint } from '../../base/ip.ts'
import type { Logger } from '../../base/log.ts'
import type { Components } from './components.ts'

export const signalling = '/webrtc-signaling/0.0.1'
/** Sealed as all that members say to each other; more at once than one that failed and its successor nobody needs. */
export const signallingLimits = { maxInboundStreams: 2, maxOutboundStreams: 2, runOnLimitedConnection: true }

/** What a call needs to know of this machine. */
export type Ice = {
  /** Nodes that answer STUN: where each is asked. */
  readonly servers: readonly Endpoint[]
  /** The address to send from. Others may lead into a tunnel, and a tunnel must not be carried by itself. */
  readonly from: Address | null
}

type Handler = (stream: Stream, connection: Connection) => void
type Loaded = {
  readonly transport: Transport & { start(): Promise<void>; stop(): Promise<void> }
  readonly take: Handler
}

export class WebRtc {
  readonly #components: Pick<Components, 'logger' | 'upgrader' | 'transportManager'>
  readonly #ice: () => Promise<Ice>
  readonly #log: Logger
  #loading: Promise<Loaded | null> | null = null
  /** By the peer that is being called. */
  readonly #through = new Map<string, Connection>()

  constructor(components: Components, ice: () => Promise<Ice>, log: Logger) {
    this.#components = components
    this.#log = log
    this.#ice = ice
  }

  /** Calls the peer, which is told by `through`. @returns `null` where this platform lacks the compiled part @throws where it is not reached */
  async call(through: Connection, signal: AbortSignal): Promise<Connection | null> {
    const loaded = await this.#load()
    if (!loaded) return null
    const { upgrader } = this.#components
    const peer = through.remotePeer.toString()
    this.#through.set(peer, through)
    try {
      return await loaded.transport.dial(multiaddr(`/webrtc/p2p/${peer}`), { upgrader, signal })
    } finally {
      if (this.#through.get(peer) === through) this.#through.delete(peer)
    }
  }

  /** A peer calls us, one that may do so. */
  async take(stream: Stream, { remotePeer }: Connection): Promise<void> {
    const loaded = await this.#load()
    // the transport takes the peer from the address; this one is proved
    if (loaded) loaded.take(stream, { remotePeer, remoteAddr: multiaddr(`/p2p/${remotePeer}`) } as Connection)
    else stream.abort(new Error('no WebRTC on this platform'))
  }

  async stop(): Promise<void> {
    await (await this.#loading)?.transport.stop()
  }

  #load(): Promise<Loaded | null> {
    this.#loading ??= this.#make()
    return this.#loading
  }

  async #make(): Promise<Loaded | null> {
    const found = await import('@libp2p/webrtc').catch((error: Error) => {
      this.#log.info('no WebRTC on this platform', { problem: error.message })
    })
    if (!found) return null
    const rtcConfiguration = async () => {
      const { servers, from } = await this.#ice()
      const iceServers = servers.map(({ host, port }) => ({ urls: `stun:${host}:${port}` }))
      return { iceServers, ...(from === null ? {} : { bindAddress: from }) }
    }
    let take: Handler | null = null
    const registrar = {
      handle: async (_protocol: string, handler: Handler) => {
        take = handler
      },
      unhandle: async () => {},
    }
    const connectionManager = {
      getConnections: (peer: PeerId) => [this.#through.get(peer.toString())].filter(it => it !== undefined),
    }
    type Parts = Parameters<ReturnType<typeof found.webRTC>>[0]
    const { logger, upgrader, transportManager } = this.#components
    const parts = { logger, upgrader, transportManager, registrar, connectionManager } as unknown as Parts
    const transport = found.webRTC({ rtcConfiguration })(parts) as Loaded['transport']
    await transport.start()
    return { transport, take: take! }
  }
}
