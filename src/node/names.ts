/**
 * The network's names on this machine: a DNS responder on the overlay addresses, and the machine told about it. Without a responder
 * the hosts file still has the names.
 */

import { type Address, familyOf } from '../base/ip.ts'
import type { Logger } from '../base/log.ts'
import { hostLines } from '../drivers/dns/hosts.ts'
import type { Mechanism, Resolver } from '../drivers/dns/resolver.ts'
import { type DnsServer, startDnsServer } from '../drivers/dns/server.ts'
import type { Os } from '../os/index.ts'
import type { Network } from '../protocol/network/types.ts'
import { type Choices, type Desired, type Identity, namesToLookUp, ownerMark } from './desired.ts'

export type NamesParts = {
  readonly os: Pick<Os, 'udp' | 'tcp'>
  readonly resolver: Resolver
  readonly log: Logger
  readonly warn: (topic: string, message: string | null) => void
}

/** Names our lines in a hosts file: two nodes of one network may share that file. */
export function blockId(network: Network, key: Identity['publicKey']): string {
  return ownerMark(network, key).slice('wh '.length)
}

export class Names {
  readonly #parts: NamesParts
  readonly #identity: Identity
  readonly #choices: Choices
  #server: DnsServer | null = null
  mechanism: Mechanism | 'none' = 'none'
  /** Where the responder listens. */
  addresses: readonly Address[] = []

  constructor(parts: NamesParts, identity: Identity, choices: Choices) {
    this.#parts = parts
    this.#identity = identity
    this.#choices = choices
  }

  async start(network: Network, desired: Desired): Promise<void> {
    await this.#listen(desired)
    this.mechanism = await this.#parts.resolver.choose(this.addresses)
    try {
      await this.set(network, desired)
    } catch (error) {
      if (this.mechanism === 'hosts file') throw error
      this.#parts.warn('names', `${(error as Error).message}; using the hosts file instead`)
      this.mechanism = 'hosts file'
      await this.set(network, desired)
    }
  }

  async update(network: Network, before: Desired, desired: Desired): Promise<void> {
    if (!desired.interface) return
    if (String(before.interface?.addresses) !== String(desired.interface.addresses)) {
      this.#server?.close()
      await this.#listen(desired)
    } else {
      this.#server?.serve(desired.zone)
    }
    await this.set(network, desired)
  }

  /** Tells the machine once more: what systemd-resolved knows goes with the interface. */
  async set(network: Network, desired: Desired): Promise<void> {
    if (this.mechanism === 'none') return
    await this.#parts.resolver.set(this.mechanism, this.#choices.interfaceName, {
      zone: desired.zone,
      networkName: network.name,
      blockId: blockId(network, this.#identity.publicKey),
      hostLines: hostLines(
        desired.members.filter(member => member.role !== 'alias'),
        address => this.#choices.ipv6 || familyOf(address) === 4,
      ),
      endpointNames: new Set(namesToLookUp(desired.members, null).map(name => name.toLowerCase())),
      servers: this.addresses,
    })
  }

  async stop(network: Network): Promise<void> {
    this.#server?.close()
    this.#server = null
    this.addresses = []
    this.mechanism = 'none'
    await this.#parts.resolver.clear(blockId(network, this.#identity.publicKey))
  }

  async #listen(desired: Desired): Promise<void> {
    const { os, warn } = this.#parts
    const addresses = desired.interface!.addresses.map(address => address.split('/')[0]!)
    try {
      this.#server = await startDnsServer(os.udp, os.tcp, addresses, desired.zone)
      this.addresses = addresses
      warn('dns', null)
    } catch (error) {
      this.addresses = []
      warn('dns', `no DNS responder on ${addresses.join(', ')}: ${(error as Error).message}`)
    }
  }
}
