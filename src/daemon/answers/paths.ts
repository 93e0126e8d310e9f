/** What the daemon answers on networks and paths: `netcheck`, `explain`, and the paths of `inspect`. */

import type { AnswerOf } from '../../api/schema.ts'
import { formatEndpoint } from '../../base/ip.ts'
import { second, type Time } from '../../base/time.ts'
import type { PublicKey } from '../../protocol/identity/key.ts'
import type { Report } from '../../protocol/nat/classify.ts'
import { meaning } from '../../protocol/nat/words.ts'
import { explain, type Subject } from '../../protocol/path/explain.ts'
import type { PathView } from '../../protocol/path/view.ts'
import { rounded } from './record.ts'

export function netchecked(report: Report): AnswerOf<'netcheck'> {
  const { families, portMapping, hairpins, firewall, lifetime, clockAhead, port } = report
  return {
    ...{ port, hairpins, firewall, lifetime, clockAhead, meaning: meaning(report) },
    portMapping: portMapping && {
      state: portMapping.state,
      gateway: portMapping.gateway,
      protocols: { ...portMapping.protocols },
      ...(portMapping.problem === undefined ? {} : { problem: portMapping.problem }),
      ...(portMapping.mapped && {
        mapped: { protocol: portMapping.mapped.protocol, external: formatEndpoint(portMapping.mapped.external) },
      }),
    },
    families: families.map(family => ({
      ...family,
      reflections: family.reflections.map(({ key, to, observed, rtt }) => ({
        key,
        to: formatEndpoint(to),
        observed: formatEndpoint(observed),
        rtt: rounded(rtt),
      })),
    })),
  }
}

export function explained(key: PublicKey, hostname: string | undefined, subject: Subject): AnswerOf<'explain'> {
  const { verdict, reachable, facts, candidates, advice } = explain(subject)
  return {
    key,
    ...(hostname === undefined ? {} : { hostname }),
    ...{ path: subject.view.state, reachable, verdict },
    ...{ facts: [...facts], candidates: [...candidates], advice: [...advice] },
  }
}

/** The path of a member, for `inspect`. */
export function inspectedPath(view: PathView | null, now: Time) {
  if (!view) return { path: 'idle', candidates: [] }
  const { inUse, parked, held, offersSent, offersAnswered, beatsSent, beatsMissed } = view
  return {
    path: view.state,
    details: {
      ...{ inUse, parked, held },
      calls: { sent: offersSent, answered: offersAnswered },
      beats: { sent: beatsSent, missed: beatsMissed },
    },
    candidates: view.candidates.map(({ kind, endpoint, why, rtt, probes, answeredAt }) => ({
      ...{ kind, endpoint: formatEndpoint(endpoint), state: why, probes },
      ...(rtt === null ? {} : { rtt: rounded(rtt) }),
      ...(answeredAt === null ? {} : { answered: Math.round((now - answeredAt) / second) }),
    })),
  }
}
