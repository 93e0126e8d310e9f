/**
 * Chooses the endpoint through which we reach one peer. WireGuard owns the session; we only say where it leads.
 *
 *             candidates, wanted             PONG to a probe of ours, or
 *      idle ─────────────────────▶ hunting ──a tunnel that works──▶ direct
 *       ▲ ▲                        │    ▲                            │  │
 *       │ └──nobody asks, no answer┘    └─────────silence────────────┘  │
 *       └──reset (from anywhere), nobody uses it────────────────────────┘
 *
 * `direct` may lead through a relay, for want of something better: it is a path, and no end of the search for a direct one.
 *
 * Beside the state runs the hunt: at rest, waiting for a place in `Hunts`, or under way. It may run in `direct` too, for a path
 * that ranks better. Probes only promote: the endpoint in use is left for one that answers and ranks better, or when it
 * does not answer itself any more, which is asked while it is in use, and where something suggests it.
 *
 * Where there is a doorbell, WireGuard gets an endpoint only while somebody uses the peer; the path is remembered meanwhile.
 *
 * Holds no socket and no clock: time comes in, actions go out. Both ends of a path run the same machine.
 */

import { Allowance } from '../../base/allowance.ts'
import { type Endpoint, sameEndpoint } from '../../base/ip.ts'
import { second, type Time } from '../../base/time.ts'
import {
  type Candidate,
  judge,
  type Named,
  named,
  type Source,
  type Surroundings,
  sameSurroundings,
} from './candidate.ts'
import { answer, begin, probeNow } from './climb.ts'
import * as constants from './constants.ts'
import { ladder, never } from './constants.ts'
import type { Input, Output, TunnelState, UseReason } from './events.ts'
import { Path } from './path.ts'
import { displaces } from './score.ts'
import { Search } from './search.ts'
import { TunnelWatch } from './tunnel.ts'
import { Usage } from './usage.ts'
import { type PathView, pathView } from './view.ts'

export class Peer {
  /** When `handle({ kind: 'timer' })` wants to be called next. */
  wakeAt: Time = never

  readonly #usage = new Usage()
  readonly #watch = new TunnelWatch()
  readonly #path: Path
  readonly #search: Search
  readonly #heard = new Allowance(constants.heardBurst, constants.heardPerSecond)
  readonly #greetings = new Allowance(1, second / constants.shakeAgain)
  #inUse = false
  #out: Output[] = []

  /** @param random as `Math.random` @param pace ms between two PINGs to an endpoint in use */
  constructor(around: Surroundings, random: () => number, pace: () => Time) {
    const emit = (output: Output) => void this.#out.push(output)
    this.#path = new Path(this.#usage, random, pace, emit)
    this.#search = new Search(around, this.#path, this.#usage, random, emit)
  }

  handle(input: Input, now: Time): Output[] {
    this.#out = []
    this.#take(input, now)
    this.#tick(now)
    this.wakeAt = Math.max(now, Math.min(this.#path.wakeAt, this.#search.wakeAt, this.#usage.wakeAt(now)))
    return this.#out
  }

  #take(input: Input, now: Time): void {
    const { kind } = input
    if (kind === 'heard' || kind === 'offered' || kind === 'pong' || kind === 'hit') this.#path.speaks = true
    if (kind === 'wanted') this.#wanted(input.urgent, now)
    else if (kind === 'file') this.#named('file', named('fixed', input.endpoints), now)
    else if (kind === 'cache') this.#named('cache', named('cached', input.endpoints), now)
    else if (kind === 'record') this.#named('record', input.endpoints, now)
    else if (kind === 'relays') this.#search.know(input.endpoints, now)
    else if (kind === 'no record') this.#search.hunt.lookUpEnded(now)
    else if (kind === 'announced') this.#learnt(this.#search.announced(input.endpoint, now), now)
    else if (kind === 'heard') this.#heardFrom(input.endpoint, now, input.inUse)
    else if (kind === 'offered') this.#offered(input.endpoints, input.answer, now)
    else if (kind === 'far') this.#search.far(input.reachable, now)
    else if (kind === 'mapped') this.#search.tellAgain(now)
    else if (kind === 'doorbell') this.#doorbellWorks(input.works, now)
    else if (kind === 'rung') this.#rung(this.#usage.isAsked(now), now)
    else if (kind === 'pong') this.#pong(input.candidate, input.endpoint, input.rtt, now)
    else if (kind === 'hit') this.#hit(input.endpoint, input.rtt, now)
    else if (kind === 'tunnel') this.#tunnel(input, now)
    else if (kind === 'network') this.#network(input.surroundings, input.moved ?? false, now)
    else if (kind === 'granted') this.#search.granted(now)
    else if (kind === 'reset') this.#reset(now)
  }

  #named(source: Source, places: readonly Named[], now: Time): void {
    if (source === 'record') this.#search.hunt.lookUpEnded(now)
    this.#learnt(this.#search.replace(source, places), now)
  }

