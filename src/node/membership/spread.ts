/**
 * How news get around: who says something tells every member that he can reach, at once; who hears it tells a few, for those that he could
 * not; and whoever meets a member asks whether the two know the same, if he has not asked anybody for a while. So a word is everywhere
 * as soon as it can be, who was away hears it from the first member that it meets, and each word costs a talk or two for each member.
 *
 *     own word       ──▶ each member whose place is known           a member answers ──▶ nobody asked for 5 min, or him for an hour: ask
 *      │                 └ not reached: when it is met               each 10 min      ──▶ ask one of them
 *      └─ looks for those who do not have it yet, after 20 s, 40 s, … 10 min
 *     another's word ──▶ 3 of them
 */

import type { Endpoint } from '../../base/ip.ts'
import type { Logger } from '../../base/log.ts'
import { minute, second, type Time, type WallTime } from '../../base/time.ts'
import type { ByteStream } from '../../drivers/carrier/carrier.ts'
import type { Clock } from '../../os/clock.ts'
import type { Random } from '../../os/random.ts'
import type { PublicKey } from '../../protocol/identity/key.ts'
import type { Place } from '../offers.ts'
import { Timers } from '../timers.ts'
import { Conversation } from './conversation.ts'
import type { Registrar } from './registrar.ts'
import { answerNews, askForNews, syncProtocol } from './sync.ts'

export type SpreadParts = {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly registrar: Registrar
  readonly self: PublicKey
  /** Members of now, be it by the file or by the roll. */
  readonly isMember: (key: PublicKey) => boolean
  /** Where members are, those in use first. */
  readonly places: () => readonly Place[]
  /** All of them, but for this node. */
  readonly members: () => readonly PublicKey[]
  /** A member is to be reached, though nobody talks to it. */
  readonly want: (key: PublicKey) => void
  /** @throws where it is not reached */
  readonly talk: (key: PublicKey, endpoint: Endpoint, protocol: string, signal: AbortSignal) => Promise<ByteStream>
}

/** Members told at once of a word of this node's own; and of another's, by chance, in case its author does not reach them. */
const toldAtOnce = { own: 256, others: 3 } as const
/** Members that are looked for, where this node itself has something to say. */
const wantedMost = 256
/** Conversations of ours at one time. */
const atOnce = 8
const tellOnAfter = { least: 2 * second, most: 5 * second } as const
/** Who has agreed with somebody lately asks nobody else that he meets; each member is asked now and then all the same. */
const askEvery = { any: 5 * minute, one: 60 * minute } as const
/** Those that do not have this node's own word yet are looked for again: a network in parts becomes one again, and nobody may be talking. */
const lookAgain = { first: 20 * second, last: 10 * minute } as const
/** One member is asked, whoever it is: a word whose author has gone may be in one part of the network only. */
const gossipEvery: Time = 10 * minute
/** To reach a member, and to be through. */
const talkTime: Time = 20 * second
/** Conversations of others that are answered at one time. */
const answeredMost = 16

type Peer = {
  /** When both last had the same, by the wall clock: a machine that sleeps does not count its sleep otherwise. */
  askedAt: number
  state: 'at rest' | 'waiting' | 'talking' | 'again'
  endpoint: Endpoint
}

const fresh = { askedAt: Number.NEGATIVE_INFINITY, state: 'at rest' } as const

export class Spread {
  readonly #parts: SpreadParts
  readonly #peers = new Map<PublicKey, Peer>()
  readonly #queue: PublicKey[] = []
  #talking = 0
  #isTellingOn = false
  /** With whomever it was. */
  #agreedAt: WallTime = Number.NEGATIVE_INFINITY
  /** Members that do not have this node's own word, as far as it knows. */
  readonly #untold = new Set<PublicKey>()
  readonly #timers: Timers
  /** For the moment when nobody is being told anything. */
  #waiting: (() => void)[] = []
  #answering = 0
  readonly #stopped = new AbortController()

  constructor(parts: SpreadParts) {
    this.#parts = parts
    this.#timers = new Timers(parts.clock)
    this.#gossipLater()
  }

  /** Something is new here. @param from who told it: he needs not be told @param ended whose keys it ends: they are told before they are banned */
  tell(from: PublicKey | null, ended: readonly PublicKey[]): void {
    const { places, members, want } = this.#parts
    if (from !== null) {
      for (const { key, endpoint } of places()) if (ended.includes(key)) this.#ask(key, endpoint)
      this.#tellOn(from)
      return
    }
    const there = places().slice(0, toldAtOnce.own)
    for (const { key, endpoint } of there) this.#ask(key, endpoint)
    const isFirst = this.#untold.size === 0
    for (const key of members()) this.#untold.add(key)
    const asked = new Set(there.map(({ key }) => key))
    const others = [...this.#untold].filter(key => !asked.has(key))
    for (const key of others.slice(0, wantedMost)) want(key)
    if (isFirst) this.#lookLater(lookAgain.first)
  }

  /** Another's word is told to a few, when its author has had the time to tell it himself. */
  #tellOn(from: PublicKey): void {
    if (this.#isTellingOn) return
    this.#isTellingOn = true
    const { random } = this.#parts
    this.#timers.in(random.int(tellOnAfter.least, tellOnAfter.most), () => {
      this.#isTellingOn = false
      for (const { key, endpoint } of this.#some(toldAtOnce.others, from)) this.#ask(key, endpoint)
    })
  }

