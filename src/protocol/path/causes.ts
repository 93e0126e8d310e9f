/**
 * The verdict on a path: the first cause that fits, from what is certain to what is only likely. What stands before one explains more.
 *
 *     direct · resting · UDP blocked · nothing known · family missing · two hard NATs · just begun · one way · ports guessed ·
 *     up, and nothing gets through · called, and silent · its homes do not know it · its homes are silent · nobody to call it through
 */

import { familyOf, formatEndpoint } from '../../base/ip.ts'
import { hour, minute, second } from '../../base/time.ts'
import { span } from '../nat/words.ts'
import { sessionLife } from './constants.ts'
import type { Subject } from './explain.ts'
import type { CandidateView, PathView } from './view.ts'

/** A sign of life so recent says that the peer is up now. */
const recent = 1 * minute
/** A hunt so young has no verdict yet: its longest ladder takes so long. */
const young = 5 * second

export type Cause = { readonly words: string; readonly reachable?: true; readonly advice: readonly string[] }
const because = (words: string, ...advice: string[]): Cause => ({ words, advice })

export function causeOf(subject: Subject): Cause {
  const { view, latestHandshake, wall } = subject
  const alive = latestHandshake !== undefined && wall - latestHandshake < sessionLife
  const remembered = view.candidates.some(({ answeredAt, why }) => answeredAt !== null && why !== 'stopped answering')
  const rests = view.state === 'direct' ? view.parked && !view.inUse && !alive : view.state === 'idle' && remembered
  if (rests) return { ...resting(subject), reachable: true }
  if (view.state === 'direct') return { ...direct(subject), reachable: true }
  const causes = [blocked, unknown, otherFamily, bothHard, begun, oneWay, guessed, upButSilent, uncalled]
  for (const cause of causes) {
    const found = cause(subject)
    if (!found) continue
    const rest = view.state === 'idle' ? ' (not looked for now: the first packet begins a new search)' : ''
    return { words: `no path: ${found.words}${rest}`, advice: found.advice }
  }
  return silent(subject)
}

const kindReasons: Record<CandidateView['kind'], string> = {
  lan: 'it is on the same link',
  fixed: 'the file names it',
  host: 'it is an address of its own machine',
  mapped: 'its router forwards this port to it',
  reflexive: 'its NAT lets us in there',
  punched: 'its port was guessed (birthday probing)',
  roamed: 'its packets come from there',
  cached: 'it was there the last time',
  heard: 'its packets came from there',
}

function direct({ name, view }: Subject): Cause {
  const { endpoint, rtt, kind, proof, candidates } = view
  const where = [formatEndpoint(endpoint!), ...(rtt === null || rtt === undefined ? [] : [milliseconds(rtt)])].join(
    ', ',
  )
  const others = candidates.filter(({ why }) => why.startsWith('answered')).length
  const rank =
    others === 0
      ? 'no other candidate has answered'
      : `${count(others, 'other')} answered and rank${others === 1 ? 's' : ''} no better`
  if (proof === 'tunnel') {
    return because(
      `direct, ${where}, because WireGuard has a session there; it answers no PING`,
      `${name} speaks plain WireGuard, or something drops control packets on the way: the end of this path is noticed late, after 16 s`,
    )
  }
  const unsteady =
    kind === 'punched'
      ? [
          `a guessed port lasts as long as the NAT's mapping: port mapping (UPnP, PCP) on the router of either side would make a lasting path`,
        ]
      : []
  return because(`direct, ${where}, because ${kindReasons[kind!]} and it answers; ${rank}`, ...unsteady)
}

function resting({ view, now, name }: Subject): Cause {
  const last = [...view.candidates].sort((a, b) => (b.answeredAt ?? -Infinity) - (a.answeredAt ?? -Infinity))[0]
  const where =
    last && last.answeredAt !== null
      ? `; ${formatEndpoint(last.endpoint)} answered ${span(now - last.answeredAt)} ago`
      : ''
  return because(
    `resting: nobody has used it for ${span(now - view.since)}; the first packet wakes it${where}`,
    ...(view.parked ? [] : [`wh p2p ${name} looks for it now`]),
  )
}

