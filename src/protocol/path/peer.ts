/**
 * Chooses the endpoint through which we reach one peer. WireGuard owns the session; we only say where it leads.
 *
 *             candidates, wanted             PONG to a probe of ours, or
 *      idle ─────────────────────▶ hunting ──a tunnel that works──▶ direct
 *        ▲                            ▲                                │
 *        └──reset── (from anywhere)   └──────── silence ───────────────┘
 *
 * Beside the state runs the hunt: at rest, waiting for a place in `Hunts`, or under way. It may run in `direct` too, for a path
 * that ranks better. Probes only promote: the endpoint in use is left for one that answers and ranks better, or when it
 * does not answer itself any more, which is asked only where something suggests it.
 *
 * Holds no socket and no clock: time comes in, actions go out. Both ends of a path run the same machine.
 */

import { Allowance } from '../../base/allowance.ts'
import { type Endpoint, sameEndpoint } from '../../base/ip.ts'
import type { Time } from '../../base/time.ts'
import type { Candidate, Kind, Named, Surroundings } from './candidate.ts'
import { absentFamily, sameSurroundings } from './candidate.ts'
import { Candidates } from './candidates.ts'
import { advanceAll, answer, begin, isHunted, probeNow } from './climb.ts'
import * as constants from './constants.ts'
import { ladder, never } from './constants.ts'
import type { Input, Output, TunnelState, UseReason } from './events.ts'
import { Hunt } from './hunt.ts'
import { Pauses, Throttle } from './pace.ts'
import { displaces, ranked, tier } from './score.ts'
import { TunnelWatch } from './tunnel.ts'
import { candidateView, type PathView } from './view.ts'

type State =
  | { readonly name: 'idle' }
  | { readonly name: 'hunting' }
  | { readonly name: 'direct'; readonly primary: Candidate; proof: 'pong' | 'tunnel' }

export class Peer {
  /** When `handle({ kind: 'timer' })` wants to be called next. */
  wakeAt: Time = never

  #state: State = { name: 'idle' }
  #since: Time = 0
  #around: Surroundings
  readonly #candidates = new Candidates()
  readonly #watch = new TunnelWatch()
  readonly #probes = new Allowance(constants.probeBurst, constants.probesPerSecond)
  readonly #heard = new Allowance(constants.heardBurst, constants.heardPerSecond)
  readonly #hunt: Hunt
  readonly #insistPauses: Pauses
  #insistAt: Time = -never
  readonly #checks = new Throttle(constants.checkAgain)
  #usedAt: Time = -never
  #unansweredFor = 0
  #askedAt: Time = -never
  #announcedAt: Time = -never
  /** What WireGuard has, as far as it said. */
  #kernelEndpoint: Endpoint | undefined
  #tunnelAliveAt: Time = -never
  /** The hunt tries what ranks worse, too: the endpoint in use is in doubt. */
  #everything = false
  #out: Output[] = []

  /** @param random as `Math.random` */
  constructor(around: Surroundings, random: () => number) {
    this.#around = around
    this.#hunt = new Hunt(random)
    this.#insistPauses = new Pauses(constants.insistAgain, constants.jitter, random)
  }

  handle(input: Input, now: Time): Output[] {
    this.#out = []
    this.#take(input, now)
    this.#tick(now)
    this.wakeAt = this.#nextWake(now)
    return this.#out
  }

  #take(input: Input, now: Time): void {
    const { kind } = input
    if (kind === 'wanted') this.#wanted(input.urgent, now)
    else if (kind === 'file') this.#named('file', 'fixed', input.endpoints, now)
    else if (kind === 'cache') this.#named('cache', 'cached', input.endpoints, now)
    else if (kind === 'record') this.#record(input.endpoints, now)
    else if (kind === 'no record') this.#hunt.lookUpEnded(now)
    else if (kind === 'announced') this.#announced(input.endpoint, now)
    else if (kind === 'heard') this.#heardFrom(input.endpoint, now)
    else if (kind === 'pong') this.#pong(input.candidate, input.endpoint, input.rtt, now)
    else if (kind === 'tunnel') this.#tunnel(input, now)
    else if (kind === 'network') this.#network(input.surroundings, input.moved ?? false, now)
    else if (kind === 'granted' && this.#hunt.grant()) this.#tryAll(now)
    else if (kind === 'granted') this.#out.push({ kind: 'done' })
    else if (kind === 'reset') this.#reset(now)
  }

