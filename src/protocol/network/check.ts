/**
 * Whether a network file means a network. One step for both syntaxes: items go in, and the network comes out, or problems
 * that say what is wrong, where, and what to write instead.
 */

import { type Address, contains, formatPrefix, type Prefix, prefixOf, toNumber } from '../../base/ip.ts'
import { PrivateKey, type PublicKey, publicKeyBytes, type Read } from '../identity/key.ts'
import { workbitOf } from '../identity/workbit.ts'
import { entryOf } from './check-node.ts'
import type { Item, NodeItem, SettingItem, SettingName, Syntax, Word } from './document.ts'
import { automaticAddresses, hostAddress, isMember } from './members.ts'
import { quote, type Report } from './problem.ts'
import { called, usage } from './suggest.ts'
import { defaults, type Network, type NodeEntry } from './types.ts'
import { readName, readNamespace, readSubnet, readWorkbit } from './values.ts'

/** Below this a number is too often taken for a private key whose public key has the work: one in 2^workbit. */
const decisiveWork = 8

type Checked = { readonly item: NodeItem; readonly entry: NodeEntry }

/** The network, which is usable only if no error was reported; `null` where not even a name is known. */
export function check(items: readonly Item[], syntax: Syntax, report: Report): Network | null {
  const found = checkSettings(items, syntax, report)
  const nodes: Checked[] = []
  for (const item of items) {
    if (item.kind !== 'node') continue
    const entry = entryOf(item, syntax, report)
    if (entry) nodes.push({ item, entry })
  }
  checkDuplicates(nodes, report)
  checkAddresses(nodes, found, syntax, report)
  if (found.workbit !== null && found.namespace !== null) checkWork(nodes, found.workbit, found.namespace, report)
  if (!found.name) return null
  return {
    name: found.name,
    namespace: found.namespace ?? defaults.namespace,
    workbit: found.workbit ?? defaults.workbit,
    ...(found.subnet && { subnet: found.subnet }),
    nodes: nodes.map(({ entry }) => entry),
  }
}

/** `null` where the word is wrong, `undefined` where there is no subnet. */
type Settings = {
  readonly name: string | null
  readonly namespace: string | null
  readonly workbit: number | null
  readonly subnet: Prefix | null | undefined
}

function checkSettings(items: readonly Item[], syntax: Syntax, report: Report): Settings {
  const first = new Map<SettingName, SettingItem>()
  for (const item of items) {
    if (item.kind !== 'setting') continue
    const earlier = first.get(item.name)
    if (!earlier) {
      first.set(item.name, item)
      continue
    }
    const message = `${item.name} stands already on line ${earlier.at.line}: ${quote(earlier.value.text)}`
    report({ severity: 'error', ...item.at, message, hint: 'keep one of the two' })
  }
  if (!first.has('name')) {
    const hint = `write: ${usage(syntax, 'name')}`
    report({ severity: 'error', line: 1, column: 1, length: 0, message: 'the network has no name', hint })
  }
  const read = <T>(name: SettingName, reader: (text: string) => Read<T>): T | null | undefined => {
    const item = first.get(name)
    if (!item) return undefined
    // without a value: reported already
    if (item.value.text === '') return null
    const { ok, problem } = reader(item.value.text)
    if (ok !== undefined) return ok
    const hint = `write, for example: ${usage(syntax, name)}`
    report({ severity: 'error', ...item.value, message: `not a ${name}: ${problem}`, hint })
    return null
  }
  const or = <T>(value: T | null | undefined, fallback: T): T | null => (value === undefined ? fallback : value)
  return {
    name: read('name', readName) ?? null,
    namespace: or(read('namespace', readNamespace), defaults.namespace),
    workbit: or(read('workbit', readWorkbit), defaults.workbit),
    subnet: read('subnet', readSubnet),
  }
}

function checkDuplicates(nodes: readonly Checked[], report: Report): void {
  const keys = new Map<string, NodeItem>()
  const names = new Map<string, Checked>()
  for (const { item, entry } of nodes) {
    // the same node may be one to ask first, an admin, and have another role
    const isBeside = entry.role === 'boot' || entry.role === 'admin'
    const keyId = `${isBeside ? entry.role : 'other'} ${entry.key}`
    const sameKey = keys.get(keyId)
    if (sameKey) {
      const message = `this key stands already on line ${sameKey.words.key!.line} (${named(sameKey)})`
      const hint = 'keep one of the two; a key may stand once as boot, once as admin and once in another role'
      report({ severity: 'error', ...item.words.key!, message, hint })
    } else keys.set(keyId, item)
    if (!entry.hostname) continue
    const nameId = entry.hostname.toLowerCase()
    const sameName = names.get(nameId)
    if (!sameName) names.set(nameId, { item, entry })
    else if (sameName.entry.key !== entry.key) {
      const message = `the hostname ${quote(entry.hostname)} stands already on line ${sameName.item.words.hostname!.line}`
      report({
        severity: 'error',
        ...item.words.hostname!,
        message,
        hint: 'give one of the two nodes another hostname',
      })
    }
  }
}