  /** A member has answered from there. */
  met(key: PublicKey, endpoint: Endpoint): void {
    const { clock, registrar, isMember } = this.#parts
    if (!registrar.takesPart || !isMember(key)) return
    const peer = this.#peers.get(key)
    if (peer) peer.endpoint = endpoint
    const now = clock.wall()
    const isDue = now - this.#agreedAt >= askEvery.any || this.#untold.has(key)
    if (peer && now - peer.askedAt < (isDue ? talkTime : askEvery.one)) return
    if (isDue || peer) this.#ask(key, endpoint)
  }

  /** Some places of members, by chance. */
  #some(count: number, but: PublicKey): Place[] {
    const { places, random } = this.#parts
    const left = places().filter(({ key }) => key !== but)
    const some: Place[] = []
    while (some.length < count && left.length > 0) some.push(...left.splice(random.int(0, left.length), 1))
    return some
  }

  /** Another leads. */
  async answer(key: PublicKey, stream: ByteStream): Promise<void> {
    const { clock, log, registrar, isMember, self } = this.#parts
    // who is no member yet has nothing to hide, and what he is told proves itself
    const isHeard = isMember(key) || !isMember(self)
    if (!isHeard || !registrar.takesPart || this.#answering >= answeredMost) {
      stream.abort()
      return
    }
    const talk = new Conversation(stream, clock)
    this.#answering++
    try {
      await answerNews(registrar, key, talk)
      this.#agreedAt = clock.wall()
    } catch (error) {
      log.warn('a member’s news could not be taken', { problem: (error as Error).message })
    } finally {
      this.#answering--
      talk.close()
    }
  }

  /** When everybody has been told who is to be told, or that time is over. */
  async told(patience: Time): Promise<void> {
    if (this.#talking === 0 && this.#queue.length === 0) return
    const { clock } = this.#parts
    const quiet = Promise.withResolvers<void>()
    this.#waiting.push(quiet.resolve)
    const timer = clock.at(clock.now() + patience, quiet.resolve)
    await quiet.promise
    timer.cancel()
  }

  #lookLater(pause: Time): void {
    this.#timers.in(pause, () => {
      const { isMember, want, places } = this.#parts
      for (const key of this.#untold) if (!isMember(key)) this.#untold.delete(key)
      if (this.#untold.size === 0) return
      for (const { key, endpoint } of places()) if (this.#untold.has(key)) this.#ask(key, endpoint)
      for (const key of [...this.#untold].slice(0, wantedMost)) want(key)
      this.#lookLater(Math.min(2 * pause, lookAgain.last))
    })
  }

  #gossipLater(): void {
    this.#timers.in(gossipEvery, () => {
      const { registrar, self } = this.#parts
      const one = registrar.takesPart ? this.#some(1, self) : []
      for (const { key, endpoint } of one) this.#ask(key, endpoint)
      this.#gossipLater()
    })
  }

  stop(): void {
    this.#timers.end()
    this.#stopped.abort(new Error('stopped'))
    this.#queue.length = 0
  }

  #ask(key: PublicKey, endpoint: Endpoint): void {
    if (this.#stopped.signal.aborted) return
    const peer: Peer = this.#peers.get(key) ?? { ...fresh, endpoint }
    this.#peers.set(key, peer)
    peer.endpoint = endpoint
    // what has come since it began would not be told
    if (peer.state === 'talking') peer.state = 'again'
    if (peer.state !== 'at rest') return
    peer.state = 'waiting'
    // who is not reached now is asked when it is met again, and not before
    peer.askedAt = this.#parts.clock.wall()
    this.#queue.push(key)
    this.#next()
  }

  #next(): void {
    while (this.#talking < atOnce) {
      const key = this.#queue.shift()
      if (key === undefined) return
      this.#talking++
      void this.#talk(key, this.#peers.get(key)!)
    }
  }

  async #talk(key: PublicKey, peer: Peer): Promise<void> {
    const { clock, log, registrar, talk: begin } = this.#parts
    peer.state = 'talking'
    const limit = new AbortController()
    const timer = clock.at(clock.now() + talkTime, () => limit.abort(new Error('no answer')))
    const signal = AbortSignal.any([limit.signal, this.#stopped.signal])
    try {
      const stream = await begin(key, peer.endpoint, syncProtocol, signal)
      const talk = new Conversation(stream, clock)
      signal.addEventListener('abort', () => talk.close())
      const agreed = await askForNews(registrar, key, talk)
      talk.close()
      if (!agreed) throw new Error('it ended before it was through')
      this.#untold.delete(key)
      this.#agreedAt = clock.wall()
    } catch (error) {
      log.debug('no news from a member', { node: key.slice(0, 10), problem: (error as Error).message })
      // tried again when it answers the next time
      if (this.#untold.has(key) && !this.#stopped.signal.aborted) this.#parts.want(key)
    } finally {
      timer.cancel()
      this.#talking--
      const more = (peer.state as Peer['state']) === 'again'
      peer.state = 'at rest'
      if (more) this.#ask(key, peer.endpoint)
      this.#next()
      if (this.#talking === 0) for (const done of this.#waiting.splice(0)) done()
    }
  }
}
