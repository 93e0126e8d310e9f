/**
 * A world as plain data: what stands where, what is between, and what happens. Everything that runs follows from it and from its seed,
 * and so does what the oracle says about it. It is a tree: the internet, routers, behind these other routers and hosts.
 *
 *     internet ── boot nodes
 *        ├── host with a public address
 *        ├── router (home) ── host, host
 *        └── router (provider) ── router (home) ── host
 */

import type { Address } from '../base/ip.ts'
import type { Time } from '../base/time.ts'

/** RFC 4787 §4.1, §5: what a mapping, or the right to answer, is for. */
export type Behaviour = 'endpoint-independent' | 'address-dependent' | 'address-and-port-dependent'

/** RFC 4787 §4.2: the external port; `preserving` keeps the inside one while it is free. */
export type Allocation =
  | { readonly kind: 'preserving' }
  | { readonly kind: 'sequential'; readonly step: number }
  | { readonly kind: 'random' }

export type NatSpec = {
  readonly mapping: Behaviour
  readonly filtering: Behaviour
  readonly allocation: Allocation
  /** A mapping without packets goes after so long, ms. */
  readonly lifetime: Time
  /** What is sent from inside to an outside address of the router comes back in, with an outside source (RFC 4787 REQ-9). */
  readonly hairpin: boolean
  /** Where no more fit, nobody gets a new one. */
  readonly maxMappings: number
}

/** Both ways alike; a packet crosses the link of each router and host on its way. */
export type LinkSpec = {
  /** One way, ms. */
  readonly delay: Time
  /** More delay by chance, up to this, ms. */
  readonly jitter: Time
  /** Part of the packets, 0 to 1. */
  readonly loss: number
}

/** `internet`, or a router's name. */
export type Place = string

export type RouterSpec = {
  readonly name: string
  readonly at: Place
  /** Its IPv4 address outside. */
  readonly outside: Address
  /** What it gives to those inside: the first three numbers of a /24. */
  readonly inside: string
  readonly nat: NatSpec
  /** The /64 inside, as the text before the last four groups; absent: no IPv6. */
  readonly inside6?: string
  /** IPv6 from outside only as an answer. */
  readonly firewall6: boolean
  /** No UDP passes. */
  readonly blocked: boolean
  readonly link: LinkSpec
}

export type HostSpec = {
  readonly name: string
  readonly at: Place
  /** On its link; a public one at the place `internet`. */
  readonly ipv4?: Address
  readonly ipv6?: Address
  /** WireGuard's. */
  readonly port: number
  /** Strangers' packets do not get through the host's own firewall. */
  readonly closed: boolean
  /** The control port listens in front of that firewall, too. */
  readonly tap: boolean
  /** nftables is there: a socket beside W can stand in for it. */
  readonly branches: boolean
  /** How wrong its clock is, ms. */
  readonly clockAhead: Time
  readonly link: LinkSpec
}

/** Reachable, with an endpoint in everybody's file; no member. */
export type BootSpec = { readonly name: string; readonly ipv4: Address; readonly ipv6?: Address; readonly port: number }

export type Happening =
  /** The node starts. */
  | { readonly at: Time; readonly kind: 'start'; readonly host: string }
  /** The first one begins to ping the second one. */
  | { readonly at: Time; readonly kind: 'ping'; readonly from: string; readonly to: string }
  /** A host leaves its network, and is in another one a moment later. */
  | {
      readonly at: Time
      readonly kind: 'roam'
      readonly host: string
      readonly to: Place
      readonly ipv4?: Address
      readonly ipv6?: Address
    }
  /** A router starts again: another address outside, an empty table. */
  | { readonly at: Time; readonly kind: 'restart'; readonly router: string; readonly outside: Address }
  /** A router forgets its mappings. */
  | { readonly at: Time; readonly kind: 'flush'; readonly router: string }
  /** The machine is suspended for so long, or the process only (SIGSTOP), while the kernel works on. */
  | { readonly at: Time; readonly kind: 'suspend' | 'stop'; readonly host: string; readonly time: Time }
  /** Nothing passes the link of a host or router for so long. */
  | { readonly at: Time; readonly kind: 'cut'; readonly name: string; readonly time: Time }

