/**
 * IP addresses, prefixes and endpoints. An address is its canonical text (RFC 5952 for IPv6), so that it can be compared,
 * printed and used as a map's key; `ipaddr.js` does the parsing.
 */

import ipaddr from 'ipaddr.js'

/** A canonical IPv4 or IPv6 address: `10.0.42.1`, `fd00::1`. */
export type Address = string
export type Family = 4 | 6

/** A network: the address has no bits beyond `length`. */
export type Prefix = { readonly address: Address; readonly length: number; readonly family: Family }

/** Where a UDP port is. `host` may be a name that must be looked up before use. */
export type Endpoint = { readonly host: string; readonly port: number }

const dotted = /^[\d.]+$/

/** The canonical form of an address, or `null`. IPv4 only as four decimal parts, IPv6 without a zone. */
export function parseAddress(text: string): Address | null {
  // the library throws inside for what is no address, which names mostly are; `dotted` spares it them
  if (dotted.test(text) && ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text).toString()
  if (text.includes(':') && !text.includes('%') && ipaddr.IPv6.isValid(text))
    return ipaddr.IPv6.parse(text).toRFC5952String()
  return null
}

export function familyOf(address: Address): Family {
  return address.includes(':') ? 6 : 4
}

/** The same few addresses are compared again and again, and parsing takes ten times as long as comparing. */
const parsed = new Map<Address, Uint8Array>()
const parsedMost = 1_024

/** Not to be changed: others have it, too. */
function bytesOf(address: Address): Uint8Array {
  const known = parsed.get(address)
  if (known) return known
  const bytes = Uint8Array.from(ipaddr.parse(address).toByteArray())
  if (parsed.size >= parsedMost) parsed.clear()
  parsed.set(address, bytes)
  return bytes
}

/** 4 or 16 bytes, network order. */
export function addressBytes(address: Address): Uint8Array {
  return bytesOf(address).slice()
}

/** The address of 4 or 16 bytes in network order. */
export function addressOf(bytes: Uint8Array): Address {
  const address = ipaddr.fromByteArray([...bytes])
  return address.kind() === 'ipv4' ? address.toString() : (address as ipaddr.IPv6).toRFC5952String()
}

/** A prefix as written; host bits are allowed and cut off. `null` where it is not one. */
export function parsePrefix(text: string): Prefix | null {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text)
  const address = match && parseAddress(match[1]!)
  if (!address) return null
  const family = familyOf(address)
  const length = Number(match[2])
  if (length > (family === 4 ? 32 : 128)) return null
  return prefixOf(address, length)
}

/** The network of `length` bits that holds `address`. */
export function prefixOf(address: Address, length: number): Prefix {
  const bytes = bytesOf(address).map((byte, i) => byte & maskAt(length, i))
  return { address: addressOf(bytes), length, family: familyOf(address) }
}

/** The bits of a network's `i`th byte. */
function maskAt(length: number, i: number): number {
  const kept = Math.min(8, Math.max(0, length - 8 * i))
  return 0xff << (8 - kept)
}

export function formatPrefix(prefix: Prefix): string {
  return `${prefix.address}/${prefix.length}`
}

export function contains(prefix: Prefix, address: Address): boolean {
  if (prefix.family !== familyOf(address)) return false
  const bytes = bytesOf(address)
  return bytesOf(prefix.address).every((byte, i) => byte === (bytes[i]! & maskAt(prefix.length, i)))
}

export function overlaps(a: Prefix, b: Prefix): boolean {
  return a.length <= b.length ? contains(a, b.address) : contains(b, a.address)
}

/** An IPv4 address as an unsigned 32-bit number. */
export function toNumber(address: Address): number {
  return addressBytes(address).reduce((sum, byte) => sum * 256 + byte, 0)
}

export function fromNumber(number: number): Address {
  return addressOf(Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number))
}

/** `host:port`, IPv6 addresses in brackets. */
export function formatEndpoint(endpoint: Endpoint): string {
  return endpoint.host.includes(':') ? `[${endpoint.host}]:${endpoint.port}` : `${endpoint.host}:${endpoint.port}`
}

/** What `formatEndpoint` writes of an address and a port; `null` for anything else, names too. */
export function parseEndpoint(text: string): Endpoint | null {
  const match = /^(?:\[([^\]]+)\]|([\d.]+)):(\d{1,5})$/.exec(text)
  const host = match && parseAddress((match[1] ?? match[2])!)
  const port = Number(match?.[3])
  return host && port > 0 && port < 65_536 ? { host, port } : null
}

export function sameEndpoint(a: Endpoint | undefined, b: Endpoint | undefined): boolean {
  return a?.host === b?.host && a?.port === b?.port
}