function checkAddresses(nodes: readonly Checked[], { subnet }: Settings, syntax: Syntax, report: Report): void {
  const taken = new Map<Address, NodeItem>()
  for (const { item, entry } of nodes) {
    const word = item.words.address
    if (entry.address && word && subnet !== null) {
      const same = taken.get(entry.address)
      const problem = same
        ? {
            message: `${entry.address} stands already on line ${same.words.address!.line} (${named(same)})`,
            hint: 'give one of the two another address, or none',
          }
        : misplaced(entry.address, subnet, syntax)
      if (problem) report({ severity: 'error', ...word, ...problem })
      taken.set(entry.address, same ?? item)
    }
    if (subnet && entry.endpoint && /^[0-9.]+$/.test(entry.endpoint.host) && contains(subnet, entry.endpoint.host)) {
      const message = `the endpoint ${entry.endpoint.host} lies in the network's own subnet ${formatPrefix(subnet)}`
      const hint = 'an endpoint is an address outside; a fixed address of the network stands before the key'
      report({ severity: 'warning', ...item.words.endpoint!, message, hint })
    }
  }
  if (subnet) checkRoom(nodes, subnet, syntax, report)
}

function named({ role, words }: NodeItem): string {
  return words.hostname ? `${role} ${words.hostname.text}` : role
}

function misplaced(
  address: Address,
  subnet: Prefix | undefined,
  syntax: Syntax,
): { message: string; hint: string } | null {
  if (!subnet) {
    const hint = `write a subnet, for example: ${usage(syntax, 'subnet')}; or leave the address out`
    return { message: `${address} is given, but the network has no subnet`, hint }
  }
  const { first, last } = hosts(subnet)
  const hint = `write an address from ${first} to ${last}, or none to get one by itself`
  if (!contains(subnet, address)) return { message: `${address} lies outside the subnet ${formatPrefix(subnet)}`, hint }
  const number = toNumber(address) - toNumber(subnet.address)
  if (number === 0) return { message: `${address} is the network's own address`, hint }
  if (number === 2 ** (32 - subnet.length) - 1) return { message: `${address} is the broadcast address`, hint }
  return null
}

function checkRoom(nodes: readonly Checked[], subnet: Prefix, syntax: Syntax, report: Report): void {
  const members = nodes.filter(({ entry }) => isMember(entry))
  const addresses = automaticAddresses(
    members.map(({ entry }) => entry),
    subnet,
  )
  const without = addresses.indexOf(undefined)
  if (without < 0) return
  const left = members.length - addresses.filter(address => address !== undefined).length
  let length = subnet.length
  while (length > 8 && 2 ** (32 - length) - 3 < members.length) length--
  const { at } = members[without]!.item
  const message = `no address is left in the subnet ${formatPrefix(subnet)} for this member${left > 1 ? ` and ${left - 1} more` : ''}`
  const larger = formatPrefix(prefixOf(subnet.address, length))
  report({ severity: 'error', ...at, message, hint: `write: subnet${syntax === 'yaml' ? ':' : ''} ${larger}` })
}

function hosts(subnet: Prefix): { first: Address; last: Address } {
  return { first: hostAddress(subnet, 1), last: hostAddress(subnet, 2 ** (32 - subnet.length) - 2) }
}

function checkWork(nodes: readonly Checked[], workbit: number, namespace: string, report: Report): void {
  const told = new Set<PublicKey>()
  for (const { item, entry } of nodes) {
    if (entry.role === 'alias') {
      const message = 'an alias keeps its name and address free, but this version admits nobody by it'
      const hint = "write trust instead, with the member's own key, once that is known"
      report({ severity: 'note', ...item.at, message, hint })
    }
    const work = workbitOf(entry.key, namespace)
    if (work >= workbit || told.has(entry.key)) continue
    // who only signs needs no work
    if (entry.role === 'admin' && !isPrivate(entry.key, workbit, namespace)) continue
    told.add(entry.key)
    const word: Word = item.words.key!
    if (isPrivate(entry.key, workbit, namespace)) {
      const message = 'a private key: the public key that belongs to it has the work this network asks for'
      const hint = `write what \`wh pubkey\` prints for it, and keep this one secret; who has seen this file has the key`
      report({ severity: 'error', ...word, message, hint, secret: true })
      continue
    }
    const message = `the key has ${work} ${work === 1 ? 'workbit' : 'workbits'}, and the network asks for ${workbit}: the DHT will not know ${called(item)}`
    const hint = `make another key with \`wh genkey workbit ${workbit}\` on ${called(item)}`
    report({ severity: 'warning', ...word, message, hint })
  }
}

/** Is the "public key" itself the private key of one that has the work? */
function isPrivate(key: PublicKey, workbit: number, namespace: string): boolean {
  const bytes = publicKeyBytes(key)
  const clamped = (bytes[0]! & 7) === 0 && bytes[31]! >> 6 === 1
  return clamped && workbit >= decisiveWork && workbitOf(new PrivateKey(bytes).publicKey(), namespace) >= workbit
}
