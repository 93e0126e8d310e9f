/** Carriers for people: how a rung is called, what came of each one that was tried, and what it would need. */

import { type Endpoint, formatEndpoint } from '../../base/ip.ts'
import { isGuest } from './guest.ts'
import { type CarriedBy, type Rung, rungs } from './rungs.ts'

type RungName = Rung['name']

/** What became of a rung. */
export type Tried = { readonly rung: RungName; readonly result: string }

/** A node to which a carrier of ours leads. */
export type Server = { readonly name: string; readonly endpoint: Endpoint; readonly rung: CarriedBy }

/** A node to which one was tried. */
export type Climbed = { readonly name: string; readonly endpoint: Endpoint; readonly results: readonly Tried[] }

/** Results that are told apart from what the machine or the network says. */
export const through = 'through'
export const underWay = 'under way'
export const notFirst = 'another was first'

export const rungWords: Readonly<Record<CarriedBy, string>> = {
  tcp: 'TCP',
  wss: 'a WebSocket on TCP port 443',
  proxy: 'a WebSocket through the HTTP proxy',
  webrtc: 'WebRTC',
}

/** Nobody knows by which rung a guest has come. */
export const guestWords = 'a carrier (TCP, WebSocket or WebRTC)'

/** An endpoint; the name of a guest leads nowhere, and says nothing to people. */
export function placeWords(endpoint: Endpoint): string {
  return isGuest(endpoint.host) ? guestWords : formatEndpoint(endpoint)
}

/** `a WebSocket on TCP port 443 through r1, r2` */
export function serverWords(servers: readonly Pick<Server, 'name' | 'rung'>[], preposition = 'through'): string {
  return [...byRung(servers)]
    .map(([rung, some]) => `${rungWords[rung]} ${preposition} ${some.map(({ name }) => name).join(', ')}`)
    .join('; ')
}

function byRung<T extends { readonly rung: CarriedBy }>(all: readonly T[]): Map<CarriedBy, T[]> {
  const names: CarriedBy[] = [...rungs.map(({ name }) => name), 'webrtc']
  const groups = names.map(name => [name, all.filter(({ rung }) => rung === name)] as const)
  return new Map(groups.flatMap(([name, some]) => (some.length === 0 ? [] : [[name, some]])))
}

/** `no answer (r1, r2)`: what came of each rung, be it that nobody tried it. */
export function outcomes(climbed: readonly Pick<Climbed, 'name' | 'results'>[]): { rung: RungName; words: string }[] {
  if (climbed.every(({ results }) => results.length === 0)) return []
  return rungs.map(({ name: rung }) => {
    const names = new Map<string, string[]>()
    for (const { name, results } of climbed) {
      const came = outcome(rung, results)
      names.set(came, [...(names.get(came) ?? []), name])
    }
    const words = [...names].map(([came, some]) => (names.size === 1 ? came : `${came} (${some.join(', ')})`))
    return { rung, words: words.join('; ') }
  })
}

function outcome(rung: RungName, results: readonly Tried[]): string {
  const result = results.find(each => each.rung === rung)?.result
  const found = results.some(each => each.result === through)
  if (result === through) return through
  if (result === underWay || result === notFirst) return found ? 'not through when another was' : underWay
  if (result !== undefined) return `failed: ${failure(result)}`
  if (found) return 'not tried: another was first'
  return rung === 'proxy' ? 'not tried: no HTTP proxy is named in the environment' : 'not tried'
}

/** What the machine says of a connection that was not made, in words; the rest as it came. */
function failure(result: string): string {
  if (/ECONNREFUSED/.test(result)) return 'refused'
  if (/ENETUNREACH|EHOSTUNREACH/.test(result)) return 'no route'
  if (/ETIMEDOUT/.test(result)) return 'no answer'
  return result
}

/** What each rung needs, where none is through. @param climbed nodes that would carry */
export function rungAdvice(climbed: readonly Pick<Climbed, 'name' | 'endpoint'>[]): string[] {
  if (climbed.length === 0) return []
  const names = climbed.map(({ name }) => name).join(' or ')
  const places = climbed.map(({ endpoint }) => formatEndpoint(endpoint)).join(' or ')
  return [
    `TCP let out to ${places} (${names}) would give a relayed path`,
    `so would TCP port 443 let out to ${names}, if it listens there (wh up … web on)`,
    'so would an HTTP proxy, if this network has one: HTTPS_PROXY=http://HOST:PORT in the environment of wh up',
  ]
}
