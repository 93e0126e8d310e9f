/**
 * One node of one network: keeps the machine as the network file wants it.
 *
 *     start ──▶ running ──stop──▶ stopped
 *                │  ▲
 *        reload, │  │ every 30 s: names of endpoints looked up again,
 *        lookup  ▼  │ silent peers given the file's endpoint again
 *              apply ┘
 *
 * Everything that changes the machine runs one after the other, and computes the difference from what is there.
 */

import { Failure } from '../base/failure.ts'
import { type Address, contains, type Endpoint, formatEndpoint, parseAddress } from '../base/ip.ts'
import type { Logger } from '../base/log.ts'
import { second, type Time } from '../base/time.ts'
import type { Mechanism, Resolver } from '../drivers/dns/resolver.ts'
import { isDoorbell } from '../drivers/doorbell/doorbell.ts'
import type { Backend, WireguardDriver } from '../drivers/wireguard/driver.ts'
import type { ActualInterface, ActualPeer, WantedInterface, WantedPeer } from '../drivers/wireguard/interface.ts'
import type { Step } from '../drivers/wireguard/plan.ts'
import type { Os } from '../os/index.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import { members } from '../protocol/network/members.ts'
import type { Member, Network } from '../protocol/network/types.ts'
import type { UseReason } from '../protocol/path/events.ts'
import { Addresses } from './addresses.ts'
import { bootChanges, changes } from './changes.ts'
import {
  type Choices,
  type Desired,
  desired,
  type Identity,
  type Known,
  namesToLookUp,
  prefixesOf,
  withPeer,
} from './desired.ts'
import { Discovery } from './discovery.ts'
import { Names } from './names.ts'
import { bootsOf, type MachineParts, type Wanted } from './wanted.ts'
import { Warnings } from './warnings.ts'

export type NodeParts = {
  readonly os: Pick<Os, 'clock' | 'lookup' | 'udp' | 'tcp'>
  readonly wireguard: WireguardDriver
  readonly resolver: Resolver
  readonly log: Logger
  readonly discovery: MachineParts
}

export type Snapshot = {
  readonly network: Network
  readonly desired: Desired
  readonly actual: ActualInterface | null
  readonly backend: Backend | null
  readonly names: Mechanism | 'none'
  readonly dns: readonly Address[]
  readonly warnings: readonly string[]
}

/** How often names and silent peers are looked at again. */
const refreshEvery = 30 * second
/** A handshake takes one round trip. One that has taken longer than any does not come to an end. */
const attemptTime = 1 * second

export class Node {
  readonly #parts: NodeParts
  readonly #identity: Identity
  readonly #choices: Choices
  #network: Network
  #desired: Desired
  #backend: Backend | null = null
  /** We have made the interface, and may not have come as far as the mark. */
  #halfMade = false
  readonly #names: Names
  readonly discovery: Discovery
  readonly #addresses: Addresses
  /** Endpoints that the path machines have chosen. */
  readonly #paths = new Map<PublicKey, Endpoint>()
  /** Members that somebody talks to: their NAT mappings are kept. */
  readonly #held = new Set<PublicKey>()
  /** When WireGuard was last told where a member is. */
  readonly #pointedAt = new Map<PublicKey, Time>()
  #startedAt: Time = 0
  #given = new Map<PublicKey, string>()
  #timer: { cancel(): void } | null = null
  #last: Promise<unknown> = Promise.resolve()
  #stopped = false
  readonly #warnings: Warnings

