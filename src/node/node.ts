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
import { type Address, contains, familyOf, formatEndpoint } from '../base/ip.ts'
import type { Logger } from '../base/log.ts'
import { second } from '../base/time.ts'
import { hostLines } from '../drivers/dns/hosts.ts'
import type { Mechanism, Resolver } from '../drivers/dns/resolver.ts'
import { type DnsServer, startDnsServer } from '../drivers/dns/server.ts'
import type { Backend, WireguardDriver } from '../drivers/wireguard/driver.ts'
import type { ActualInterface, WantedInterface } from '../drivers/wireguard/interface.ts'
import type { Given, Step } from '../drivers/wireguard/plan.ts'
import type { Os } from '../os/index.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import { members } from '../protocol/network/members.ts'
import type { Member, Network } from '../protocol/network/types.ts'
import { changes } from './changes.ts'
import { type Choices, type Desired, desired, type Identity, namesToLookUp, ownerMark, prefixesOf } from './desired.ts'

export type NodeParts = {
  readonly os: Pick<Os, 'clock' | 'lookup' | 'udp' | 'tcp'>
  readonly wireguard: WireguardDriver
  readonly resolver: Resolver
  readonly log: Logger
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

export class Node {
  readonly #parts: NodeParts
  readonly #identity: Identity
  readonly #choices: Choices
  #network: Network
  #desired: Desired
  #backend: Backend | null = null
  /** We have made the interface, and may not have come as far as the mark. */
  #halfMade = false
  #dns: DnsServer | null = null
  #dnsAddresses: Address[] = []
  #mechanism: Mechanism | 'none' = 'none'
  #addresses = new Map<string, Address>()
  #given: Given = new Map<PublicKey, string>()
  #timer: { cancel(): void } | null = null
  #last: Promise<unknown> = Promise.resolve()
  #stopped = false
  readonly #warnings = new Map<string, string>()

  constructor(parts: NodeParts, network: Network, identity: Identity, choices: Choices) {
    this.#parts = parts
    this.#identity = identity
    this.#choices = choices
    this.#network = network
    this.#desired = this.#compute(network, members(network))
  }

  /** Configures the machine. After a failure, nothing of it is left. */
  start(): Promise<void> {
    return this.#exclusively(async () => {
      if (!this.#desired.interface) return
      try {
        await this.#apply()
        await this.#startNames()
      } catch (error) {
        await this.#takeDown()
        throw error
      }
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
        const steps = await this.#apply()
        await this.#updateNames(before)
        void this.#lookUpInBackground()
        return { changes: changes(before, this.#desired), steps }
      } catch (error) {
        // all of the file or nothing: what runs is what `show` says, and what the next refresh keeps
        this.#network = networkBefore
        this.#desired = before
        await this.#apply().catch(again => this.#warn('reload', `could not go back: ${(again as Error).message}`))
        throw error
      }
    })
  }

  /** Takes everything down that `start` put up. */
  stop(): Promise<void> {
    return this.#exclusively(async () => {
      this.#stopped = true
      this.#timer?.cancel()
      await this.#takeDown()
    })
  }

  async snapshot(): Promise<Snapshot> {
    const wanted = this.#desired.interface
    return {
      network: this.#network,
      desired: this.#desired,
      actual: wanted && (await this.#parts.wireguard.read(wanted.name)),
      backend: this.#backend,
      names: this.#mechanism,
      dns: this.#dnsAddresses,
      warnings: [...this.#warnings.values()],
    }
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work, work)
    this.#last = next.catch(() => {})
    return next
  }

  #compute(network: Network, all: readonly Member[]): Desired {
    return desired(network, all, this.#identity, this.#choices, host => this.#addresses.get(host))
  }

  #warn(topic: string, message: string): void {
    if (this.#warnings.get(topic) !== message) this.#parts.log.warn(message)
    this.#warnings.set(topic, message)
  }

  /** The difference, applied. An interface that is not there is made: at the start, and where somebody deleted it. */
  async #apply(): Promise<Step[]> {
    const { wireguard, os, log } = this.#parts
    const wanted = this.#desired.interface
    if (!wanted) return []
    let actual = await wireguard.read(wanted.name)
    if (actual && !this.#isOurs(actual, wanted)) throw new Failure(`interface ${wanted.name} exists and is not ours`)
    const deleted = !actual && this.#mechanism !== 'none'
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
    if (deleted) await this.#setNames()
    return steps
  }

  #isOurs(actual: ActualInterface, wanted: WantedInterface): boolean {
    return actual.owner === wanted.owner || (actual.owner === '' && this.#halfMade)
  }

  async #startNames(): Promise<void> {
    const { os, resolver } = this.#parts
    await this.#startDns(os)
    this.#mechanism = await resolver.choose(this.#dnsAddresses)
    try {
      await this.#setNames()
    } catch (error) {
      if (this.#mechanism === 'hosts file') throw error
      this.#warn('names', `${(error as Error).message}; using the hosts file instead`)
      this.#mechanism = 'hosts file'
      await this.#setNames()
    }
  }

  async #startDns(os: NodeParts['os']): Promise<void> {
    const addresses = this.#desired.interface!.addresses.map(address => address.split('/')[0]!)
    try {
      this.#dns = await startDnsServer(os.udp, os.tcp, addresses, this.#desired.zone)
      this.#dnsAddresses = addresses
      this.#warnings.delete('dns')
    } catch (error) {
      this.#dnsAddresses = []
      this.#warn('dns', `no DNS responder on ${addresses.join(', ')}: ${(error as Error).message}`)
    }
  }

  async #setNames(): Promise<void> {
    if (this.#mechanism === 'none') return
    await this.#parts.resolver.set(this.#mechanism, this.#choices.interfaceName, {
      zone: this.#desired.zone,
      networkName: this.#network.name,
      blockId: blockId(this.#network, this.#identity.publicKey),
      hostLines: hostLines(
        this.#desired.members.filter(member => member.role !== 'alias'),
        address => this.#choices.ipv6 || familyOf(address) === 4,
      ),
      endpointNames: new Set(namesToLookUp(this.#desired.members, null).map(name => name.toLowerCase())),
      servers: this.#dnsAddresses,
    })
  }

  async #updateNames(before: Desired): Promise<void> {
    if (!this.#desired.interface) return
    if (String(before.interface?.addresses) !== String(this.#desired.interface.addresses)) {
      this.#dns?.close()
      await this.#startDns(this.#parts.os)
    } else {
      this.#dns?.serve(this.#desired.zone)
    }
    await this.#setNames()
  }

  async #takeDown(): Promise<void> {
    const wanted = this.#desired.interface
    if (!wanted) return
    this.#dns?.close()
    this.#dns = null
    this.#dnsAddresses = []
    try {
      await this.#parts.resolver.clear(blockId(this.#network, this.#identity.publicKey))
    } finally {
      const there = await this.#parts.wireguard.read(wanted.name)
      if (!there || this.#isOurs(there, wanted)) await this.#parts.wireguard.remove(wanted.name)
      this.#backend = null
      this.#mechanism = 'none'
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
    return this.#lookUp().catch(error => this.#warn('refresh', `refresh failed: ${(error as Error).message}`))
  }

  /**
   * Where an endpoint is. Its name may be a member's too, and then the hosts file gives the overlay address, which would lead the
   * tunnel into itself.
   */
  async #outside(name: string): Promise<Address[]> {
    const { lookup } = this.#parts.os
    const within = (address: Address) => prefixesOf(this.#network).some(prefix => contains(prefix, address))
    const found = (await lookup.addresses(name)).filter(address => !within(address))
    return found.length > 0 ? found : (await lookup.fromServers(name)).filter(address => !within(address))
  }

  /** Looks up the names of endpoints and applies what has changed. A name that does not resolve now keeps its last address. */
  async #lookUp(): Promise<void> {
    const names = namesToLookUp(this.#desired.members, this.#desired.self)
    let moved = false
    await Promise.all(
      names.map(async name => {
        const found = await this.#outside(name)
        // the other side may have no IPv6 at all, and nothing here can try both yet
        const address = found.find(candidate => familyOf(candidate) === 4) ?? found[0]
        if (address === undefined) return this.#warn(name, `${name}: cannot be resolved now; trying again every 30 s`)
        this.#warnings.delete(name)
        moved ||= this.#addresses.get(name) !== address
        this.#addresses.set(name, address)
      }),
    )
    await this.#exclusively(async () => {
      if (this.#stopped || !this.#desired.interface) return
      if (moved) this.#desired = this.#compute(this.#network, this.#desired.members)
      await this.#apply()
      this.#warnings.delete('refresh')
    })
  }
}

/** Names our lines in a hosts file: two nodes of one network may share that file. */
export function blockId(network: Network, key: PublicKey): string {
  return ownerMark(network, key).slice('wh '.length)
}
