/**
 * The nftables table of a relay: one rule in front of everything else that the machine does with a packet (netdev, ingress). So it needs
 * no ip_forward, no firewall can be in its way, and conntrack sees nothing of what is relayed.
 *
 *     leg   source . its port . our port → mark       mark: a way's number, and a leg's
 *     da dp sp   mark → where it goes, and from which port
 *     sa hop dev   the mark's way → our address, next router, device
 *
 * Only a whole, plain UDP datagram to an address of ours is taken. All others go on to our sockets, which do the same (sockets.ts):
 * fragments, IPv6 with extension headers, and datagrams without a checksum, of which a rewritten port would make one with a wrong one.
 */

import { type Address, type Endpoint, type Family, familyOf } from '../../base/ip.ts'
import { controlByte, formats } from '../../protocol/control/constants.ts'
import { type Leg, type Limit, mostLegs, type Range } from './relay.ts'

/** @param listenPort W: no two programs of a machine have the same */
export const tableOf = (listenPort: number) => `wh_relay_${listenPort}`

/** How packets to somewhere leave this machine. */
export type Way = { readonly source: Address; readonly hop: Address; readonly device: string }

/** A device on which packets come in. Its name may be given again to another one; its index is not. */
export type Device = { readonly index: number; readonly name: string }

/** A leg with its number, and its way's. */
export type Placed = { readonly leg: Leg; readonly number: number; readonly way: number }

const legBits = 20
export const mostWays = 2 ** (32 - legBits) - 1
export const mostNumbers = 2 ** legBits - 1
const markOf = ({ number, way }: Placed) => hex(way * 2 ** legBits + number)
const wayMark = (way: number) => hex(way * 2 ** legBits)
const hex = (number: number) => `0x${number.toString(16).padStart(8, '0')}`

const families = [4, 6] as const
const types = { 4: 'ipv4_addr', 6: 'ipv6_addr' } as const
const familyOfLeg = (leg: Leg): Family => familyOf(leg.from.host)

export type TableOptions = {
  readonly listenPort: number
  readonly range: Range
  readonly limit: Limit
  /** What is for the relay itself goes to W; if not, to the sockets. */
  readonly bindsToListenPort: boolean
}

/** The whole table, in place of the one that may be there, without a moment between. @param version of its content, see `versionCommand` */
export function loadCommands(
  { listenPort, range, limit, bindsToListenPort }: TableOptions,
  version: number,
  devices: readonly Device[],
  here: readonly Address[],
): string[] {
  const table = `netdev ${tableOf(listenPort)}`
  const rate = `limit rate ${limit.rate}/second burst ${limit.burst} packets`
  const perLeg = `size ${mostLegs};`
  const perWay = `size ${mostWays};`
  const way = `meta mark & ${wayMark(mostWays)}`
  const local = (family: Family) => here.filter(address => familyOf(address) === family)
  const bind = `@th,64,16 0x${(controlByte * 256 + formats.bind).toString(16).padStart(4, '0')}`
  return [
    `add table ${table}`,
    `delete table ${table}`,
    `add table ${table}`,
    `add set ${table} version { type mark; }`,
    `add element ${table} version { ${version} }`,
    `add map ${table} dp { type mark : inet_service; ${perLeg} }`,
    `add map ${table} sp { type mark : inet_service; ${perLeg} }`,
    `add map ${table} dev { type mark : iface_index; ${perWay} }`,
    `add chain ${table} relay`,
    `add rule ${table} relay udp dport != ${range.first}-${range.last} return`,
    ...families.flatMap(family => {
      const type = types[family]
      const ip = family === 4 ? 'ip' : 'ip6'
      const addresses = local(family)
      return [
        `add set ${table} here${family} { type ${type}; }`,
        ...(addresses.length > 0 ? [`add element ${table} here${family} { ${addresses.join(', ')} }`] : []),
        `add map ${table} leg${family} { type ${type} . inet_service . inet_service : mark; ${perLeg} }`,
        // past the limit the element does not match, and the next rule drops; the counter counts what did
        `add map ${table} da${family} { type mark : ${type}; ${perLeg} ${rate}; counter; }`,
        `add map ${table} sa${family} { type mark : ${type}; ${perWay} }`,
        `add map ${table} hop${family} { type mark : ${type}; ${perWay} }`,
        `add chain ${table} out${family}`,
        `add rule ${table} out${family} ${ip} daddr set meta mark map @da${family} ${ip} saddr set ${way} map @sa${family} udp sport set meta mark map @sp udp dport set meta mark map @dp fwd ${ip} to ${way} map @hop${family} device ${way} map @dev`,
        `add rule ${table} out${family} drop`,
        ...(bindsToListenPort
          ? [`add rule ${table} relay ${bind} ${ip} daddr @here${family} udp dport set ${listenPort} return`]
          : [`add rule ${table} relay ${bind} ${ip} daddr @here${family} return`]),
        `add rule ${table} relay ${ip} daddr @here${family} ${plain[family]} meta mark set ${ip} saddr . udp sport . udp dport map @leg${family} goto out${family}`,
      ]
    }),
    ...devices.flatMap(({ index, name }) => [
      `add chain ${table} dev_${index} { type filter hook ingress device "${name}" priority -500; policy accept; }`,
      `add rule ${table} dev_${index} jump relay`,
    ]),
  ]
}

const plain = { 4: 'ip frag-off & 0x3fff 0 udp checksum != 0', 6: 'ip6 nexthdr udp' } as const

