/** The fields of statements and tokens as bytes, each refused where no person could write it into a network file. */

import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import * as P from 'micro-packed'
import { type Address, addressBytes, addressOf, type Endpoint, type Prefix, parseAddress } from '../../base/ip.ts'
import { second, type WallTime } from '../../base/time.ts'
import { isPublicKey, type PublicKey, publicKeyBytes, publicKeyOf, type Read } from '../identity/key.ts'
import { readHostname, readMemberName, readName, readNamespace, readSubnet, readWorkbit } from '../network/values.ts'
import type { StatementId } from './statement.ts'

export const signatureLength = 64

const coded = <F, T>(inner: P.CoderType<F>, encode: (value: T) => F, decode: (value: F) => T | null): P.CoderType<T> =>
  P.apply(inner, {
    // micro-packed's names are those of a text codec: what is read is its "encoded" form
    encode(value: F) {
      const read = decode(value)
      if (read === null) throw new TypeError('not such a value')
      return read
    },
    decode: encode,
  })
const asIs = <T>(value: T) => value
export const checked = <T>(inner: P.CoderType<T>, holds: (value: T) => boolean) =>
  coded(inner, asIs<T>, value => (holds(value) ? value : null))
const text = (read: (text: string) => Read<unknown>) => checked(P.string(P.U8), it => read(it).ok !== undefined)
export const maybe = <T>(inner: P.CoderType<T>) => P.optional(P.bool, inner)
export const list = <T>(most: number, inner: P.CoderType<T>) => checked(P.array(P.U8, inner), it => it.length <= most)

export const id = coded(P.bytes(32), idBytes, idOf)
export const key = coded<Uint8Array, PublicKey>(P.bytes(32), publicKeyBytes, it =>
  isPublicKey(it) ? publicKeyOf(it) : null,
)
export const time = coded<number, WallTime>(
  P.U32BE,
  at => Math.floor(at / second),
  seconds => seconds * second,
)
export const ipv4 = coded<Uint8Array, Address>(P.bytes(4), addressBytes, addressOf)
export const subnet = coded<{ address: Address; length: number }, Prefix>(
  P.struct({ address: ipv4, length: P.U8 }),
  asIs<Prefix>,
  ({ address, length }) => readSubnet(`${address}/${length}`).ok ?? null,
)
export const endpoint: P.CoderType<Endpoint> = P.struct({
  host: checked(P.string(P.U8), it => parseAddress(it) === it || readHostname(it).ok !== undefined),
  port: checked(P.U16BE, it => it > 0),
})
export const name = text(readName)
export const namespace = text(readNamespace)
export const workbit = checked(P.U8, it => readWorkbit(String(it)).ok !== undefined)
export const hostname = text(readMemberName)
export const proof = P.bytes(signatureLength)

export function idOf(bytes: Uint8Array): StatementId {
  return bytesToHex(bytes) as StatementId
}

export function idBytes(id: StatementId): Uint8Array {
  return hexToBytes(id)
}
