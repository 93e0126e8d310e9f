// Hosts on one invented network, in simulated time: datagrams from endpoint to endpoint, multicast on links, and nothing else.
// What a `Discovery` asks of the operating system is here; its neighbours are the real ones.

import { type Endpoint, formatEndpoint, sameEndpoint } from '../../src/base/ip.ts'
import { createLogger } from '../../src/base/log.ts'
import type { ControlPort, Receive } from '../../src/drivers/control/port.ts'
import type { ActualPeer } from '../../src/drivers/wireguard/interface.ts'
import { Discovery } from '../../src/node/discovery.ts'
import { nothing, type Remembrance } from '../../src/node/memory.ts'
import type { Wanted } from '../../src/node/wanted.ts'
import { systemCrypto } from '../../src/os/crypto.ts'
import type { LinkAddress } from '../../src/os/links.ts'
import { overlayPrefix } from '../../src/protocol/identity/address.ts'
import type { PrivateKey, PublicKey } from '../../src/protocol/identity/key.ts'
import { Simulation } from '../../src/sim/simulation.ts'

export type Sent = { readonly from: Endpoint; readonly to: Endpoint; readonly bytes: Uint8Array }

export class Internet {
  readonly simulation: Simulation
  /** Milliseconds one way. */
  delay = 10
  loss = 0
  readonly #ports = new Map<string, Receive>()
  readonly sent: Sent[] = []
  /** What may pass. */
  passes: (sent: Sent) => boolean = () => true

  constructor(seed: number) {
    this.simulation = new Simulation(seed)
  }

  listen(at: Endpoint, receive: Receive): () => void {
    const key = formatEndpoint(at)
    this.#ports.set(key, receive)
    return () => this.#ports.delete(key)
  }

  send(from: Endpoint, to: Endpoint, bytes: Uint8Array): void {
    const sent = { from, to, bytes: Uint8Array.from(bytes) }
    this.sent.push(sent)
    if (!this.passes(sent) || this.simulation.chance() < this.loss) return
    this.simulation.at(this.simulation.now() + this.delay, () => {
      this.#ports.get(formatEndpoint(to))?.(Uint8Array.from(bytes), from)
    })
  }
}

/** One node: `Discovery` with all its parts, on a host of its own. There is no DHT. */
export class SimNode {
  readonly key: PublicKey
  readonly privateKey: PrivateKey
  readonly internet: Internet
  address: string
  readonly port: number
  memory: Remembrance = nothing
  /** Where WireGuard's peers point. */
  readonly peers = new Map<PublicKey, Endpoint>()
  readonly warnings = new Map<string, string>()
  discovery!: Discovery
  #watchers = new Set<() => void>()
  #tunnels: () => readonly ActualPeer[] = () => []

  constructor(internet: Internet, privateKey: PrivateKey, address: string, port = 20_000) {
    this.internet = internet
    this.privateKey = privateKey
    this.key = privateKey.publicKey()
    this.address = address
    this.port = port
  }

  get endpoint(): Endpoint {
    return { host: this.address, port: this.port }
  }

  /** @param wallOffset how wrong the clock is, ms */
  async start(wanted: Partial<Wanted>, wallOffset = 0): Promise<void> {
    const { simulation } = this.internet
    const clock = {
      now: () => simulation.now(),
      wall: () => simulation.wall() + wallOffset,
      at: (time: number, call: () => void) => simulation.at(time, call),
    }
    this.discovery = new Discovery({
      os: {
        clock,
        random: simulation,
        crypto: systemCrypto,
        links: {
          addresses: () => [this.#link()],
          watch: changed => {
            this.#watchers.add(changed)
            return { close: () => this.#watchers.delete(changed) }
          },
        },
        // without a doorbell, paths to all members are kept
        udp: { bind: async () => Promise.reject(new Error('no sockets but the control port')) },
        sleep: { watch: () => ({ close() {} }) },
        multicast: { open: async () => ({ join() {}, send() {}, close() {} }) },
      },
      log: createLogger(() => {}),
      identity: { privateKey: this.privateKey, publicKey: this.key },
      network: 'test',
      namespace: 'public',
      workbit: 0,
      store: {
        load: () => this.memory,
        save: memory => {
          this.memory = memory
        },
      },
      portRequired: true,
      openPort: async (_port, receive) => this.#open(receive),
      loadDirectory: async () => {
        throw new Error('none in this world')
      },
      resolve: async () => [],
      use: async (key, endpoint) => void this.peers.set(key, endpoint),
      park() {},
      hold() {},
      shake() {},
      anew() {},
      tunnels: async () => this.#tunnels(),
      warn: (topic, message) =>
        void (message === null ? this.warnings.delete(topic) : this.warnings.set(topic, message)),
      called: key => key.slice(0, 8),
    })
    await this.discovery.open(this.port)
    this.discovery.start({
      listenPort: this.port,
      interfaceName: 'wh-test',
      overlays: [overlayPrefix('test')],
      boots: [],
      members: [],
      ownEndpoints: [],
      ...wanted,
    })
  }

  /** What WireGuard shall say from now on. */
  tunnels(peers: () => readonly ActualPeer[]): void {
    this.#tunnels = peers
  }

  /** Data goes to and from another node all the time from now on, as WireGuard tells it; it comes where both point to one another. */
  talk(other: SimNode): void {
    const latestHandshake = this.internet.simulation.wall()
    let [sent, received] = [0, 0]
    const pointsTo = (node: SimNode, to: SimNode) => sameEndpoint(node.peers.get(to.key), to.endpoint)
    this.#tunnels = () => {
      sent += 1_000
      if (pointsTo(this, other) && pointsTo(other, this)) received += 1_000
      const endpoint = this.peers.get(other.key)
      const peer = { key: other.key, allowedIps: [], latestHandshake, sent, received, keepalive: 0 }
      return [endpoint ? { ...peer, endpoint } : peer]
    }
  }

  move(address: string): void {
    this.address = address
    for (const changed of this.#watchers) changed()
  }

  #link(): LinkAddress {
    const { address } = this
    return {
      interface: 'eth0',
      address,
      length: 24,
      family: 4,
      loopback: false,
      linkLocal: false,
      multicast: true,
      pointToPoint: false,
    }
  }

  #open(receive: Receive): ControlPort {
    const counters = { received: 0, sent: 0, dropped: {} }
    let close = () => {}
    let at = ''
    // a host's address may change under its port
    const listen = () => {
      if (at === this.address) return
      close()
      at = this.address
      close = this.internet.listen(this.endpoint, receive)
    }
    listen()
    this.#watchers.add(listen)
    return {
      backend: 'nft',
      counters,
      send: (bytes, to) => this.internet.send(this.endpoint, to, bytes),
      close: async () => {
        close()
        this.#watchers.delete(listen)
      },
    }
  }
}