/** The new ways of these legs, and the legs, all of one kind together: nft reads long lists faster than many. */
export function addCommands(listenPort: number, ways: ReadonlyMap<number, Way>, legs: readonly Placed[]): string[] {
  const elements = new Elements(listenPort)
  for (const [number, { source, hop, device }] of ways) {
    const family = familyOf(source)
    const mark = wayMark(number)
    elements.put(`sa${family}`, `${mark} : ${source}`)
    elements.put(`hop${family}`, `${mark} : ${hop}`)
    elements.put('dev', `${mark} : "${device}"`)
  }
  for (const placed of legs) {
    const { leg } = placed
    const mark = markOf(placed)
    elements.put(`da${familyOfLeg(leg)}`, `${mark} : ${leg.to.host}`)
    elements.put('dp', `${mark} : ${leg.to.port}`)
    elements.put('sp', `${mark} : ${leg.via}`)
  }
  for (const placed of legs) elements.put(mapOf(placed.leg), `${keyText(placed.leg)} : ${markOf(placed)}`)
  return elements.commands('add')
}

/** Ways stay: others may go them, and the next load leaves them out. */
export function deleteCommands(listenPort: number, legs: readonly Placed[]): string[] {
  const elements = new Elements(listenPort)
  for (const { leg } of legs) elements.put(mapOf(leg), keyText(leg))
  for (const placed of legs) {
    const mark = markOf(placed)
    for (const map of [`da${familyOfLeg(placed.leg)}`, 'dp', 'sp']) elements.put(map, mark)
  }
  return elements.commands('delete')
}

const mapOf = (leg: Leg) => `leg${familyOfLeg(leg)}`
const keyText = ({ from, at }: Leg) => `${from.host} . ${from.port} . ${at}`

class Elements {
  readonly #table: string
  readonly #by = new Map<string, string[]>()

  constructor(listenPort: number) {
    this.#table = `netdev ${tableOf(listenPort)}`
  }

  put(map: string, element: string): void {
    const all = this.#by.get(map)
    if (all) all.push(element)
    else this.#by.set(map, [element])
  }

  commands(verb: 'add' | 'delete'): string[] {
    return [...this.#by].map(([map, all]) => `${verb} element ${this.#table} ${map} { ${all.join(', ')} }`)
  }
}

/** In one transaction with a change, it says whether that came about: the table has the new number, or the old one. */
export function versionCommands(listenPort: number, before: number, after: number): string[] {
  const set = `netdev ${tableOf(listenPort)} version`
  return [`delete element ${set} { ${before} }`, `add element ${set} { ${after} }`]
}

export const listVersionCommand = (listenPort: number) => `list set netdev ${tableOf(listenPort)} version`

/** `null` where the table is not there. */
export function readVersion(listing: string): number | null {
  const found = /set version \{[^}]*?elements = \{ (0x[\da-f]+)/.exec(listing)
  return found && Number(found[1])
}

/** Of a listing of the table: the legs that are whole. */
export function readLegs(listing: string): Leg[] {
  const ports = (map: string) => {
    const found = bodyOf(listing, map).matchAll(/(0x[\da-f]{8}) : (\d+)/g)
    return new Map([...found].map(([, mark, port]) => [mark!, Number(port)]))
  }
  const [to, via] = [ports('dp'), ports('sp')]
  return families.flatMap(family => {
    const address = new Map(carriedOf(listing, family).map(it => [it.mark, it.address]))
    const legs = bodyOf(listing, `leg${family}`).matchAll(/([\da-f.:]+) \. (\d+) \. (\d+) : (0x[\da-f]{8})/g)
    return [...legs].flatMap(([, host, port, at, mark]): Leg[] => {
      const from: Endpoint = { host: host!, port: Number(port) }
      const [toHost, toPort, viaPort] = [address.get(mark!), to.get(mark!), via.get(mark!)]
      if (toHost === undefined || toPort === undefined || viaPort === undefined) return []
      return [{ from, at: Number(at), to: { host: toHost, port: toPort }, via: viaPort }]
    })
  })
}

export const listCountersCommands = (listenPort: number) =>
  families.map(family => ['list', 'map', 'netdev', tableOf(listenPort), `da${family}`])

export type Counted = { readonly packets: number; readonly bytes: number }

/** By the leg's number. */
export function readCounters(listing: string): Map<number, Counted> {
  return new Map(
    families.flatMap(family =>
      carriedOf(listing, family).map(({ mark, packets, bytes }) => [
        Number(mark) % 2 ** legBits,
        { packets: Number(packets), bytes: Number(bytes) },
      ]),
    ),
  )
}

type Line = { mark: string; packets: string; bytes: string; address: string }

function carriedOf(listing: string, family: Family): Line[] {
  const elements = bodyOf(listing, `da${family}`).matchAll(
    /(?<mark>0x[\da-f]{8}) [^,:]*?counter packets (?<packets>\d+) bytes (?<bytes>\d+) : (?<address>[\da-f.:]+)/g,
  )
  return [...elements].map(({ groups }) => groups as Line)
}

/** What stands between a map's name and the next one. */
function bodyOf(listing: string, map: string): string {
  const start = listing.indexOf(`\tmap ${map} {`)
  if (start < 0) return ''
  const end = listing.indexOf('\n\t}', start)
  return listing.slice(start, end < 0 ? undefined : end)
}
