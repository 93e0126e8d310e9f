/** What the daemon answers on carriers: those of this node, what was tried, and those of others that lead here. */

import type { AnswerOf } from '../../api/schema.ts'
import { formatEndpoint } from '../../base/ip.ts'
import type { CarryingReport } from '../../node/carrying.ts'
import type { PublicKey } from '../../protocol/identity/key.ts'

type Named = (key: PublicKey) => { key: PublicKey; hostname?: string }

export function carriersOf(
  { own, tried, missing = [] }: Pick<CarryingReport, 'own' | 'tried' | 'missing'>,
  named: Named,
): AnswerOf<'status'>['carriers'] {
  return {
    own: own.map(({ key, endpoint, ...rest }) => ({ ...named(key), endpoint: formatEndpoint(endpoint), ...rest })),
    tried: tried.map(({ key, endpoint, results }) => ({
      ...named(key),
      endpoint: formatEndpoint(endpoint),
      results: [...results],
    })),
    ...(missing.length > 0 && { missing: [...missing] }),
  }
}

/** Also for whom this node carries. */
export function allCarriersOf(
  report: CarryingReport,
  named: Named,
  isMember: (key: PublicKey) => boolean,
): AnswerOf<'relay'>['carriers'] {
  return {
    ...carriersOf(report, named),
    guests: report.guests.map(({ key, ...counters }) => ({ ...named(key), member: isMember(key), ...counters })),
    dropped: { ...report.dropped },
  }
}
