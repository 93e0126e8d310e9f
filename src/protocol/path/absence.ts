/** It does not speak: nobody knows where it is, or it is off, or its network is. */

import { hour } from '../../base/time.ts'
import { span } from '../nat/words.ts'
import { because, type Cause, count } from './cause.ts'
import type { Subject } from './explain.ts'
import { lastAnswer } from './life.ts'
import type { PathView } from './view.ts'

export function unknown({ name, view, theirs, ours, latestHandshake, wall }: Subject): Cause | null {
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

export function uncalled(subject: Subject): Cause {
  const { name, now, wall, view, call, theirs, latestHandshake } = subject
  const last = lastAnswer(subject)
  const tried = last
    ? `it ${last}, and nothing of it has come since`
    : `none of the ${count(view.candidates.length, 'candidate')} answered`
  const seen =
    latestHandshake === undefined ? 'it was never seen' : `it was last seen ${span(wall - latestHandshake)} ago`
  const expired = theirs && theirs.expires < wall ? `, and its record has expired` : ''
  const states = new Map<string, string[]>()
  for (const home of call?.homes ?? []) states.set(home.state, [...(states.get(home.state) ?? []), home.name])
  const named = (state: string) => states.get(state)?.join(', ')
  if (!call || call.homes.length === 0) {
    return because(
      `${tried}; it has no home through which it could be called: it is off, or its network is, or something on the way drops UDP; ${seen}${expired}`,
      `is ${name} up? wh show there says how it can be reached`,
    )
  }
  if (named('passed')) {
    return because(
      `${tried}; ${named('passed')} passed our call on ${span(now - call.at)} ago, and nothing came back: it went off in the last two minutes, or its network did, or its own calls do not reach us; ${seen}`,
      `is ${name} up? wh show and wh netcheck there say how it can be reached`,
    )
  }
  if (named('asked')) return because(`${tried}; it is being called through ${named('asked')}; ask again in a second`)
  if (named('absent') && !named('silent')) {
    return because(
      `${tried}; ${named('absent')} ${states.get('absent')!.length === 1 ? 'knows' : 'know'} it no more: it is off, or has moved and nobody has its new record yet; ${seen}${expired}`,
      `is ${name} up?`,
    )
  }
  if (named('busy')) return because(`${tried}; ${named('busy')} has too many calls to pass on now; tried again`)
  return because(
    `${tried}; nobody answers for it: ${named('silent') ?? named('prove')} ${states.get('absent') ? `silent, ${named('absent')} without it` : 'silent'}; it is off, or its network is, or its homes are; ${seen}${expired}`,
    `wh ping shows whether a home answers`,
  )
}
