/**
 * A network file out of a wg-quick file: this machine and its peers become members, with the keys, addresses and endpoints they have.
 * What has no place there is reported, with what to do instead.
 *
 *     text ── read.ts ──> Section[] ── tunnel.ts ──> Tunnel ── network.ts ──> Network and Document
 */

import { type Address, type Endpoint, type Prefix, prefixOf } from '../../base/ip.ts'
import type { PrivateKey, PublicKey } from '../identity/key.ts'
import { workbitOf } from '../identity/workbit.ts'
import { type Document, documentOf, type Item } from '../network/document.ts'
import { automaticAddresses } from '../network/members.ts'
import { collector } from '../network/parse.ts'
import { concealer, type Problem, type Report } from '../network/problem.ts'
import { defaults, type Network, type NodeEntry } from '../network/types.ts'
import { readEndpoint } from '../network/values.ts'
import { addressLoss, Losses, ownAddressLoss } from './lost.ts'
import { Hostnames, labelOf, nameIn, nameSaid } from './names.ts'
import { addNotes } from './notes.ts'
import { readSections } from './read.ts'
import { isUsable, subnetOf } from './subnet.ts'
import { type Peer, type Tunnel, tunnelOf } from './tunnel.ts'

/** What a wg-quick file does not say. */
export type Wanted = {
  /** The network's name. */
  readonly network: string
  /** This machine's name, whatever the file says. */
  readonly hostname?: string | undefined
  /** This machine's name if a comment of the file says none. */
  readonly machine: string
  /** Where others reach this machine, as `readEndpoint` takes it; without a port it is ListenPort. */
  readonly endpoint?: string | undefined
}

export type Imported = {
  readonly network: Network
  readonly document: Document
  readonly privateKey: PrivateKey
}

/** Never throws, whatever the text is. `imported` is `null` if there is an error. */
export function importWgQuick(text: string, wanted: Wanted): { imported: Imported | null; problems: Problem[] } {
  const { problems, report } = collector()
  const tunnel = tunnelOf(readSections(text, report), report)
  const wrong = problems.some(({ severity }) => severity === 'error')
  const imported = tunnel && !wrong ? translated(tunnel, wanted, report) : null
  const hide = concealer(problems, text)
  const shown = problems
    .sort((a, b) => a.line - b.line || a.column - b.column)
    .map(problem => ({ ...problem, message: hide(problem.message), hint: hide(problem.hint) }))
  return { imported, problems: shown }
}

function translated(tunnel: Tunnel, wanted: Wanted, report: Report): Imported {
  const losses = new Losses()
  losses.addSettings(tunnel.section)
  const own = tunnel.privateKey.publicKey()
  const others = tunnel.peers.filter(({ key }) => key !== own)
  const addresses = addressesOf(tunnel, others, losses)
  const hostnames = new Hostnames(wanted.network)
  const label = wanted.hostname ?? nameSaid(tunnel.section, wanted.network) ?? wanted.machine
  const name = wanted.hostname?.includes('.')
    ? hostnames.takeWhole(wanted.hostname)
    : hostnames.take(labelOf(label, wanted.network), 'node')
  const nodes = [
    entry(own, name, addresses.of.get(own), ownEndpoint(tunnel, wanted)),
    ...others.map(({ key, section, endpoint }, index) => {
      const hostname = hostnames.take(nameIn(section, wanted.network), `peer${index + 1}`)
      return entry(key, hostname, addresses.of.get(key), endpoint)
    }),
  ]
  for (const { section } of others) losses.addSettings(section)
  losses.report(report)
  const network: Network = {
    name: wanted.network,
    namespace: defaults.namespace,
    // more would keep this machine from coming up, and warn of each of the others
    workbit: Math.min(...nodes.map(({ key }) => workbitOf(key, defaults.namespace))),
    ...(addresses.subnet && { subnet: roomy(addresses.subnet, nodes) }),
    nodes,
  }
  addNotes(tunnel, network, report)
  return { network, document: withComments(documentOf(network)), privateKey: tunnel.privateKey }
}

function entry(key: PublicKey, hostname: string, address?: Address, endpoint?: Endpoint): NodeEntry {
  return { role: 'trust', key, hostname, ...(address && { address }), ...(endpoint && { endpoint }) }
}

/** The address of each member that the file gives one to. All other addresses are lost. */
function addressesOf(
  tunnel: Tunnel,
  others: readonly Peer[],
  losses: Losses,
): { subnet?: Prefix; of: ReadonlyMap<PublicKey, Address> } {
  const subnet = subnetOf(tunnel)
  const of = new Map<PublicKey, Address>()
  // WireGuard sends what is for an address to the last peer that lists it
  const last = new Map(
    others.flatMap(({ key, allowed }) => allowed.map(({ prefix }) => [prefix.address, key] as const)),
  )
  for (const own of tunnel.addresses) {
    const taken = of.has(tunnel.privateKey.publicKey())
    if (!taken && subnet && isUsable(subnet, own.address)) {
      of.set(tunnel.privateKey.publicKey(), own.address)
      last.delete(own.address)
    } else losses.add(ownAddressLoss(own), own.at)
  }
  for (const { key, allowed } of others) {
    for (const listed of allowed) {
      const { address, prefix } = listed
      const host = prefix.family === 4 && prefix.length === 32
      const usable = host && subnet !== undefined && isUsable(subnet, address) && last.get(address) === key
      if (usable && !of.has(key)) of.set(key, address)
      else if (!(usable && of.get(key) === address)) losses.add(addressLoss(listed, subnet, tunnel), listed.at)
    }
  }
  return { ...(subnet && { subnet }), of }
}

/** Large enough for those members too that have no address of their own. */
function roomy(subnet: Prefix, nodes: readonly NodeEntry[]): Prefix {
  let wide = subnet
  while (wide.length > 8 && automaticAddresses(nodes, wide).includes(undefined)) {
    wide = prefixOf(wide.address, wide.length - 1)
  }
  return wide
}

function ownEndpoint({ listenPort }: Tunnel, { endpoint: text }: Wanted): Endpoint | undefined {
  const endpoint = text === undefined ? undefined : readEndpoint(text).ok
  const silent = endpoint?.port === defaults.port && !text!.endsWith(`:${defaults.port}`)
  return endpoint && silent && listenPort ? { ...endpoint, port: listenPort } : endpoint
}

function withComments(document: Document): Document {
  const items = document.items.flatMap((item, index): Item[] => {
    if (item.kind === 'setting' && item.name === 'workbit') {
      return [{ ...item, comment: '# the least that the imported keys have' }]
    }
    const first = item.kind === 'node' && document.items[index - 1]?.kind === 'setting'
    return first ? [{ kind: 'blank' }, item] : [item]
  })
  return { ...document, items }
}