function blocked({ ours, view }: Subject): Cause | null {
  const silence = view.candidates.every(({ answeredAt }) => answeredAt === null)
  if (ours.udp === 'blocked') {
    return because(
      `UDP is blocked in the network of ${ours.name}, so no direct path is possible; a relay would be needed`,
      `let UDP out of the network of ${ours.name}`,
    )
  }
  if (ours.udp !== 'no answer' || !silence) return null
  return because(
    `nothing that ${ours.name} sends by UDP is answered by anybody: UDP is blocked in its network, or it is offline; without UDP a relay would be needed`,
    'another network (a phone as hotspot, for a test) shows whose fault it is; wh netcheck says more',
  )
}

function unknown({ name, view, theirs, ours, latestHandshake, wall }: Subject): Cause | null {
  if (view.candidates.length > 0) return null
  if (view.refused.length > 0) {
    const [{ endpoint, why }] = view.refused as [PathView['refused'][0]]
    return because(`every endpoint that is known of it is refused, as ${endpoint} (${why})`)
  }
  const seen = latestHandshake === undefined ? '' : `; the last session was ${span(wall - latestHandshake)} ago`
  const clock = ours.clockAhead !== null && Math.abs(ours.clockAhead) > hour
  return because(
    theirs
      ? `its record names no endpoint${seen}`
      : `nobody knows where it is: the file has no endpoint, and no boot node or member has a record of it${seen}`,
    ...(clock
      ? [`set the clock of ${ours.name}: a record looks expired, or not valid yet, where the clock is far off`]
      : []),
    `is ${name} up, does its network let UDP out (wh netcheck there), and does it reach a boot node or a member that ${ours.name} reaches, too? wh lookup ${name} shows who was asked`,
  )
}

function otherFamily({ name, view, ours }: Subject): Cause | null {
  if (!view.candidates.every(({ why }) => why === 'no IPv4 here' || why === 'no IPv6 here')) return null
  const missing = familyOf(view.candidates[0]!.endpoint.host)
  return because(
    `${name} has IPv${missing} endpoints only, and ${ours.name} has no IPv${missing} address`,
    `give one of the two what the other has: IPv${missing} to ${ours.name}, or IPv${missing === 4 ? 6 : 4} to ${name}`,
  )
}

const mapping = (name: string) =>
  `port mapping (UPnP, PCP) on ${name}'s router, or UDP forwarded to it by hand, would give a direct path`

function bothHard({ name, ours, theirs }: Subject): Cause | null {
  if (ours.nat !== 'endpoint-dependent' || theirs?.nat !== 'endpoint-dependent') return null
  return because(
    `the routers of ${ours.name} and of ${name} both map each destination to another port (endpoint-dependent mapping): neither port can be known, so no direct path is possible; a relay would be needed`,
    mapping(name),
    mapping(ours.name),
  )
}

function begun({ view, now }: Subject): Cause | null {
  if (view.state !== 'hunting' || view.hunt === 'rest' || now - view.since >= young) return null
  return because(
    `looked for since ${span(now - view.since)}, ${count(view.candidates.length, 'candidate')}; ask again in a few seconds`,
  )
}

function oneWay({ name, view, ours }: Subject): Cause | null {
  const heard = view.candidates.find(({ sources, why }) => sources.includes('heard') && why === 'no answer')
  if (!heard) return null
  return because(
    `one way only: packets of ${name} arrive here from ${formatEndpoint(heard.endpoint)}, and it answers nothing that is sent there`,
    `${name}'s firewall, or one before it, drops what ${ours.name} sends: let UDP in there`,
  )
}

/** One side is behind a hard NAT, the other lets in only who was written to: a port has to be guessed. */
function guessed(subject: Subject): Cause | null {
  const { name, now, ours, theirs, guessing } = subject
  const hard = ours.nat === 'endpoint-dependent' ? ours.name : theirs?.nat === 'endpoint-dependent' ? name : null
  if (!hard || !isUp(subject)) return null
  const [easy, filtering = 'unknown'] = hard === name ? [ours.name, ours.filtering] : [name, theirs?.filtering]
  const strict = filtering === 'address-and-port-dependent'
  // whoever lets in more needs no guesses, unless that was a mistake
  if (!strict && filtering !== 'unknown' && (guessing?.startedAt ?? null) === null) return null
  const pair = `${hard}'s router maps each destination to another port (endpoint-dependent mapping), and ${easy}'s ${strict ? 'lets' : 'may let'} in only who was written to`
  if (!guessing)
    return because(
      `${pair}; ports are not guessed here: birthday probing is off, or nftables is missing`,
      mapping(hard),
    )
  const { state, startedAt, endedAt, why } = guessing
  const probes = `${count(guessing.probes, 'probe')}${guessing.sockets > 0 ? ` at ${count(guessing.sockets, 'open port')}` : ''}`
  if (state !== 'rest') {
    const since = startedAt === null ? '' : `, begun ${span(now - startedAt)} ago`
    const turn =
      state === 'planned' || state === 'waiting'
        ? 'about to begin, or waiting for its turn'
        : `under way${since}, ${probes} so far`
    return because(`${pair}: birthday probing is ${turn}`)
  }
  const at = endedAt ?? startedAt
  const tried =
    at === null
      ? 'birthday probing was not tried'
      : `birthday probing was tried ${span(now - at)} ago, ${probes}, no answer`
  return because(
    `${pair}: ${tried} (${why})`,
    mapping(hard),
    mapping(easy),
    `another try comes when one of the two networks changes, or after an hour`,
  )
}

