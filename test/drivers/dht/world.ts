// Nodes of a DHT in this process, for the tests and the bench: keys with work, records, and things to wait for.

import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { noise } from '@chainsafe/libp2p-noise'
import { identify, identifyPush } from '@libp2p/identify'
import { type KadDHT, kadDHT, passthroughMapper, type QueryEvent, Record } from '@libp2p/kad-dht'
import { ping } from '@libp2p/ping'
import { yamux } from '@libp2p/yamux'
import { MemoryDatastore } from 'datastore-core'
import { createLibp2p, type Libp2p } from 'libp2p'
import type { Endpoint } from '../../../src/base/ip.ts'
import { createLogger, type Level } from '../../../src/base/log.ts'
import { formatPeerAddress } from '../../../src/drivers/dht/address.ts'
import type { Directory } from '../../../src/drivers/dht/directory.ts'
import { peerOf } from '../../../src/drivers/dht/gate.ts'
import { Identity } from '../../../src/drivers/dht/identity.ts'
import { type Parts, partsOf, protocol } from '../../../src/drivers/dht/kademlia.ts'
import { createDirectory, type DirectoryOptions } from '../../../src/drivers/dht/libp2p.ts'
import { recordKey } from '../../../src/drivers/dht/store.ts'
import { streamTransport } from '../../../src/drivers/dht/transport.ts'
import { keyOfPlace } from '../../../src/drivers/dht/values.ts'
import { systemOs } from '../../../src/os/index.ts'
import { placeOf, signRecord } from '../../../src/protocol/directory/record.ts'
import { PrivateKey, type PublicKey, publicKeyOf } from '../../../src/protocol/identity/key.ts'
import { workbitOf } from '../../../src/protocol/identity/workbit.ts'
import { Fabric, type FabricPort } from './fabric.ts'

export const namespace = 'test'

/** A key with at least so much work, and less than `below`. */
export function keyWith(workbit: number, below = 257): PrivateKey {
  for (;;) {
    const { publicKey, privateKey } = generateKeyPairSync('x25519')
    const bytes = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
    const work = workbitOf(publicKeyOf(bytes), namespace)
    if (work < workbit || work >= below) continue
    return new PrivateKey(privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32))
  }
}

export type Node = {
  readonly key: PrivateKey
  readonly publicKey: PublicKey
  readonly endpoint: Endpoint
  readonly port: FabricPort
  readonly directory: Directory
  readonly lines: string[]
}

export type Stranger = Omit<Node, 'directory' | 'lines'> & {
  readonly node: Libp2p
  readonly dht: KadDHT
  readonly parts: Parts
  /** One message of Kademlia, and the events of its answer. */
  ask(to: { publicKey: PublicKey }, message: object): Promise<QueryEvent[]>
  /** Wants `to` to store a record. Says whether that was accepted. */
  put(to: { publicKey: PublicKey }, id: Uint8Array, value: Uint8Array): Promise<boolean>
  /** Has a record, which it will answer with. */
  hold(id: Uint8Array, value: Uint8Array): Promise<void>
}

let next = 0

export class World {
  readonly fabric = new Fabric()
  readonly nodes: Node[] = []
  readonly workbit: number
  readonly #folders: string[] = []
  readonly #strangers: { stop(): unknown }[] = []

  constructor(workbit = 0) {
    this.workbit = workbit
  }

  /** A node on the fabric, at an address of its own in 10.0.0.0/8 unless said. */
  async add(
    options: Partial<DirectoryOptions> & { endpoint?: Endpoint } = {},
    key = options.privateKey ?? keyWith(this.workbit),
  ): Promise<Node> {
    const endpoint = options.endpoint ?? this.#endpoint()
    const publicKey = key.publicKey()
    const port = this.fabric.port(publicKey, endpoint)
    const lines: string[] = []
    const log = createLogger((_: Level, line: string) => void lines.push(line))
    const directory = await createDirectory({
      os: systemOs,
      log,
      privateKey: key,
      namespace,
      workbit: this.workbit,
      exempt: () => false,
      tcpPort: 0,
      streams: port,
      dataFolder: null,
      server: true,
      endpoints: [endpoint],
      warn: message => log.warn(message),
      ...options,
    })
    const node = { key, publicKey, endpoint, port, directory, lines }
    this.nodes.push(node)
    return node
  }

