/**
 * The verdict on a path: the first cause that fits, from what is certain to what is only likely. What stands before one explains more.
 *
 *     direct · relayed · resting · nobody answers us · nothing known · family missing · two hard NATs · just begun · one way · ports guessed ·
 *     up, and nothing gets through · called, and silent · its homes do not know it · its homes are silent · nobody to call it through
 */

import { type Endpoint, familyOf } from '../../base/ip.ts'
import { second } from '../../base/time.ts'
import { isGuest } from '../carrier/guest.ts'
import { guestWords, placeWords, rungAdvice, rungWords } from '../carrier/words.ts'
import { span } from '../nat/words.ts'
import { uncalled, unknown } from './absence.ts'
import { because, type Cause, count, isUnseen, lettingOut, opening } from './cause.ts'
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

/** By what carrier datagrams get there, if not by UDP. */
function carrierTo(endpoint: Endpoint, { carried }: Subject): string | null {
  const server = carried?.by.find(each => each.endpoint.host === endpoint.host)
  if (!server) return null
  return server.rung === 'tcp' ? `TCP port ${server.endpoint.port}` : rungWords[server.rung]
}

const roundTrip = ({ rtt }: PathView) => (rtt === null || rtt === undefined ? [] : [milliseconds(rtt)])

/** How the member itself is reached, where that is, and how long a round trip takes. */
function directWay(subject: Subject): string {
  const { view } = subject
  const endpoint = view.endpoint!
  const carrier = carrierTo(endpoint, subject)
  if (isGuest(endpoint.host)) {
    const how = carrier
      ? `by ${carrier} (UDP does not get out here)`
      : `by ${guestWords} that ${subject.name} has opened here`
    return [`direct, ${how}`, ...roundTrip(view)].join(', ')
  }
  const how = carrier ? `by ${carrier} (UDP does not get out here)` : 'direct'
  return [how, placeWords(endpoint), ...roundTrip(view)].join(', ')
}

function direct(subject: Subject): Cause {
  const { name, view, ours } = subject
  const { kind, proof, candidates } = view
  const way = directWay(subject)
  const others = candidates.filter(({ why }) => why.startsWith('answered')).length
  const rank =
    others === 0
      ? 'no other candidate has answered'
      : `${count(others, 'other')} answered and rank${others === 1 ? 's' : ''} no better`
  if (proof === 'tunnel') {
    return because(
      `${way}, because WireGuard has a session there; it answers no PING`,
      `${name} speaks plain WireGuard, or something drops control packets on the way: the end of this path is noticed late, after 16 s`,
    )
  }
  const isCarried = isGuest(view.endpoint!.host)
  const reason = isCarried ? 'it leads past the relay' : kindReasons[kind!]
  const unsteady =
    kind === 'punched' && !isCarried
      ? [
          `a guessed port lasts as long as the NAT's mapping: port mapping (UPnP, PCP) on the router of either side would make a lasting path`,
        ]
      : []
  const udp = carrierTo(view.endpoint!, subject) ? [lettingOut(ours)] : []
  return because(`${way}, because ${reason} and it answers; ${rank}`, ...unsteady, ...udp)
}

/** There is a path, and it is a detour: why no direct one was found is what a person asks. */
function relayed(subject: Subject): Cause {
  const { view, relay, now, ours } = subject
  const carrier = carrierTo(view.endpoint!, subject)
  const where = [
    `${relay === undefined ? '' : `${relay} at `}${placeWords(view.endpoint!)}`,
    ...(carrier ? [`by ${carrier} (UDP does not get out here)`] : []),
    ...roundTrip(view),
  ].join(', ')
  const candidates = view.candidates.filter(({ kind }) => kind !== 'relayed')
  const others = { ...subject, view: { ...view, candidates } }
  // what NATs do matters to UDP alone
  const causes = candidates.length > 0 && !carrier ? [otherFamily, bothHard, oneWay, guessed] : []
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
    ...(carrier ? [lettingOut(ours)] : (found?.advice ?? (candidates.length === 0 ? [] : detourAdvice(subject)))),
  )
}

/** What would make a relay superfluous, where only the two sides' routers are in the way. */
function detourAdvice({ name, ours, theirs }: Subject): string[] {
  if (isUnseen(theirs)) return [`let UDP out of the network of ${name}, if wh netcheck there says that it is blocked`]
  return [...opening(name, theirs), ...opening(ours.name, ours)]
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
  const { ours, asked, carried } = subject
  const { by = [], tried = [] } = carried ?? {}
  const blocked = ours.udp === 'blocked' && by.length === 0 && !asked?.answered && !isUp(subject)
  if (!blocked && !isMute(subject)) return null
  const rungless = by.length === 0 && tried.some(({ results }) => results.length > 0)
  const open = rungless ? [lettingOut(ours), ...rungAdvice(tried)] : []
  if (blocked) {
    return because(
      `UDP is blocked in the network of ${ours.name}, so no direct path is possible, and no carrier leads to a node that would relay`,
      ...(open.length > 0 ? open : [`let UDP out of the network of ${ours.name}`]),
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
  const before = last ? `; ${subject.name} ${last}` : ''
  const elsewhere = 'another network (a phone as hotspot, for a test) shows whose fault it is; wh netcheck says more'
  if (rungless) {
    return because(
      `nothing that ${ours.name} sends is answered by anybody${who}, neither by UDP nor in a carrier (TCP or WebSocket): its network blocks all of that, or it is offline${or}${before}`,
      ...open,
      elsewhere,
    )
  }
  const carriers = by.length > 0 ? 'its carriers bring no answer either' : 'no carrier is up yet'
  return because(
    `nothing that ${ours.name} sends by UDP is answered by anybody${who}: UDP is blocked in its network, or it is offline${or}; ${carriers}${before}`,
    elsewhere,
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
