/**
 * Who gets a name and an address that more than one has claimed. The statement that stands deeper gives way, so what is settled stays, and
 * of two equally deep ones the key with the lower hash has it: an order that nobody chooses. Who gives way is a member all
 * the same, under another name or at another address, which follow from its key.
 */

import { blake2b } from '@noble/hashes/blake2.js'
import { bytesToHex, concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { type Address, contains, type Endpoint, fromNumber, type Prefix, toNumber } from '../../base/ip.ts'
import { type PublicKey, publicKeyBytes } from '../identity/key.ts'
import type { Placed } from './graph.ts'
import type { Admit, Assign, Invite } from './statement.ts'

export type Claim = {
  readonly key: PublicKey
  /** Its admit, or that of the first key whose place it has. */
  readonly entry: Placed
  readonly before: readonly PublicKey[]
  readonly invited?: Placed
  /** What admins gave it later, in order: the last word counts. */
  readonly assigns: readonly Placed[]
}

export type Place = { readonly hostname?: string; readonly address?: Address; readonly endpoint?: Endpoint }

/** Two members claim one thing. */
export type Conflict = {
  readonly what: 'hostname' | 'address'
  readonly value: string
  readonly kept: PublicKey
  readonly lost: PublicKey
  /** What the other has now. */
  readonly instead: string
}

type Wish = { readonly claim: Claim; readonly value: string; readonly depth: number }

/** In the order of the claims. */
export function settle(
  claims: readonly Claim[],
  subnet: Prefix | undefined,
): { settled: readonly (Place & { claim: Claim })[]; conflicts: readonly Conflict[] } {
  const conflicts: Conflict[] = []
  const give = (
    what: Conflict['what'],
    otherwise: (claim: Claim, isFree: (value: string) => boolean) => string | null,
  ) => {
    const wishes = claims
      .flatMap(claim => wishOf(claim, what) ?? [])
      .filter(({ value }) => what !== 'address' || (subnet && isHostOf(subnet, value)))
    wishes.sort((a, b) => a.depth - b.depth || (lotOf(a.claim.key) < lotOf(b.claim.key) ? -1 : 1))
    const owners = new Map<string, PublicKey>()
    const given = new Map<PublicKey, string>()
    const lost: Wish[] = []
    for (const wish of wishes) {
      const folded = wish.value.toLowerCase()
      if (owners.has(folded)) lost.push(wish)
      else owners.set(folded, wish.claim.key)
      if (owners.get(folded) === wish.claim.key) given.set(wish.claim.key, wish.value)
    }
    const rest = what === 'address' ? claims.filter(({ key }) => !given.has(key)) : lost.map(({ claim }) => claim)
    for (const claim of rest.sort((a, b) => (a.entry.id < b.entry.id ? -1 : 1))) {
      const value = otherwise(claim, it => !owners.has(it.toLowerCase()))
      if (value === null) continue
      owners.set(value.toLowerCase(), claim.key)
      given.set(claim.key, value)
      const wish = lost.find(each => each.claim === claim)
      if (wish) {
        const kept = owners.get(wish.value.toLowerCase())!
        conflicts.push({ what, value: wish.value, kept, lost: claim.key, instead: value })
      }
    }
    return given
  }
  const hostnames = give('hostname', otherName)
  const addresses = subnet ? give('address', (claim, isFree) => addressFor(claim.key, subnet, isFree)) : new Map()
  const settled = claims.map(claim => {
    const hostname = hostnames.get(claim.key)
    const address = addresses.get(claim.key)
    const endpoint = lastWord(claim, 'endpoint')?.endpoint
    return { claim, ...(hostname && { hostname }), ...(address && { address }), ...(endpoint && { endpoint }) }
  })
  return { settled, conflicts }
}

/**
 * The address that follows from a key: the first free one from where its hash points. Members in parts of a network that do not see one
 * another hardly ever choose the same.
 * @returns `null`: the subnet is full
 */
export function addressFor(key: PublicKey, subnet: Prefix, isFree: (address: Address) => boolean): Address | null {
  const base = toNumber(subnet.address)
  // neither the network's own nor the first, which people take for a router's, nor the broadcast address
  const count = 2 ** (32 - subnet.length) - 3
  const hash = blake2b(concatBytes(utf8ToBytes('wirehub address 1'), publicKeyBytes(key)), { dkLen: 8 })
  const start = Number(new DataView(hash.buffer).getBigUint64(0) % BigInt(count))
  for (let i = 0; i < count; i++) {
    const address = fromNumber(base + 2 + ((start + i) % count))
    if (isFree(address)) return address
  }
  return null
}

/** The same among members: what an admit says of it. */
export function freeAddress(
  key: PublicKey,
  subnet: Prefix | undefined,
  members: readonly { readonly ipv4?: Address }[],
): { readonly address?: Address } {
  const taken = new Set(members.map(({ ipv4 }) => ipv4))
  const address = subnet && addressFor(key, subnet, each => !taken.has(each))
  return address ? { address } : {}
}

/** `b.test` becomes `b-3f9a1c.test`. */
function otherName(claim: Claim, isFree: (name: string) => boolean): string | null {
  const { value } = wishOf(claim, 'hostname')!
  const [label = '', ...rest] = value.split('.')
  const hash = bytesToHex(blake2b(publicKeyBytes(claim.key), { dkLen: 16 }))
  for (let length = 6; length <= hash.length; length += 2) {
    // a label has 63 characters at most (RFC 1035 §2.3.4)
    const name = [`${label.slice(0, 62 - length)}-${hash.slice(0, length)}`, ...rest].join('.')
    if (name.length <= 253 && isFree(name)) return name
  }
  return null
}

function wishOf(claim: Claim, what: 'hostname' | 'address'): Wish | null {
  const { entry, invited } = claim
  const assigned = lastWord(claim, what, false)
  if (assigned?.[what] !== undefined) return { claim, value: assigned[what], depth: assigned.depth }
  const reserved = what === 'hostname' && (invited?.statement as Invite | undefined)?.hostname
  // it was kept free since the invite
  if (reserved) return { claim, value: reserved, depth: invited!.depth }
  const value = (entry.statement as Admit)[what]
  return value === undefined ? null : { claim, value, depth: entry.depth }
}

/** Settles what is equally deep. */
function lotOf(key: PublicKey): string {
  return bytesToHex(blake2b(concatBytes(utf8ToBytes('wirehub claim 1'), publicKeyBytes(key)), { dkLen: 16 }))
}

function lastWord({ entry, assigns }: Claim, what: keyof Place, withEntry = true) {
  const said = [...(withEntry ? [entry] : []), ...assigns]
  const last = said.findLast(({ statement }) => (statement as Assign)[what] !== undefined)
  return last && { ...(last.statement as Assign), depth: last.depth }
}

/** Can a member have this address? */
export function isHostOf(subnet: Prefix, address: Address): boolean {
  if (!contains(subnet, address)) return false
  const number = toNumber(address) - toNumber(subnet.address)
  return number > 0 && number < 2 ** (32 - subnet.length) - 1
}
