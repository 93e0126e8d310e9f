/**
 * Looks for a peer: tries its candidates, has its record looked up, and has it told where we are. What comes of it is for others to judge.
 *
 *     candidates ──hunt granted──▶ a ladder of probes each ──▶ PONG, or silence
 *                       └──▶ OFFERs, where candidates lie beyond our own link
 *
 * A path through a relay is no end of it: as long as somebody uses that, a direct one is looked for.
 */

import { Allowance } from '../../base/allowance.ts'
import { type Endpoint, sameEndpoint } from '../../base/ip.ts'
import type { Time } from '../../base/time.ts'
import type { Source, Surroundings } from './candidate.ts'
import { absentFamily, type Candidate, judge, type Kind, type Named, onLink } from './candidate.ts'
import { Candidates } from './candidates.ts'
import { advanceAll, begin, isHunted } from './climb.ts'
import * as constants from './constants.ts'
import { ladder, never, offerTimes } from './constants.ts'
import type { Output } from './events.ts'
import { Hunt } from './hunt.ts'
import { Offers } from './offers.ts'
import type { Path } from './path.ts'
import { Relays } from './relays.ts'
import { ranked, tier } from './score.ts'
import type { Usage } from './usage.ts'

export class Search {
  around: Surroundings
  readonly candidates = new Candidates()
  readonly hunt: Hunt
  readonly offers = new Offers()
  readonly relays: Relays
  /** What ranks worse is tried, too: the endpoint in use is in doubt. */
  everything = false
  /** When WireGuard last brought a sign of a session. */
  tunnelAliveAt: Time = -never
  readonly #path: Path
  readonly #usage: Usage
  readonly #probes = new Allowance(constants.probeBurst, constants.probesPerSecond)
  readonly #emit: (output: Output) => void
  #announcedAt: Time = -never

  constructor(around: Surroundings, path: Path, usage: Usage, random: () => number, emit: (output: Output) => void) {
    this.around = around
    this.hunt = new Hunt(random)
    this.relays = new Relays(path, usage, emit)
    this.#path = path
    this.#usage = usage
    this.#emit = emit
  }

