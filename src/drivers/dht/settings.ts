/**
 * How libp2p and kad-dht are set up. Most of their defaults are for a network of public servers; docs/protocol/dht.md gives the reason
 * for each difference, with what was measured.
 */

import { noise } from '@chainsafe/libp2p-noise'
import { FaultTolerance } from '@libp2p/interface'
import { kadDHT } from '@libp2p/kad-dht'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Address, Endpoint } from '../../base/ip.ts'
import type { Logger } from '../../base/log.ts'
import { hour, minute, second } from '../../base/time.ts'
import type { Certificate } from '../../os/certificate.ts'
import type { Os } from '../../os/index.ts'
import type { PrivateKey, PublicKey } from '../../protocol/identity/key.ts'
import type { ByteStream } from '../carrier/carrier.ts'
import { formatPeerAddress, isLoopback } from './address.ts'
import type { Web } from './carry.ts'
import type { Gate } from './gate.ts'
import { k, protocol } from './kademlia.ts'
import type { Talk } from './talks.ts'
import { type StreamSource, streamTransport } from './transport.ts'
import type { Values } from './values.ts'
import type { Ice } from './webrtc.ts'
import { webSocketTransport } from './websocket.ts'

export type DirectoryOptions = {
  readonly os: Pick<Os, 'clock' | 'random' | 'crypto' | 'files' | 'udp'>
  readonly log: Logger
  readonly privateKey: PrivateKey
  readonly namespace: string
  /** The least work of a peer's key. */
  readonly workbit: number
  /** Keys that need no work: members and boot nodes of the file. */
  readonly exempt: (key: PublicKey) => boolean
  /** Keys that are over, whatever their work. */
  readonly banned?: ((key: PublicKey) => boolean) | undefined
  /** Where TCP is listened on, `0` for nowhere; others are dialled over TCP all the same. */
  readonly tcpPort: number
  /** Addresses that TCP is listened on; all, unless said. */
  readonly tcpHosts?: readonly Address[]
  /** Streams over control packets on W, where there are any. */
  readonly streams: StreamSource | null
  /** WebSockets; absent: none of them, neither in nor out. */
  readonly web?: Web
  /** The certificate to show on port 443; absent: nobody listens there, and not on STUN's port. */
  readonly certificate?: Certificate
  /** For calls by WebRTC; absent: none of them, neither in nor out. */
  readonly ice?: () => Promise<Ice>
  /** A node has opened a carrier to us. */
  readonly carried?: (key: PublicKey, stream: ByteStream) => void
  /** What else is spoken here, beside the DHT and carriers. */
  readonly talks?: readonly Talk[]
  /** A folder of our own; `null` for memory. */
  readonly dataFolder: string | null
  readonly server: boolean
  /** Says something to people. */
  readonly warn: (message: string) => void
  /** Where others reach this node; `announce` changes it. */
  readonly endpoints?: readonly Endpoint[]
}

export function dhtOf(values: Values, gate: Gate, server: boolean) {
  // somebody waits for a question, nobody for a ping: that one may be to the other side of the world, with dial and handshakes
  const question = { minTimeout: 500, maxTimeout: 2000 }
  const patience = { minTimeout: 2000, maxTimeout: 4000 }
  return kadDHT({
    protocol,
    clientMode: !server,
    kBucketSize: k,
    alpha: 3,
    disjointPaths: 2,
    allowQueryWithZeroPeers: true,
    initialQuerySelfInterval: 50,
    networkDialTimeout: question,
    pingNewContactTimeout: patience,
    pingOldContactTimeout: patience,
    routingTableUpdateQueueConcurrency: 16,
    routingTableUpdateMaxQueueSize: 512,
    maxInboundStreams: 16,
    peerInfoMapper: info => ({
      ...info,
      multiaddrs: gate.admits(info.id, 'named') ? info.multiaddrs.filter(address => gate.allows(address)) : [],
    }),
    validators: {
      wh: async (key, value) => void values.validate(key, value),
      // kad-dht's own kind: anybody's key, which needs no storing here
      pk: async () => {
        throw new Error('no such records here')
      },
    },
    selectors: { wh: (key, records) => values.select(key, records) },
  })
}

export function settings(
  gate: Gate,
  announced: Announced,
  { streams, tcpPort, tcpHosts = ['0.0.0.0', '::'], web, certificate }: DirectoryOptions,
) {
  const tcpListen = tcpPort === 0 ? [] : tcpHosts.map(host => formatPeerAddress('tcp', { host, port: tcpPort }))
  const webPorts = certificate && web ? [web.port] : []
  const webListen = webPorts.flatMap(port => tcpHosts.map(host => formatPeerAddress('wss', { host, port })))
  const streamListen = streams ? [formatPeerAddress('udp', { host: '0.0.0.0', port: 0 })] : []
  return {
    addresses: {
      listen: [...streamListen, ...tcpListen, ...webListen].map(String),
      announceFilter: (found: Multiaddr[]) => announced.addresses(found),
    },
    transports: [
      ...(streams ? [streamTransport(streams)] : []),
      tcp(),
      ...(web ? [webSocketTransport({ connect: to => web.connect(to, null), certificate: certificate ?? null })] : []),
    ],
    transportManager: { faultTolerance: FaultTolerance.NO_FATAL },
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        // the connection monitor does it
        enableKeepAlive: false,
        maxInboundStreams: 64,
        maxOutboundStreams: 64,
        streamOptions: { maxStreamWindowSize: 256 * 1024 },
      }),
    ],
    connectionGater: gate.gater(),
    connectionManager: {
      maxConnections: 200,
      inboundConnectionThreshold: 50,
      maxIncomingPendingConnections: 64,
      inboundUpgradeTimeout: 4 * second,
      inboundStreamProtocolNegotiationTimeout: 4 * second,
      outboundStreamProtocolNegotiationTimeout: 4 * second,
      reconnectRetries: 2,
      resolvers: {},
    },
    // just below the 5 min after which a silent stream ends by itself; who is dead shows when he is asked
    connectionMonitor: { pingInterval: 4 * minute, pingTimeout: { minTimeout: 5 * second, maxTimeout: 15 * second } },
    peerStore: { maxAddressAge: 7 * 24 * hour, maxPeerAge: 7 * 24 * hour },
    nodeInfo: { name: 'wirehub', version: '1', userAgent: 'wirehub' },
  }
}

/** What this node says of itself: the endpoints that the node has evidence for; without any, where its listeners are. */
export class Announced {
  readonly #gate: Gate
  readonly #self: string
  readonly #tcpPort: number
  readonly #overStreams: boolean
  #endpoints: readonly Endpoint[] = []
  tcp = false

  constructor(gate: Gate, self: string, { tcpPort, streams, endpoints = [] }: DirectoryOptions) {
    this.#gate = gate
    this.#self = self
    this.#tcpPort = tcpPort
    this.#overStreams = streams !== null
    this.set(endpoints)
  }

  set(endpoints: readonly Endpoint[]): void {
    this.#endpoints = endpoints
    if (endpoints.some(({ host }) => isLoopback(host))) this.#gate.loopback = true
  }

  addresses(found: Multiaddr[]): Multiaddr[] {
    if (this.#endpoints.length === 0) return found.filter(address => this.#gate.allows(address))
    return this.#endpoints.flatMap(endpoint => [
      ...(this.#overStreams ? [formatPeerAddress('udp', endpoint, this.#self)] : []),
      ...(this.tcp ? [formatPeerAddress('tcp', { host: endpoint.host, port: this.#tcpPort }, this.#self)] : []),
    ])
  }
}
