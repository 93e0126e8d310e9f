/**
 * The nftables rules that make one port of two: packets for W that start with 0xff go to our private port C, and what we send from C
 * leaves from W. docs/protocol/port.md says why each rule stands where it stands.
 */

import { controlByte } from '../../protocol/control/constants.ts'
import { controlHopLimit } from './socket.ts'

/** One port has one table; no two programs of a machine have the same C. */
export const tableOf = (privatePort: number) => `wh_${privatePort}`
export const isTable = (name: string) => /^wh_\d+$/.test(name)

/**
 * One transaction: all of it, or nothing and an error.
 * @param listenPort W
 * @param privatePort C
 */
export function loadCommand(listenPort: number, privatePort: number): string {
  const table = `inet ${tableOf(privatePort)}`
  const control = `udp dport ${listenPort} @th,64,8 0x${controlByte.toString(16)}`
  return [
    `add table ${table} { flags owner; }`,
    `add counter ${table} arrived`,
    `add counter ${table} heard`,
    // after a nat's dport is put right, before any filter of the machine's input
    `add chain ${table} pre { type filter hook prerouting priority -50; policy accept; }`,
    `add chain ${table} inp { type filter hook input priority 300; policy accept; }`,
    `add chain ${table} out { type filter hook output priority -310; policy accept; }`,
    `add rule ${table} pre fib daddr type local ${control} counter name arrived`,
    `add rule ${table} inp udp dport ${privatePort} drop`,
    `add rule ${table} inp ${control} counter name heard udp dport set ${privatePort}`,
    `add rule ${table} out udp sport ${privatePort} ip ttl set ${controlHopLimit}`,
    `add rule ${table} out udp sport ${privatePort} ip6 hoplimit set ${controlHopLimit}`,
    `add rule ${table} out udp sport ${privatePort} udp sport set ${listenPort}`,
  ].join('; ')
}

/** Its answer begins with `table inet NAME {`, once what was written before is done. */
export const listCommand = (privatePort: number) => `list table inet ${tableOf(privatePort)}`

/**
 * How many control packets came to the machine, and how many of those to us. In this order: what is counted as arrived has had time
 * to be heard, so a difference is one that a firewall made.
 */
export function countCommand(privatePort: number): string {
  return ['arrived', 'heard'].map(counter => `list counter inet ${tableOf(privatePort)} ${counter}`).join('; ')
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