  add(source: Source, kind: Kind, endpoint: Endpoint): { candidate: Candidate; fresh: boolean } | null {
    return this.candidates.add(source, kind, endpoint, this.around, this.#path.kept)
  }

  /** @returns those that are new to us */
  replace(source: Source, named: readonly Named[]): Candidate[] {
    return this.candidates.replace(source, named, this.around, this.#path.kept)
  }

  /** Somebody on our link says that the peer is there. @returns the candidate, where it is worth a try */
  announced(endpoint: Endpoint, now: Time): Candidate[] {
    const added = this.add('lan', 'lan', endpoint)
    if (!added) return []
    const { candidate, fresh } = added
    // it is said every minute, and a firewall that was silent a minute ago still is
    const again = candidate.answeredAt === null && now - this.#announcedAt >= constants.huntAgain.last
    if (!again && !fresh) return []
    if (again) candidate.tried = false
    this.#announcedAt = now
    return [candidate]
  }

  /** News of relays begins no search: they are for a peer that is looked for, or whose path is relayed. */
  know(relays: readonly Named[], now: Time): void {
    const places = relays.map(({ endpoint }): Named => ({ kind: 'relayed', endpoint }))
    const fresh = this.replace('relay', places)
    const { state, primary, isMistold, isRelayed } = this.#path
    if (isMistold) this.#path.become(state, now)
    if (isMistold && primary) this.found(primary, now)
    if (fresh.length > 0 && (state.name === 'hunting' || isRelayed)) this.want(now)
  }

  /** A PING of the peer came from there. @returns whether that says more than that all is as before */
  isNews(endpoint: Endpoint, now: Time): boolean {
    const { primary, isAlive } = this.#path
    if (sameEndpoint(primary?.endpoint, endpoint)) {
      this.relays.heard(now)
      return false
    }
    const known = this.candidates.at(endpoint)
    // it asks a relay only where somebody waits
    if (known?.relayed) this.relays.called(now)
    if (!known || !isAlive) return true
    // a peer that uses another of its places than we do says so with each beat
    return !known.relayed && now - (known.answeredAt ?? -never) >= constants.freshFor
  }

  ranksWorse(candidate: Candidate, than: Candidate): boolean {
    return tier(candidate, this.around) > tier(than, this.around)
  }

  /** There is no path, or none that is direct: looks for one until there is. */
  start(now: Time): void {
    this.hunt.seek(this.candidates.size > 0 ? constants.lookUpGrace : 0, now)
  }

  /** What failed before no longer counts. */
  startOver(): void {
    this.hunt.freshen()
    for (const candidate of this.candidates.all) candidate.tried = false
  }

  /** The endpoint in use is in doubt: all are tried, at once. */
  doubt(now: Time): void {
    this.startOver()
    this.everything = true
    this.offer(true, now)
    this.askRelays(now)
    this.want(now)
  }

  /** There is a path, or nobody wants one. */
  end(now: Time): void {
    this.everything = false
    this.hunt.settle()
    this.offers.end(now)
  }

  /** A candidate is in use now: what ranks worse need not be tried. */
  found(candidate: Candidate, now: Time): void {
    if (candidate.relayed) this.#foundRelay(now)
    else this.end(now)
    for (const other of this.candidates.all) {
      if (!other.climb || !this.ranksWorse(other, candidate)) continue
      other.climb = null
      judge(other, 'not tried, one that ranks better answers', now)
    }
  }

  /** A relay will do for now; what is under way for a direct path goes on, and begins where it is not. */
  #foundRelay(now: Time): void {
    this.everything = false
    this.hunt.freshen()
    if (this.hunt.name === 'rest') this.start(now)
  }

  /** Where the path is relayed: there is a new chance of a direct one. */
  lookAnew(now: Time): void {
    if (!this.relays.wantsDirect(now)) return
    this.startOver()
    this.start(now)
    this.offer(true, now)
    this.want(now)
  }

  want(now: Time): void {
    const urgent = this.#usage.isUrgent(now) || this.relays.wantsDirect(now)
    const crowd = this.candidates.size > 0 ? 'known' : 'unknown'
    if (this.hunt.name !== 'active') {
      for (const output of this.hunt.ask(urgent ? 'urgent' : crowd)) this.#emit(output)
    } else if (this.#tryAll(now) && this.#isMissing) {
      this.offer(false, now)
    }
  }

  granted(now: Time): void {
    if (!this.hunt.grant()) {
      this.#emit({ kind: 'done' })
      return
    }
    this.#tryAll(now)
    // with a look-up alone the peer would probe us while we do not probe it
    const { all } = this.candidates
    if (this.#isMissing && (all.every(each => each.relayed) || all.some(isHunted))) this.offer(false, now)
  }

  /** An OFFER: the peer tells where it is, and tries us at this moment, so each of its endpoints gets a ladder now. @returns whether it counts */
  offered(endpoints: readonly Named[], answered: boolean, now: Time): boolean {
    if (!this.offers.hear(answered, now)) return false
    this.replace('offer', endpoints)
    const { primary } = this.#path
    // the peer may have bound itself to its relay only now
    if (!answered) this.relays.offered(now)
    if (!primary || (!primary.relayed && !answered)) this.askRelays(now)
    for (const candidate of this.candidates.all) {
      if (candidate === primary || candidate.relayed || !candidate.sources.has('offer')) continue
      if (primary && !this.everything && this.ranksWorse(candidate, primary)) continue
      if (!absentFamily(candidate.endpoint, this.around)) begin(candidate, ladder.length, now)
    }
    return true
  }

  /** Whether OFFERs can be sent. */
  far(reachable: boolean, now: Time): void {
    const news = reachable && !this.offers.reachable
    this.offers.reachable = reachable
    if (news && this.hunt.name === 'active' && this.#isMissing) this.offer(true, now)
  }

  /** There is something new to say in an OFFER: while the peer is looked for, it hears it at once. */
  tellAgain(now: Time): void {
    if (this.#path.state.name === 'hunting') this.offer(true, now)
    else this.lookAnew(now)
  }

  /** The path is in doubt or gone: relays need not wait until the direct candidates are found silent. */
  askRelays(now: Time): void {
    if (this.relays.mayAsk(now)) this.relays.askAll(this.candidates.all, now)
  }

  /** A round of OFFERs. @param anew whether a round under way is begun again */
  offer(anew: boolean, now: Time): void {
    const { own, loopback } = this.around
    const near = ({ endpoint }: Candidate) => onLink(endpoint.host, this.around) || (loopback && own.length === 0)
    const all = this.candidates.all
    if (all.length > 0 && all.every(near)) return
    // who calls us has our answer; a call of ours would make him look for us, and call, and so on without end
    const called = now - (this.offers.heardAt ?? -never) < constants.askedFor
    if (called && !this.#usage.isAsked(now)) return
    // with a relay there is time: the next hunt is a new chance
    const most = this.isDemanded(now) && (anew || !this.#path.isRelayed) ? offerTimes.length : 1
    this.offers.begin(most, anew, now)
  }

  /** Somebody asks for the peer; or its packets are lost without a word, since there is no doorbell. */
  isDemanded(now: Time): boolean {
    return !this.#path.target.doorbell || this.#usage.isAsked(now)
  }

  /** Probes, OFFERs and look-ups that are due. @returns whether it is time to give up */
  tick(now: Time): boolean {
    const { hunt, candidates } = this
    this.#lookOn(now)
    this.relays.tick(candidates.all, this.around, now)
    const isEnough = () =>
      this.#path.state.name === 'hunting' && !this.isDemanded(now) && hunt.isEnough(candidates.size)
    if (isEnough()) return true
    if (hunt.isDue(now)) this.want(now)
    for (const output of this.offers.tick(now)) this.#emit(output)
    const hurry = this.#path.isRelayed ? 'relayed' : this.#usage.isAsked(now) ? 'asked' : 'unasked'
    for (const output of hunt.tick(candidates.all.some(isHunted), candidates.size, hurry, now)) this.#emit(output)
    if (hunt.name === 'rest') this.everything = false
    return isEnough()
  }

  /** The path is relayed: a direct one is looked for while somebody needs it, and not when nobody does. */
  #lookOn(now: Time): void {
    const { hunt } = this
    if (!this.#path.isRelayed || hunt.isSeeking === this.relays.wantsDirect(now)) return
    if (hunt.isSeeking) this.end(now)
    else this.start(now)
  }

  /** Sends all probes that are due. @returns the candidates that have not answered to the end */
  climb(now: Time): readonly Candidate[] {
    const { all } = this.candidates
    const [direct, relayed] = [false, true].map(which => all.filter(each => each.relayed === which))
    const climbs = [advanceAll(direct!, this.#probes, now), advanceAll(relayed!, this.relays.allowance, now)]
    for (const probe of climbs.flatMap(({ probes }) => probes)) this.#emit(probe)
    return climbs.flatMap(({ silent }) => silent)
  }

  get wakeAt(): Time {
    let next = Math.min(this.hunt.wakeAt, this.offers.wakeAt, this.relays.wakeAt)
    for (const { climb } of this.candidates.all) if (climb) next = Math.min(next, climb.next)
    return next
  }

  /** There is no path, none that is direct, or none that is sure. */
  get #isMissing(): boolean {
    return this.#path.primary === null || this.#path.isRelayed || this.everything
  }

  /** Starts the ladder for each candidate worth it, the best first. @returns whether there was one */
  #tryAll(now: Time): boolean {
    const { primary } = this.#path
    let trying = false
    const due = this.hunt.isTryDue(now)
    for (const candidate of ranked(this.candidates.all, this.around)) {
      // the endpoint in use is asked by itself, and its verdict must not wait for a whole ladder
      if (candidate === primary || isHunted(candidate) || (candidate.tried && !due)) continue
      const absent = absentFamily(candidate.endpoint, this.around)
      if (absent) {
        judge(candidate, absent, now)
      } else if (primary && !this.everything && this.ranksWorse(candidate, primary)) {
        if (candidate.answeredAt === null) judge(candidate, 'not tried, one that ranks better answers', now)
      } else if (candidate.relayed && !this.relays.mayAsk(now)) {
        if (candidate.answeredAt === null) judge(candidate, 'not tried, nobody asks for the peer', now)
        continue
      } else {
        begin(candidate, ladder.length, now)
        this.hunt.tries(due)
        trying = true
      }
      candidate.tried = true
    }
    if (due) this.hunt.tries(due)
    if (!primary) this.#useFixed(now)
    return trying
  }

  /** A person's word is good enough to send WireGuard there where nothing has answered: the peer may speak nothing but WireGuard. */
  #useFixed(now: Time): void {
    if (!this.#path.isNeeded(now)) return
    const { target } = this.#path
    const fixed = ranked(this.candidates.all, this.around).filter(({ sources }) => sources.has('file'))
    const there = fixed.some(({ endpoint }) => sameEndpoint(endpoint, target.endpoint))
    const usable = fixed.find(({ endpoint }) => !absentFamily(endpoint, this.around))
    if (usable && !there && now - this.tunnelAliveAt >= constants.sessionLife) {
      this.#path.use(usable, 'the file says so', now)
    }
  }
}
