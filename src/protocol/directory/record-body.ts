/**
 * What a record says, before it is sealed:
 *
 *     | NAT kind | count ≤ 16 | count × (kind | family 4 or 6 | address 4 or 16 | port u16) | count ≤ 3 | count × key 32
 *     | filtering | flags | for each home: family 0, 4 or 6 | address 0, 4 or 16 | port u16, if there is an address
 *     | for each home: relay port u16, 0: none | zeros |
 *
 * The zeros fill it up to a multiple of 128 bytes, so that its length does not tell how many addresses a node has. A reader ignores
 * whatever stands there, and endpoints of kinds that it does not know: both are for later versions. The second line came so, and then
 * the third: where an older node wrote zeros, it says that nothing is known.
 */

import * as P from 'micro-packed'
import { addressBytes, addressOf, type Endpoint, familyOf } from '../../base/ip.ts'
import { isPublicKey, type PublicKey, publicKeyBytes, publicKeyOf } from '../identity/key.ts'

/**
 * - `fixed`: written in a network file
 * - `host`: an address of the node's own interfaces
 * - `mapped`: a port that the node's router opened for it (PCP, NAT-PMP, UPnP)
 * - `reflexive`: what others saw the node's packets come from
 */
export type EndpointKind = 'fixed' | 'host' | 'mapped' | 'reflexive'

/** How the node's NAT maps a port (RFC 4787 §4.1); `none` where there is no NAT. */
export type NatKind = 'unknown' | 'none' | 'endpoint-independent' | 'endpoint-dependent'

/** Whose packets come in from outside (RFC 4787 §5); `none` where all do, as without a NAT or a firewall. */
export type Filtering = 'unknown' | 'none' | 'endpoint-independent' | 'address-dependent' | 'address-and-port-dependent'

/** A reachable node that passes calls on to the owner of the record, and where it is. */
export type Home = {
  readonly key: PublicKey
  readonly endpoint?: Endpoint
  /** The port there that is the owner's: what comes to it is forwarded, from those that the owner wants (docs/protocol/relay.md). */
  readonly relay?: number
}

export type RecordBody = {
  readonly nat: NatKind
  /** Best first. Hosts are addresses. */
  readonly endpoints: readonly { readonly kind: EndpointKind; readonly endpoint: Endpoint }[]
  /** Best first. */
  readonly homes: readonly Home[]
  /** Absent: unknown. */
  readonly filtering?: Filtering
  /** The NAT takes what one host behind it sends to the outside endpoint of another to that one. Absent: no, or unknown. */
  readonly hairpins?: boolean
  /** Outside, the port has the same number. Absent: no, or unknown. */
  readonly keepsPort?: boolean
}

export const endpointsLimit = 16
export const homesLimit = 3
const blockLength = 128

const natKinds: readonly NatKind[] = ['unknown', 'none', 'endpoint-independent', 'endpoint-dependent']
/** Numbers on the wire begin with 1. */
const endpointKinds: readonly EndpointKind[] = ['fixed', 'host', 'mapped', 'reflexive']
const filterings: readonly Filtering[] = [
  'unknown',
  'none',
  'endpoint-independent',
  'address-dependent',
  'address-and-port-dependent',
]
const flags = { hairpins: 1, keepsPort: 2 } as const

const layout = P.struct({
  nat: P.U8,
  endpoints: P.array(
    P.U8,
    P.struct({ kind: P.U8, address: P.tag(P.U8, { 4: P.bytes(4), 6: P.bytes(16) }), port: P.U16BE }),
  ),
  homes: P.array(P.U8, P.bytes(32)),
  rest: P.bytes(null),
})

const at = (length: number) => P.struct({ address: P.bytes(length), port: P.U16BE })
/** What stands where older bodies have zeros. */
const more = (homes: number) =>
  P.struct({
    filtering: P.U8,
    flags: P.U8,
    homes: P.array(homes, P.tag(P.U8, { 0: P.bytes(0), 4: at(4), 6: at(16) })),
    rest: P.bytes(null),
  })
const portsOf = (homes: number) => P.array(homes, P.U16BE)
/** Its greatest length. */
const moreLength = 1 + 1 + homesLimit * (1 + 16 + 2 + 2)