  /** So many nodes, each of which knows the first. */
  async grow(count: number, options: Partial<DirectoryOptions> = {}): Promise<Node[]> {
    const added = await Promise.all(Array.from({ length: count }, () => this.add(options)))
    const [first] = this.nodes
    for (const node of added) if (node !== first) await meet(node, first!)
    return added
  }

  /** A node of plain libp2p without our rules, which can say whatever a test wants. */
  async stranger(key = keyWith(this.workbit)): Promise<Stranger> {
    const endpoint = this.#endpoint()
    const port = this.fabric.port(key.publicKey(), endpoint)
    const datastore = new MemoryDatastore()
    const node = await createLibp2p({
      privateKey: new Identity(key, systemOs.random),
      datastore,
      addresses: {
        listen: ['/ip4/0.0.0.0/udp/0'],
        announceFilter: () => [formatPeerAddress('udp', endpoint)],
      },
      transports: [streamTransport(port)],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionManager: { inboundConnectionThreshold: 1000, reconnectRetries: 0 },
      services: {
        identify: identify(),
        identifyPush: identifyPush(),
        ping: ping(),
        dht: kadDHT({
          protocol,
          clientMode: false,
          peerInfoMapper: passthroughMapper,
          validators: { wh: async () => {} },
          selectors: { wh: () => 0 },
          allowQueryWithZeroPeers: true,
        }),
      },
    })
    const parts = partsOf(node.services.dht)
    const stranger: Stranger = {
      key,
      publicKey: key.publicKey(),
      endpoint,
      port,
      node,
      dht: node.services.dht,
      parts,
      async ask(to, message) {
        const events = []
        const path = { index: 0, queued: 0, running: 0, total: 0 }
        for await (const event of parts.network.sendRequest(peerOf(to.publicKey), message, { path } as object))
          events.push(event)
        return events
      },
      async put(to, id, value) {
        const record = new Record(keyOfPlace(id), value, new Date()).serialize()
        const events = await this.ask(to, { type: 'PUT_VALUE', key: keyOfPlace(id), record })
        return events.some(({ name }) => name === 'PEER_RESPONSE')
      },
      async hold(id, value) {
        const record = new Record(keyOfPlace(id), value, new Date()).serialize()
        await datastore.put(recordKey(keyOfPlace(id)), record)
      },
    }
    this.#strangers.push(node)
    return stranger
  }

  #endpoint(): Endpoint {
    next++
    return { host: `10.${next >> 16}.${(next >> 8) & 255}.${next & 255}`, port: 51820 }
  }

  folder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'wh-dht-'))
    this.#folders.push(folder)
    return folder
  }

  async stop(): Promise<void> {
    await Promise.all([
      ...this.nodes.map(({ directory }) => directory.stop()),
      ...this.#strangers.map(node => node.stop()),
    ])
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true })
  }
}

type Reachable = { readonly publicKey: PublicKey; readonly endpoint: Endpoint }

export const meet = (a: Node, b: Reachable) => a.directory.join(b.publicKey, b.endpoint)
export const dial = (a: Stranger, b: Reachable) =>
  a.node.dial(formatPeerAddress('udp', b.endpoint, peerOf(b.publicKey).toString()))
export const knows = (a: Node, b: Reachable) => a.directory.neighbours().some(({ key }) => key === b.publicKey)

export function recordOf(key: PrivateKey, sequence = 1, options: { expires?: number; namespace?: string } = {}) {
  const space = options.namespace ?? namespace
  const { id } = placeOf(key.publicKey(), space)
  const expires = options.expires ?? Date.now() + 24 * 3600_000
  const record = { sequence, expires, endpoints: [], homes: [], nat: 'unknown' } as const
  return { id, value: signRecord(systemOs.crypto, key, space, record, count => randomBytes(count)) }
}

/** All values that a walk brings. */
export async function findAll(directory: Directory, id: Uint8Array, signal?: AbortSignal): Promise<Uint8Array[]> {
  const values: Uint8Array[] = []
  for await (const value of directory.find(id, signal ? { signal } : {})) values.push(value)
  return values
}

export const sequenceOf = (value: Uint8Array) => Number(new DataView(value.buffer, value.byteOffset).getBigUint64(1))

/** Waits until something is so. Fails by the test's own timeout. */
export async function until(what: () => boolean | Promise<boolean>, limit = 20_000): Promise<void> {
  const end = Date.now() + limit
  while (!(await what())) {
    if (Date.now() > end) throw new Error(`not so within ${limit} ms: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