/** It has spoken lately, whatever way its words came. */
function isUp({ view, now }: Pick<Subject, 'view' | 'now'>): boolean {
  const answers = view.candidates.map(({ answeredAt }) => answeredAt)
  return [view.peerOfferedAt, ...answers].some(at => at !== null && now - at < recent)
}

function upButSilent(subject: Subject): Cause | null {
  const { name, now, view, call, ours, theirs } = subject
  if (view.peerOfferedAt === null || !isUp(subject)) return null
  const through = call?.homes.filter(({ state }) => state === 'passed').map(each => each.name) ?? []
  const way = through.length > 0 ? ` through its home ${through.join(', ')}` : ''
  const unheard = view.candidates.some(({ sources }) => sources.includes('heard'))
    ? ''
    : `, nor has any PING of ${name} arrived here`
  return because(
    `${name} was reached${way} and answered ${span(now - view.peerOfferedAt)} ago, so it is up; none of the ${count(view.candidates.length, 'candidate')} answered${unheard}`,
    ...(theirs ? [] : [`wh lookup ${name} shows whether its record can be found`]),
    `a firewall on one of the two sides drops UDP between them: wh netcheck on both says which`,
    mapping(ours.nat === 'none' ? name : ours.name),
  )
}

function uncalled({ name, now, wall, view, call, theirs, latestHandshake }: Subject): Cause | null {
  const tried = `none of the ${count(view.candidates.length, 'candidate')} answered`
  const seen =
    latestHandshake === undefined ? 'it was never seen' : `it was last seen ${span(wall - latestHandshake)} ago`
  const expired = theirs && theirs.expires < wall ? `, and its record has expired` : ''
  const states = new Map<string, string[]>()
  for (const home of call?.homes ?? []) states.set(home.state, [...(states.get(home.state) ?? []), home.name])
  const named = (state: string) => states.get(state)?.join(', ')
  if (!call || call.homes.length === 0) {
    return because(
      `${tried}, and it has no home through which it could be called: it is off, or something on the way drops UDP; ${seen}${expired}`,
      `is ${name} up? wh show there says how it can be reached`,
    )
  }
  if (named('passed')) {
    return because(
      `${tried}; its home ${named('passed')} passed our call on ${span(now - call.at)} ago, and nothing came back: it went off a moment ago, or its own calls do not reach us; ${seen}`,
    )
  }
  if (named('asked')) return because(`${tried}; it is being called through ${named('asked')}; ask again in a second`)
  if (named('absent') && !named('silent')) {
    return because(
      `${tried}, and ${named('absent')} ${states.get('absent')!.length === 1 ? 'knows' : 'know'} it no more: it is off, or has moved and nobody has its new record yet; ${seen}${expired}`,
      `is ${name} up?`,
    )
  }
  if (named('busy'))
    return because(`${tried}; its home ${named('busy')} has too many calls to pass on now; tried again`)
  return because(
    `${tried}, and nobody answers for it: ${named('silent') ?? named('prove')} ${states.get('absent') ? `silent, ${named('absent')} without it` : 'silent'}; it is off, or its homes are; ${seen}${expired}`,
    `wh ping shows whether a home answers`,
  )
}

function silent({ view }: Subject): Cause {
  return because(`no path: none of the ${count(view.candidates.length, 'candidate')} answered`)
}

const milliseconds = (time: number) => `${time.toFixed(time < 10 ? 1 : 0)} ms`

export const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`
