/** What a kind of network means, for people: the facts of `classify.ts` in sentences. */

import { minute, second, type Time } from '../../base/time.ts'
import { type Climbed, type Server, serverWords } from '../carrier/words.ts'
import type { Filtering, NatKind } from '../directory/record-body.ts'
import type { FamilyReport, Mapping, Report } from './classify.ts'

/** What takes the place of UDP, or was to. */
export type Carried = {
  readonly by: readonly Pick<Server, 'name' | 'rung'>[]
  readonly tried: readonly Pick<Climbed, 'name' | 'results'>[]
  /** What this platform does not have. */
  readonly missing?: readonly 'webrtc'[] | undefined
}

/** `12 s`, `4 min`, `3 h`: how long something lasted. */
export function span(time: Time): string {
  const seconds = Math.max(0, Math.round(time / second))
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 120) return `${minutes} min`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`
}

const maps: Record<Mapping, string> = {
  unknown: 'it is not known how it maps ports: two reflectors at different addresses are needed',
  none: 'there is no NAT',
  'endpoint-independent': 'it shows one port to everybody',
  'address-dependent': 'it maps each address that is written to to another port',
  'endpoint-dependent': 'it maps each destination to another port',
  'address-and-port-dependent': 'it maps each destination to another port',
}

const filters: Record<Filtering, string> = {
  unknown: 'it is not known whom it lets in: a reflector with a second port is needed',
  none: 'nothing in front of this machine filters',
  'endpoint-independent': 'it lets everybody in once the port is open',
  'address-dependent': 'it lets in the addresses that were written to',
  'address-and-port-dependent': 'it lets in only who was written to',
}

export function mappingWords({ mapping }: Pick<FamilyReport, 'mapping'>): string {
  return maps[mapping]
}

export function filteringWords({ mapping, filter }: Pick<FamilyReport, 'mapping' | 'filter'>): string {
  const { filtering, certain } = filter
  if (mapping === 'none' && filtering === 'address-and-port-dependent') {
    return 'a firewall in front of this machine lets in only who was written to'
  }
  return filtering === 'address-dependent' && !certain
    ? `${filters[filtering]}, or everybody: no reflector has a second address to tell`
    : filters[filtering]
}

/** The same of a node by its name, with the words of RFC 4787 for those who know them. */
export function natWords(name: string, about: { readonly nat: NatKind; readonly filtering?: Filtering }): string {
  const { nat, filtering = 'unknown' } = about
  if (nat === 'unknown') return `what NAT ${name} is behind is not known`
  const strict = filtering === 'address-and-port-dependent'
  if (nat === 'none')
    return strict ? `a firewall before ${name} lets in only who was written to` : `${name} has no NAT before it`
  const lets =
    filtering === 'unknown' ? '' : `, and ${filters[filtering].replace('it lets', 'lets')} (${filtering} filtering)`
  return `${name}'s router ${maps[nat].replace('it ', '')} (${nat} mapping)${lets}`
}

const minutesOff = 1 * minute

/** What it means for connections, a sentence each: first how this node is reached, then what stands in the way. */
export function meaning(report: Report, carried: Carried = { by: [], tried: [] }): string[] {
  const { families, lifetime, clockAhead, firewall } = report
  const [v4, v6] = [of(report, 4), of(report, 6)]
  const working = families.filter(({ udp }) => udp === 'works')
  const lines: string[] = []
  if (working.length === 0) lines.push(...silence(families, carried))
  else lines.push(reach(working, report))
  if (v4?.udp === 'blocked' && v6?.udp === 'works')
    lines.push('Over IPv4, UDP is blocked: only members with IPv6 are reached.')
  const narrow = working.find(({ mtu }) => mtu !== null && mtu < 1400)
  if (narrow) {
    const tunnel = narrow.mtu! - tunnelOverhead
    lines.push(
      `Datagrams of more than ${narrow.mtu} bytes are lost on the way: an MTU of ${tunnel} for the tunnel would fit.`,
    )
  }
  if (firewall === 'closed') {
    lines.push(
      `The firewall of this machine drops what strangers send to UDP ${report.port}: opening it helps others to reach it.`,
    )
  }
  if (lifetime && lifetime.fails !== null && lifetime.fails <= lifetime.keepalive) {
    lines.push(
      `The NAT forgets within ${lifetime.fails} s: paths that are not used for so long have to be found again.`,
    )
  }
  if (clockAhead !== null && Math.abs(clockAhead) > minutesOff) {
    const side = clockAhead > 0 ? 'behind' : 'ahead'
    lines.push(`The clock of this machine is ${span(Math.abs(clockAhead))} ${side}: set it, or records may be refused.`)
  }
  return lines
}

