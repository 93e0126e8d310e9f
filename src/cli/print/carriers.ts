/** Carriers for people: by what this node gets out where UDP does not, and what was tried. */

import type { AnswerOf } from '../../api/schema.ts'
import { parseEndpoint } from '../../base/ip.ts'
import { guestWords, outcomes, placeWords, rungWords, serverWords } from '../../protocol/carrier/words.ts'

type Carriers = AnswerOf<'status'>['carriers']
type Way = AnswerOf<'explain'>['by']
type Named = { readonly hostname?: string | undefined; readonly key: string }

const nameOf = ({ hostname, key }: Named) => hostname ?? `${key.slice(0, 10)}…`
const named = <T extends Named>(all: readonly T[]) => all.map(each => ({ ...each, name: nameOf(each) }))

/** By what it gets out; `null` where UDP does. */
export function carriedWords({ own, tried }: Carriers): string | null {
  if (own.length > 0) return `by ${serverWords(named(own))}; UDP does not get out`
  const came = tried.some(({ results }) => results.length > 0)
  return came ? 'by nothing: no answer by UDP, and no carrier is through; wh netcheck says what was tried' : null
}

/** An endpoint, and by what carrier. The address of a guest is only a name. */
export function byWords(endpoint: string, by: Way): string {
  if (by === 'guest') return `by ${guestWords}`
  if (by === 'webrtc') return `by ${rungWords.webrtc}`
  return by ? `${endpoint} by ${by}` : endpoint
}

/** An endpoint, unless it is only the name of a guest. */
export function placeText(text: string): string {
  const endpoint = parseEndpoint(text)
  return endpoint ? placeWords(endpoint) : text
}

const rungNames = { ...rungWords, tcp: 'TCP to the number of the UDP port' }

/** A line for each rung: what came of it. */
export function rungRows({ tried }: Carriers): [string, string][] {
  return outcomes(named(tried)).map(({ rung, words }) => [rung, `${rungNames[rung]}: ${words}`])
}
