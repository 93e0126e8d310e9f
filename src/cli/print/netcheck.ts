/** A report on a network for people: the facts, with the names of RFC 4787, then what they mean. */

import { styleText } from 'node:util'
import type { AnswerOf } from '../../api/schema.ts'
import { second } from '../../base/time.ts'
import { filteringWords, mappingWords, span } from '../../protocol/nat/words.ts'
import { rungRows } from './carriers.ts'
import { relayingWords } from './relay.ts'

type Netcheck = AnswerOf<'netcheck'>
type Family = Netcheck['families'][0]

const udp: Record<Family['udp'], string> = {
  works: 'works',
  'no answer': 'NO ANSWER',
  blocked: 'BLOCKED: reflectors are reached by TCP, and do not answer by UDP',
  'nobody to ask': 'nobody to ask',
  'no address': 'this machine has no such address',
}

const yesNo = (value: boolean | null) => (value === null ? 'not known' : value ? 'yes' : 'no')
const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`

function ports({ step, keepsPort }: Family): string {
  if (keepsPort) return 'the one inside is kept'
  if (step.kind === 'regular') return `in steps of ${step.step}, the last one ${step.last}`
  return {
    unknown: 'another one than inside',
    preserving: '',
    constant: 'another one than inside, the same for all',
    random: 'at random',
  }[step.kind]
}

function familyLines(family: Family): [string, string][] {
  const title = `IPv${family.family}`
  const state =
    family.asked > 0
      ? `${udp[family.udp]} (${count(new Set(family.reflections.map(({ key }) => key)).size, 'answer')} of ${family.asked} asked)`
      : udp[family.udp]
  if (family.udp !== 'works') return [[title, `UDP: ${state}`]]
  const seen = [...new Set(family.reflections.map(({ observed }) => observed))]
  const nearest = Math.min(...family.reflections.map(({ rtt }) => rtt))
  return [
    [title, `UDP ${state}, the nearest in ${nearest.toFixed(1)} ms`],
    ['  seen at', seen.join(', ')],
    ['  mapping', `${family.mapping}: ${mappingWords(family)}`],
    ['  filtering', `${family.filter.filtering}: ${filteringWords(family)}`],
    ...(family.keepsPort === null ? [] : ([['  ports', ports(family)]] as [string, string][])),
    [
      '  size',
      family.mtu === null ? 'not known' : `${family.mtu} bytes pass${family.mtu === 1400 ? ' (no more is tried)' : ''}`,
    ],
  ]
}

function portMapping({ portMapping: it }: Netcheck): string {
  if (!it) return 'switched off'
  if (it.mapped) return `${it.mapped.external} by ${it.mapped.protocol}, from ${it.gateway}`
  if (it.state === 'off') return it.problem ?? 'not needed'
  const each = Object.entries(it.protocols).map(([protocol, came]) => `${protocol}: ${came}`)
  const router = it.gateway === null ? '' : ` (${it.gateway})`
  return `${it.problem ?? 'being asked for'}${router}${each.length > 0 ? `; ${each.join('; ')}` : ''}`
}

function lifetime({ lifetime: it }: Netcheck): string {
  if (!it) return 'not known'
  const works = it.works === null ? '' : `${it.works} s or more`
  const fails = it.fails === null ? '' : `less than ${it.fails} s`
  const known = [works, fails].filter(Boolean).join(', ')
  return `${known || 'not known yet: measured in the background, in minutes'}; a packet each ${it.keepalive} s keeps a path open`
}

function clock({ clockAhead }: Netcheck): string {
  if (clockAhead === null) return 'not known'
  if (Math.abs(clockAhead) < 3 * second) return 'right'
  return `${span(Math.abs(clockAhead))} ${clockAhead > 0 ? 'behind' : 'ahead of'} those of others`
}

export function printNetcheck(network: string, report: Netcheck): string {
  const bold = (text: string) => styleText('bold', text, { stream: process.stdout })
  const rows: [string, string][] = [
    ...report.families.flatMap(familyLines),
    ...rungRows(report.carriers),
    ['hairpin', yesNo(report.hairpins)],
    ...(report.firewall === null
      ? []
      : ([['firewall', `${report.firewall} for strangers at UDP ${report.port}`]] as [string, string][])),
    ['lifetime', lifetime(report)],
    ['port mapping', portMapping(report)],
    ['relays', relayingWords(report.relaying)],
    ['clock', clock(report)],
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  return [
    bold(`network ${network}, UDP port ${report.port}`),
    ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`),
    '',
    ...report.meaning.map(line => `  ${line}`),
  ].join('\n')
}
