/** The result of `wh sim` as a table, and how a failed pair is repeated. */

import type { Failed, Group, Report } from '../../sim/campaign.ts'
import { table } from './table.ts'

const milliseconds = (time: number | null) => (time === null ? '' : `${Math.round(time)} ms`)

const rowOf = ({ phase, means, pairs, direct, p50, p95, failures }: Group) => [
  ...[phase, means, String(pairs), String(direct), milliseconds(p50), milliseconds(p95)],
  failures === 0 ? '' : String(failures),
]

export function simTable({ groups }: Report): string {
  const head = ['after', 'means', 'pairs', 'direct', 'p50', 'p95', 'failed']
  return table([head, ...groups.map(rowOf)]).join('\n')
}

/** @param flags as the person gave them, but for seed and number */
export function repeatCommand({ seed }: Pick<Failed, 'seed'>, flags: readonly string[]): string {
  return ['wh sim seed', seed, 'pairs 1', ...flags].join(' ')
}

export function failureLine({ seed, phase, from, to, means, failure }: Failed): string {
  return `seed ${seed}: ${from} to ${to}, ${means}${phase === 'start' ? '' : `, after ${phase}`}: ${failure}`
}