/** At most 512 bytes. Endpoints beyond the sixteenth and homes beyond the third are left out. */
export function encodeBody(body: RecordBody): Uint8Array {
  const homes = body.homes.slice(0, homesLimit)
  const bytes = layout.encode({
    nat: natKinds.indexOf(body.nat),
    endpoints: body.endpoints.slice(0, endpointsLimit).map(({ kind, endpoint: { host, port } }) => ({
      kind: endpointKinds.indexOf(kind) + 1,
      address: { TAG: familyOf(host), data: addressBytes(host) },
      port,
    })),
    homes: homes.map(({ key }) => publicKeyBytes(key)),
    rest: more(homes.length).encode({
      filtering: filterings.indexOf(body.filtering ?? 'unknown'),
      flags: (body.hairpins ? flags.hairpins : 0) | (body.keepsPort ? flags.keepsPort : 0),
      homes: homes.map(({ endpoint }) =>
        endpoint
          ? {
              TAG: familyOf(endpoint.host),
              data: { address: addressBytes(endpoint.host), port: endpoint.port },
            }
          : { TAG: 0, data: new Uint8Array(0) },
      ),
      // where there is none, nothing: two zeros more could be the begin of another block
      rest: homes.some(({ relay }) => relay !== undefined)
        ? portsOf(homes.length).encode(homes.map(({ relay }) => relay ?? 0))
        : new Uint8Array(0),
    }),
  })
  const padded = new Uint8Array(Math.ceil(bytes.length / blockLength) * blockLength)
  padded.set(bytes)
  return padded
}

/** `null` for bytes that are no body. Endpoints where nobody can be, and keys that are none, are left out. */
export function decodeBody(bytes: Uint8Array): RecordBody | null {
  const read = parse(layout, bytes)
  if (!read || read.endpoints.length > endpointsLimit || read.homes.length > homesLimit) return null
  // a body may end before its zeros do
  const rest = new Uint8Array(moreLength)
  rest.set(read.rest.subarray(0, moreLength))
  const known = parse(more(read.homes.length), rest)
  const filtering = filterings[known?.filtering ?? 0] ?? 'unknown'
  const relays = known ? parse(portsOf(read.homes.length), known.rest) : null
  const has = (flag: number) => ((known?.flags ?? 0) & flag) !== 0
  return {
    nat: natKinds[read.nat] ?? 'unknown',
    endpoints: read.endpoints.flatMap(({ kind: number, address, port }) => {
      const kind = endpointKinds[number - 1]
      return kind && port > 0 && isHost(address.data)
        ? [{ kind, endpoint: { host: addressOf(address.data), port } }]
        : []
    }),
    homes: read.homes.flatMap((key, i) => {
      if (!isPublicKey(key)) return []
      const home = known?.homes[i]
      const relay = relays?.[i] ?? 0
      const endpoint = home && home.TAG !== 0 && home.data.port > 0 && isHost(home.data.address) && home.data
      return [
        {
          key: publicKeyOf(key),
          ...(endpoint && { endpoint: { host: addressOf(endpoint.address), port: endpoint.port } }),
          ...(relay > 0 && { relay }),
        },
      ]
    }),
    ...(filtering !== 'unknown' && { filtering }),
    ...(has(flags.hairpins) && { hairpins: true }),
    ...(has(flags.keepsPort) && { keepsPort: true }),
  }
}

function parse<T>(coder: P.CoderType<T>, bytes: Uint8Array): T | null {
  try {
    return coder.decode(bytes, { allowUnreadBytes: true })
  } catch {
    // micro-packed tells in this way that the bytes end early, or that a family is neither 4 nor 6
    return null
  }
}

/** One machine, in its own form: neither 0.0.0.0/8 and ::, nor multicast and broadcast, nor an IPv4 address inside an IPv6 one. */
export function isHost(address: Uint8Array): boolean {
  if (address.length === 4) return address[0] !== 0 && address[0]! < 224
  if (address[0] === 0xff) return false
  const leadingZeros = address.findIndex(byte => byte !== 0)
  // ::1 is loopback's, as 127.0.0.1 is: for a laboratory
  return leadingZeros >= 0 && (leadingZeros < 10 || (leadingZeros === 15 && address[15] === 1))
}
