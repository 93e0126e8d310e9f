/** Relays for people: for whom this node is one, what it carries, and whom it reaches through others. */

import { styleText } from 'node:util'
import type { AnswerOf } from '../../api/schema.ts'
import { byWords, carriedWords, placeText } from './carriers.ts'
import { formatBytes } from './status.ts'
import { table } from './table.ts'

type Answer = AnswerOf<'relay'>
type Named = { readonly hostname?: string | undefined; readonly key: string }

const nameOf = ({ hostname, key }: Named) => hostname ?? `${key.slice(0, 10)}…`
const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`

/** For whom, or why not. */
export function relayingWords({ on, policy, reason }: Answer['relaying']): string {
  const whom = policy === 'anyone' ? 'anyone' : 'members of this network'
  if (on) return `for ${whom}: ${reason}`
  return policy === 'never' ? `never, ${reason}` : `no: ${reason}; for ${whom}, once others can reach this node`
}

export function printRelay(network: string, answer: Answer): string {
  const { relaying, backend, guests, legs, through, ports, carriers } = answer
  const carried = carriedWords(carriers)
  const lost = lossesOf(answer)
  return [
    styleText('bold', `network ${network}`, { stream: process.stdout }),
    `  relays   ${relayingWords(relaying)}`,
    ...(backend ? [`  by       ${backend === 'kernel' ? 'the kernel' : 'the daemon itself'}`] : []),
    ...(relaying.on ? [`  guests   ${guestsLine(guests)}`] : []),
    ...(relaying.on && legs.length === 0 ? ['  carries  nothing now'] : []),
    ...(lost.length > 0 ? [`  dropped  ${lost.map(([reason, number]) => `${number} ${reason}`).join(', ')}`] : []),
    ...(ports.length > 0
      ? [`  reached  ${ports.map(port => `at ${port.endpoint} through ${nameOf(port)}`).join(', ')}`]
      : []),
    ...(carried ? [`  carried  ${carried}`] : []),
    ...section(
      ['FROM', 'TO', 'PACKETS', 'TRAFFIC'],
      legs.map(leg => [
        leg.from ? nameOf(leg.from) : placeText(leg.source),
        leg.to ? nameOf(leg.to) : placeText(leg.destination),
        String(leg.packets),
        formatBytes(leg.bytes),
      ]),
    ),
    ...section(
      ['MEMBER', 'THROUGH', 'AT'],
      through.map(member => [nameOf(member), nameOf(member.relay), byWords(member.endpoint, member.by)]),
    ),
    ...section(
      ['CARRIER TO', 'BY', 'DATAGRAMS IN', 'OUT'],
      carriers.own.map(server => [nameOf(server), server.rung, String(server.received), String(server.sent)]),
    ),
    ...section(
      ['CARRIER OF', 'DATAGRAMS IN', 'OUT'],
      carriers.guests.map(guest => [nameOf(guest), String(guest.received), String(guest.sent)]),
    ),
  ].join('\n')
}

/** Of the relay and of carriers, by reason. */
function lossesOf({ dropped, carriers }: Answer): [string, number][] {
  const full = [...carriers.own, ...carriers.guests].reduce((sum, carrier) => sum + carrier.dropped, 0)
  const all = [...Object.entries(dropped), ...Object.entries(carriers.dropped), ['no room in a carrier', full] as const]
  return all.flatMap(([reason, number]) => (number > 0 ? [[reason, number]] : []))
}

function guestsLine(guests: Answer['guests']): string {
  if (guests.length === 0) return 'none'
  const named = guests.filter(({ member }) => member).map(guest => `${nameOf(guest)} at ${guest.port}`)
  const strangers = guests.length - named.length
  return [...named, ...(strangers > 0 ? [count(strangers, 'stranger')] : [])].join(', ')
}

function section(heading: string[], rows: string[][]): string[] {
  return rows.length === 0 ? [] : ['', ...table([heading, ...rows]).map(row => `  ${row}`)]
}
