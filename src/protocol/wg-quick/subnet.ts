/**
 * The subnet of the network that a tunnel belongs to. A hub's file says it, behind its address. That of a client often has /32 there:
 * then it is what the client sends into the tunnel, or else a /24.
 */

import { type Address, contains, formatPrefix, type Prefix, prefixOf, toNumber } from '../../base/ip.ts'
import { readSubnet } from '../network/values.ts'
import type { Listed, Tunnel } from './tunnel.ts'

const usual = 24
/** Addresses farther apart are of different networks, as a host on somebody's LAN is. */
const widest = 16

const isIPv4 = ({ prefix }: Listed) => prefix.family === 4
const isHost = ({ prefix }: Listed) => prefix.family === 4 && prefix.length === 32

/** `undefined` where the tunnel has no IPv4. */
export function subnetOf({ addresses, peers }: Tunnel): Prefix | undefined {
  const hosts = peers.map(({ allowed }) => allowed.filter(isHost).map(({ address }) => address))
  const inside = (prefix: Prefix) => hosts.filter(of => of.some(host => contains(prefix, host))).length
  const routes = peers.flatMap(({ allowed }) => allowed.map(({ prefix }) => prefix))
  const found = addresses
    .filter(isIPv4)
    .map(({ address, prefix }) => ({ address, prefix: around(address, prefix.length, routes) }))
    .filter(({ prefix }) => readSubnet(formatPrefix(prefix)).ok !== undefined)
  // stable: the first of those with the most peers
  const [own] = found.sort((a, b) => inside(b.prefix) - inside(a.prefix))
  if (!own) return undefined
  const subnet = hosts
    .filter(of => of.length > 0 && !of.some(host => contains(own.prefix, host)))
    .reduce((prefix, of) => widened(prefix, of[0]!), own.prefix)
  return trimmed(subnet, [own.address, ...hosts.flat()])
}

function around(address: Address, length: number, routes: readonly Prefix[]): Prefix {
  if (length <= 30) return prefixOf(address, Math.max(8, length))
  const sent = routes
    .filter(prefix => prefix.length >= widest && prefix.length <= 30 && contains(prefix, address))
    .sort((a, b) => b.length - a.length)
  return sent[0] ?? prefixOf(address, usual)
}

/** With this host too, unless that is far away. */
function widened(prefix: Prefix, host: Address): Prefix {
  let wide = prefix
  while (!contains(wide, host) && wide.length > widest) wide = prefixOf(wide.address, wide.length - 1)
  return contains(wide, host) ? wide : prefix
}

/** So that none of the hosts inside is at its ends, where no host may be, if that can be had. */
function trimmed(subnet: Prefix, hosts: readonly Address[]): Prefix {
  const usable = (prefix: Prefix) => hosts.every(host => !contains(prefix, host) || isUsable(prefix, host))
  let wide = subnet
  while (!usable(wide) && wide.length > widest) wide = prefixOf(wide.address, wide.length - 1)
  return usable(wide) ? wide : subnet
}

/** Neither the network's own address nor that for all. */
export function isUsable(subnet: Prefix, address: Address): boolean {
  if (!contains(subnet, address)) return false
  const number = toNumber(address) - toNumber(subnet.address)
  return number > 0 && number < 2 ** (32 - subnet.length) - 1
}
