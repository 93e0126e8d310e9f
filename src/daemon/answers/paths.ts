/** What the daemon answers on networks and paths: `netcheck`, `explain`, and the paths of `inspect`. */

import type { AnswerOf } from '../../api/schema.ts'
import { formatEndpoint } from '../../base/ip.ts'
import { second, type Time } from '../../base/time.ts'
import type { PublicKey } from '../../protocol/identity/key.ts'
import type { PortMapping, Report } from '../../protocol/nat/classify.ts'
import { meaning } from '../../protocol/nat/words.ts'
import { explain, type Subject } from '../../protocol/path/explain.ts'
import type { PathView } from '../../protocol/path/view.ts'
import { rounded } from './record.ts'
import type { Relaying } from './relay.ts'

/** @param mapping whether the router may be asked for a port, and whether the file names an endpoint of this node */
export function netchecked(
  report: Report,
  mapping: { readonly allowed: boolean; readonly fixed: boolean },
  relaying: Relaying,
  carriers: AnswerOf<'netcheck'>['carriers'],
): AnswerOf<'netcheck'> {
  const { families, hairpins, firewall, lifetime, clockAhead, port } = report
  const portMapping = report.portMapping ?? (mapping.allowed ? unasked(report, mapping.fixed) : null)
  return {
    ...{ port, hairpins, firewall, lifetime, clockAhead, relaying, carriers },
    meaning: meaning(report, carriersIn(carriers)),
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

/** As the protocol's words have them. */
function carriersIn({ own, tried, missing }: AnswerOf<'netcheck'>['carriers']) {
  const name = ({ hostname, key }: { hostname?: string | undefined; key: string }) => hostname ?? `${key.slice(0, 10)}…`
  return {
    by: own.map(server => ({ name: name(server), rung: server.rung })),
    tried: tried.map(climb => ({ name: name(climb), results: climb.results })),
    missing,
  }
}

/** Why the router was not asked, where nobody has forbidden it. */
function unasked({ families }: Report, fixed: boolean): PortMapping {
  const working = families.filter(({ udp }) => udp === 'works')
  const problem = fixed
    ? 'not needed: the file names an endpoint of this node'
    : working.some(({ mapping }) => mapping === 'none')
      ? 'not needed: there is no NAT'
      : working.length > 0
        ? 'not asked yet'
        : 'not asked: nobody has told yet whether there is a NAT'
  return { state: 'off', gateway: null, protocols: {}, problem }
}

export function explained(key: PublicKey, hostname: string | undefined, subject: Subject): AnswerOf<'explain'> {
  const { verdict, reachable, facts, candidates, advice } = explain(subject)
  return {
    key,
    ...(hostname === undefined ? {} : { hostname }),
    ...{ path: subject.view.state, reachable, verdict },
    ...(subject.view.relayed && { relayed: true }),
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
      ...(view.relayed && { relayed: true }),
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