/** WireGuard's header, counter and tag (whitepaper §5.4.6): what a data packet is longer than what it carries. */
const tunnelOverhead = 32

function of({ families }: Report, family: 4 | 6): FamilyReport | undefined {
  return families.find(each => each.family === family)
}

function silence(families: readonly FamilyReport[], { by, tried, missing = [] }: Carried): string[] {
  if (by.length > 0) {
    const direct = missing.includes('webrtc')
      ? 'nor by WebRTC, which this platform does not have'
      : 'or WebRTC does, which is tried with members in use'
    return [
      `UDP is blocked here: no node answers by UDP. Members are reached by ${serverWords(by)}, with less throughput. No direct path is possible unless UDP gets out, ${direct}.`,
    ]
  }
  if (tried.some(({ results }) => results.length > 0)) {
    return [
      'Nobody who was asked has answered by UDP, and none is reached in another way: this network blocks both, or wants a login first (open any web page), or those nodes are down. Tried again, with pauses of 5 min at most.',
    ]
  }
  if (families.some(({ udp }) => udp === 'blocked')) {
    return [
      'UDP is blocked here: reflectors are reached by TCP, and do not answer by UDP. No direct path is possible from this network; a carrier (TCP or WebSocket) to a reachable node is needed, and there is none yet.',
    ]
  }
  if (families.some(({ udp }) => udp === 'no answer')) {
    return [
      'Nobody who was asked has answered: this network blocks UDP, or wants a login first (open any web page), or those nodes are down.',
    ]
  }
  return families.some(({ udp }) => udp === 'nobody to ask')
    ? ['Nobody is known who could say: a boot node in the file, or a member that is reached, is needed.']
    : ['This machine has no address outside of tunnels: it is offline.']
}

/** Who reaches this node, by the best of its families. */
function reach(working: readonly FamilyReport[], { portMapping }: Report): string {
  const { mapped } = portMapping ?? {}
  if (mapped) return `Everybody reaches this node: its router forwards a port to it (${mapped.protocol}).`
  const open = working.find(
    ({ mapping, filter }) => mapping === 'none' && filter.filtering !== 'address-and-port-dependent',
  )
  if (open) return 'Everybody reaches this node: there is no NAT before it.'
  const easy = working.find(({ mapping }) => mapping === 'none' || mapping === 'endpoint-independent')
  if (easy) {
    const { mapping, filter } = easy
    if (filter.filtering === 'endpoint-independent') {
      return 'Everybody whom its homes call reaches this node, hard NATs included.'
    }
    const before = mapping === 'none' ? 'a firewall' : 'a usual NAT'
    return filter.filtering === 'address-dependent'
      ? `Behind ${before}: direct paths to everybody, hard NATs included, because only the address has to be right.`
      : `Behind ${before}: direct paths to everybody but some behind a hard NAT, where ports have to be guessed (seconds).`
  }
  if (working.some(({ mapping }) => mapping !== 'unknown')) {
    return 'Behind a hard NAT: direct paths to members without a NAT or behind a usual one, where ports may have to be guessed (seconds); none to others behind a hard NAT. Port mapping (UPnP, PCP) on the router, or a forwarded port, would make all of them direct.'
  }
  return 'UDP works; what kind of NAT there is cannot be told yet: two reflectors at different addresses are needed.'
}
