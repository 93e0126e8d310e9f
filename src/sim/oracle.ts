/**
 * Which pairs can talk directly, and how: from a world's data alone. Knows no more of nodes than that they know their own addresses, are
 * told by nodes on the internet where they are seen, and can tell each other both. Shares no code with those nodes, nor with the
 * simulated routers.
 *
 * Each side is summed up over all routers between it and the place where the two meet:
 *
 *     mapping    fixed: it is seen at one endpoint, whoever looks; or dependent
 *     filter     0 lets anybody in, 1 addresses that it has sent to, 2 endpoints that it has sent to
 *
 * | one side | the other one        | means                                                                       |
 * |----------|----------------------|-----------------------------------------------------------------------------|
 * | fixed    | fixed                | `open` where a filter is 0, else both sides must begin: `punch`             |
 * | fixed 0  | dependent            | `open`: the dependent one begins, and the other answers where that came from |
 * | fixed 1  | dependent            | `punch`: the fixed one must have sent something to the other's address      |
 * | fixed 2  | dependent            | `birthday`: only guessing, many ports on one side, many tries on the other  |
 * | dependent | dependent           | `none`; `unclear` where a filter is below 2: in theory there are ways       |
 */

import type { Address } from '../base/ip.ts'
import type { Time } from '../base/time.ts'
import type { HostSpec, RouterSpec, World } from './world.ts'

export const meansInOrder = ['inside', 'open', 'punch', 'hairpin', 'birthday', 'unclear', 'none'] as const
/**
 * `inside`: on one link, or in a network that encloses the other one's. `hairpin`: through the outside address of a router that both are
 * behind. `unclear`: nothing is promised either way.
 */
export type Means = (typeof meansInOrder)[number]

type Side = {
  readonly fixed: boolean
  /** But for the ports that routers keep as long as nobody else has them. */
  readonly kept: boolean
  readonly filter: 0 | 1 | 2
  readonly host: HostSpec
  readonly routers: readonly RouterSpec[]
}

/** Birthdays that a node may be in at once, with a reserve for what else it has open. */
const [atOnce, reserve] = [4, 128]
/** Sockets of one, on the side of the dependent mapping: each is a mapping. */
const mappingsOfHard = atOnce * 256 + reserve
/** Tries of one, on the other side: each is a mapping where there is one for each endpoint. */
const mappingsOfEasy = atOnce * 1_000 + reserve

/** The world as it is at a time: hosts where they went, routers as they started last. */
export function worldAt(world: World, time: Time): World & { readonly moved: boolean } {
  let { hosts, routers } = world
  const moved = world.happenings.some(it => it.at <= time && (it.kind === 'roam' || it.kind === 'restart'))
  for (const it of world.happenings) {
    if (it.at > time) continue
    if (it.kind === 'roam') {
      hosts = hosts.map(host => {
        if (host.name !== it.host) return host
        const { ipv4: _4, ipv6: _6, ...rest } = host
        return { ...rest, at: it.to, ...addresses(it) }
      })
    } else if (it.kind === 'restart') {
      routers = routers.map(router => (router.name === it.router ? { ...router, outside: it.outside } : router))
    }
  }
  return { ...world, hosts, routers, moved }
}

const addresses = ({ ipv4, ipv6 }: { ipv4?: Address; ipv6?: Address }) => ({
  ...(ipv4 !== undefined && { ipv4 }),
  ...(ipv6 !== undefined && { ipv6 }),
})

/** The best means for a pair of hosts. */
export function meansOf(world: World & { readonly moved?: boolean }, a: string, b: string): Means {
  const [one, other] = [hostOf(world, a), hostOf(world, b)]
  const found = [overIpv6(world, one, other), ...overIpv4(world, one, other)]
  return meansInOrder.find(means => found.includes(means)) ?? 'none'
}

/** One of the two cannot talk to the internet by UDP, or only one of them in IPv4: no relay can help. */
export function isCutOff(world: World, a: string, b: string): boolean {
  return [a, b].some(name => {
    const host = hostOf(world, name)
    return host.ipv4 === undefined || routersOf(world, host).some(({ blocked }) => blocked)
  })
}

function hostOf(world: World, name: string): HostSpec {
  const host = world.hosts.find(each => each.name === name)
  if (!host) throw new TypeError(`no host ${name}`)
  return host
}

