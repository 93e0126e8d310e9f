/** Endpoints, records and times in the words of `api/schema.ts`. */

import type { AnswerOf } from '../../api/schema.ts'
import { type Endpoint, formatEndpoint } from '../../base/ip.ts'
import type { NodeRecord } from '../../protocol/directory/record.ts'

export const rounded = (time: number) => Math.round(100 * time) / 100

export function formatKind({ kind, endpoint }: { kind: NodeRecord['endpoints'][0]['kind']; endpoint: Endpoint }) {
  return { kind, endpoint: formatEndpoint(endpoint) }
}

export function formatRecord(record: NodeRecord): NonNullable<AnswerOf<'lookup'>['record']> {
  const { sequence, expires, nat, filtering = 'unknown', endpoints, homes } = record
  return { sequence, expires, nat, filtering, endpoints: endpoints.map(formatKind), homes: homes.map(({ key }) => key) }
}
