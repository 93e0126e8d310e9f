/**
 * Multiaddrs, libp2p's addresses, as far as we use them: an IP address, a port, and the PeerId that must answer there. Names are
 * left out on purpose: whoever names a peer to us could otherwise make us ask a name server of his.
 *
 *     /ip4/192.0.2.1/udp/51820/p2p/12D3Koo…     over control packets
 *     /ip6/2001:db8::1/tcp/51820/p2p/12D3Koo…   over TCP
 *     /ip4/192.0.2.1/tcp/443/tls/ws/p2p/12D3Koo…   over a WebSocket in TLS
 */

import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import {
  type Address,
  addressBytes,
  addressOf,
  contains,
  type Endpoint,
  familyOf,
  type Prefix,
  parseAddress,
  parsePrefix,
} from '../../base/ip.ts'

export type Via = 'udp' | 'tcp' | 'wss'
export type PeerAddress = { readonly via: Via; readonly endpoint: Endpoint; readonly peer: string | undefined }

export function formatPeerAddress(via: Via, { host, port }: Endpoint, peer?: string): Multiaddr {
  const transport = via === 'wss' ? `tcp/${port}/tls/ws` : `${via}/${port}`
  return multiaddr(`/ip${familyOf(host)}/${host}/${transport}${peer === undefined ? '' : `/p2p/${peer}`}`)
}

/** `null` for every other kind of address. */
export function readPeerAddress(address: Multiaddr): PeerAddress | null {
  const [ip, port, ...rest] = address.getComponents()
  if ((ip?.name !== 'ip4' && ip?.name !== 'ip6') || (port?.name !== 'udp' && port?.name !== 'tcp')) return null
  const peer = rest.at(-1)?.name === 'p2p' ? rest.pop() : undefined
  const via = viaOf(port.name, rest.map(({ name }) => name).join('/'))
  const host = ip.value === undefined ? null : plainAddress(ip.value)
  if (host === null || via === null) return null
  return { via, endpoint: { host, port: Number(port.value) }, peer: peer?.value }
}

/** @param above what stands above the port. A listener of WebSockets does not say of those who come whether by TLS */
function viaOf(port: 'udp' | 'tcp', above: string): Via | null {
  if (above === '') return port
  return port === 'tcp' && (above === 'tls/ws' || above === 'ws') ? 'wss' : null
}

/** IPv4 in IPv6 (RFC 4291 §2.5.5.2), as a socket for both families shows it, is IPv4. */
function plainAddress(text: string): Address | null {
  const address = parseAddress(text)
  return address !== null && contains(mapped, address) ? addressOf(addressBytes(address).subarray(12)) : address
}

const prefixes = (...texts: string[]) => texts.map(text => parsePrefix(text)!)
const [mapped] = prefixes('::ffff:0:0/96') as [Prefix]
const nobody = prefixes('0.0.0.0/8', '224.0.0.0/3', '::/128', 'ff00::/8')
const loopback = prefixes('127.0.0.0/8', '::1/128')
/** Not globally reachable (RFC 6890 and IANA's registries of special-purpose addresses). */
const special = [
  ...nobody,
  ...loopback,
  ...prefixes('10.0.0.0/8', '100.64.0.0/10', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24'),
  ...prefixes('192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'),
  ...prefixes('::/96', '64:ff9b:1::/48', '100::/64', '2001:db8::/32', '3fff::/20', 'fc00::/7', 'fe80::/10'),
]

const isIn = (list: typeof special, address: Address) => list.some(prefix => contains(prefix, address))

/** Could one node be there? Not "any address", broadcast or multicast. */
export const isUnicast = (address: Address): boolean => !isIn(nobody, address)
export const isLoopback = (address: Address): boolean => isIn(loopback, address)
/** Is it an address of the Internet, which somebody had to be given? */
export const isGlobal = (address: Address): boolean => !isIn(special, address)