  constructor(parts: NodeParts, network: Network, identity: Identity, choices: Choices) {
    this.#parts = parts
    this.#identity = identity
    this.#choices = choices
    this.#network = network
    this.#warnings = new Warnings(parts.log)
    const warn = this.#warnings.set
    this.#names = new Names({ ...parts, warn }, identity, choices)
    const within = (address: Address) => prefixesOf(this.#network).some(prefix => contains(prefix, address))
    this.#addresses = new Addresses({ lookup: parts.os.lookup, within, warn })
    this.discovery = new Discovery({
      ...parts.discovery,
      log: parts.log,
      identity,
      network: network.name,
      namespace: network.namespace,
      workbit: network.workbit,
      resolve: host => this.#addresses.find(host),
      use: (key, endpoint, because) => this.#use(key, endpoint, because),
      park: key => void this.#park(key),
      hold: (key, on) => void this.#hold(key, on),
      ...{ shake: key => void this.#shake(key), anew: (...it) => void this.#beginAnew(...it) },
      tunnels: async () =>
        this.#desired.interface ? this.#awake(await parts.wireguard.peers(choices.interfaceName)) : [],
      warn,
      called: key => this.#desired.members.find(member => member.key === key)?.hostname ?? `${key.slice(0, 10)}…`,
    })
    this.#desired = this.#compute(network, members(network))
  }

  /** Configures the machine. After a failure, nothing of it is left. */
  start(): Promise<void> {
    return this.#exclusively(async () => {
      try {
        if (this.#desired.interface) {
          const keys = this.#desired.interface.peers.map(({ key }) => key)
          await this.discovery.parking.open(this.#port(), keys)
          this.#desired = this.#compute(this.#network, this.#desired.members)
          // the port is on its way while `ip` and `wg` run: nothing of it needs the interface
          await Promise.all([this.#apply(), this.discovery.open(this.#port())])
          await this.#names.start(this.#network, this.#desired)
        } else {
          await this.discovery.open(this.#port())
        }
      } catch (error) {
        await this.#takeDown()
        throw error
      }
      this.#startedAt = this.#parts.os.clock.now()
      this.discovery.start(this.#wanted())
      this.#refreshLater()
      void this.#lookUpInBackground()
    })
  }

  /** Goes over to another version of the network file. @returns what the file changed, and the commands that were run. */
  async reload(network: Network): Promise<{ changes: string[]; steps: Step[] }> {
    const next = this.#compute(network, members(network))
    if (network.name !== this.#network.name) {
      throw new Failure(`the file now names the network ${network.name}, it was ${this.#network.name}`, {
        remedy: `wh down ${this.#network.name}, then wh up the file`,
      })
    }
    if ((next.interface === null) !== (this.#desired.interface === null)) {
      throw new Failure(next.interface ? 'this node has become a member' : 'this node is a member no more', {
        remedy: `wh down ${network.name}, then wh up the file`,
      })
    }
    return this.#exclusively(async () => {
      const [networkBefore, before] = [this.#network, this.#desired]
      this.#network = network
      this.#desired = this.#compute(network, next.members)
      try {
        // who is new may ring as soon as WireGuard knows it
        this.discovery.parking.know([...before.members, ...next.members].map(({ key }) => key))
        const steps = await this.#apply()
        await this.#names.update(network, before, this.#desired)
        await this.discovery.update(this.#wanted())
        void this.#lookUpInBackground()
        return { changes: [...bootChanges(networkBefore, network), ...changes(before, this.#desired)], steps }
      } catch (error) {
        // all of the file or nothing: what runs is what `show` says, and what the next refresh keeps
        this.#network = networkBefore
        this.#desired = before
        await this.#apply().catch(again =>
          this.#warnings.set('reload', `could not go back: ${(again as Error).message}`),
        )
        throw error
      }
    })
  }

  /** Takes everything down that `start` put up. @param heir the mark of who takes the interface over: it stays, and its tunnels go on */
  stop(heir?: string): Promise<void> {
    return this.#exclusively(async () => {
      this.#stopped = true
      this.#timer?.cancel()
      await this.#takeDown(heir)
    })
  }

  /** How the interface and the names came to be, without a look at the machine. */
  get means(): { readonly backend: Backend | null; readonly names: Mechanism | 'none' } {
    return { backend: this.#backend, names: this.#names.mechanism }
  }

  async snapshot(): Promise<Snapshot> {
    const wanted = this.#desired.interface
    const actual = wanted && (await this.#parts.wireguard.read(wanted.name))
    return {
      network: this.#network,
      desired: this.#desired,
      actual: actual && { ...actual, peers: this.#awake(actual.peers) },
      backend: this.#backend,
      names: this.#names.mechanism,
      dns: this.#names.addresses,
      warnings: this.#warnings.all(),
    }
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work, work)
    this.#last = next.catch(() => {})
    return next
  }

  #compute(network: Network, all: readonly Member[]): Desired {
    return desired(network, all, this.#identity, this.#choices, this.#known())
  }

  #known(): Known {
    return {
      resolve: host => this.#addresses.of(host)[0],
      chosen: key => this.discovery.carriers.local(this.#paths.get(key)),
      doorbell: this.discovery.parking.endpoint,
      held: key => this.#held.has(key),
      keepalive: this.discovery.keepalive,
    }
  }

  /** WireGuard's peers, but the doorbell is no endpoint of theirs, and a socket of a carrier's stands for what is behind it. */
  #awake(peers: readonly ActualPeer[]): ActualPeer[] {
    const { carriers } = this.discovery
    return peers.map(({ endpoint, ...peer }) => ({ ...peer, ...(!isDoorbell(endpoint) && carriers.meant(endpoint)) }))
  }

  #port(): number {
    return this.#desired.interface?.listenPort ?? this.#choices.listenPort
  }

  /** A path machine has chosen. */
  #use(key: PublicKey, endpoint: Endpoint, because: UseReason): Promise<void> {
    // that is what it was given when the interface was made
    if (because === 'the file says so' && this.#given.get(key) === formatEndpoint(endpoint)) return Promise.resolve()
    return this.#point(key, async () => {
      await this.discovery.carriers.prepare(endpoint)
      this.#paths.set(key, endpoint)
    })
  }

  /** Nobody talks to a member now: its next packet shall ring. What the file says of it stays. */
  #park(key: PublicKey): Promise<void> {
    return this.#point(key, () => this.#paths.delete(key))
  }

  #hold(key: PublicKey, on: boolean): Promise<void> {
    return this.#change(key, 'a keepalive', async (name, peer) => {
      if (on) this.#held.add(key)
      else this.#held.delete(key)
      this.#desired = withPeer(this.#desired, key, this.#known())
      const { keepalive } = this.#desired.interface!.peers.find(each => each.key === key)!
      if (keepalive !== peer.keepalive) await this.#parts.wireguard.setKeepalive(name, key, keepalive)
    })
  }

