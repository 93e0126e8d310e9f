/**
 * The directory on libp2p: Kademlia on a protocol of our own, over control packets on W and over TCP, and nothing of the public IPFS
 * network. The node's WireGuard key is its identity. docs/protocol/dht.md says what is spoken and why each setting is as it is.
 */

import { identify, identifyPush } from '@libp2p/identify'
import type { Connection, PeerId } from '@libp2p/interface'
import type { KadDHT } from '@libp2p/kad-dht'
import { peerIdFromString } from '@libp2p/peer-id'
import { ping } from '@libp2p/ping'
import { createLibp2p, type Libp2p } from 'libp2p'
import { Failure } from '../../base/failure.ts'
import { type Endpoint, formatEndpoint } from '../../base/ip.ts'
import { minute, second, type Time } from '../../base/time.ts'
import type { CarriedBy } from '../../protocol/carrier/rungs.ts'
import type { PublicKey } from '../../protocol/identity/key.ts'
import type { ByteStream } from '../carrier/carrier.ts'
import { formatPeerAddress, isLoopback, readPeerAddress, type Via } from './address.ts'
import { CarrierStreams } from './carry.ts'
import type { Components } from './components.ts'
import { Dialer, DialFailed, readTarget } from './dialer.ts'
import type { Directory, DirectoryStatus, WalkStep } from './directory.ts'
import { Gate, peerOf } from './gate.ts'
import { Identity } from './identity.ts'
import { Kademlia, k, type Parts, partsOf, protocol } from './kademlia.ts'
import { Limit, nextEvent } from './limit.ts'
import { Announced, type DirectoryOptions, dhtOf, settings } from './settings.ts'
import { openStore, type Store } from './store.ts'
import { beginTalk, listenForTalks } from './talks.ts'
import { keyOfPlace, Values } from './values.ts'

export type { DirectoryOptions } from './settings.ts'

/** A walk that a third of dead nodes hold up takes 1 s; ten times that is never worth waiting for. */
const walkTime = 10 * second
/** Peers kept on disk beside those of the table and the connected. */
const storedPeers = 2048
const identifyTime = 2 * second

/** Starts the node; it knows nobody but the peers of its folder until `join`. @throws where libp2p cannot start. */
export async function createDirectory(options: DirectoryOptions): Promise<Directory> {
  const { os, log, namespace, workbit, exempt, banned } = options
  const rejected: Record<string, number> = {}
  const count = (reason: string) => {
    rejected[reason] = (rejected[reason] ?? 0) + 1
  }
  const self = options.privateKey.publicKey()
  let node: Libp2p | undefined
  let directory: Directory | undefined
  const connections = (peer: PeerId) => node?.getConnections(peer).length ?? 0
  const isExempt = (key: PublicKey) => key === self || exempt(key)
  const gate = new Gate({ namespace, workbit, banned, exempt: isExempt, connections, count })
  const ourId = await kadIdOf(peerOf(self))
  const values = new Values({ clock: os.clock, crypto: os.crypto, ourId, count })
  const store = await openStore(options.dataFolder, os.files, values, log)
  const announced = new Announced(gate, peerOf(self).toString(), options)
  try {
    let components: Components | undefined
    const dht = dhtOf(values, gate, options.server)
    const created = await createLibp2p({
      ...settings(gate, announced, options),
      privateKey: new Identity(options.privateKey, os.random),
      datastore: store.datastore,
      services: {
        identify: identify(),
        identifyPush: identifyPush(),
        // the table and the connection monitor may ping at the same time
        ping: ping({ maxInboundStreams: 4, maxOutboundStreams: 4 }),
        dht: (parts: Parameters<typeof dht>[0]) => {
          components = parts as unknown as Components
          return dht(parts)
        },
      },
      start: false,
    })
    node = created
    const started = new LibP2pDirectory({
      node,
      dht: created.services.dht,
      gate,
      values,
      store,
      announced,
      rejected,
      options,
    })
    directory = started
    await started.start(components!)
    return started
  } catch (error) {
    if (directory) await directory.stop()
    else {
      await node?.stop()
      await store.close()
    }
    throw error
  }
}

