/**
 * The verdict on a path: the first cause that fits, from what is certain to what is only likely. What stands before one explains more.
 *
 *     direct · relayed · resting · nobody answers us · nothing known · family missing · two hard NATs · just begun · one way · ports guessed ·
 *     up, and nothing gets through · called, and silent · its homes do not know it · its homes are silent · nobody to call it through
 */

import { familyOf, formatEndpoint } from '../../base/ip.ts'
import { second } from '../../base/time.ts'
import { span } from '../nat/words.ts'
import { uncalled, unknown } from './absence.ts'
import { because, type Cause, count, opening } from './cause.ts'
import { sessionLife } from './constants.ts'
import type { Subject } from './explain.ts'
import { isMute, isUp, lastAnswer } from './life.ts'
import { guessed, oneWay, upButSilent } from './obstacles.ts'
import type { CandidateView, PathView } from './view.ts'

/** A hunt so young has no verdict yet: its longest ladder takes so long. */
const young = 5 * second

export function causeOf(subject: Subject): Cause {
  const { view, latestHandshake, wall, asked } = subject
  const alive = latestHandshake !== undefined && wall - latestHandshake < sessionLife
  const remembered = view.candidates.some(({ answeredAt, why }) => answeredAt !== null && why !== 'stopped answering')
  const rests = view.state === 'direct' ? view.parked && !view.inUse && !alive : view.state === 'idle' && remembered
  // a path that was good a moment ago, or is remembered, is none where we hear nobody
  const deaf = asked?.answers === false && asked.others.length > 0 ? mute(subject) : null
  if (deaf) return { ...deaf, words: `no path: ${deaf.words}` }
  if (rests) return { ...resting(subject), reachable: true }
  if (view.state === 'direct' && asked?.answers === false) return doubtful(subject)
  if (view.state === 'direct') return { ...(view.relayed ? relayed(subject) : direct(subject)), reachable: true }
  const causes = [mute, unknown, otherFamily, bothHard, begun, oneWay, guessed, upButSilent]
  const found = causes.reduce<Cause | null>((before, cause) => before ?? cause(subject), null) ?? uncalled(subject)
  const rest = view.state === 'idle' ? ' (not looked for now: the first packet begins a new search)' : ''
  return { words: `no path: ${found.words}${rest}`, advice: found.advice }
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
  relayed: 'a relay passes all on to it',
}

/** Where the path leads, and how long a round trip takes. */
function placeOf({ endpoint, rtt }: PathView): string {
  return [formatEndpoint(endpoint!), ...(rtt === null || rtt === undefined ? [] : [milliseconds(rtt)])].join(', ')
}

function direct({ name, view }: Subject): Cause {
  const { kind, proof, candidates } = view
  const where = placeOf(view)
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

/** There is a path, and it is a detour: why no direct one was found is what a person asks. */
function relayed(subject: Subject): Cause {
  const { view, relay, now, name, ours, theirs } = subject
  const where = relay === undefined ? placeOf(view) : `${relay} at ${placeOf(view)}`
  const candidates = view.candidates.filter(({ kind }) => kind !== 'relayed')
  const others = { ...subject, view: { ...view, candidates } }
  const causes = candidates.length > 0 ? [otherFamily, bothHard, oneWay, guessed] : []
  const found = causes.map(cause => cause(others)).find(cause => cause !== null)
  const none =
    candidates.length === 0
      ? 'no place of its own is known'
      : `none of ${count(candidates.length, 'direct candidate')} answers`
  const left = view.directAt === undefined ? null : Math.max(0, view.directAt - now)
  const next =
    left !== null
      ? `tried next in ${span(left)}`
      : view.hunt === 'rest'
        ? 'tried when somebody uses it'
        : 'being tried now'
  return because(
    `relayed through ${where}, because ${found?.words ?? none}; a direct path is ${next}`,
    ...(found?.advice ?? (candidates.length === 0 ? [] : [...opening(name, theirs), ...opening(ours.name, ours)])),
  )
}

/** It was direct, and does not answer now: whether that is the end of it will be known in seconds, where somebody uses it. */
function doubtful(subject: Subject): Cause {
  return because(
    `in doubt: it ${lastAnswer(subject) ?? 'had a session'}, and not to the PINGs of this moment`,
    `ask again in a few seconds; wh p2p ${subject.name} looks for it now`,
  )
}

function resting(subject: Subject): Cause {
  const { view, now, name, asked } = subject
  const last = lastAnswer(subject)
  const there = !last
    ? ''
    : asked?.answers === false
      ? `; it ${last}, and does not answer there now`
      : `; it ${last}${asked?.answers ? ', and answers now' : ''}`
  const wake = `wh p2p ${name} looks for it now`
  return because(
    `resting: ${view.state === 'idle' ? `nobody has used it for ${span(now - view.since)}` : 'nobody uses it now'}; the first packet wakes it${there}`,
    ...(asked?.answers === false ? [`it is off, or a NAT on the way has forgotten it: ${wake}`] : []),
    ...(asked?.answers === false || view.parked ? [] : [wake]),
  )
}

/** Nobody answers us, whoever was asked: then nothing can be said of the peer. */
function mute(subject: Subject): Cause | null {
  const { ours, asked } = subject
  const blocked = ours.udp === 'blocked' && !asked?.answered && !isUp(subject)
  if (!blocked && !isMute(subject)) return null
  if (blocked) {
    return because(
      `UDP is blocked in the network of ${ours.name}, so no direct path is possible; a relay would be needed`,
      `let UDP out of the network of ${ours.name}`,
    )
  }
  const others = asked?.others ?? []
  const [who, or] =
    others.length > 0
      ? [
          ` (${others.join(', ')}: asked just now)`,
          `, or ${others.length === 1 ? 'that node is' : 'those nodes are'} down`,
        ]
      : ['', ', or those nodes are down']
  const last = lastAnswer(subject)
  return because(
    `nothing that ${ours.name} sends by UDP is answered by anybody${who}: UDP is blocked in its network, or it is offline${or}; without UDP a relay would be needed${last ? `; ${subject.name} ${last}` : ''}`,
    'another network (a phone as hotspot, for a test) shows whose fault it is; wh netcheck says more',
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

function bothHard({ name, view, ours, theirs }: Subject): Cause | null {
  if (ours.nat !== 'endpoint-dependent' || theirs?.nat !== 'endpoint-dependent') return null
  const relays = view.candidates.some(({ kind }) => kind === 'relayed')
    ? 'none of its relays answers'
    : 'a relay would be needed'
  return because(
    `the routers of ${ours.name} and of ${name} both map each destination to another port (endpoint-dependent mapping): neither port can be known, so no direct path is possible${view.relayed ? '' : `; ${relays}`}`,
    ...opening(name, theirs),
    ...opening(ours.name, ours),
  )
}

function begun(subject: Subject): Cause | null {
  const { view, now } = subject
  if (view.state !== 'hunting' || view.hunt === 'rest' || now - view.since >= young) return null
  const last = lastAnswer(subject)
  return because(
    `${last ? `it ${last}; ` : ''}looked for since ${span(now - view.since)}, ${count(view.candidates.length, 'candidate')}; ask again in a few seconds`,
  )
}

const milliseconds = (time: number) => `${time.toFixed(time < 10 ? 1 : 0)} ms`