export type World = {
  readonly seed: number
  readonly boots: readonly BootSpec[]
  readonly routers: readonly RouterSpec[]
  readonly hosts: readonly HostSpec[]
  readonly happenings: readonly Happening[]
  /** When it ends, ms. */
  readonly until: Time
  /** Who can be reached passes on packets of others. */
  readonly relays?: boolean
}

const short: Record<Behaviour, string> = {
  'endpoint-independent': 'EI',
  'address-dependent': 'AD',
  'address-and-port-dependent': 'APD',
}

function natText({ mapping, filtering, allocation, lifetime, hairpin, maxMappings }: NatSpec): string {
  const port = allocation.kind === 'sequential' ? `sequential ${allocation.step}` : allocation.kind
  const back = hairpin ? ', hairpin' : ''
  return `${short[mapping]} mapping, ${short[filtering]} filtering, ${port} ports, ${lifetime / 1000} s, ${maxMappings} at most${back}`
}

const linkText = ({ delay, jitter, loss }: LinkSpec) =>
  `${delay} ms${jitter > 0 ? ` + ${jitter}` : ''}${loss > 0 ? `, ${Math.round(100 * loss)} % lost` : ''}`

function hostText(host: HostSpec): string {
  const addresses = [host.ipv4, host.ipv6].filter(Boolean).join(' ')
  const marks = [
    ...(host.closed ? [host.tap ? 'firewall with a tap before it' : 'firewall'] : []),
    ...(host.branches ? [] : ['no branches']),
    ...(host.clockAhead === 0 ? [] : [`clock ${host.clockAhead / 1000} s ahead`]),
    linkText(host.link),
  ]
  return `${host.name}  ${addresses} port ${host.port}  (${marks.join(', ')})`
}

function happeningText(it: Happening): string {
  const at = `${(it.at / 1000).toFixed(3)} s`
  if (it.kind === 'start') return `${at} ${it.host} starts`
  if (it.kind === 'ping') return `${at} ${it.from} pings ${it.to}`
  if (it.kind === 'roam') return `${at} ${it.host} goes to ${it.to} as ${[it.ipv4, it.ipv6].filter(Boolean).join(' ')}`
  if (it.kind === 'restart') return `${at} ${it.router} restarts as ${it.outside}`
  if (it.kind === 'flush') return `${at} ${it.router} forgets its mappings`
  if (it.kind === 'cut') return `${at} ${it.name} is cut off for ${it.time / 1000} s`
  return `${at} ${it.host}: ${it.kind} for ${it.time / 1000} s`
}

/** For people: the tree, and then what happens. */
export function worldText(world: World): string {
  const lines = [`world of seed ${world.seed}, ${world.until / 1000} s`]
  const inside = (place: Place, depth: number) => {
    const indent = '  '.repeat(depth)
    for (const host of world.hosts) if (host.at === place) lines.push(`${indent}${hostText(host)}`)
    for (const router of world.routers) {
      if (router.at !== place) continue
      const marks = [
        ...(router.blocked ? ['no UDP'] : []),
        ...(router.inside6 ? [router.firewall6 ? 'IPv6 closed' : 'IPv6 open'] : []),
      ]
      const extra = marks.length > 0 ? `, ${marks.join(', ')}` : ''
      lines.push(
        `${indent}${router.name}  ${router.outside}  (${natText(router.nat)}${extra}; ${linkText(router.link)})`,
      )
      inside(router.name, depth + 1)
    }
  }
  for (const { name, ipv4, ipv6, port } of world.boots)
    lines.push(`  ${name}  ${[ipv4, ipv6].filter(Boolean).join(' ')} port ${port}`)
  inside('internet', 1)
  for (const it of [...world.happenings].sort((a, b) => a.at - b.at)) lines.push(`  ${happeningText(it)}`)
  return lines.join('\n')
}
