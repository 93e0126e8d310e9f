/**
 * The nftables rules that make one port of two: packets for W that start with 0xff go to our private port C, and what we send from C
 * leaves from W. docs/protocol/port.md says why each rule stands where it stands.
 */

import type { Endpoint } from '../../base/ip.ts'
import { controlByte } from '../../protocol/control/constants.ts'
import { controlHopLimit } from './socket.ts'

/** One port has one table; no two programs of a machine have the same C. */
export const tableOf = (privatePort: number) => `wh_${privatePort}`
export const isTable = (name: string) => /^wh_\d+$/.test(name)

/** An IPv4 endpoint whose packets go through another port than W. */
export type Binding = { readonly to: Endpoint; readonly port: number }

/**
 * One transaction: all of it, or nothing and an error.
 * @param listenPort W
 * @param privatePort C
 */
export function loadCommand(listenPort: number, privatePort: number, bound: readonly Binding[] = []): string {
  const table = `inet ${tableOf(privatePort)}`
  const control = `udp dport ${listenPort} @th,64,8 0x${controlByte.toString(16)}`
  return [
    `add table ${table} { flags owner; }`,
    `add counter ${table} arrived`,
    `add counter ${table} heard`,
    `add map ${table} bout { type ipv4_addr . inet_service : inet_service; }`,
    `add map ${table} bin { type ipv4_addr . inet_service . inet_service : inet_service; }`,
    // after a nat's dport is put right, before any filter of the machine's input
    `add chain ${table} pre { type filter hook prerouting priority -50; policy accept; }`,
    `add chain ${table} inp { type filter hook input priority 300; policy accept; }`,
    `add chain ${table} out { type filter hook output priority -310; policy accept; }`,
    `add rule ${table} pre fib daddr type local ${control} counter name arrived`,
    `add rule ${table} inp udp dport ${privatePort} drop`,
    `add rule ${table} inp ${control} counter name heard udp dport set ${privatePort}`,
    // behind that, so that `heard` counts what `arrived` does
    `add rule ${table} inp udp dport set ip saddr . udp sport . udp dport map @bin`,
    `add rule ${table} inp ${control} udp dport set ${privatePort}`,
    `add rule ${table} out udp sport ${privatePort} ip ttl set ${controlHopLimit}`,
    `add rule ${table} out udp sport ${privatePort} ip6 hoplimit set ${controlHopLimit}`,
    `add rule ${table} out udp sport ${privatePort} udp sport set ${listenPort}`,
    `add rule ${table} out udp sport ${listenPort} udp sport set ip daddr . udp dport map @bout`,
    ...bound.flatMap(binding => elements('add', table, listenPort, binding)),
  ].join('; ')
}

/** One transaction, too. */
export function bindCommand(
  listenPort: number,
  privatePort: number,
  { remove, add }: { readonly remove: readonly Binding[]; readonly add: readonly Binding[] },
): string {
  const table = `inet ${tableOf(privatePort)}`
  return [
    ...remove.flatMap(binding => elements('delete', table, listenPort, binding)),
    ...add.flatMap(binding => elements('add', table, listenPort, binding)),
  ].join('; ')
}

function elements(verb: 'add' | 'delete', table: string, listenPort: number, { to, port }: Binding): string[] {
  const at = `${to.host} . ${to.port}`
  return [
    `${verb} element ${table} bout { ${at} : ${port} }`,
    `${verb} element ${table} bin { ${at} . ${port} : ${listenPort} }`,
  ]
}

/** Its answer begins with `table inet NAME {`, once what was written before is done. */
export const listCommand = (privatePort: number) => `list table inet ${tableOf(privatePort)}`

export const listBoundCommand = (privatePort: number) => `list map inet ${tableOf(privatePort)} bout`

/** Which endpoint is bound to which port, of what it answers; `null` where it is another answer. */
export function readBound(listing: string): Map<string, number> | null {
  if (!/^\s*map bout \{/m.test(listing)) return null
  const found = listing.matchAll(/([\d.]+) \. (\d+) : (\d+)/g)
  return new Map([...found].map(([, host, port, branch]) => [`${host}:${port}`, Number(branch)]))
}

/**
 * How many control packets came to the machine, and how many of those to us. In this order: what is counted as arrived has had time
 * to be heard, so a difference is one that a firewall made.
 */
export function countCommand(privatePort: number): string {
  return ['arrived', 'heard'].map(counter => `list counter inet ${tableOf(privatePort)} ${counter}`).join('; ')
}

/** What an answer says of them; either may be missing. */
export function readCounters(listing: string): { arrived?: number; heard?: number } {
  const found = listing.matchAll(/counter (\w+) \{\s*packets (\d+) bytes/g)
  return Object.fromEntries([...found].map(([, name, packets]) => [name, Number(packets)]))
}

/**
 * May the machine's own firewall keep a stranger's packet from W? Not exact: any drop or reject in a table that filters input counts.
 * @param listing what `nft -t -j list ruleset` printed
 */
export function mayDropInput(listing: string): boolean {
  const items = itemsOf(listing)
  const chains = items.flatMap(({ chain }) => (chain && !isTable(chain.table) ? [chain] : []))
  const input = chains.filter(({ hook }) => hook === 'input')
  if (input.some(({ policy }) => policy === 'drop')) return true
  const key = (it: { family: string; table: string }) => `${it.family} ${it.table}`
  const tables = new Set(input.map(key))
  // a chain without a hook is one that others jump to
  const reached = new Set(
    chains.flatMap(it => (it.hook === 'input' || (!it.hook && tables.has(key(it))) ? [`${key(it)} ${it.name}`] : [])),
  )
  return items.some(
    ({ rule }) =>
      rule &&
      reached.has(`${key(rule)} ${rule.chain}`) &&
      /"(drop|reject|DROP|REJECT)"/.test(JSON.stringify(rule.expr)),
  )
}

type Chain = { family: string; table: string; name: string; hook?: string; policy?: string }
type Rule = { family: string; table: string; chain: string; expr?: unknown }

function itemsOf(listing: string): { chain?: Chain; rule?: Rule }[] {
  try {
    const { nftables } = JSON.parse(listing) as { nftables?: unknown }
    return Array.isArray(nftables) ? nftables.filter(it => typeof it === 'object' && it !== null) : []
  } catch {
    return []
  }
}
