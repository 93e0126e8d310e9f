/**
 * The endpoint in use, and what is known of its life.
 *
 *     direct ──beats unanswered──▶ suspect ──another answers──▶ direct there
 *        ▲                           │  └──nothing answers, 1.5 s──▶ hunting
 *        └──────────answered─────────┘
 *
 * WireGuard stays where it is until something better has answered. Where nobody uses the path, WireGuard may stand at the doorbell;
 * the path is kept in mind.
 */

import type { Time } from '../../base/time.ts'
import { type Candidate, judge, type Surroundings } from './candidate.ts'
import { begin } from './climb.ts'
import * as constants from './constants.ts'
import { never } from './constants.ts'
import type { Output, UseReason } from './events.ts'
import { Handshake, type ShakeState } from './handshake.ts'
import { Throttle } from './pace.ts'
import { Pulse } from './pulse.ts'
import { ranked, tier } from './score.ts'
import { Target } from './target.ts'
import type { Usage } from './usage.ts'

export type State =
  /** `remembered`: it answered there, and nobody uses it. */
  | { readonly name: 'idle'; readonly remembered: Candidate | null }
  /** `last`: where it was, until it did not answer any more. */
  | { readonly name: 'hunting'; readonly last: Candidate | null }
  | { readonly name: 'direct'; readonly primary: Candidate; readonly proof: 'pong' | 'tunnel' }

/** What is told of it leads to a relay. */
function leadsToRelay(state: State): boolean {
  if (state.name === 'hunting') return false
  return (state.name === 'direct' ? state.primary : state.remembered)?.relayed ?? false
}

export class Path {
  state: State = { name: 'idle', remembered: null }
  /** When the state began. */
  since: Time = 0
  /** When the endpoint in use came into doubt, by more than one PING; `null`: it is not. */
  suspectedAt: Time | null = null
  /** The peer speaks the control protocol: it once sealed something. A plain WireGuard is left in peace. */
  speaks = false
  /** WireGuard asks, and nothing comes, for so long, ms. */
  unansweredFor = 0
  readonly target: Target
  readonly pulse: Pulse
  readonly #usage: Usage
  readonly #checks = new Throttle(constants.checkAgain)
  readonly #handshake: Handshake
  #received = 0
  readonly #emit: (output: Output) => void
  /** As the last `tell` said. */
  #wasRelayed = false

  /** @param random as `Math.random` @param pace ms between two PINGs to an endpoint in use */
  constructor(usage: Usage, random: () => number, pace: () => Time, emit: (output: Output) => void) {
    this.#usage = usage
    this.target = new Target(random)
    this.pulse = new Pulse(pace)
    this.#handshake = new Handshake(random)
    this.#emit = emit
  }

  get primary(): Candidate | null {
    return this.state.name === 'direct' ? this.state.primary : null
  }

  /** In use, or where it was last. */
  get kept(): Candidate | null {
    const { state } = this
    if (state.name === 'direct') return state.primary
    return state.name === 'idle' ? state.remembered : state.last
  }

  /** There is a path, and it leads through a relay. */
  get isRelayed(): boolean {
    return this.primary?.relayed ?? false
  }

  /** What the endpoint in use is has changed, by what others say of it. */
  get isMistold(): boolean {
    return leadsToRelay(this.state) !== this.#wasRelayed
  }

  get isProvedByPong(): boolean {
    return this.state.name === 'direct' && this.state.proof === 'pong'
  }

  /** How long WireGuard's silence counts for nothing, ms: what it has proved may answer nothing but WireGuard. */
  get patience(): Time {
    return this.isProvedByPong || this.speaks ? constants.silentAfter : constants.silentAfterUnproved
  }

  /** It is being asked, and answers. */
  get isAlive(): boolean {
    return this.pulse.isBeating && this.suspectedAt === null
  }