  #shake(key: PublicKey): Promise<void> {
    return this.#change(key, 'a keepalive', (name, it) => this.#parts.wireguard.shake(name, key, it.keepalive))
  }

  #beginAnew(key: PublicKey, received: number): Promise<void> {
    const { wireguard, os } = this.#parts
    return this.#change(key, 'an endpoint', (name, peer) => wireguard.beginAnew(name, peer, received, os.clock.wall()))
  }

  /** Points WireGuard's peer to where it shall point after a change. */
  #point(key: PublicKey, change: () => unknown): Promise<void> {
    return this.#change(key, 'an endpoint', async (name, before) => {
      const { wireguard, os } = this.#parts
      const tried = os.clock.now() - (this.#pointedAt.get(key) ?? this.#startedAt) > attemptTime
      await change()
      this.#desired = withPeer(this.#desired, key, this.#known())
      const peer = this.#desired.interface!.peers.find(each => each.key === key)!
      const { endpoint } = peer
      if (!endpoint) return
      this.#given.set(key, formatEndpoint(endpoint))
      this.#pointedAt.set(key, os.clock.now())
      // a handshake that rang goes on by itself, and one of the other side may have come just now: both would go with the peer
      const keepQueue = this.discovery.parking.waits(key) || isDoorbell(before.endpoint) || isDoorbell(endpoint)
      await wireguard.setEndpoint(name, { ...peer, endpoint }, tried, os.clock.wall(), { keepQueue })
    })
  }

  #change(key: PublicKey, what: string, work: (name: string, peer: WantedPeer) => Promise<void>): Promise<void> {
    return this.#exclusively(async () => {
      const wanted = this.#desired.interface
      const peer = wanted?.peers.find(each => each.key === key)
      if (this.#stopped || !wanted || !peer) return
      await work(wanted.name, peer)
      this.#warnings.set('peer', null)
    }).catch(error => this.#warnings.set('peer', `cannot set ${what}: ${(error as Error).message}`))
  }

  /** Where the file tells others that we are, be it on a member's line or a boot node's. */
  #ownEntry() {
    return this.#network.nodes.find(node => node.key === this.#identity.publicKey && node.endpoint)
  }

  /** What discovery has to serve now. */
  #wanted(): Wanted {
    const { self, members: all } = this.#desired
    return {
      listenPort: this.#port(),
      overlays: prefixesOf(this.#network),
      interfaceName: this.#desired.interface?.name ?? null,
      boots: bootsOf(this.#network, this.#identity.publicKey),
      members: self
        ? all
            .filter(member => member !== self && member.role !== 'alias')
            .map(member => ({ key: member.key, endpoints: this.#addresses.endpoints(member.endpoint) }))
        : [],
      ownEndpoints: this.#addresses.endpoints(this.#ownEntry()?.endpoint),
    }
  }

  /** The difference, applied. An interface that is not there is made: at the start, and where somebody deleted it. */
  async #apply(): Promise<Step[]> {
    const { wireguard, os, log } = this.#parts
    const wanted = this.#desired.interface
    if (!wanted) return []
    let actual = await wireguard.read(wanted.name)
    if (actual && !this.#isOurs(actual, wanted)) throw new Failure(`interface ${wanted.name} exists and is not ours`)
    const deleted = !actual && this.#names.mechanism !== 'none'
    if (deleted) log.warn('the interface is gone: making it again', { interface: wanted.name })
    if (!actual) {
      this.#backend = await wireguard.create(wanted)
      this.#halfMade = true
      actual = await wireguard.read(wanted.name)
    } else {
      this.#backend ??= actual.kind === 'wireguard' ? 'kernel' : 'wireguard-go'
    }
    const steps = await wireguard.apply(wanted, actual, this.#given, os.clock.wall())
    this.#halfMade = false
    this.#given = new Map(
      wanted.peers.flatMap(({ key, endpoint }) => (endpoint ? [[key, formatEndpoint(endpoint)]] : [])),
    )
    // what systemd-resolved knew of it went with the interface
    if (deleted) await this.#names.set(this.#network, this.#desired)
    return steps
  }

  #isOurs(actual: ActualInterface, wanted: WantedInterface): boolean {
    return actual.owner === wanted.owner || (actual.owner === '' && this.#halfMade)
  }

  async #takeDown(heir?: string): Promise<void> {
    const wanted = this.#desired.interface
    await this.discovery.stop()
    if (!wanted) return
    try {
      await this.#names.stop(this.#network)
    } finally {
      const there = await this.#parts.wireguard.read(wanted.name)
      const isOurs = !there || this.#isOurs(there, wanted)
      if (isOurs && heir !== undefined) await this.#parts.wireguard.hand(wanted.name, heir)
      else if (isOurs) await this.#parts.wireguard.remove(wanted.name)
      this.#backend = null
    }
  }

  #refreshLater(): void {
    if (this.#stopped) return
    const { clock } = this.#parts.os
    this.#timer = clock.at(clock.now() + refreshEvery, () => {
      this.#lookUpInBackground().then(() => this.#refreshLater())
    })
  }

  #lookUpInBackground(): Promise<void> {
    return this.#lookUp().catch(error => this.#warnings.set('refresh', `refresh failed: ${(error as Error).message}`))
  }

  async #lookUp(): Promise<void> {
    const entry = this.#ownEntry()
    const own = entry?.endpoint && parseAddress(entry.endpoint.host) === null ? [entry.endpoint.host] : []
    const names = [...new Set([...namesToLookUp(this.#desired.members, null), ...own])]
    const moved = await this.#addresses.refresh(names, own)
    await this.#exclusively(async () => {
      if (this.#stopped) return
      if (moved) this.#desired = this.#compute(this.#network, this.#desired.members)
      if (moved) await this.discovery.update(this.#wanted())
      if (!this.#desired.interface) return
      await this.#apply()
      for (const topic of ['refresh', 'peer']) this.#warnings.set(topic, null)
    })
  }
}
