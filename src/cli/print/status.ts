/** A network in one look: a heading, what this node is, and a line for each member. */

import { styleText } from 'node:util'
import type { MemberStatus, PathState, Status } from '../../api/schema.ts'
import { hour, minute, second, type WallTime } from '../../base/time.ts'
import { byWords, carriedWords } from './carriers.ts'
import { table } from './table.ts'

const symbols: Record<PathState, string> = {
  self: '•',
  direct: '●',
  relayed: '○',
  idle: '◐',
  silent: '◌',
  'never seen': ' ',
  invited: '…',
}
const colours = {
  self: 'bold',
  direct: 'green',
  relayed: 'yellow',
  idle: 'green',
  silent: 'red',
  'never seen': 'dim',
  invited: 'dim',
} as const

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)))
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`
}

export function formatAge(milliseconds: number): string {
  if (milliseconds < minute) return `${Math.max(0, Math.round(milliseconds / second))} s ago`
  if (milliseconds < hour) return `${Math.round(milliseconds / minute)} min ago`
  if (milliseconds < 48 * hour) return `${Math.round(milliseconds / hour)} h ago`
  return `${Math.round(milliseconds / (24 * hour))} d ago`
}

function memberRow(member: MemberStatus, now: WallTime): string[] {
  const { state } = member
  const traffic =
    member.received + member.sent > 0 ? `${formatBytes(member.received)} in, ${formatBytes(member.sent)} out` : ''
  return [
    styleText(colours[state], `${symbols[state]} ${state}`, { stream: process.stdout }),
    member.hostname ?? `${member.key.slice(0, 10)}…`,
    member.ipv4 ?? '',
    member.ipv6,
    member.endpoint === undefined ? '' : byWords(member.endpoint, member.by),
    member.latestHandshake === undefined ? '' : formatAge(now - member.latestHandshake),
    traffic,
  ]
}

/** Where others find this node, and through which of the ways onto the port. */
function reached({ endpoints, nat, filtering, control }: Status): string {
  const where = endpoints.length === 0 ? 'no endpoint known' : endpoints.map(({ endpoint }) => endpoint).join(', ')
  const firewall = filtering === 'address-and-port-dependent' ? '; no NAT, but a firewall' : '; no NAT'
  const before = { unknown: '', none: firewall, 'endpoint-independent': '; NAT', 'endpoint-dependent': '; hard NAT' }
  return `${where}${before[nat]}; ${control ? `control packets by ${control.backend}` : 'NO CONTROL PACKETS'}`
}

/** Who passes calls on to this node. */
function homes({ homes }: Status): string {
  return homes
    .map(({ hostname, key, endpoint }) => `${hostname ?? `${key.slice(0, 10)}…`}${endpoint ? ` at ${endpoint}` : ''}`)
    .join(', ')
}

function directory({ directory: { mode, reason, peers, stored } }: Status): string {
  if (mode === 'off') return 'off'
  const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`
  return `${mode} (${reason}), ${count(peers, 'neighbour')}, ${count(stored, 'record')}`
}

export function printStatus(status: Status, now: WallTime): string {
  const own = [status.hostname ?? 'helper', status.ipv4, status.ipv6].filter(part => part !== undefined).join('  ')
  const device = status.interface
    ? `${status.interface}, ${status.listenPort === undefined ? 'GONE: wh reload makes it again' : `UDP port ${status.listenPort}`}, ${status.backend === 'kernel' ? 'kernel WireGuard' : 'wireguard-go'}`
    : `none: a helper is in nobody’s file; UDP port ${status.listenPort}`
  const names =
    status.names === 'none'
      ? 'none'
      : `${status.names}${status.dns.length > 0 ? `; DNS on ${status.dns.join(', ')}` : ''}`
  const carried = carriedWords(status.carriers)
  const lines = [
    styleText('bold', `network ${status.network}`, { stream: process.stdout }),
    `  node       ${own}`,
    `  key        ${status.key} (${status.ownWorkbit} workbits)`,
    `  interface  ${device}`,
    `  reached    ${reached(status)}`,
    ...(carried ? [`  carried    ${carried}`] : []),
    ...(status.homes.length > 0 ? [`  homes      ${homes(status)}`] : []),
    `  directory  ${directory(status)}`,
    `  names      ${names}`,
    `  file       ${status.file}`,
    ...status.warnings.map(warning => `  ${styleText('yellow', 'warning', { stream: process.stdout })}    ${warning}`),
  ]
  if (status.members.length === 0) return lines.join('\n')
  const heading = ['', 'NAME', 'IPV4', 'IPV6', 'ENDPOINT', 'HANDSHAKE', 'TRAFFIC']
  const rows = table([heading, ...status.members.map(member => memberRow(member, now))])
  return [...lines, '', ...rows.map(row => `  ${row}`)].join('\n')
}