  #named(source: 'file' | 'cache', kind: Kind, endpoints: readonly Endpoint[], now: Time): void {
    const named = endpoints.map(endpoint => ({ kind, endpoint }))
    this.#learnt(this.#candidates.replace(source, named, this.#around, this.#primary()), now)
  }

  #record(endpoints: readonly Named[], now: Time): void {
    this.#hunt.lookUpEnded(now)
    this.#learnt(this.#candidates.replace('record', endpoints, this.#around, this.#primary()), now)
  }

  #learnt(fresh: readonly Candidate[], now: Time): void {
    if (fresh.length === 0) return
    if (this.#state.name === 'idle') this.#startHunting(now)
    this.#want(now)
  }

  #announced(endpoint: Endpoint, now: Time): void {
    const added = this.#candidates.add('lan', 'lan', endpoint, this.#around, this.#primary())
    if (!added) return
    // it is said every minute, and a firewall that was silent a minute ago still is
    const again = added.candidate.answeredAt === null && now - this.#announcedAt >= constants.huntAgain.last
    if (again) added.candidate.tried = false
    if (again || added.fresh) this.#announcedAt = now
    if (again || added.fresh) this.#learnt([added.candidate], now)
  }

  #heardFrom(endpoint: Endpoint, now: Time): void {
    if (sameEndpoint(this.#primary()?.endpoint, endpoint)) return
    if (!this.#heard.take(now)) return
    const added = this.#candidates.add('heard', 'heard', endpoint, this.#around, this.#primary())
    if (!added) return
    // its way to us is open now, and so may ours be
    probeNow(added.candidate, now)
    if (this.#state.name === 'idle') this.#startHunting(now)
  }

  #wanted(urgent: boolean, now: Time): void {
    if (urgent) this.#askedAt = now
    this.#startOver()
    if (this.#state.name === 'direct') this.#check(now)
    else this.#startHunting(now)
    this.#want(now)
  }

  #network(surroundings: Surroundings, moved: boolean, now: Time): void {
    if (!moved && sameSurroundings(this.#around, surroundings)) return
    this.#around = surroundings
    this.#candidates.sift(surroundings)
    this.#startOver()
    this.#insistPauses.reset()
    this.#everything = true
    const primary = this.#primary()
    if (primary && this.#candidates.at(primary.endpoint) !== primary) {
      this.#lose(now)
    } else if (primary) {
      // a socket that sends from an address which is gone notices after 15 s, and at once when its endpoint is set
      this.#use(primary, 'once more', now)
      begin(primary, constants.checkRungs, now)
    }
    if (this.#state.name !== 'idle') this.#want(now)
  }

  #reset(now: Time): void {
    this.#out.push(...this.#hunt.cancel())
    this.#hunt.settle()
    this.#become({ name: 'idle' }, now)
    this.#candidates.forgetLearnt()
    for (const candidate of this.#candidates.all) candidate.climb = null
    this.#startOver()
  }

  #pong(id: number, endpoint: Endpoint, rtt: number, now: Time): void {
    const candidate = this.#candidates.withId(id)
    if (!candidate) return
    // answered from elsewhere: that proves nothing about either place, and the other one may be worth asking
    if (!sameEndpoint(candidate.endpoint, endpoint)) this.#heardFrom(endpoint, now)
    else this.#answered(candidate, rtt, now)
  }

  #answered(candidate: Candidate, rtt: number, now: Time): void {
    answer(candidate, rtt, now)
    const primary = this.#primary()
    if (!primary) {
      this.#promote(candidate, 'pong', 'answered first', now)
    } else if (candidate === primary) {
      this.#insistIfAstray(now)
      if (this.#state.name === 'direct' && this.#state.proof === 'tunnel') {
        this.#become({ name: 'direct', primary, proof: 'pong' }, now)
      }
    } else if (displaces(candidate, primary, this.#around)) {
      this.#promote(candidate, 'pong', 'ranks better', now)
    } else {
      this.#comparable(candidate, primary, now)
    }
  }

  /** A candidate has answered and ranks no better than the endpoint in use; but is that one still alive? */
  #comparable(candidate: Candidate, primary: Candidate, now: Time): void {
    const worse = tier(candidate, this.#around) > tier(primary, this.#around)
    candidate.why = worse ? 'answered, another ranks better' : 'answered, another is as good'
    const followed = sameEndpoint(this.#kernelEndpoint, candidate.endpoint)
    if (followed && !worse) this.#promote(candidate, 'pong', null, now)
    // the peer speaks from another place than we use: it may have moved
    else if (followed || candidate.sources.has('heard')) this.#check(now)
  }

  /** The endpoint in use has answered. Where WireGuard has gone elsewhere, to what ranks worse, or gets no answer, it is told again. */
  #insistIfAstray(now: Time): void {
    const primary = this.#primary()!
    const astray = this.#kernelEndpoint !== undefined && !sameEndpoint(this.#kernelEndpoint, primary.endpoint)
    const stuck = this.#unansweredFor >= constants.wedgedAfter
    if ((!astray && !stuck) || now - this.#usedAt < constants.settleTime || now < this.#insistAt) return
    this.#insistAt = now + this.#insistPauses.take()
    this.#use(primary, 'once more', now)
  }

  #tunnel(state: TunnelState, now: Time): void {
    const { answered, asked, unansweredFor } = this.#watch.see(state, now)
    this.#kernelEndpoint = state.endpoint
    this.#unansweredFor = unansweredFor
    if (asked) this.#askedAt = now
    if (answered) this.#tunnelAliveAt = now
    if (this.#state.name === 'direct') {
      if (answered && state.endpoint && now - this.#usedAt >= constants.settleTime) this.#roamed(state.endpoint, now)
      const patience = this.#state.proof === 'pong' ? constants.silentAfter : constants.silentAfterUnproved
      if (unansweredFor >= patience) this.#check(now)
    } else if (answered && state.endpoint) {
      const added = this.#candidates.add('tunnel', 'roamed', state.endpoint, this.#around, null)
      if (added) this.#promote(added.candidate, 'tunnel', null, now)
    } else if (asked && this.#state.name === 'hunting') {
      this.#hunt.hurry(now)
      if (this.#hunt.name === 'waiting') this.#want(now)
    }
  }

  /** WireGuard's endpoint is not ours: authenticated packets came from there. It is followed if it answers and ranks no worse. */
  #roamed(endpoint: Endpoint, now: Time): void {
    const primary = this.#primary()!
    if (sameEndpoint(endpoint, primary.endpoint)) return
    const added = this.#candidates.add('tunnel', 'roamed', endpoint, this.#around, primary)
    if (!added || added.candidate.climb) return
    const { candidate } = added
    if (candidate.answeredAt !== null && now - candidate.answeredAt < constants.inUseFor) {
      this.#comparable(candidate, primary, now)
    } else if (this.#heard.take(now)) {
      probeNow(candidate, now)
    }
  }

  #primary(): Candidate | null {
    return this.#state.name === 'direct' ? this.#state.primary : null
  }

  #become(state: State, now: Time): void {
    if (state.name !== this.#state.name) this.#since = now
    this.#state = state
    const { name } = state
    const where = state.name === 'direct' ? { endpoint: state.primary.endpoint, proof: state.proof } : {}
    this.#out.push({ kind: 'tell', state: name, ...where })
  }

  /** @param because `null`: WireGuard is there already */
  #promote(candidate: Candidate, proof: 'pong' | 'tunnel', because: UseReason | null, now: Time): void {
    const before = this.#primary()
    if (because) this.#use(candidate, because, now)
    candidate.why = 'in use'
    // a PING of the hunt that stays unanswered is no reason to doubt what WireGuard has proved
    candidate.climb = null
    this.#become({ name: 'direct', primary: candidate, proof }, now)
    if (before) {
      before.climb = null
      const worse = tier(before, this.#around) > tier(candidate, this.#around)
      before.why = worse ? 'answered, another ranks better' : 'answered, another is as good'
      this.#candidates.drop(before)
    }
    this.#everything = false
    this.#hunt.settle()
    for (const other of this.#candidates.all) {
      if (!other.climb || tier(other, this.#around) <= tier(candidate, this.#around)) continue
      other.climb = null
      other.why = 'not tried, one that ranks better answers'
    }
  }

  /** The endpoint in use is dead. Another one that answered just now takes its place, or all are tried again. */
  #lose(now: Time): void {
    const lost = this.#primary()!
    this.#watch.restart()
    this.#unansweredFor = 0
    const since = (time: Time) => this.#ranked().find(each => each !== lost && (each.answeredAt ?? -never) >= time)
    // who has answered since the lost one was asked is there now; who answered before may have gone with it
    const fresh = since(this.#checks.doneAt) ?? since(now - constants.freshFor)
    this.#startOver()
    if (fresh) {
      this.#promote(fresh, 'pong', 'the one before stopped answering', now)
    } else {
      this.#startHunting(now)
      this.#candidates.drop(lost)
    }
    lost.why = 'stopped answering'
    this.#want(now)
  }

  #startHunting(now: Time): void {
    if (this.#state.name !== 'hunting') this.#become({ name: 'hunting' }, now)
    this.#hunt.seek(this.#candidates.size > 0 ? constants.lookUpGrace : 0, now)
  }

  /** What failed before no longer counts. */
  #startOver(): void {
    this.#hunt.freshen()
    for (const candidate of this.#candidates.all) candidate.tried = false
  }

  #use(candidate: Candidate, because: UseReason, now: Time): void {
    this.#usedAt = now
    this.#kernelEndpoint = candidate.endpoint
    this.#out.push({ kind: 'use', endpoint: candidate.endpoint, because })
  }

  /** Asks the endpoint in use whether it still answers. */
  #check(now: Time): void {
    const primary = this.#primary()
    this.#checks.dueAt = never
    if (primary && !primary.climb && this.#checks.take(now)) begin(primary, constants.checkRungs, now)
  }

  #want(now: Time): void {
    const crowd = this.#candidates.size > 0 ? 'known' : 'unknown'
    const urgency = now - this.#askedAt <= constants.inUseFor ? 'urgent' : crowd
    if (this.#hunt.name === 'active') this.#tryAll(now)
    else this.#out.push(...this.#hunt.ask(urgency))
  }

  /** Starts the ladder for each candidate worth it, the best first. */
  #tryAll(now: Time): void {
    const primary = this.#primary()
    const due = this.#hunt.isTryDue(now)
    for (const candidate of this.#ranked()) {
      // the endpoint in use is asked by itself, and its verdict must not wait for a whole ladder
      if (candidate === primary || isHunted(candidate) || (candidate.tried && !due)) continue
      const absent = absentFamily(candidate.endpoint, this.#around)
      if (absent) {
        candidate.why = absent
      } else if (primary && !this.#everything && tier(candidate, this.#around) > tier(primary, this.#around)) {
        if (candidate.answeredAt === null) candidate.why = 'not tried, one that ranks better answers'
      } else {
        begin(candidate, ladder.length, now)
        this.#hunt.tries()
      }
      candidate.tried = true
    }
    if (due) this.#hunt.tries()
    if (!primary) this.#useFixed(now)
  }

  /** A person's word is good enough to send WireGuard there where nothing has answered: the peer may speak nothing but WireGuard. */
  #useFixed(now: Time): void {
    const fixed = this.#ranked().filter(({ sources }) => sources.has('file'))
    const there = fixed.some(({ endpoint }) => sameEndpoint(endpoint, this.#kernelEndpoint))
    const usable = fixed.find(({ endpoint }) => !absentFamily(endpoint, this.#around))
    if (usable && !there && now - this.#tunnelAliveAt >= constants.sessionLife)
      this.#use(usable, 'the file says so', now)
  }

  #ranked(): Candidate[] {
    return ranked(this.#candidates.all, this.#around)
  }

  #tick(now: Time): void {
    // a lost endpoint starts other climbs, whose first rung is due at once
    while (this.#climb(now)) this.#lose(now)
    if (this.#hunt.isDue(now)) this.#want(now)
    if (now >= this.#checks.dueAt) this.#check(now)
    this.#out.push(...this.#hunt.tick(this.#candidates.all.some(isHunted), this.#candidates.size, now))
    if (this.#hunt.name === 'rest') this.#everything = false
  }

  /** Sends all probes that are due. @returns whether the endpoint in use was found dead */
  #climb(now: Time): boolean {
    const { probes, silent } = advanceAll(this.#candidates.all, this.#probes, now)
    this.#out.push(...probes)
    return silent.includes(this.#primary()!)
  }

  #nextWake(now: Time): Time {
    let next = Math.min(this.#hunt.wakeAt, this.#checks.dueAt)
    for (const { climb } of this.#candidates.all) if (climb) next = Math.min(next, climb.next)
    return next === never ? never : Math.max(now, next)
  }

  view(): PathView {
    const { name } = this.#state
    const ofPath =
      this.#state.name === 'direct' ? { ...candidateView(this.#state.primary), proof: this.#state.proof } : null
    return {
      state: name,
      hunt: this.#hunt.name,
      since: this.#since,
      ...(ofPath && { endpoint: ofPath.endpoint, kind: ofPath.kind, proof: ofPath.proof, rtt: ofPath.rtt }),
      candidates: this.#ranked().map(candidateView),
      refused: [...this.#candidates.refused].map(([endpoint, why]) => ({ endpoint, why })),
    }
  }
}