type DirectoryParts = {
  readonly node: Libp2p
  readonly dht: KadDHT
  readonly gate: Gate
  readonly values: Values
  readonly store: Store
  readonly announced: Announced
  readonly rejected: Record<string, number>
  readonly options: DirectoryOptions
}

class LibP2pDirectory implements Directory {
  readonly #parts: DirectoryParts
  readonly #dht: Parts
  readonly #kademlia: Kademlia
  /** Aborted when this node stops. */
  readonly #stopped = new AbortController()
  #carriers: CarrierStreams | null = null
  #named = 0
  #sweeping = false
  #selfWalk = false

  constructor(parts: DirectoryParts) {
    this.#parts = parts
    this.#dht = partsOf(parts.dht)
    const { node, gate, values, rejected, options } = parts
    this.#kademlia = new Kademlia(parts.dht, {
      clock: options.os.clock,
      gate,
      values,
      count: reason => {
        rejected[reason] = (rejected[reason] ?? 0) + 1
      },
      connections: peer => node.getConnections(peer),
      named: () => {
        if (++this.#named % 512 === 0) void this.#sweep()
      },
    })
    this.#dht.routingTable.addEventListener('peer:add', () => {
      if (this.#dht.routingTable.size === 1) void this.#meetNeighbours()
    })
  }

  async start(components: Components): Promise<void> {
    const { transportManager, connectionManager } = components
    const { node, gate, announced, options } = this.#parts
    this.#carriers = await CarrierStreams.open(node, components, gate, options)
    const dialer = new Dialer({
      self: node.peerId,
      clock: options.os.clock,
      gate,
      attempt: (address, signal) => transportManager.dial(address, { signal }),
      addressesOf: async peer => (await node.peerStore.get(peer)).addresses.map(({ multiaddr }) => multiaddr),
    })
    this.#stopped.signal.addEventListener('abort', () => dialer.stop())
    // everybody dials through this: `node.dial`, Kademlia's questions, pings
    connectionManager.openConnection = async (target, { signal } = {}) => {
      const read = readTarget(target, peerIdFromString)
      if (!read) throw new DialFailed('an address without a peer')
      const open = node.getConnections(read.peer).find(({ status }) => status === 'open')
      return open ?? dialer.dial(read.peer, read.addresses, signal)
    }
    await listenForTalks(node, gate, options.talks ?? [])
    await node.start()
    const listens = transportManager.getListeners().flatMap(listener => listener.getAddrs())
    const has = (via: Via) => listens.some(address => readPeerAddress(address)?.via === via)
    announced.tcp = has('tcp')
    if (options.tcpPort !== 0 && !announced.tcp) {
      options.warn(`TCP port ${options.tcpPort} is taken by another program: no DHT for nodes whose UDP is blocked`)
    }
    if (options.certificate && !has('wss'))
      options.log.warn('no WebSockets: another program has the port', { port: options.web?.port })
    await this.#announce()
    void this.#recall()
  }

  async publish(id: Uint8Array, value: Uint8Array): Promise<{ stored: number }> {
    const { dht, values } = this.#parts
    values.adopt(id, value)
    const limit = this.#limit()
    let stored = 0
    try {
      for await (const event of dht.put(keyOfPlace(id), value, { signal: limit.signal })) {
        if (event.name === 'PEER_RESPONSE' && event.messageName === 'PUT_VALUE') stored++
        // the holder answered something else: it did not take the record
        if (event.name === 'QUERY_ERROR' && event.error.message === 'Value not put correctly') stored--
      }
    } catch (error) {
      if (!limit.signal.aborted) this.#parts.options.log.debug('publish', { error: String(error) })
    } finally {
      limit.clear()
    }
    return { stored }
  }

  async *find(
    id: Uint8Array,
    { signal, onStep = () => {} }: { signal?: AbortSignal; onStep?: (step: WalkStep) => void } = {},
  ): AsyncGenerator<Uint8Array> {
    const { node, options } = this.#parts
    const start = options.os.clock.now()
    const limit = this.#limit(signal)
    const step = (peer: PeerId, answered: WalkStep['answered']) => {
      const key = this.#parts.gate.keyOf(peer)
      if (key === null) return
      const endpoint = this.#endpointOf(peer)
      const after = options.os.clock.now() - start
      onStep({ key, ...(endpoint ? { endpoint: formatEndpoint(endpoint) } : {}), answered, after })
    }
    try {
      const ours = await this.local(id)
      if (ours && !limit.signal.aborted) yield ours
      await this.#someNeighbour(limit.signal)
      for await (const event of this.#dht.contentFetching.getMany(keyOfPlace(id), { signal: limit.signal })) {
        if (event.name === 'VALUE' && !event.from.equals(node.peerId)) yield event.value
        if (event.name === 'PEER_RESPONSE') step(event.from, event.record ? 'value' : 'closer')
        if (event.name === 'QUERY_ERROR' && !limit.signal.aborted) step(event.from, 'error')
      }
    } catch (error) {
      // aborted, or one liar among many: what there was has been given
      if (!limit.signal.aborted) options.log.debug('find', { error: String(error) })
    } finally {
      limit.abort()
      limit.clear()
    }
  }

  async local(id: Uint8Array): Promise<Uint8Array | null> {
    return this.#parts.store.read(id)
  }

  async setServer(server: boolean): Promise<void> {
    // telling it to those who are connected is done by identify-push, which sees our protocols change
    await this.#parts.dht.setMode(server ? 'server' : 'client')
  }

  async announce(endpoints: readonly Endpoint[]): Promise<void> {
    this.#parts.announced.set(endpoints)
    await this.#announce()
  }

  async #announce(): Promise<void> {
    const { node } = this.#parts
    await node.peerStore.patch(node.peerId, { multiaddrs: node.getMultiaddrs() })
  }

  async join(key: PublicKey, endpoint: Endpoint): Promise<void> {
    const { node, gate, options } = this.#parts
    const peer = peerOf(key)
    if (isLoopback(endpoint.host)) gate.loopback = true
    this.#kademlia.welcome(peer)
    const vias = options.streams ? (['udp', 'tcp'] as const) : (['tcp'] as const)
    try {
      const addresses = vias.map(via => formatPeerAddress(via, endpoint, peer.toString()))
      const connection = await node.dial(addresses)
      // identify may take a while to say it
      node.peerStore.merge(peer, { multiaddrs: [connection.remoteAddr] }).catch(() => {})
      await this.#toTable(connection)
    } catch (error) {
      throw new Failure(`no DHT at ${formatEndpoint(endpoint)}: ${explain(error as Error)}`, { cause: error })
    }
  }

  async carry(key: PublicKey, endpoint: Endpoint, by: CarriedBy, signal: AbortSignal): Promise<ByteStream | null> {
    const peer = peerOf(key)
    if (!this.#parts.gate.admits(peer, 'dial')) throw new Failure('too little work')
    if (isLoopback(endpoint.host)) this.#parts.gate.loopback = true
    return (await this.#carriers?.dial(peer.toString(), endpoint, by, signal)) ?? null
  }

  talk(...[key, endpoint, protocol, signal]: Parameters<Directory['talk']>): Promise<ByteStream> {
    const { clock } = this.#parts.options.os
    return beginTalk({ ...this.#parts, clock, carriers: this.#carriers! }, key, endpoint, protocol, signal)
  }

  neighbours(): { key: PublicKey; endpoint?: Endpoint }[] {
    const { gate } = this.#parts
    return [...this.#dht.routingTable.kb.toIterable()].flatMap(({ peerId }) => {
      const key = gate.keyOf(peerId)
      const endpoint = this.#endpointOf(peerId)
      return key === null ? [] : [{ key, ...(endpoint ? { endpoint } : {}) }]
    })
  }

  #endpointOf(peer: PeerId): Endpoint | undefined {
    const [connection] = this.#parts.node.getConnections(peer)
    return connection && readPeerAddress(connection.remoteAddr)?.endpoint
  }

  status(): DirectoryStatus {
    const { node, dht, values, rejected } = this.#parts
    return {
      mode: dht.getMode(),
      peers: this.#dht.routingTable.size,
      connections: node.getConnections().length,
      overTcp: node.getConnections().filter(({ remoteAddr }) => /\/tcp\//.test(remoteAddr.toString())).length,
      stored: values.size,
      rejected: { ...rejected },
    }
  }

  async stop(): Promise<void> {
    if (this.#stopped.signal.aborted) return
    this.#stopped.abort()
    this.#kademlia.stop()
    await this.#carriers?.stop()
    await this.#parts.node.stop()
    await this.#parts.store.close()
  }

  /** Once it is known what the peer speaks, it is a neighbour. identify takes a round trip, and comes by itself. */
  async #toTable(connection: Connection): Promise<void> {
    const peer = connection.remotePeer
    const { node } = this.#parts
    const speaks = async () => {
      const known = await node.peerStore.get(peer).catch(() => null)
      return known && known.protocols.length > 0 ? known.protocols : null
    }
    const limit = this.#limit(undefined, identifyTime)
    let protocols = await speaks()
    while (!protocols && !limit.signal.aborted && connection.status === 'open') {
      await nextEvent(node, 'peer:identify', limit.signal)
      protocols = await speaks()
    }
    limit.clear()
    if (connection.status !== 'open') throw new Error('it closed the connection')
    if (protocols?.includes(protocol)) await this.#dht.routingTable.add(peer)
  }

  /** All peers of the store at once, where kad-dht tries one after the other: the first may all be dead. */
  async #recall(): Promise<void> {
    const { node } = this.#parts
    const peers = await node.peerStore.all({ filters: [peer => peer.protocols.includes(protocol)] }).catch(() => [])
    if (this.#stopped.signal.aborted) return
    for (const { id } of peers) this.#dht.routingTable.queueRoutingTableUpdate(id, { activeTimeout: 4 * second })
  }

  /** With the first neighbour of all, or after being alone: who else is near us? kad-dht would ask in 5 minutes. */
  async #meetNeighbours(again: readonly Time[] = [10 * second, minute]): Promise<void> {
    const { node, dht, options } = this.#parts
    if (this.#selfWalk) return
    this.#selfWalk = true
    const limit = this.#limit()
    try {
      for await (const _ of dht.getClosestPeers(node.peerId.toMultihash().bytes, { signal: limit.signal }));
    } catch {
      // the next one will do
    } finally {
      limit.clear()
      this.#selfWalk = false
    }
    const [next, ...later] = again
    const { clock } = options.os
    if (next === undefined || this.#stopped.signal.aborted || this.#dht.routingTable.size >= k) return
    clock.at(clock.now() + next, () => void this.#meetNeighbours(later))
  }

  /** A walk needs somebody to begin with; at the start nobody may have answered yet. */
  async #someNeighbour(signal: AbortSignal): Promise<void> {
    const { routingTable } = this.#dht
    while (routingTable.size === 0 && !signal.aborted) await nextEvent(routingTable, 'peer:add', signal)
  }

  /** Forgets peers that are neither neighbours nor connected, where strangers have named very many. */
  async #sweep(): Promise<void> {
    if (this.#sweeping) return
    this.#sweeping = true
    const { peerStore, getConnections } = this.#parts.node
    try {
      const peers = await peerStore.all()
      const idle = peers.filter(
        ({ id, tags }) => !tags.has('kad-peer') && getConnections.call(this.#parts.node, id).length === 0,
      )
      for (const { id } of idle.slice(0, Math.max(0, peers.length - storedPeers))) await peerStore.delete(id)
    } catch {
      // the datastore is closed, or full: nothing to do about it here
    } finally {
      this.#sweeping = false
    }
  }

  /** Ends with this node, with the caller's signal, and after `time`. */
  #limit(signal?: AbortSignal, time: Time = walkTime): Limit {
    return new Limit(this.#parts.options.os.clock, time, [this.#stopped.signal, ...(signal ? [signal] : [])])
  }
}

/** SHA-256 of the PeerId's multihash: where Kademlia has a peer. */
async function kadIdOf(peer: PeerId): Promise<Uint8Array> {
  const hash = await crypto.subtle.digest('SHA-256', Uint8Array.from(peer.toMultihash().bytes))
  return new Uint8Array(hash)
}

/** What an error of the dialler means for a person. */
function explain({ message }: Error): string {
  if (/too little work|Intercepted/.test(message)) return 'its key has too little work for this network'
  if (/Unexpected|identity key|not match/i.test(message)) return 'a node with another key answers there'
  if (/closed|EOF|reset/i.test(message)) return 'it closed the connection; perhaps our key has too little work for it'
  return 'it does not answer'
}