  become(state: State, now: Time): void {
    if (state.name !== this.state.name || leadsToRelay(state) !== this.#wasRelayed) this.since = now
    this.state = state
    this.#wasRelayed = leadsToRelay(state)
    if (state.name !== 'direct') this.#stopBeating()
    const { name } = state
    const endpoint = name === 'hunting' ? null : this.kept?.endpoint
    const proof = state.name === 'direct' ? { proof: state.proof } : {}
    const relayed = leadsToRelay(state) ? ({ relayed: true } as const) : {}
    this.#emit({ kind: 'tell', state: name, ...(endpoint && { endpoint }), ...proof, ...relayed })
  }

  /** @param because `null`: WireGuard is there already, or shall not be @returns where it was before */
  promote(
    candidate: Candidate,
    proof: 'pong' | 'tunnel',
    because: UseReason | null,
    around: Surroundings,
    now: Time,
  ): Candidate | null {
    const { primary: before, kept } = this
    if (because) this.use(candidate, because, now)
    judge(candidate, 'in use', now)
    // a PING of the hunt that stays unanswered is no reason to doubt what WireGuard has proved
    candidate.climb = null
    this.#stopBeating()
    this.become({ name: 'direct', primary: candidate, proof }, now)
    if (before && before !== candidate) {
      before.climb = null
      const worse = tier(before, around) > tier(candidate, around)
      judge(before, worse ? 'answered, another ranks better' : 'answered, another is as good', now)
    }
    return kept === candidate ? null : kept
  }

  use(candidate: Candidate, because: UseReason, now: Time): void {
    this.#emit(this.target.use(candidate.endpoint, because, now))
    this.#handshake.begin()
  }

  /** WireGuard's counters. @param unansweredFor for how long it has asked in vain, ms */
  saw(received: number, unansweredFor: number): void {
    this.unansweredFor = unansweredFor
    this.#received = received
    this.#handshake.see(received)
  }

  /** Shall WireGuard be pointed at the peer? Where the doorbell tells of the first packet, not before there is one. */
  isNeeded(now: Time): boolean {
    const resting = this.target.parked || this.#usage.isOver(now)
    return !this.target.doorbell || !resting || this.#usage.isHeld(now)
  }

  /** A PONG of the endpoint in use. */
  answered(primary: Candidate, rtt: number, now: Time): void {
    this.pulse.answered(rtt, now)
    if (!this.isProvedByPong) this.become({ name: 'direct', primary, proof: 'pong' }, now)
  }

  /**
   * WireGuard gets no answer where PINGs are answered, or has gone to a place that is no better: it is told again. Two that leave a relay
   * lead one another back to it by the packets that are still on their way, so there nothing is left to time.
   * @param followed where it has gone
   */
  insist(primary: Candidate, followed: Candidate | undefined, now: Time): void {
    const soon = !primary.relayed && (followed?.relayed ?? false)
    const { target } = this
    const stuck = this.unansweredFor >= constants.wedgedAfter
    if ((target.isAstray(primary.endpoint) || stuck) && target.mayInsist(soon, now)) this.use(primary, 'once more', now)
  }

  /** Asks the endpoint in use whether it still answers. @param lost the peer says that it has lost us */
  check(now: Time, lost = false): void {
    const { primary } = this
    this.#checks.dueAt = never
    if (this.pulse.isBeating && this.isProvedByPong) this.pulse.doubt(now)
    else if (primary && lost) begin(primary, constants.lostRungs, now, constants.lostWait)
    else if (primary && !primary.climb && this.#checks.take(now)) begin(primary, constants.checkRungs, now)
  }

  /** Beats while the path is in use, and WireGuard's keepalive as long as it is held. */
  tick(now: Time): void {
    if (now >= this.#checks.dueAt) this.check(now)
    const { state, target, pulse } = this
    const open = state.name === 'direct' && !target.parked
    for (const output of target.hold(open && this.#usage.isHeld(now))) this.#emit(output)
    this.#shake(open, now)
    // where it was is asked on, at leisure: a path that was cut may be whole again at any moment
    const asked = open ? state.primary : state.name === 'hunting' ? state.last : null
    if (!asked || !this.speaks || !this.#usage.isUsed(now)) {
      this.#stopBeating()
      return
    }
    const { id, endpoint, rtt, answeredAt } = asked
    const provedAt = answeredAt !== null && now - answeredAt < constants.freshFor ? answeredAt : null
    // a check that is under way is done by the beats from here on
    if (open && !pulse.isBeating) asked.climb = null
    pulse.start(id, rtt ?? constants.beatTimeout, this.isProvedByPong, provedAt)
    if (pulse.tick(now)) this.#emit({ kind: 'probe', endpoint, candidate: id, ...(open && { inUse: true }) })
  }

  /** A session that is wanted begins, though packets are lost. */
  #shake(open: boolean, now: Time): void {
    const isWanted = open && this.isProvedByPong && this.#usage.isUsed(now)
    const state: ShakeState = !isWanted ? 'none needed' : this.#usage.hasSession(now) ? 'session' : 'waits'
    const kind = this.#handshake.tick(state, this.primary?.rtt ?? 0, now)
    if (kind) this.#emit(kind === 'anew' ? { kind, received: this.#received } : { kind })
  }

  /** What the beats say. A candidate: it answers, and the endpoint in use does not. */
  verdict(candidates: readonly Candidate[], around: Surroundings, now: Time): 'alive' | 'suspect' | 'dead' | Candidate {
    const { pulse, state } = this
    if (state.name !== 'direct' || !this.isProvedByPong || !pulse.isBeating) return 'alive'
    const suspect = pulse.isSilent(constants.suspectChance, constants.suspectBeats)
    // of a path that slept nothing is known: another one that answers is better
    // the peer's own word is half of the evidence
    const lost = this.#usage.isLost(now)
    const [chance, beats] = lost
      ? [constants.movedChance, constants.lostBeats]
      : [constants.deadChance, constants.deadBeats]
    const dead = pulse.hasLived ? pulse.isSilent(chance, beats) : suspect
    const moved = this.#usage.isCalled(now) && pulse.isSilent(constants.movedChance, constants.movedBeats)
    const since = pulse.silentSince
    const answers = (candidate: Candidate) =>
      candidate !== state.primary &&
      (candidate.answeredAt ?? -never) >= since &&
      (dead || (moved && (candidate.sources.has('heard') || candidate.sources.has('offer'))))
    const other = dead || moved ? ranked(candidates, around).find(answers) : undefined
    if (other) return other
    if (this.suspectedAt !== null && since === never) this.suspectedAt = null
    else if (suspect) this.suspectedAt ??= now
    if (this.suspectedAt === null) return 'alive'
    return dead && (lost || now - this.suspectedAt >= constants.verdictAfter) ? 'dead' : 'suspect'
  }

  /** Is the endpoint in use dead, now that these have not answered? */
  isLost(silent: readonly Candidate[], successor: Candidate | undefined, now: Time): boolean {
    const { primary } = this
    if (!primary || !silent.includes(primary)) return false
    const patience = successor ? constants.silentAfter : this.patience
    if (this.isProvedByPong || this.unansweredFor >= patience) return true
    judge(primary, 'in use', now)
    return false
  }

  /** Who may follow the endpoint in use, which is dead. Who has answered since it was last asked is there now; others may be gone with it. */
  successor(candidates: readonly Candidate[], around: Surroundings, now: Time): Candidate | undefined {
    const answered = ranked(candidates, around).filter(each => each !== this.primary && each.answeredAt !== null)
    const since = (time: Time) => answered.find(({ answeredAt }) => answeredAt! >= time)
    return since(this.pulse.isBeating ? this.pulse.silentSince : this.#checks.doneAt) ?? since(now - constants.freshFor)
  }

  get wakeAt(): Time {
    return Math.min(this.#checks.dueAt, this.pulse.wakeAt, this.#handshake.wakeAt)
  }

  #stopBeating(): void {
    this.pulse.stop()
    this.suspectedAt = null
  }
}
