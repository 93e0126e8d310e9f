/**
 * What kind of network this node is in, found out by asking: for its own record soon after the start and after each change of network,
 * and for a person who asks.
 *
 *     a reflector has answered ──300 ms──▶ look ──▶ facts        moved: all is forgotten, and looked at again
 *
 * Whether a filter lets in answers from elsewhere can be told only by a place that we never wrote to; so filtering is tested before
 * anything is sent to a reflector's other port, and what was found out stays until the network changes.
 */

import { type Address, type Endpoint, type Family, familyOf, formatEndpoint } from '../base/ip.ts'
import type { Logger } from '../base/log.ts'
import { minute, second, type Time, type WallTime } from '../base/time.ts'
import type { ControlPort } from '../drivers/control/port.ts'
import type { NodeRecord } from '../protocol/directory/record.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import { type Lifetime, middleOf, type PortMapping, type Report } from '../protocol/nat/classify.ts'
import { absentFamily, onLink, refusal, type Surroundings } from '../protocol/path/candidate.ts'
import { isPrivate } from '../protocol/path/own-endpoints.ts'
import { type Found, families, type NatFacts, NatFindings } from './nat-findings.ts'
import {
  type Answer,
  reflect,
  reflectFromOtherPort,
  type TestParts,
  testFilter,
  testHairpin,
  testMtu,
} from './nat-tests.ts'
import type { Place } from './offers.ts'

export type { NatFacts } from './nat-findings.ts'

type Seen = (key: PublicKey, from: Endpoint, sighting: { observed: Endpoint; clock: WallTime }) => void

export type NetcheckParts = TestParts & {
  readonly log: Logger
  readonly port: () => ControlPort | null
  readonly around: () => Surroundings
  /** Nodes that answer and that anybody can reach: boot nodes, homes, members. The best first. */
  readonly reflectors: () => readonly Place[]
  readonly record: (key: PublicKey) => NodeRecord | null
  /** Addresses to which this node may have sent something: of members and boot nodes. */
  readonly spoken: () => Iterable<Address>
  /** A reflector has told where it sees us. */
  readonly seen: Seen
  /** The same, seen from a port that only answers questions of this kind. */
  readonly seenFromOtherPort: Seen
  /** Facts are others now. */
  readonly changed: () => void
  /** Other nodes are reached by TCP now. */
  readonly overTcp: () => boolean
  readonly lifetime: () => Lifetime | null
  readonly portMapping: () => PortMapping | null
  readonly firewall: () => Report['firewall']
}

/** Others may answer a moment after the first one. */
const lookAfter: Time = 300
/** Looks by itself in one network: each new reflector may tell what the others could not. */
const looksMost = 6
const lookAgain: Time = 5 * second
/** Where nobody answers so long, that is worth knowing, too. */
const silence: Time = 5 * second
/** Reflectors asked in each family. */
const reflectorsAsked = 4
/** A filter stays open for a place that was written to for as long as the mapping: minutes (RFC 4787 REQ-5). */
const filterOpen: Time = 10 * minute

export class Netcheck {
  readonly #parts: NetcheckParts
  readonly #findings: NatFindings
  /** Other ports of reflectors, and when we sent something there. */
  readonly #written = new Map<string, Time>()
  /** Changes with the network: what was asked before is of another one. */
  #network = 0
  #looks = 0
  #lookedAt: Time = Number.NEGATIVE_INFINITY
  readonly #asked = new Set<Address>()
  #timer: { cancel(): void; readonly at: Time } | null = null
  #last: Promise<unknown> = Promise.resolve()
  #stopped = false

  constructor(parts: NetcheckParts) {
    this.#parts = parts
    this.#findings = new NatFindings(parts.around, parts.overTcp)
  }

  facts(): NatFacts {
    return this.#findings.facts()
  }

  start(): void {
    this.#lookLater(this.#parts.clock.now() + silence)
  }