  #learnt(fresh: readonly Candidate[], now: Time): void {
    const { state } = this.#path
    // where it is remembered, news can wait until somebody wants it
    if (fresh.length === 0 || (state.name === 'idle' && state.remembered)) return
    if (state.name === 'idle') this.#startHunting(this.#path.kept, now)
    this.#search.want(now)
  }

  #heardFrom(endpoint: Endpoint, now: Time, inUse = false): void {
    if (inUse) this.#greet(now)
    if (!this.#search.isNews(endpoint, now) || !this.#heard.take(now)) return
    const added = this.#search.add('heard', 'heard', endpoint)
    if (!added) return
    this.#usage.call(now)
    // its way to us is open now, and so may ours be
    probeNow(added.candidate, now)
    if (this.#path.state.name === 'idle' && !this.#path.kept) this.#startHunting(this.#path.kept, now)
  }

  /** The peer's WireGuard sends to us, and ours has no session: one of the two has begun anew. Left to itself, it would notice after 15 s. */
  #greet(now: Time): void {
    const { state, target } = this.#path
    if (state.name !== 'direct' || this.#usage.hasSession(now) || !this.#greetings.take(now)) return
    this.#usage.use(now)
    if (target.parked) this.#path.use(state.primary, 'woken', now)
    this.#out.push({ kind: 'shake' })
  }

  #offered(endpoints: readonly Named[], answered: boolean, now: Time): void {
    if (!this.#search.offered(endpoints, answered, now)) return
    this.#usage.call(now)
    const { state, isRelayed } = this.#path
    // who has a relay calls for a direct path: that says nothing of the relay
    if (!answered && !isRelayed) this.#usage.lose(now)
    if (state.name === 'direct' && !isRelayed) this.#path.check(now, !answered)
    else if (state.name === 'idle') this.#startHunting(this.#path.kept, now)
    if (state.name !== 'direct') this.#search.want(now)
  }

  #wanted(urgent: boolean, now: Time): void {
    if (urgent) this.#usage.ask(now)
    this.#search.startOver()
    if (this.#path.state.name === 'direct') this.#path.check(now)
    else this.#startHunting(this.#path.kept, now)
    this.#search.want(now)
  }

  #doorbellWorks(works: boolean, now: Time): void {
    const { target } = this.#path
    const ended = target.doorbell && !works
    target.doorbell = works
    this.#restIfOver(now)
    // packets to it would be lost from here on
    if (ended && target.parked) this.#leaveDoorbell(now)
  }

  #leaveDoorbell(now: Time): void {
    const { kept, target } = this.#path
    if (kept) this.#path.use(kept, 'once more', now)
    target.parked = false
    this.#wanted(false, now)
  }

  /** @param again somebody asked a moment ago, too */
  #rung(again: boolean, now: Time): void {
    this.#usage.use(now)
    this.#usage.ask(now)
    const { kept, state } = this.#path
    if (kept && kept.answeredAt !== null && now - kept.answeredAt <= constants.rememberedFor) {
      if (state.name === 'direct') this.#path.use(kept, 'woken', now)
      else this.#promote(kept, 'pong', 'woken', now)
    } else {
      this.#hurry(again, now)
    }
  }

  /** There is no path, and somebody sends. WireGuard repeats itself every 5 s: only the first time is news. */
  #hurry(again: boolean, now: Time): void {
    const { kept, state } = this.#path
    if (state.name === 'hunting' && again) {
      if (this.#search.hunt.name === 'waiting') this.#search.want(now)
      return
    }
    this.#search.startOver()
    this.#startHunting(kept, now)
    // no crowd to wait for: it is one endpoint
    if (kept) begin(kept, ladder.length, now)
    this.#search.offer(true, now)
    this.#search.want(now)
  }

  #network(surroundings: Surroundings, moved: boolean, now: Time): void {
    if (!moved && sameSurroundings(this.#search.around, surroundings)) return
    this.#search.around = surroundings
    this.#search.candidates.sift(surroundings)
    this.#search.startOver()
    const { kept, state, target } = this.#path
    target.forgive()
    const gone = kept !== null && this.#search.candidates.at(kept.endpoint) !== kept
    if (state.name === 'direct' && !gone) this.#moved(state.primary, now)
    else if (state.name === 'direct') this.#lose(this.#successor(now), now)
    else if (state.name === 'idle' && gone) this.#path.become({ name: 'idle', remembered: null }, now)
    else if (state.name === 'hunting') this.#startHunting(gone ? null : state.last, now)
    if (this.#path.state.name === 'hunting') this.#search.want(now)
  }

  /** Our end of the path is another one. */
  #moved(primary: Candidate, now: Time): void {
    // a socket that sends from an address which is gone notices after 15 s, and at once when its endpoint is set
    if (!this.#path.target.parked) this.#path.use(primary, 'once more', now)
    // without a doorbell, whoever needs the path would not know that it is another one
    if (this.#path.target.doorbell && !this.#usage.isUsed(now)) return
    this.#path.check(now)
    this.#search.doubt(now)
  }

  #reset(now: Time): void {
    this.#out.push(...this.#search.hunt.cancel())
    this.#search.end(now)
    this.#path.become({ name: 'idle', remembered: null }, now)
    this.#search.candidates.forgetLearnt()
    for (const candidate of this.#search.candidates.all) candidate.climb = null
    this.#search.startOver()
  }

  #pong(id: number, endpoint: Endpoint, rtt: number, now: Time): void {
    const candidate = this.#search.candidates.withId(id)
    if (!candidate) return
    // answered from elsewhere: that proves nothing about either place, and the other one may be worth asking
    if (!sameEndpoint(candidate.endpoint, endpoint)) this.#heardFrom(endpoint, now)
    else this.#answered(candidate, rtt, now)
  }

  #hit(endpoint: Endpoint, rtt: number, now: Time): void {
    const added = this.#search.add('spray', 'punched', endpoint)
    if (added) this.#answered(added.candidate, rtt, now)
  }

  #answered(candidate: Candidate, rtt: number, now: Time): void {
    answer(candidate, rtt, now)
    const { primary } = this.#path
    if (!primary) {
      this.#promote(candidate, 'pong', 'answered first', now)
    } else if (candidate === primary) {
      this.#path.answered(primary, rtt, now)
      if (!primary.relayed) this.#search.offers.end(now - rtt)
      const { endpoint } = this.#path.target
      // where WireGuard has followed the peer, that place is heard first
      const followed = endpoint && this.#search.candidates.at(endpoint)
      if (!followed?.climb) this.#path.insist(primary, followed, now)
    } else if (displaces(candidate, primary, this.#search.around)) {
      this.#promote(candidate, 'pong', 'ranks better', now)
    } else {
      this.#comparable(candidate, primary, now)
    }
  }

  /** A candidate has answered and ranks no better than the endpoint in use; but is that one still alive? */
  #comparable(candidate: Candidate, primary: Candidate, now: Time): void {
    const worse = this.#search.ranksWorse(candidate, primary)
    judge(candidate, worse ? 'answered, another ranks better' : 'answered, another is as good', now)
    const followed = sameEndpoint(this.#path.target.endpoint, candidate.endpoint)
    if (followed && !worse) this.#promote(candidate, 'pong', null, now)
    // the peer speaks from another place than we use: it may have moved
    else if (followed || candidate.sources.has('heard')) this.#path.check(now, !followed)
  }

  #tunnel(state: TunnelState, now: Time): void {
    const heard = this.#watch.see(state, now)
    const { answered, asked, used, unansweredFor } = heard
    const settled = this.#path.target.isSettled(now)
    const again = this.#usage.isAsked(now)
    this.#path.target.saw(state.endpoint, now)
    this.#usage.see(state, heard, now)
    this.#path.saw(state.received, unansweredFor)
    if (answered) this.#search.tunnelAliveAt = now
    // a packet has gone to the doorbell, and no ring was heard
    if (used && this.#path.target.parked) this.#rung(again, now)
    if (this.#path.state.name === 'direct') {
      if (answered && state.endpoint && settled) this.#roamed(state.endpoint, now)
      if (unansweredFor >= this.#path.patience) this.#path.check(now)
    } else if (answered && state.endpoint) {
      this.#cameAlive(state.endpoint, heard.first, now)
    } else if (asked) {
      this.#hurry(again, now)
    }
    this.#restIfOver(now)
  }

  /** A session that we did not bring about: the peer has called, or it outlived us. @param old what it says may be long ago */
  #cameAlive(endpoint: Endpoint, old: boolean, now: Time): void {
    const added = this.#search.add('tunnel', 'roamed', endpoint)
    if (!added) return
    const { candidate } = added
    const askedAt = candidate.lastProbeAt ?? -never
    this.#usage.use(now)
    if (!old) this.#promote(candidate, 'tunnel', null, now)
    // whoever answers PINGs can be watched more closely
    if (now - askedAt > constants.askedFor) begin(candidate, constants.checkRungs, now)
  }

  /** WireGuard's endpoint is not ours: authenticated packets came from there. It is followed if it answers and ranks no worse. */
  #roamed(endpoint: Endpoint, now: Time): void {
    const primary = this.#path.primary!
    if (sameEndpoint(endpoint, primary.endpoint)) return
    const added = this.#search.add('tunnel', 'roamed', endpoint)
    if (!added || added.candidate.climb) return
    const { candidate } = added
    if (candidate.relayed && !primary.relayed) {
      this.#path.check(now)
    } else if (candidate.answeredAt !== null && now - candidate.answeredAt < constants.askedFor) {
      this.#comparable(candidate, primary, now)
    } else if (this.#heard.take(now)) {
      probeNow(candidate, now)
    }
  }

  #promote(candidate: Candidate, proof: 'pong' | 'tunnel', because: UseReason | null, now: Time): void {
    const needed = this.#path.isNeeded(now)
    if (this.#path.isRelayed && !candidate.relayed) this.#search.relays.replaced(now)
    const before = this.#path.promote(candidate, proof, needed ? because : null, this.#search.around, now)
    if (before) this.#search.candidates.drop(before)
    this.#search.found(candidate, now)
    this.#restIfOver(now)
  }

  /** There is no session, and nobody wants one: WireGuard goes to the doorbell, and the path is remembered. */
  #restIfOver(now: Time): void {
    const { state, since, target } = this.#path
    if (!target.doorbell || !this.#usage.isOver(now)) return
    this.#out.push(...target.park(now))
    if (state.name === 'direct' && now - since >= constants.restAfter) this.#rest(state.primary, now)
  }

  #rest(remembered: Candidate | null, now: Time): void {
    const { kept } = this.#path
    this.#search.end(now)
    if (remembered) {
      judge(remembered, 'answered, nobody uses the peer', now)
      remembered.climb = null
      if (!remembered.relayed) this.#search.add('cache', 'cached', remembered.endpoint)
    }
    this.#path.become({ name: 'idle', remembered }, now)
    if (kept && kept !== remembered) this.#search.candidates.drop(kept)
  }

  /** The endpoint in use is dead. Another one that answered just now takes its place, or all are tried again. */
  #lose(successor: Candidate | undefined, now: Time): void {
    const lost = this.#path.primary!
    this.#watch.restart()
    this.#path.unansweredFor = 0
    this.#search.startOver()
    if (successor) {
      this.#promote(successor, 'pong', 'the one before stopped answering', now)
    } else {
      this.#startHunting(this.#search.candidates.at(lost.endpoint) === lost ? lost : null, now)
      this.#search.askRelays(now)
    }
    lost.answeredAt = null
    judge(lost, 'stopped answering', now)
    this.#search.want(now)
  }

  #startHunting(last: Candidate | null, now: Time): void {
    const { state } = this.#path
    if (state.name !== 'hunting' || state.last !== last) this.#path.become({ name: 'hunting', last }, now)
    this.#search.start(now)
  }

  #tick(now: Time): void {
    this.#inUse = this.#usage.isUsed(now)
    this.#path.tick(now)
    this.#judge(now)
    // a lost endpoint starts other climbs, whose first rung is due at once
    while (this.#path.isLost(this.#search.climb(now), this.#successor(now), now)) this.#lose(this.#successor(now), now)
    if (this.#search.tick(now)) this.#rest(null, now)
  }

  /** What the beats say of the endpoint in use. */
  #judge(now: Time): void {
    const { candidates, around } = this.#search
    const { suspectedAt } = this.#path
    const verdict = this.#path.verdict(candidates.all, around, now)
    if (verdict === 'dead') this.#lose(this.#successor(now), now)
    else if (typeof verdict === 'object') this.#lose(verdict, now)
    else if (verdict === 'suspect' && suspectedAt === null) {
      this.#search.doubt(now)
    }
  }

  #successor(now: Time): Candidate | undefined {
    return this.#path.successor(this.#search.candidates.all, this.#search.around, now)
  }

  view(): PathView {
    return pathView(this.#path, this.#search, this.#inUse)
  }
}
