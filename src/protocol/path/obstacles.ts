/** It is up, for it speaks, and still nothing gets through. */

import { sameEndpoint } from '../../base/ip.ts'
import { placeWords } from '../carrier/words.ts'
import { span } from '../nat/words.ts'
import { because, type Cause, count, opening } from './cause.ts'
import type { Subject } from './explain.ts'
import { calledNow, heardNow, isUp, lastAnswer } from './life.ts'

export function oneWay(subject: Subject): Cause | null {
  const { name, now, view, ours } = subject
  const heard = heardNow(subject)
  const there = view.candidates.find(({ endpoint }) => sameEndpoint(endpoint, heard?.endpoint))
  if (!heard || (there?.why !== 'no answer' && there?.why !== 'stopped answering')) return null
  return because(
    `one way only: packets of ${name} arrive here from ${placeWords(heard.endpoint)}, the last ${span(now - heard.at)} ago, and nothing that is sent there is answered`,
    `something between the two drops what ${ours.name} sends, most likely ${name}'s firewall, or one before it: let UDP in there`,
  )
}

/** One side is behind a hard NAT, the other lets in only who was written to: a port has to be guessed. */
export function guessed(subject: Subject): Cause | null {
  const { name, now, ours, theirs, guessing } = subject
  const isHard = ours.nat === 'endpoint-dependent' ? ours.name : theirs?.nat === 'endpoint-dependent' ? name : null
  if (!isHard || !isUp(subject)) return null
  const [hard, easy] = isHard === name ? [theirs, ours] : [ours, theirs]
  const easyName = isHard === name ? ours.name : name
  const { filtering = 'unknown' } = easy ?? {}
  const strict = filtering === 'address-and-port-dependent'
  // whoever lets in more needs no guesses, unless that was a mistake
  if (!strict && filtering !== 'unknown' && (guessing?.startedAt ?? null) === null) return null
  const before = easy?.nat === 'none' ? `what is before ${easyName}` : `${easyName}'s`
  const pair = `${isHard}'s router maps each destination to another port (endpoint-dependent mapping), and ${before} ${strict ? 'lets' : 'may let'} in only who was written to`
  const openings = [...opening(isHard, hard), ...opening(easyName, easy)]
  if (!guessing)
    return because(`${pair}; ports are not guessed here: birthday probing is off, or nftables is missing`, ...openings)
  const { state, startedAt, endedAt, why } = guessing
  const at = endedAt ?? startedAt
  if (state === 'met' || why === 'met') {
    const when = at === null ? '' : ` ${span(now - at)} ago`
    return because(
      `${pair}: birthday probing has met it${when}, and that path was lost again; ports are guessed anew with one of the next calls`,
      ...openings,
    )
  }
  const probes = `${count(guessing.probes, 'probe')}${guessing.sockets > 0 ? ` at ${count(guessing.sockets, 'open port')}` : ''}`
  if (state !== 'rest') {
    const since = startedAt === null ? '' : `, begun ${span(now - startedAt)} ago`
    const turn =
      state === 'planned' || state === 'waiting'
        ? 'about to begin, or waiting for its turn'
        : `under way${since}, ${probes} so far`
    return because(`${pair}: birthday probing is ${turn}`)
  }
  const tried = at === null ? `was not tried` : `was tried ${span(now - at)} ago, ${probes}`
  return because(
    `${pair}: birthday probing ${tried}${why === 'no answer' ? ', no answer' : ` (${why})`}`,
    ...openings,
    ...(why === 'no answer' ? ['another try comes when one of the two networks changes, or after an hour'] : []),
  )
}

export function upButSilent(subject: Subject): Cause | null {
  const { name, now, view, call, theirs } = subject
  const calledAt = calledNow(subject)
  if (calledAt === null) return null
  const through = call?.homes.filter(({ state }) => state === 'passed').map(each => each.name) ?? []
  const way = through.length > 0 ? ` through ${through.join(', ')}` : ''
  const heard = heardNow(subject)
  const last = lastAnswer(subject)
  const unheard = heard ? '' : `, nor has any PING of ${name} arrived here${last ? ' since' : ''}`
  const before = last ? `; it ${last}` : ''
  return because(
    `${name} was reached${way} and answered ${span(now - calledAt)} ago, so it is up; none of the ${count(view.candidates.length, 'candidate')} answered${unheard}${before}`,
    ...(theirs ? [] : [`wh lookup ${name} shows whether its record can be found`]),
    'something on one of the two sides drops UDP between them: wh netcheck on both shows what each lets in',
    ...spoilt(subject),
    ...openings(subject),
  )
}

function openings({ name, ours, theirs }: Subject): string[] {
  const [own] = opening(ours.name, ours)
  const [other] = opening(name, theirs)
  // one of the two is enough, and one's own is nearer
  return own !== undefined && ours.nat !== 'none' ? [own] : [other ?? own].filter(each => each !== undefined)
}

/** Both sides should meet, by what is known of them. A router that answers for itself what it does not know is one that nobody can tell. */
function spoilt({ name, ours, theirs }: Subject): string[] {
  if (!theirs) return []
  const both = [ours, { ...theirs, name }]
  const strict = both.every(
    ({ filtering }) => filtering === undefined || filtering === 'unknown' || filtering === 'address-and-port-dependent',
  )
  const routers = both.filter(({ nat }) => nat === 'endpoint-independent').map(each => each.name)
  if (!strict || routers.length === 0) return []
  return [
    `a router of ${routers.join(' or ')} that is a Linux machine and only masquerades must drop what nobody asked for on its outside (input chain: iifname OUTSIDE ct state new drop): else it takes the other side's first packet for one to itself, and gives its own side another port`,
  ]
}