  /** A node has answered from there: is there something that it can tell, and nobody could before? */
  heard({ host }: Endpoint): void {
    const { clock } = this.#parts
    const at = Math.max(clock.now() + lookAfter, this.#lookedAt + lookAgain)
    if (this.#asked.has(host) || this.#looks >= looksMost || this.#findings.complete) return
    if (!this.#timer || this.#timer.at > at) this.#lookLater(at)
  }

  /** Our addresses are others, or our NAT is. */
  moved(): void {
    this.#network++
    this.#looks = 0
    this.#lookedAt = Number.NEGATIVE_INFINITY
    // a look that is under way is for nothing, and need not be waited for
    this.#last = Promise.resolve()
    for (const table of [this.#findings, this.#written, this.#asked]) table.clear()
    this.start()
  }

  #lookLater(at: Time): void {
    this.#timer?.cancel()
    if (this.#stopped) return
    const look = () => {
      this.#timer = null
      this.#looks++
      void this.#exclusively(() => this.#look())
    }
    this.#timer = { ...this.#parts.clock.at(at, look), at }
  }

  /** Everything, asked afresh. */
  async check(): Promise<Report> {
    return await this.#exclusively(async () => {
      await this.#look()
      const mtus = await Promise.all(families.map(family => this.#mtu(family)))
      const { around, lifetime, portMapping, firewall } = this.#parts
      const findings = this.#findings
      const answers = families.flatMap(family => findings.of(family).answers)
      return {
        ...{ port: around().port, hairpins: findings.hairpins },
        families: families.map((family, i) => findings.report(family, mtus[i]!)),
        ...{ firewall: firewall(), lifetime: lifetime(), portMapping: portMapping() },
        // several endpoints of one node have one clock
        clockAhead: middleOf([...new Map(answers.map(({ key, ahead }) => [key, ahead])).values()]),
      }
    })
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work, work)
    this.#last = next.catch(() => {})
    return next
  }

  async #look(): Promise<void> {
    if (this.#stopped) return
    const network = this.#network
    const isOver = () => this.#stopped || network !== this.#network
    const before = JSON.stringify(this.facts())
    this.#lookedAt = this.#parts.clock.now()
    const places = this.#places()
    const found = await Promise.all(
      families.map(family =>
        this.#lookAt(
          family,
          places.filter(({ endpoint }) => familyOf(endpoint.host) === family),
          isOver,
        ),
      ),
    )
    if (isOver()) return
    for (const [i, family] of families.entries()) {
      this.#findings.put(family, found[i]!)
      for (const { to } of found[i]!.answers) this.#asked.add(to.host)
    }
    const { filtering } = this.facts()
    if (JSON.stringify(this.facts()) !== before) {
      this.#parts.log.info('what this node is behind', { mapping: this.#findings.mapping(4), filtering })
      this.#parts.changed()
    }
    const hairpins = await this.#testHairpin()
    if (isOver() || hairpins === null || hairpins === this.#findings.hairpins) return
    this.#findings.hairpins = hairpins
    this.#parts.changed()
  }

  /** Asks nodes of one family. The filter comes before the other port: who was written to gets through. */
  async #lookAt(family: Family, places: readonly Place[], isOver: () => boolean): Promise<Found> {
    const { seen, seenFromOtherPort, clock } = this.#parts
    const tell = (hear: Seen, answer: Answer | null) => {
      if (!answer || isOver()) return null
      hear(answer.key as PublicKey, answer.to, { observed: answer.observed, clock: clock.wall() + answer.ahead })
      return answer
    }
    // what they see is told at once: it may be something else in a second
    const heard = await Promise.all(places.map(async place => tell(seen, await reflect(this.#parts, place))))
    const answers = heard.filter(each => each !== null)
    // how ports are chosen is of use at once; the filter takes its time
    if (!isOver())
      this.#findings.put(family, { ...this.#findings.of(family), asked: places.length, answers: [...answers] })
    const filter = await testFilter(this.#parts, answers, (host, port) => this.#hasSpoken(host, port))
    const mapping = this.#findings.mappingOf(answers)
    const teller = answers.find(({ other }) => other.port !== undefined)
    if (teller && (mapping === 'unknown' || mapping === 'endpoint-dependent') && !isOver()) {
      this.#written.set(formatEndpoint({ host: teller.to.host, port: teller.other.port! }), clock.now())
      const other = tell(seenFromOtherPort, await reflectFromOtherPort(this.#parts, teller))
      if (other) answers.push(other)
    }
    return { asked: places.length, answers, filter }
  }

  async #testHairpin(): Promise<boolean | null> {
    const port = this.#parts.port()
    const [answer] = this.#findings.of(4).answers
    if (!port || !answer || this.#findings.mapping(4) !== 'endpoint-independent') return null
    const reflector = { key: answer.key as PublicKey, endpoint: answer.to }
    return testHairpin(this.#parts, port, reflector, answer.observed).catch(error => {
      this.#parts.log.debug('no hairpin test', { problem: (error as Error).message })
      return null
    })
  }

  async #mtu(family: Family): Promise<number | null> {
    const [nearest] = [...this.#findings.of(family).answers].sort((a, b) => a.rtt - b.rtt)
    return nearest ? await testMtu(this.#parts, { key: nearest.key as PublicKey, endpoint: nearest.to }) : null
  }

  #hasSpoken(host: Address, port?: number): boolean {
    const { spoken, clock } = this.#parts
    if (port === undefined) return [...spoken()].includes(host)
    const at = this.#written.get(formatEndpoint({ host, port }))
    return at !== undefined && clock.now() - at < filterOpen
  }

  /** Whom to ask, of each family: nodes at different addresses first. Those on our own link see no NAT. */
  #places(): Place[] {
    const { reflectors, record } = this.#parts
    const around = this.#parts.around()
    const known = reflectors().filter(({ endpoint: { host } }) => !(onLink(host, around) && isPrivate(host)))
    // the other family of a node that is reached in one; its other addresses of the same one shall stay unspoken to
    const named = known.flatMap(({ key, endpoint }) => {
      const open = record(key)?.endpoints.filter(({ kind, endpoint: { host } }) => {
        return kind !== 'reflexive' && !isPrivate(host) && familyOf(host) !== familyOf(endpoint.host)
      })
      return [endpoint, ...(open ?? []).map(each => each.endpoint)].map(each => ({ key, endpoint: each }))
    })
    const good = named.filter(({ endpoint }) => !refusal(endpoint, around) && !absentFamily(endpoint, around))
    return families.flatMap(family => {
      const seen = new Set<string>()
      const mine = good.filter(
        ({ endpoint: { host } }) => familyOf(host) === family && !seen.has(host) && seen.add(host),
      )
      return mine.slice(0, reflectorsAsked).map(({ key, endpoint }) => ({ key, endpoint }))
    })
  }
}
