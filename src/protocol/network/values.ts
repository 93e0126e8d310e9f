/** The words of a network file, each read alone: the value, or what is wrong with the word. */

import ipaddr from 'ipaddr.js'
import {
  type Address,
  type Endpoint,
  familyOf,
  formatEndpoint,
  type Prefix,
  parseAddress,
  parsePrefix,
} from '../../base/ip.ts'
import type { Read } from '../identity/key.ts'
import { quote } from './problem.ts'
import { defaults } from './types.ts'

const keyLength = 43

/** The name is used for file names too, so nothing in it may mean something to a shell or a file system. */
export function readName(text: string): Read<string> {
  if (text.length > 63) return { problem: `${text.length} characters; at most 63 are allowed` }
  if (!/^[A-Za-z0-9]/.test(text)) return { problem: `${quote(text)} does not begin with a letter or a digit` }
  const foreign = /[^A-Za-z0-9._-]/u.exec(text)
  if (foreign) return { problem: `${quote(foreign[0])} is not a letter, a digit, a dot, - or _` }
  if (text === 'all') return { problem: 'the commands take `all` for every network that is up' }
  return { ok: text }
}

export function readNamespace(text: string): Read<string> {
  const bytes = new TextEncoder().encode(text).length
  if (bytes > 64) return { problem: `${bytes} bytes; at most 64 are allowed` }
  const foreign = /[\p{C}\p{Z}]/u.exec(text)
  if (foreign) return { problem: `${quote(foreign[0])} is a blank or cannot be seen` }
  if (text.startsWith('#')) return { problem: '# at its start would make it a comment' }
  return { ok: text }
}

export function readWorkbit(text: string): Read<number> {
  if (!/^(0|[1-9]\d?)$/.test(text) || Number(text) > 64)
    return { problem: `${quote(text)} is not a number from 0 to 64` }
  return { ok: Number(text) }
}

export function readSubnet(text: string): Read<Prefix> {
  const prefix = parsePrefix(text)
  if (!prefix) {
    if (parseAddress(text)) return { problem: `${quote(text)} has no length behind a slash` }
    return { problem: `${quote(text)} is not an IPv4 address, a slash and a length` }
  }
  if (prefix.family === 6) return { problem: 'IPv6 addresses follow from the keys; a subnet is IPv4' }
  if (prefix.length < 8 || prefix.length > 30) return { problem: `a length of ${prefix.length}; it goes from 8 to 30` }
  const range = rangeOf(prefix.address)
  if (unusable.has(range)) return { problem: `${prefix.address} is ${range}, where no host can be` }
  return { ok: prefix }
}

/** RFC 1123 §2.1: labels of letters, digits and hyphens. */
export function readHostname(text: string): Read<string> {
  if (text.length > 253) return { problem: `${text.length} characters; at most 253 are allowed` }
  const foreign = /[^A-Za-z0-9.-]/u.exec(text)
  if (foreign) return { problem: `${quote(foreign[0])} is not a letter, a digit, a dot or a hyphen` }
  for (const label of text.split('.')) {
    if (label === '') return { problem: 'a part between dots is empty' }
    if (label.length > 63)
      return { problem: `the part ${quote(label)} has ${label.length} characters; at most 63 are allowed` }
    if (/^-|-$/.test(label)) return { problem: `the part ${quote(label)} begins or ends with a hyphen` }
  }
  if (/^[0-9.]+$/.test(text)) return { problem: `${quote(text)} has only digits, like an address` }
  return { ok: text }
}

/** A name on the overlay: stricter than the host of an endpoint, which the DNS decides about. */
export function readMemberName(text: string): Read<string> {
  const read = readHostname(text)
  if (read.ok === undefined) return read
  if (text.toLowerCase() === 'localhost') return { problem: '"localhost" is every machine itself' }
  // in the line form the first word of this shape is the key
  if (text.length === keyLength && !text.includes('.'))
    return { problem: `${keyLength} characters without a dot is a key` }
  return read
}

/** `host`, `host:port`, `1.2.3.4:port`, `[v6]:port`, and a bare IPv6 address where it can mean only one thing. */
export function readEndpoint(text: string): Read<Endpoint> {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text)
  if (bracketed) {
    const address = parseAddress(bracketed[1]!)
    if (!address || familyOf(address) === 4) return { problem: `${quote(bracketed[1]!)} is not an IPv6 address` }
    return endpoint(address, bracketed[2])
  }
  const colon = text.lastIndexOf(':')
  if (text.indexOf(':') !== colon) return readBareIPv6(text, colon)
  const host = colon < 0 ? text : text.slice(0, colon)
  const port = colon < 0 ? undefined : text.slice(colon + 1)
  if (/^[0-9.]+$/.test(host)) {
    const address = parseAddress(host)
    return address ? endpoint(address, port) : { problem: `${quote(host)} is not an IPv4 address` }
  }
  const name = readHostname(host)
  return name.ok === undefined ? name : withPort(name.ok, port)
}

/** As the canonical form has it: without the default port. */
export function endpointText({ host, port }: Endpoint): string {
  if (port !== defaults.port) return formatEndpoint({ host, port })
  return host.includes(':') ? `[${host}]` : host
}

function readBareIPv6(text: string, colon: number): Read<Endpoint> {
  const address = parseAddress(text)
  const front = parseAddress(text.slice(0, colon))
  const port = text.slice(colon + 1)
  if (front && /^\d{1,5}$/.test(port)) {
    const both = address ? `[${address}] or [${front}]:${port}` : `[${front}]:${port}`
    return { problem: `an IPv6 address with a port needs brackets: ${both}` }
  }
  if (!address) return { problem: `${quote(text)} is not an IPv6 address` }
  return endpoint(address, undefined)
}

function endpoint(address: Address, port: string | undefined): Read<Endpoint> {
  const range = rangeOf(address)
  if (range !== 'loopback' && unusable.has(range))
    return { problem: `${address} is ${range}: nobody can be reached there` }
  return withPort(address, port)
}

function withPort(host: string, port: string | undefined): Read<Endpoint> {
  if (port === undefined) return { ok: { host, port: defaults.port } }
  if (!/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65535) {
    return { problem: `the port ${quote(port)} is not a number from 1 to 65535` }
  }
  return { ok: { host, port: Number(port) } }
}

const unusable = new Set(['unspecified', 'broadcast', 'multicast', 'loopback'])

function rangeOf(address: string): string {
  return ipaddr.parse(address).range()
}
