/**
 * A node of a world: the real one (`node/node.ts`, `drivers/wireguard`) on a simulated machine. Only what stands at the edge of the
 * operating system is ours; there is no DHT, as if nobody else were in it, and no DNS that anybody asks.
 */

import { createLogger, type Logger } from '../base/log.ts'
import type { Resolver } from '../drivers/dns/resolver.ts'
import { defaultLimit, defaultRange } from '../drivers/relay/relay.ts'
import { SocketRelay } from '../drivers/relay/sockets.ts'
import { createWireguardDriver } from '../drivers/wireguard/driver.ts'
import { nothing, type Remembrance, type Store } from '../node/memory.ts'
import { Node, type NodeParts } from '../node/node.ts'
import { systemCrypto } from '../os/crypto.ts'
import type { Random } from '../os/random.ts'
import { PrivateKey, type PublicKey, publicKeyBytes } from '../protocol/identity/key.ts'
import type { Network } from '../protocol/network/types.ts'
import type { PathView } from '../protocol/path/view.ts'
import type { RelayPolicy } from '../protocol/relay/desk.ts'
import { plainCrypto } from './crypto.ts'
import type { Host } from './host.ts'
import { simulatedPrograms } from './programs.ts'
import { Simulation } from './simulation.ts'
import { Wireguard } from './wireguard.ts'

const keys: PrivateKey[] = []

/** The same key for the same number, computed once in the life of the program: a key costs more than a world's whole flow of packets. */
export function keyOf(number: number): PrivateKey {
  for (let i = keys.length; i <= number; i++) {
    keys.push(new PrivateKey(systemCrypto.hash(Uint8Array.of(i >>> 8, i, 0x73, 0x69, 0x6d))))
  }
  return keys[number]!
}

const noResolver: Resolver = { choose: async () => 'hosts file', set: async () => {}, clear: async () => {} }
const interfaceName = 'wh-sim'

export type SimNodeOptions = {
  readonly number: number
  readonly network: Network
  /** Anything that the node draws follows from it. */
  readonly seed: number
  /** A packet came out of the tunnel. */
  readonly deliver: (from: PublicKey, payload: Uint8Array) => void
  readonly log?: Logger
  /** Whose packets it passes on, where others can reach it; nobody's, if not given. */
  readonly relays?: RelayPolicy
}

export class SimNode {
  readonly host: Host
  readonly key: PublicKey
  readonly node: Node
  /** What it remembers over restarts. */
  memory: Remembrance = nothing
  #wireguard: Wireguard | null = null

  constructor(host: Host, options: SimNodeOptions) {
    const { number, network, seed } = options
    const privateKey = keyOf(number)
    this.host = host
    this.key = privateKey.publicKey()
    this.node = new Node(
      this.#parts(seed, options),
      network,
      { privateKey, publicKey: this.key },
      { interfaceName, listenPort: host.spec.port, portGiven: true, ipv6: true },
    )
  }

  /** All that a node gets from outside, in one place. */
  #parts(seed: number, { deliver, relays, log = createLogger(() => {}) }: SimNodeOptions): NodeParts {
    const { host } = this
    const { clock, udp, links, multicast, sleep } = host
    const random: Random = new Simulation(seed)
    const crypto = plainCrypto(publicKeyBytes(this.key), count => random.bytes(count))
    const createWireguard = () => {
      this.#wireguard = new Wireguard(this.key, {
        clock: host.kernel,
        random,
        send: (bytes, to) => host.send(host.spec.port, bytes, to),
        deliver,
      })
      host.wireguard = this.#wireguard.receive
      return this.#wireguard
    }
    const programs = simulatedPrograms(clock, createWireguard)
    const store: Store = {
      load: () => this.memory,
      save: memory => {
        this.memory = memory
      },
    }
    return {
      os: {
        ...{ clock, udp, tcp: { listen: async () => ({ close() {} }) } },
        lookup: { addresses: async () => [], fromServers: async () => [] },
      },
      wireguard: createWireguardDriver({ programs, files: noFiles, http: noHttp }, log),
      resolver: noResolver,
      log,
      discovery: {
        os: { clock, random, crypto, links, multicast, udp, sleep },
        store,
        portRequired: true,
        openPort: async (_port, receive) => host.openPort(receive),
        relay: relays ?? 'never',
        openRelay: async (_port, receive) =>
          new SocketRelay({ udp, clock, range: defaultRange, limit: defaultLimit, receive }),
        loadDirectory: () => Promise.reject(new Error('there is no DHT in this world')),
      },
    }
  }

  start(): Promise<void> {
    return this.node.start()
  }

  async stop(): Promise<void> {
    await this.node.stop()
    this.host.wireguard = null
  }

  get wireguard(): Wireguard | null {
    return this.#wireguard
  }

  /** What it says of its path to another one. */
  path(key: PublicKey): PathView | null {
    return this.node.discovery.inquiry.path(key)
  }
}

const noFiles = { info: () => null, remove() {} } as unknown as Parameters<typeof createWireguardDriver>[0]['files']
const noHttp = { listening: async () => false } as unknown as Parameters<typeof createWireguardDriver>[0]['http']
