/** One node of a network file, looked at alone: are its words what they should be, and does its role allow them? */

import { type Address, type Endpoint, familyOf, parseAddress } from '../../base/ip.ts'
import { type PublicKey, type Read, readPublicKey } from '../identity/key.ts'
import type { Field, NodeItem, Syntax } from './document.ts'
import { quote, type Report } from './problem.ts'
import { called, change, usage } from './suggest.ts'
import type { NodeEntry } from './types.ts'
import { readEndpoint, readMemberName } from './values.ts'

/** The entry, or `null` without a usable key. What else is wrong is reported and left out. */
export function entryOf(item: NodeItem, syntax: Syntax, report: Report): NodeEntry | null {
  const { role, words } = item
  const error = (field: Field | null, message: string, hint: string) => {
    report({ severity: 'error', ...((field && words[field]) ?? item.at), message, hint })
  }
  const read = <T>(field: Field, reader: (text: string) => Read<T>, hint: (text: string) => string): T | undefined => {
    const word = words[field]
    if (!word) return undefined
    const { ok, problem } = reader(word.text)
    if (ok === undefined) error(field, `not ${article(field)} ${field}: ${problem}`, hint(word.text))
    return ok
  }
  const key = read<PublicKey>('key', readPublicKey, () => {
    return `${change(syntax, item, { key: '<key>' })}, where <key> is what \`wh pubkey\` printed on ${called(item)}`
  })
  const hostname = read<string>('hostname', readMemberName, text => {
    return change(syntax, item, { hostname: mended(text) })
  })
  const address = read<Address>('address', readFixedAddress, () => {
    return `${change(syntax, item, { address: '<ip>' })}, where <ip> is an address of the subnet, or leave it out`
  })
  const endpoint = read<Endpoint>('endpoint', readEndpoint, () => {
    return change(syntax, item, { endpoint: '<host>[:<port>]' })
  })
  if (!words.key)
    error(null, `${role} without a key`, syntax === 'conf' ? `write: ${usage(syntax, role)}` : 'write: key: <key>')
  if (role === 'admin') {
    for (const field of ['address', 'endpoint'] as const) {
      if (!words[field]) continue
      const hint = `${change(syntax, item, { address: null, endpoint: null })}, and a trust line for the member`
      error(field, `admin says whose word counts, and has no ${field}`, hint)
    }
  } else if (words.address && (role === 'boot' || role === 'peer')) {
    const moved = words.endpoint ? {} : { endpoint: words.address.text }
    error(
      'address',
      `${role} has no place on the network, so it has no address`,
      change(syntax, item, { address: null, ...moved }),
    )
  } else if (role === 'boot' && !words.endpoint) {
    error(
      null,
      'boot without an endpoint: a node to ask first must be reachable',
      change(syntax, item, { endpoint: '<host>[:<port>]' }),
    )
  }
  if (!key) return null
  if (role === 'admin') return { role, key, ...(hostname && { hostname }) }
  const placed = role !== 'boot' && role !== 'peer' && address
  return { role, key, ...(hostname && { hostname }), ...(placed && { address: placed }), ...(endpoint && { endpoint }) }
}

function readFixedAddress(text: string): Read<Address> {
  const address = parseAddress(text)
  if (!address) {
    const digits = /^[0-9.]+$/.test(text) ? ', and a hostname has more than digits' : ''
    return { problem: `${quote(text)} is not an IPv4 address${digits}` }
  }
  if (familyOf(address) === 6)
    return { problem: 'only the IPv4 address can be fixed; the IPv6 address follows from the key' }
  return { ok: address }
}

/** The hostname that was probably meant. */
function mended(text: string): string {
  const guess = text
    .replace(/[^A-Za-z0-9.-]+/g, '-')
    .replace(/\.{2,}/g, '.')
    .replace(/(^|\.)-+/g, '$1')
    .replace(/-+(?=\.|$)/g, '')
    .replace(/^\.|\.$/g, '')
  return readMemberName(guess).ok ?? '<hostname>'
}

function article(field: Field): string {
  return field === 'address' || field === 'endpoint' ? 'an' : 'a'
}
