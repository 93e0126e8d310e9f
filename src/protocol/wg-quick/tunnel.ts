/** What a wg-quick file means: this machine's key and addresses, and the peers with theirs. */

import { type Address, type Endpoint, type Prefix, parseAddress, parsePrefix, prefixOf } from '../../base/ip.ts'
import { type PrivateKey, type PublicKey, type Read, readPrivateKey, readPublicKey } from '../identity/key.ts'
import type { Word } from '../network/document.ts'
import { quote, type Report } from '../network/problem.ts'
import { readEndpoint } from '../network/values.ts'
import { isSecret, type Section, type Setting, type SettingKey } from './read.ts'

/** One of a list, and where it stands. */
export type Listed = {
  readonly at: Word
  readonly address: Address
  /** What `wg` makes of it: without host bits. */
  readonly prefix: Prefix
}

export type Peer = {
  readonly section: Section
  readonly key: PublicKey
  readonly allowed: readonly Listed[]
  readonly endpoint?: Endpoint
}

export type Tunnel = {
  readonly section: Section
  readonly privateKey: PrivateKey
  readonly addresses: readonly Listed[]
  /** Absent where WireGuard chooses one. */
  readonly listenPort?: number
  readonly peers: readonly Peer[]
}

/** `null` without what a network cannot be made of; that is reported. */
export function tunnelOf(sections: readonly Section[], report: Report): Tunnel | null {
  const [section, second] = sections.filter(({ kind }) => kind === 'Interface')
  if (!section) {
    const hint = 'a network file is imported already: `wh check` reads it'
    const message = 'not a wg-quick file: it has no [Interface]'
    report({ severity: 'error', line: 1, column: 1, length: 0, message, hint })
    return null
  }
  if (second) {
    const message = `[Interface] stands already on line ${section.at.line}`
    report({ severity: 'error', ...second.at, message, hint: 'one file is one interface: make two files of it' })
  }
  const privateKey = required(section, 'PrivateKey', readPrivateKey, report)
  const port = only(section, 'ListenPort', report)
  const listenPort = port && wordOf(port, 'a port from 0 to 65535', readPort, report)
  const addresses = listOf(section, 'Address', report)
  const peers = sections.filter(({ kind }) => kind === 'Peer').flatMap(peer => peerOf(peer, report) ?? [])
  checkKeys(peers, report)
  if (!privateKey) return null
  return { section, privateKey, addresses, ...(listenPort && { listenPort }), peers }
}

function peerOf(section: Section, report: Report): Peer | null {
  const key = required(section, 'PublicKey', readPublicKey, report)
  const allowed = listOf(section, 'AllowedIPs', report)
  const setting = only(section, 'Endpoint', report)
  const endpoint = setting && endpointOf(setting, report)
  return key ? { section, key, allowed, ...(endpoint && { endpoint }) } : null
}

function checkKeys(peers: readonly Peer[], report: Report): void {
  const first = new Map<PublicKey, Peer>()
  for (const peer of peers) {
    const earlier = first.get(peer.key)
    if (!earlier) first.set(peer.key, peer)
    else {
      const message = `the peer of this key stands already on line ${earlier.section.at.line}`
      report({ severity: 'error', ...peer.section.at, message, hint: 'make one section of the two' })
    }
  }
}

/** The setting of this key, which may stand once. */
function only({ settings }: Section, key: SettingKey, report: Report): Setting | undefined {
  const [setting, second] = settings.filter(setting => setting.key === key)
  if (second) {
    const message = `${key} stands already on line ${setting!.at.line}`
    report({ severity: 'error', ...second.at, message, hint: 'keep one of the two' })
  }
  return setting
}

function required<T>(
  section: Section,
  key: SettingKey,
  reader: (text: string) => Read<T>,
  report: Report,
): T | undefined {
  const setting = only(section, key, report)
  if (setting) return wordOf(setting, 'a key', reader, report)
  const message = `[${section.kind}] without ${key}`
  report({ severity: 'error', ...section.at, message, hint: remedies[key] ?? `write: ${key} = …` })
  return undefined
}

function wordOf<T>(setting: Setting, what: string, reader: (text: string) => Read<T>, report: Report): T | undefined {
  const { key, value, at } = setting
  const { ok, problem } = reader(value.text.replace(/\s/g, ''))
  if (ok !== undefined) return ok
  const place = value.length === 0 ? at : { ...value, secret: isSecret(setting) }
  const message = value.length === 0 ? `${key} without a value` : `${key} is not ${what}: ${problem}`
  report({ severity: 'error', ...place, message, hint: remedies[key] ?? `write: ${key} = …` })
  return undefined
}

const remedies: { readonly [key in SettingKey]?: string } = {
  PrivateKey: 'write: PrivateKey = <key>, where <key> is what `wg show INTERFACE private-key` prints while that is up',
  PublicKey: 'write: PublicKey = <key>, where <key> is what `wg pubkey` printed on that machine',
  ListenPort: 'write, for example: ListenPort = 51820',
}

function readPort(text: string): Read<number> {
  const port = Number(text)
  return /^\d{1,5}$/.test(text) && port <= 65_535 ? { ok: port } : { problem: quote(text) }
}

/** As `wg` reads it: the port is what stands behind the last colon, also where an IPv6 address has no brackets. */
function endpointOf({ value, at }: Setting, report: Report): Endpoint | undefined {
  const text = value.text.replace(/\s/g, '')
  const [, host, port] = /^(.+):([^:\]]+)$/.exec(text) ?? []
  if (host === undefined) {
    const place = value.length === 0 ? at : value
    const message = `Endpoint is not a host, a colon and a port: ${quote(text)}`
    report({ severity: 'error', ...place, message, hint: 'write, for example: Endpoint = vpn.example.org:51820' })
    return undefined
  }
  const { ok, problem } = readEndpoint(host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : text)
  if (ok) return ok
  const message = `Endpoint ${quote(text)} is not carried over: ${problem}`
  const hint = 'wh finds members without one; or write one behind the key in the result'
  report({ severity: 'warning', ...value, message, hint })
  return undefined
}

/** The addresses of all settings of this key. */
function listOf({ settings }: Section, key: SettingKey, report: Report): Listed[] {
  return settings
    .filter(setting => setting.key === key)
    .flatMap(({ value }) => [...value.text.matchAll(/[^,\s]+/g)].map(part => ({ part, value })))
    .flatMap(({ part: { 0: text, index }, value }) => {
      const at = { text, line: value.line, column: value.column + index, length: text.length }
      const address = parseAddress(text.split('/')[0]!)
      const prefix = text.includes('/')
        ? parsePrefix(text)
        : address && prefixOf(address, address.includes(':') ? 128 : 32)
      if (address && prefix) return { at, address, prefix }
      const message = `${key} is not an IP address with a length behind a slash: ${quote(text)}`
      report({ severity: 'error', ...at, message, hint: `write, for example: ${key} = 10.0.42.2/32` })
      return []
    })
}
