/** A look-up for people: who was asked and what came of it, then the record. */

import type { AnswerOf } from '../../api/schema.ts'
import type { WallTime } from '../../base/time.ts'
import { calledPeer } from '../target.ts'
import { duration } from './progress.ts'
import { table } from './table.ts'

const words = {
  value: 'had the record',
  closer: 'named nearer nodes',
  none: 'had none',
  error: 'did not answer',
} as const

const milliseconds = (time: number) => `${time.toFixed(time < 10 ? 1 : 0)} ms`

export function printLookup({ record, steps, took, ...peer }: AnswerOf<'lookup'>, now: WallTime): string {
  const walk = steps.map(step => [
    milliseconds(step.after),
    step.via,
    `${step.key.slice(0, 10)}…`,
    step.endpoint ?? '',
    words[step.answered],
  ])
  const lines = walk.length === 0 ? [] : table(walk)
  if (!record) {
    const nobody = walk.length === 0 ? ['nobody to ask: no boot node or member is known yet'] : lines
    return [...nobody, `no record of ${calledPeer(peer)} found (${milliseconds(took)})`].join('\n')
  }
  // others were asked, too, and some may be dead: that took longer
  const first = steps.find(({ answered }) => answered === 'value')?.after ?? took
  const left = record.expires - now
  const valid = left > 0 ? `valid for ${duration(left)}` : 'expired'
  return [
    ...lines,
    `${calledPeer(peer)}: found in ${milliseconds(first)}`,
    ...(record.endpoints.length === 0 ? [] : table(record.endpoints.map(({ kind, endpoint }) => ['', kind, endpoint]))),
    `  NAT ${record.nat}, record ${record.sequence}, ${valid}`,
  ].join('\n')
}
