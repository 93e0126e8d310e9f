/**
 * How many neighbours may live in one network. Keys with work cost an attacker time, addresses in many networks cost him money: of
 * one /24 (IPv6: /48) no more than 3 nodes are in the routing table, and 2 in one bucket of it. Private addresses cost nothing and
 * say nothing about who owns them, so there is no limit on them.
 */

import { type Address, familyOf, formatPrefix, prefixOf } from '../../base/ip.ts'
import { isGlobal } from './address.ts'

export const limits = { table: 3, bucket: 2 } as const

/** The group of an address, or `null` where there is no limit. */
export function ipGroup(address: Address): string | null {
  return isGlobal(address) ? formatPrefix(prefixOf(address, familyOf(address) === 4 ? 24 : 48)) : null
}

/** A place in the table: the group, and the bucket as Kademlia counts them, by the bits that the id shares with ours. */
export type Place = { readonly group: string | null; readonly bucket: number }

/** Is there room for one more, beside `others`? */
export function hasRoom({ group, bucket }: Place, others: Iterable<Place>): boolean {
  if (group === null) return true
  let inTable = 0
  let inBucket = 0
  for (const other of others) {
    if (other.group !== group) continue
    inTable++
    if (other.bucket === bucket) inBucket++
  }
  return inTable < limits.table && inBucket < limits.bucket
}

/** Leading bits that two ids of equal length have in common. */
export function commonBits(a: Uint8Array, b: Uint8Array): number {
  const i = a.findIndex((byte, at) => byte !== b[at])
  return i < 0 ? 8 * a.length : 8 * i + Math.clz32(a[i]! ^ b[i]!) - 24
}
