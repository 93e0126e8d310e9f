/** One candidate's story for people: who named it, what was tried, what came back; and what its silence suggests. */

import { familyOf, formatEndpoint } from '../../base/ip.ts'
import { isGuest } from '../carrier/guest.ts'
import { guestWords } from '../carrier/words.ts'
import { span } from '../nat/words.ts'
import { onLink } from './candidate.ts'
import { isUnseen } from './cause.ts'
import type { Subject } from './explain.ts'
import { isUp } from './life.ts'
import { isPrivate } from './own-endpoints.ts'
import type { CandidateView } from './view.ts'

type About = Pick<Subject, 'name' | 'now' | 'ours' | 'theirs' | 'view' | 'heard' | 'asked'>

function namedBy({ kind, sources, endpoint }: CandidateView, name: string): string {
  if (isGuest(endpoint.host)) return `only a name: what leads to ${name} is ${guestWords}`
  const by = sources.includes('offer') ? `${name} says so now` : `${name}'s record says so`
  const words: Record<CandidateView['kind'], string> = {
    lan: 'announced on this link',
    fixed: sources.includes('file') ? 'written in the file' : `written in ${name}'s file`,
    host: `an address of ${name}'s machine (${by})`,
    mapped: `forwarded by ${name}'s router (${by})`,
    reflexive: `where others see ${name} (${by})`,
    cached: 'where it was the last time',
    heard: `where PINGs of ${name} came from`,
    roamed: `where WireGuard heard ${name}`,
    punched: 'a port that was guessed',
    relayed: `a relay that passes all on to ${name}`,
  }
  return words[kind]
}

/** `where others see b (b's record says so): 6 PINGs, the last 12 s ago, no answer; …` */
export function accountOf(candidate: CandidateView, about: About): string {
  const said = [`${namedBy(candidate, about.name)}: ${outcome(candidate, about)}`]
  const reason = silenceOf(candidate, about)
  if (reason) said.push(reason.words)
  return said.join('; ')
}

function outcome(
  { why, rtt, probes, lastProbeAt, answeredAt, endpoint }: CandidateView,
  { name, now, ours }: About,
): string {
  const sent = `${probes} PING${probes === 1 ? '' : 's'}`
  const tried = lastProbeAt === null ? sent : `${sent}, the last ${span(now - lastProbeAt)} ago`
  const took = rtt === null ? '' : ` in ${rtt.toFixed(rtt < 10 ? 1 : 0)} ms`
  const answered = answeredAt === null ? '' : `answered ${span(now - answeredAt)} ago${took}`
  switch (why) {
    case 'in use':
      return answered ? `in use; ${answered}` : 'in use; WireGuard has a session there, no PING was answered'
    case 'not tried yet':
      return probes === 0 ? 'not tried yet' : tried
    case 'being tried':
      return `${tried}, still waiting`
    case 'no answer':
      return `${tried}, no answer`
    case 'stopped answering':
      return `${tried}, no answer${answered ? `; it ${answered}` : ''}`
    case 'answered, another ranks better':
      return `${answered || 'answered'}; the one in use ranks better`
    case 'answered, another is as good':
      return `${answered || 'answered'}; no better than the one in use`
    case 'answered, nobody uses the peer':
      return `${answered || 'answered'}; nobody uses it now, and the next packet tries it first`
    case 'not tried, one that ranks better answers':
      return 'not tried, because one that ranks better answers'
    case 'not tried, nobody asks for the peer':
      return `not tried, because nobody uses ${name} now: relays carry only what somebody needs`
    case 'no probes left for now':
      return `${tried}; no more PINGs to this member for now`
    case 'no IPv4 here':
    case 'no IPv6 here':
      return `not tried: ${ours.name} has no IPv${familyOf(endpoint.host)} address`
  }
}

type Silence = { readonly words: string; readonly advice?: string }

/** What is the matter with a candidate that does not answer, where the peer is known to be up. */
function silenceOf({ endpoint, why, kind, answeredAt }: CandidateView, about: About): Silence | null {
  const { name, ours, theirs, view } = about
  if (why !== 'no answer' && why !== 'stopped answering') return null
  // neither its place nor its firewall says anything of the peer's
  if (kind === 'relayed') {
    return { words: `the relay is away, lets one of the two not in, or ${name} has not come to it` }
  }
  const { host, port } = endpoint
  if (isPrivate(host)) {
    if (!onLink(host, ours.around)) return { words: 'a private address of another network leads nowhere from here' }
    const sites = theirs?.endpoints.filter(each => each.kind === 'reflexive').map(each => each.endpoint.host) ?? []
    const shared = sites.some(site => ours.reflexive.some(own => own.host === site))
    if (sites.length > 0 && ours.reflexive.length > 0 && !shared) {
      return { words: `${ours.name}'s network uses the same private range, but ${name} is behind another router` }
    }
  }
  if (answeredAt !== null || !isUp(about)) return null
  const direct = view.state === 'direct'
  if (onLink(host, ours.around)) {
    if (isPrivate(host) && isUnseen(theirs)) {
      return { words: `a private address: of ${ours.name}'s own link, or of another network that has the same range` }
    }
    const gain = direct ? 'a path on the link itself' : 'a direct path'
    return {
      words: `on ${ours.name}'s own link, and silent though ${name} is up`,
      ...(direct && onLink(view.endpoint!.host, ours.around)
        ? {}
        : { advice: `${name}'s host firewall closes UDP ${port}: opening it would give ${gain}` }),
    }
  }
  // where there is no NAT, or the port is forwarded, nothing but a firewall can be in the way
  const open = kind === 'fixed' || kind === 'mapped' || (kind === 'host' && theirs?.nat === 'none')
  if (!open) return null
  return {
    words: `silent though ${name} is up`,
    ...(direct
      ? {}
      : {
          advice: `something before ${name} drops UDP at ${formatEndpoint(endpoint)}: opening it would give a direct path`,
        }),
  }
}

export function hintOf(candidate: CandidateView, about: About): string | null {
  return silenceOf(candidate, about)?.advice ?? null
}
