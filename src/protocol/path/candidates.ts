/**
 * The candidates of one peer: one for each endpoint, however many sources name it, and no more for each source than `room` says.
 * What the endpoint in use is stays, whatever its sources say.
 */

import { type Endpoint, formatEndpoint, parseAddress } from '../../base/ip.ts'
import {
  type Candidate,
  type Kind,
  type Named,
  type Refusal,
  refusal,
  refusalHere,
  type Source,
  type Surroundings,
} from './candidate.ts'
import { room } from './constants.ts'

/** Who only sees packets come, or once did: of a relay's port that says nothing new. */
const watchers: readonly Source[] = ['heard', 'tunnel', 'cache', 'spray', 'lan']

/** Refused endpoints that are remembered, for people who wonder. */
const refusedKept = 8

export class Candidates {
  readonly #byEndpoint = new Map<string, Candidate>()
  /** The order in which each source named its endpoints: the oldest gives way. */
  readonly #bySource = new Map<Source, Candidate[]>()
  readonly #refused = new Map<string, Refusal>()
  #lastId = 0

  get all(): Candidate[] {
    return [...this.#byEndpoint.values()]
  }

  get size(): number {
    return this.#byEndpoint.size
  }

  get refused(): ReadonlyMap<string, Refusal> {
    return this.#refused
  }

  at(endpoint: Endpoint): Candidate | undefined {
    return this.#byEndpoint.get(formatEndpoint(endpoint))
  }

  withId(id: number): Candidate | undefined {
    for (const candidate of this.#byEndpoint.values()) if (candidate.id === id) return candidate
    return undefined
  }

  /** What a source says now; what it said before and does not say any more is forgotten. @returns those that are new to us */
  replace(source: Source, wanted: readonly Named[], around: Surroundings, keep: Candidate | null): Candidate[] {
    const good = wanted.filter(({ endpoint }) => this.#judge(endpoint, around)).slice(0, room[source])
    const texts = new Set(good.map(({ endpoint }) => formatEndpoint(endpoint)))
    const gone = (this.#bySource.get(source) ?? []).filter(old => !texts.has(formatEndpoint(old.endpoint)))
    for (const old of gone) this.#release(source, old, keep)
    return good.flatMap(({ kind, endpoint }) => this.#put(source, kind, endpoint, keep))
  }

  /** One more endpoint from a source; the oldest of that source makes room. @returns the candidate, and whether it is new; `null`: refused */
  add(
    source: Source,
    kind: Kind,
    endpoint: Endpoint,
    around: Surroundings,
    keep: Candidate | null,
  ): { candidate: Candidate; fresh: boolean } | null {
    if (!this.#judge(endpoint, around)) return null
    const fresh = this.#put(source, kind, endpoint, keep).length > 0
    return { candidate: this.at(endpoint)!, fresh }
  }

  /** Endpoints that our own surroundings forbid now. */
  sift(around: Surroundings): void {
    for (const candidate of this.#byEndpoint.values()) {
      const why = refusalHere(candidate.endpoint, around)
      if (!why) continue
      this.#refuse(candidate.endpoint, why)
      for (const source of candidate.sources.keys()) this.#release(source, candidate, null)
      this.drop(candidate)
    }
  }

  /** Forgets what no file says. */
  forgetLearnt(): void {
    for (const candidate of this.#byEndpoint.values()) candidate.relayed = false
    for (const source of [...this.#bySource.keys()]) {
      if (source !== 'file') for (const old of [...this.#bySource.get(source)!]) this.#release(source, old, null)
    }
    for (const [text, candidate] of this.#byEndpoint) if (candidate.sources.size === 0) this.#byEndpoint.delete(text)
    this.#refused.clear()
  }

  /** The endpoint is not in use any more: where no source names it, it goes. */
  drop(candidate: Candidate): void {
    if (candidate.sources.size === 0) this.#byEndpoint.delete(formatEndpoint(candidate.endpoint))
  }

  #judge(endpoint: Endpoint, around: Surroundings): boolean {
    // a name is no address yet, and other spellings of an address would count as other endpoints
    if (parseAddress(endpoint.host) !== endpoint.host) return false
    const why = refusal(endpoint, around)
    if (why) this.#refuse(endpoint, why)
    else if (this.#refused.size > 0) this.#refused.delete(formatEndpoint(endpoint))
    return why === null
  }

  #refuse(endpoint: Endpoint, why: Refusal): void {
    const text = formatEndpoint(endpoint)
    this.#refused.delete(text)
    this.#refused.set(text, why)
    if (this.#refused.size > refusedKept) this.#refused.delete(this.#refused.keys().next().value!)
  }

  #put(source: Source, kind: Kind, endpoint: Endpoint, keep: Candidate | null): Candidate[] {
    const known = this.at(endpoint)
    const candidate = known ?? this.#create(endpoint)
    if (source === 'relay') this.#isRelay(candidate, keep)
    else if (candidate.relayed && watchers.includes(source)) return []
    candidate.sources.set(source, kind)
    const named = (this.#bySource.get(source) ?? []).filter(each => each !== candidate)
    named.push(candidate)
    this.#bySource.set(source, named)
    while (named.length > room[source]) this.#release(source, named[0]!, keep)
    return known ? [] : [candidate]
  }

  /** What was taken for a place of the peer is the port of a relay. */
  #isRelay(candidate: Candidate, keep: Candidate | null): void {
    candidate.relayed = true
    candidate.sources.set('relay', 'relayed')
    for (const watcher of watchers) this.#release(watcher, candidate, keep)
  }

  #create(endpoint: Endpoint): Candidate {
    do this.#lastId = (this.#lastId + 1) & 0xffff
    while (this.withId(this.#lastId))
    const candidate: Candidate = {
      id: this.#lastId,
      endpoint: { host: endpoint.host, port: endpoint.port },
      sources: new Map(),
      relayed: false,
      climb: null,
      tried: false,
      probes: 0,
      lastProbeAt: null,
      answeredAt: null,
      lastAnswerAt: null,
      rtt: null,
      why: 'not tried yet',
      whyAt: null,
    }
    this.#byEndpoint.set(formatEndpoint(endpoint), candidate)
    return candidate
  }

  #release(source: Source, candidate: Candidate, keep: Candidate | null): void {
    candidate.sources.delete(source)
    const named = this.#bySource.get(source) ?? []
    const at = named.indexOf(candidate)
    if (at >= 0) named.splice(at, 1)
    if (candidate.sources.size === 0 && candidate !== keep) this.#byEndpoint.delete(formatEndpoint(candidate.endpoint))
  }
}
