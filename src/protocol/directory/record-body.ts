/**
 * What a record says, before it is sealed:
 *
 *     | NAT kind | count ≤ 16 | count × (kind | family 4 or 6 | address 4 or 16 | port u16) | count ≤ 3 | count × key 32 | zeros |
 *
 * The zeros fill it up to a multiple of 128 bytes, so that its length does not tell how many addresses a node has. A reader ignores
 * whatever stands there, and endpoints of kinds that it does not know: both are for later versions.
 */

import * as P from 'micro-packed'
import { addressBytes, addressOf, type Endpoint, familyOf } from '../../base/ip.ts'
import { type PublicKey, publicKeyBytes, publicKeyOf, readPublicKey } from '../identity/key.ts'

/**
 * - `fixed`: written in a network file
 * - `host`: an address of the node's own interfaces
 * - `mapped`: a port that the node's router opened for it (PCP, NAT-PMP, UPnP)
 * - `reflexive`: what others saw the node's packets come from
 */
export type EndpointKind = 'fixed' | 'host' | 'mapped' | 'reflexive'

/** How the node's NAT maps a port (RFC 4787 §4.1); `none` where there is no NAT. */
export type NatKind = 'unknown' | 'none' | 'endpoint-independent' | 'endpoint-dependent'

export type RecordBody = {
  readonly nat: NatKind
  /** Best first. Hosts are addresses. */
  readonly endpoints: readonly { readonly kind: EndpointKind; readonly endpoint: Endpoint }[]
  /** Reachable nodes that pass calls on to this one. */
  readonly homes: readonly PublicKey[]
}

export const endpointsLimit = 16
export const homesLimit = 3
const blockLength = 128

const natKinds: readonly NatKind[] = ['unknown', 'none', 'endpoint-independent', 'endpoint-dependent']
/** Numbers on the wire begin with 1. */
const endpointKinds: readonly EndpointKind[] = ['fixed', 'host', 'mapped', 'reflexive']

const layout = P.struct({
  nat: P.U8,
  endpoints: P.array(
    P.U8,
    P.struct({ kind: P.U8, address: P.tag(P.U8, { 4: P.bytes(4), 6: P.bytes(16) }), port: P.U16BE }),
  ),
  homes: P.array(P.U8, P.bytes(32)),
  rest: P.bytes(null),
})

/** At most 512 bytes. Endpoints beyond the sixteenth and homes beyond the third are left out. */
export function encodeBody({ nat, endpoints, homes }: RecordBody): Uint8Array {
  const bytes = layout.encode({
    nat: natKinds.indexOf(nat),
    endpoints: endpoints.slice(0, endpointsLimit).map(({ kind, endpoint: { host, port } }) => ({
      kind: endpointKinds.indexOf(kind) + 1,
      address: { TAG: familyOf(host), data: addressBytes(host) },
      port,
    })),
    homes: homes.slice(0, homesLimit).map(publicKeyBytes),
    rest: new Uint8Array(0),
  })
  const padded = new Uint8Array(Math.ceil(bytes.length / blockLength) * blockLength)
  padded.set(bytes)
  return padded
}

/** `null` for bytes that are no body. Endpoints where nobody can be, and keys that are none, are left out. */
export function decodeBody(bytes: Uint8Array): RecordBody | null {
  const read = parse(bytes)
  if (!read || read.endpoints.length > endpointsLimit || read.homes.length > homesLimit) return null
  return {
    nat: natKinds[read.nat] ?? 'unknown',
    endpoints: read.endpoints.flatMap(({ kind: number, address, port }) => {
      const kind = endpointKinds[number - 1]
      return kind && port > 0 && isHost(address.data)
        ? [{ kind, endpoint: { host: addressOf(address.data), port } }]
        : []
    }),
    homes: read.homes.flatMap(bytes => readPublicKey(publicKeyOf(bytes)).ok ?? []),
  }
}

function parse(bytes: Uint8Array) {
  try {
    return layout.decode(bytes)
  } catch {
    // micro-packed tells in this way that the bytes end early, or that a family is neither 4 nor 6
    return null
  }
}

/** One machine, in its own form: neither 0.0.0.0/8 and ::, nor multicast and broadcast, nor an IPv4 address inside an IPv6 one. */
function isHost(address: Uint8Array): boolean {
  if (address.length === 4) return address[0] !== 0 && address[0]! < 224
  if (address[0] === 0xff) return false
  const leadingZeros = address.findIndex(byte => byte !== 0)
  // ::1 is loopback's, as 127.0.0.1 is: for a laboratory
  return leadingZeros >= 0 && (leadingZeros < 10 || (leadingZeros === 15 && address[15] === 1))
}