/** The routers above, the nearest first. */
function routersOf(world: World, host: HostSpec): RouterSpec[] {
  const found: RouterSpec[] = []
  for (let place = host.at; place !== 'internet'; ) {
    const router = world.routers.find(({ name }) => name === place)
    if (!router) throw new TypeError(`no place ${place}`)
    found.push(router)
    place = router.at
  }
  return found
}

/** A tap hears strangers in front of the firewall, and the answer to them opens it. */
const ownFilter = (host: HostSpec) => (host.closed && !host.tap ? 2 : 0)

const onOneLink = (a: HostSpec, b: HostSpec) => a.at === b.at && a.at !== 'internet'

function overIpv6(world: World, a: HostSpec, b: HostSpec): Means {
  if (a.ipv6 === undefined || b.ipv6 === undefined) return 'none'
  const chains = [routersOf(world, a), routersOf(world, b)] as const
  if (chains.flat().some(({ blocked }) => blocked)) return 'none'
  if (onOneLink(a, b)) return 'inside'
  const closed = chains.map((routers, i) => {
    const behind = routers.some(({ firewall6, inside6 }) => firewall6 && inside6 !== undefined)
    return behind || ownFilter([a, b][i]!) > 0
  })
  return closed.every(Boolean) ? 'punch' : 'open'
}

function* overIpv4(world: World & { readonly moved?: boolean }, a: HostSpec, b: HostSpec): Generator<Means> {
  if (a.ipv4 === undefined || b.ipv4 === undefined) return
  const [above, beyond] = [routersOf(world, a), routersOf(world, b)]
  // where no word comes in from the internet, they have only announcements on the link, which go through no firewall
  const deaf = above.some(it => it.blocked || isNarrow(it)) && (a.closed || b.closed)
  if (onOneLink(a, b)) yield deaf ? 'unclear' : 'inside'
  if ([...above, ...beyond].some(({ blocked }) => blocked)) return
  // one of them stands in a network that is around the other one's
  if (above.length > 0 && beyond.some(({ at }) => at === a.at) && ownFilter(a) === 0) yield 'inside'
  if (beyond.length > 0 && above.some(({ at }) => at === b.at) && ownFilter(b) === 0) yield 'inside'
  const shared = above.at(-1)
  const together = shared !== undefined && shared === beyond.at(-1)
  if (together && !shared.nat.hairpin) return
  const sides = [sideOf(a, above), sideOf(b, beyond)] as const
  const found = meeting(...sides)
  // who comes back from elsewhere may find his own port taken, by himself
  const doubtful = sides.some(side => isTight(side) || (world.moved && side.kept))
  const means = found !== 'none' && doubtful ? 'unclear' : found
  yield together && (means === 'open' || means === 'punch') ? 'hairpin' : means
}

function sideOf(host: HostSpec, routers: readonly RouterSpec[]): Side {
  const filters = { 'endpoint-independent': 0, 'address-dependent': 1, 'address-and-port-dependent': 2 } as const
  const filter = Math.max(ownFilter(host), ...routers.map(({ nat }) => filters[nat.filtering]))
  const isFixed = ({ nat }: RouterSpec) => nat.mapping === 'endpoint-independent'
  const fixed = routers.every(it => isFixed(it) || it.nat.allocation.kind === 'preserving')
  return { fixed, kept: fixed && !routers.every(isFixed), filter: filter as Side['filter'], host, routers }
}

function meeting(a: Side, b: Side): Means {
  // a counter's next port is near the last one, and may be met by accident
  const hopeless = [a, b].some(isCounted) ? 'unclear' : 'none'
  if (!a.fixed && !b.fixed) return Math.min(a.filter, b.filter) < 2 ? 'unclear' : hopeless
  if (a.fixed && b.fixed) return Math.min(a.filter, b.filter) === 0 ? 'open' : 'punch'
  const [easy, hard] = a.fixed ? [a, b] : [b, a]
  if (easy.filter < 2) return easy.filter === 0 ? 'open' : 'punch'
  return hard.host.branches ? 'birthday' : hopeless
}

const isCounted = ({ routers }: Side) => routers.some(({ nat }) => nat.allocation.kind === 'sequential')

const isNarrow = ({ nat }: RouterSpec) => nat.maxMappings < mappingsOfHard

/** Its birthdays, or those of who shares its routers, may fill a table, and then nobody there gets anywhere. */
function isTight({ fixed, routers }: Side): boolean {
  if (!fixed) return routers.some(isNarrow)
  return routers.some(({ nat }) => nat.mapping !== 'endpoint-independent' && nat.maxMappings < mappingsOfEasy)
}
