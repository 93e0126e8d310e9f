/**
 * What the machine shall look like for one node of one network: plain data, computed from the file, the key, and the addresses that
 * endpoint names have now. Pure.
 */

import { type Address, type Endpoint, type Prefix, parseAddress } from '../base/ip.ts'
import type { WantedInterface, WantedPeer } from '../drivers/wireguard/interface.ts'
import { overlayPrefix } from '../protocol/identity/address.ts'
import type { PrivateKey, PublicKey } from '../protocol/identity/key.ts'
import { createZone, type Zone } from '../protocol/naming/zone.ts'
import type { Member, Network } from '../protocol/network/types.ts'
import { keepaliveSeconds } from '../protocol/path/constants.ts'

export type Identity = { readonly privateKey: PrivateKey; readonly publicKey: PublicKey }

/** What was decided once, when the node started. */
export type Choices = {
  readonly interfaceName: string
  readonly listenPort: number
  /** The port was said on the command line, and the file has no say in it. */
  readonly portGiven: boolean
  /** This machine has IPv6. Where it is switched off, the overlay's IPv6 addresses could be neither set nor reached. */
  readonly ipv6: boolean
}

export type Desired = {
  /** `null`: this node is in nobody's file, a helper, and has no interface. */
  readonly interface: WantedInterface | null
  readonly self: Member | null
  readonly members: readonly Member[]
  readonly zone: Zone
}

/** WireGuard's 1500 - 80: outer IPv6 40, UDP 8, header and tag 32. */
export const mtu = 1420

export function prefixesOf(network: Network): Prefix[] {
  return [...(network.subnet ? [network.subnet] : []), overlayPrefix(network.name)]
}

/** The mark on our interface. */
export function ownerMark(network: Network, key: PublicKey): string {
  return `wh ${network.name} ${key.slice(0, 8)}`
}

function ownAddresses(network: Network, self: Member, ipv6: boolean): string[] {
  const addresses: string[] = []
  if (self.ipv4 !== undefined && network.subnet) addresses.push(`${self.ipv4}/${network.subnet.length}`)
  return ipv6 ? [...addresses, `${self.ipv6}/${overlayPrefix(network.name).length}`] : addresses
}

/** The member that this node is; `null` for a helper. An alias is a place kept free, not a member. */
export function selfOf(all: readonly Member[], key: PublicKey): Member | null {
  return all.find(member => member.key === key && member.role !== 'alias') ?? null
}

export type Resolve = (host: string) => Address | undefined

/** The endpoint with an address in place of a name; absent while the name has none. */
function resolved(endpoint: Endpoint | undefined, resolve: Resolve): Endpoint | undefined {
  if (!endpoint) return undefined
  const host = parseAddress(endpoint.host) ?? resolve(endpoint.host)
  return host === undefined ? undefined : { host, port: endpoint.port }
}

/** What is known of peers beside the file. */
export type Known = {
  readonly resolve: Resolve
  /** The endpoint that the path machine has chosen for a member, if it has. */
  readonly chosen?: (key: PublicKey) => Endpoint | undefined
  /** Where members stand that have no other endpoint. */
  readonly doorbell?: Endpoint | undefined
  /** Members that somebody talks to. */
  readonly held?: (key: PublicKey) => boolean
  /** Seconds that our NAT surely keeps a mapping. */
  readonly keepalive?: number | undefined
}

/** Seconds between the packets that keep a mapping open: nobody can start towards a node without an endpoint of its own. */
function keepaliveOf(member: Member, self: Member, { held, keepalive }: Known): number {
  return self.endpoint === undefined && held?.(member.key) ? (keepalive ?? keepaliveSeconds) : 0
}

function wantedPeer(member: Member, self: Member, known: Known): WantedPeer {
  const endpoint = known.chosen?.(member.key) ?? resolved(member.endpoint, known.resolve) ?? known.doorbell
  return {
    key: member.key,
    allowedIps: [...(member.ipv4 === undefined ? [] : [`${member.ipv4}/32`]), `${member.ipv6}/128`],
    ...(endpoint ? { endpoint } : {}),
    keepalive: keepaliveOf(member, self, known),
  }
}

/** @param all `members(network)` */
export function desired(
  network: Network,
  all: readonly Member[],
  identity: Identity,
  choices: Choices,
  known: Known,
): Desired {
  const self = selfOf(all, identity.publicKey)
  const peers = all.filter(member => member !== self && member.role !== 'alias')
  return {
    self,
    members: all,
    zone: createZone(
      network.name,
      all.filter(member => member.role !== 'alias'),
      prefixesOf(network),
    ),
    interface: self && {
      name: choices.interfaceName,
      owner: ownerMark(network, identity.publicKey),
      privateKey: identity.privateKey,
      listenPort: choices.portGiven ? choices.listenPort : (self.endpoint?.port ?? choices.listenPort),
      mtu,
      addresses: ownAddresses(network, self, choices.ipv6),
      peers: peers.map(peer => wantedPeer(peer, self, known)),
    },
  }
}

/** The same where something else is known of one peer now. */
export function withPeer(before: Desired, key: PublicKey, known: Known): Desired {
  const { interface: wanted, self, members: all } = before
  const member = all.find(each => each.key === key)
  if (!wanted || !self || !member) return before
  const peers = wanted.peers.map(peer => (peer.key === key ? wantedPeer(member, self, known) : peer))
  return { ...before, interface: { ...wanted, peers } }
}

/** Names that must be looked up before their peers have an endpoint. */
export function namesToLookUp(all: readonly Member[], self: Member | null): string[] {
  const names = all.flatMap(({ endpoint, key }) => (endpoint && key !== self?.key ? [endpoint.host] : []))
  return [...new Set(names.filter(name => parseAddress(name) === null))]
}
