/**
 * Two nodes of which one is behind a hard NAT find each other by the birthday paradox: the hard one opens many ports, the easy one
 * knocks at many, and one of each meet soon. A machine for each peer, the same on both sides; the roles are `roles.ts`'s.
 *
 *                       planned ──time──▶ waiting ──granted──▶ opening ──opened──▶ open, few ──silence──▶ open, many
 *     OFFERs crossed ──▶│ (hard)                                                      └───────┬───────────────┘
 *                 rest ─┤                                                                     │ a branch heard it
 *     a spray came ────▶│ (easy)                                                              ▼
 *                       waiting ──granted──▶ spraying ──────a PONG──────────────────────▶ proving ──proved──▶ met
 *                            all ◀── silence to the end: `rest`, and not again with that pair of addresses for a while
 *
 * It costs others up to 256 mappings of a router, and 1000 PINGs to an address that the peer named: so once for a pair of networks.
 */

import { Allowance } from '../../base/allowance.ts'
import { type Endpoint, sameEndpoint } from '../../base/ip.ts'
import type { Time } from '../../base/time.ts'
import type { Spray } from '../control/message.ts'
import type { BirthdayView, Input, Output, Why } from './birthday-events.ts'
import {
  afterFirstProbes,
  afterProbing,
  beginnings,
  fewOpen,
  heardFor,
  heardMost,
  lastAnswer,
  latest,
  manyOpen,
  probeEvery,
  probesMost,
  proofWait,
  sockets,
  soon,
  sprayLife,
  tellAt,
} from './constants.ts'
import { Guesses, sameSpray } from './guesses.ts'
import { Outcomes } from './outcomes.ts'
import { type Role, rolesOf, type Side } from './roles.ts'

export type { BirthdayView } from './birthday-events.ts'

type State =
  | { readonly name: 'rest' }
  | { readonly name: 'planned'; readonly at: Time; readonly attempt: Hard }
  | { readonly name: 'waiting'; readonly since: Time; readonly attempt: Hard | Easy }
  | { readonly name: 'opening'; readonly attempt: Hard; readonly sockets: number }
  | { readonly name: 'open'; readonly attempt: Hard; readonly sockets: number; readonly since: Time; told: number }
  | { readonly name: 'spraying'; readonly attempt: Easy; sent: number; next: Time; isDry: boolean; heard: number }
  | { readonly name: 'proving'; readonly attempt: Hard | Easy; readonly since: Time; readonly sent: number }
  | { readonly name: 'met'; readonly attempt: Hard | Easy }

type Hard = { readonly role: 'hard'; readonly pair: string; readonly target: Endpoint; readonly regular: boolean }
type Easy = { readonly role: 'easy'; readonly pair: string; spray: Spray; readonly guesses: Guesses }
type Crossing = Input & { readonly kind: 'crossed' }

/** How long simple probing is given. */
const patience = { surely: soon, likely: afterFirstProbes, perhaps: afterProbing } as const
const never: Time = Number.POSITIVE_INFINITY

export class Birthday {
  readonly #chance: () => number
  #allowance = new Allowance(beginnings.burst, beginnings.rate)
  readonly #outcomes = new Outcomes()
  #state: State = { name: 'rest' }
  #direct = false
  /** The last crossing, while it is fresh enough to begin by. */
  #crossing: { readonly input: Crossing; readonly at: Time } | null = null
  #heard: { readonly endpoint: Endpoint; readonly at: Time } | null = null
  /** W's packets to this endpoint leave from a branch. */
  #bound: Endpoint | null = null
  #out: Output[] = []
  #told = { role: null as Role | null, why: 'no OFFER of it has come' as Why, sockets: 0, probes: 0 }
  #startedAt: Time | null = null
  #endedAt: Time | null = null

  /** @param chance from 0 to 1 */
  constructor(chance: () => number) {
    this.#chance = chance
  }

  /** When to be called with `timer`. */
  get wakeAt(): Time {
    const state = this.#state
    switch (state.name) {
      case 'planned':
        return state.at
      case 'open':
        return Math.min(state.since + (tellAt[state.told] ?? never), state.since + openFor(state.sockets))
      case 'spraying':
        return state.next + quietFor(state)
      case 'proving':
        // the hard side hears of its proof
        return state.attempt.role === 'easy' ? state.since + proofWait : never
      default:
        return never
    }
  }

  handle(input: Input, now: Time): Output[] {
    this.#out = []
    this.#take(input, now)
    return this.#out
  }

  view(): BirthdayView {
    return { state: this.#state.name, ...this.#told, startedAt: this.#startedAt, endedAt: this.#endedAt }
  }

  #take(input: Input, now: Time): void {
    const state = this.#state
    switch (input.kind) {
      case 'crossed':
        this.#cross(input, now)
        break
      case 'sprayed':
        this.#meetSpray(input.spray, input.own, now)
        break
      case 'granted':
        this.#begin(now)
        break
      case 'opened':
        if (state.name !== 'opening') break
        this.#state = { name: 'open', attempt: state.attempt, sockets: state.sockets, since: now, told: 0 }
        this.#tick(now)
        break
      case 'not opened':
        if (state.name === 'opening') this.#end(input.problem, now)
        break
      case 'heard':
        this.#hear(input.endpoint, now)
        break
      case 'hit':
        if (state.name === 'open' || state.name === 'opening') {
          this.#bound = state.attempt.target
          this.#state = { name: 'proving', attempt: state.attempt, since: now, sent: 0 }
          this.#out.push({ kind: 'close', bound: false })
        } else if (state.name === 'spraying') {
          this.#state = { name: 'proving', attempt: state.attempt, since: now, sent: state.sent }
        }
        break
      case 'proof':
        if (state.name !== 'proving' || state.attempt.role !== 'hard') break
        if (input.held) this.#meet(state.attempt, now)
        else {
          this.#unbind()
          this.#end('a branch heard it, and the path was not proved', now)
        }
        break
      case 'path':
        this.#path(input.direct, now)
        break
      case 'slept':
      case 'moved':
      case 'forgotten':
        this.#outcomes.forget()
        if (input.kind === 'slept') break
        this.#crossing = null
        this.#unbind()
        this.#end(input.kind === 'moved' ? 'our network has changed' : 'the peer was given up', now)
        break
      case 'released':
        // it may be the peer who looks for us; and what is under way ends by itself
        if (state.name !== 'rest' && state.name !== 'met') break
        this.#unbind()
        this.#end('the path was given up', now)
        break
      case 'timer':
        this.#tick(now)
        break
    }
  }

  #cross(input: Crossing, now: Time): void {
    const { own, peer, target, able } = input
    // who does not know yet what it is behind has just begun: what failed while it was away says nothing
    const isNew = peer.nat === 'unknown' && (this.#crossing?.input.peer.nat ?? 'unknown') !== 'unknown'
    this.#crossing = { input, at: now }
    const aim = this.#state.name === 'rest' ? null : this.#state.attempt
    const knocks = aim?.role === 'hard' ? aim.target : this.#bound
    // a peer that has not heard yet where it is seen is not elsewhere
    if (knocks && target && !sameEndpoint(knocks, target)) {
      this.#unbind()
      this.#end('the peer is elsewhere now', now)
    }
    if (this.#direct || !this.#isFree(now)) return
    const roles = rolesOf(own, peer)
    this.#told.role = typeof roles === 'string' ? null : roles.own
    if (typeof roles === 'string') this.#told.why = roles
    else if (roles.own === 'easy') this.#told.why = 'the peer has not begun'
    else if (!able) this.#told.why = 'no ports beside ours can be used here: nftables cannot be used'
    else if (!target || !own.address) this.#told.why = 'an IPv4 address outside is not known'
    else {
      // what failed without a prediction may work with one
      const pair = `${own.address} ${target.host} ${input.regular}`
      if (isNew && this.#outcomes.of(pair, now)?.worked === false) this.#outcomes.forget(pair)
      const before = this.#outcomes.of(pair, now)
      if (before && !before.worked) return
      // what is bound already gets one more chance
      const delay = this.#bound ? afterFirstProbes : before ? 0 : patience[roles.needed]
      // more OFFERs do not put it off
      const at = Math.min(now + delay, this.#state.name === 'planned' ? this.#state.at : never)
      this.#told.why = 'about to begin'
      this.#state = { name: 'planned', at, attempt: { role: 'hard', pair, target, regular: input.regular } }
      this.#tick(now)
    }
  }

  /** Nothing is under way. A moment after a meeting, its path is not known yet. */
  #isFree(now: Time): boolean {
    const { name } = this.#state
    return name === 'rest' || name === 'planned' || (name === 'met' && now - this.#endedAt! > proofWait)
  }

  #meetSpray(spray: Spray, own: Side, now: Time): void {
    const state = this.#state
    if (state.name === 'spraying' || (state.name === 'waiting' && state.attempt.role === 'easy')) {
      const { attempt } = state
      // the same words once more, or the many after the few
      if (attempt.role !== 'easy' || attempt.spray.host !== spray.host || sameSpray(attempt.spray, spray)) return
      attempt.spray = spray
      attempt.guesses.aim(spray)
      if (state.name === 'spraying' && state.isDry) Object.assign(state, { isDry: false, next: now })
      return
    }
    if (this.#direct || state.name === 'proving' || state.name === 'opening' || state.name === 'open') return
    const pair = `${own.address} ${spray.host} ${spray.step !== undefined}`
    const before = this.#outcomes.of(pair, now)
    this.#told.role = null
    if (own.nat === 'endpoint-dependent') this.#told.why = 'both are hard'
    else if (!before || before.worked) {
      this.#told.role = 'easy'
      const attempt: Easy = { role: 'easy', pair, spray, guesses: new Guesses(spray, this.#chance) }
      this.#ask(attempt, now)
    }
  }

  /** Waits for a place among those at work. */
  #ask(attempt: Hard | Easy, now: Time): void {
    if (!this.#allowance.take(now)) {
      this.#state = { name: 'rest' }
      this.#told.why = 'tried too often in the last minutes'
      return
    }
    this.#told.why = 'waiting for others'
    this.#state = { name: 'waiting', since: now, attempt }
    this.#out.push({ kind: 'ask' })
  }

  #begin(now: Time): void {
    const state = this.#state
    if (state.name !== 'waiting') {
      // it was asked for, and is not needed any more
      this.#out.push({ kind: 'done' })
      return
    }
    const { attempt, since } = state
    if (attempt.role === 'easy' && now - since > sprayLife) {
      this.#end('its turn came too late', now)
      return
    }
    this.#startedAt = now
    this.#endedAt = null
    this.#told = { role: attempt.role, why: 'under way', sockets: 0, probes: 0 }
    if (attempt.role === 'hard') {
      this.#unbind()
      this.#open(attempt, attempt.regular ? sockets.few : sockets.many)
    } else {
      this.#state = { name: 'spraying', attempt, sent: 0, next: now, isDry: false, heard: 0 }
      const before = this.#heard
      if (before && now - before.at < heardFor) this.#hear(before.endpoint, now)
      this.#tick(now)
    }
  }

  #open(attempt: Hard, count: number): void {
    this.#told.sockets = count
    this.#state = { name: 'opening', attempt, sockets: count }
    this.#out.push({ kind: 'open', sockets: count, target: attempt.target })
  }

  #path(direct: boolean, now: Time): void {
    const state = this.#state
    this.#direct = direct
    if (direct) {
      if (state.name === 'proving' && state.attempt.role === 'easy') this.#meet(state.attempt, now)
      // a hard one's proof is on its way, and what is bound may be what the path is made of
      else if (state.name !== 'proving' && state.name !== 'met' && state.name !== 'rest')
        this.#end('another path was found', now)
      return
    }
    if (state.name === 'met') this.#state = { name: 'rest' }
    const crossing = this.#crossing
    if (crossing && now - crossing.at <= afterProbing) this.#cross(crossing.input, now)
  }

  #meet(attempt: Hard | Easy, now: Time): void {
    this.#outcomes.worked(attempt.pair, now)
    // who is there may come again: only what came to nothing counts
    this.#allowance = new Allowance(beginnings.burst, beginnings.rate)
    this.#endedAt = now
    this.#told.why = 'met'
    this.#state = { name: 'met', attempt }
    this.#out.push({ kind: 'done' })
  }

  #tick(now: Time): void {
    const state = this.#state
    if (state.name === 'planned' && now >= state.at) this.#ask(state.attempt, now)
    else if (state.name === 'open') this.#keepOpen(state, now)
    else if (state.name === 'spraying') this.#spray(state, now)
    else if (state.name === 'proving' && state.attempt.role === 'easy' && now - state.since >= proofWait) {
      // a PONG came through, and then no more: the rest of the probes
      const { attempt, sent } = state
      this.#state = { name: 'spraying', attempt, sent, next: now, isDry: false, heard: heardMost }
      this.#spray(this.#state, now)
    }
  }

  #keepOpen(state: State & { readonly name: 'open' }, now: Time): void {
    while (now >= state.since + (tellAt[state.told] ?? never)) {
      state.told++
      this.#out.push({ kind: 'tell' })
    }
    if (now < state.since + openFor(state.sockets)) return
    if (state.sockets === sockets.few) this.#open(state.attempt, sockets.many)
    else this.#fail(state.attempt, now)
  }

  #spray(state: State & { readonly name: 'spraying' }, now: Time): void {
    // a late timer makes up for what it missed, but not for a sleep
    if (quietFor(state) === 0 && now - state.next > latest) state.next = now
    while (state.next <= now && quietFor(state) === 0) {
      const port = state.attempt.guesses.next()
      state.isDry = port === null
      if (port === null) break
      state.next += probeEvery
      this.#probe(state, { host: state.attempt.spray.host, port })
    }
    if (quietFor(state) > 0 && now >= state.next + quietFor(state)) this.#fail(state.attempt, now)
  }

  #probe(state: State & { readonly name: 'spraying' }, endpoint: Endpoint): void {
    this.#told.probes = ++state.sent
    this.#out.push({ kind: 'probe', endpoint })
  }

  #hear(endpoint: Endpoint, now: Time): void {
    this.#heard = { endpoint, at: now }
    const state = this.#state
    if (state.name !== 'spraying' || endpoint.host !== state.attempt.spray.host) return
    if (state.heard >= heardMost || state.sent >= probesMost) return
    state.heard++
    this.#probe(state, endpoint)
  }

  #fail(attempt: Hard | Easy, now: Time): void {
    this.#outcomes.failed(attempt.pair, now)
    this.#end('no answer', now)
  }

  /** Stops what is under way. What is bound stays. */
  #end(why: Why, now: Time): void {
    const { name } = this.#state
    if (name === 'rest') return
    if (name === 'opening' || name === 'open') this.#out.push({ kind: 'close', bound: false })
    if (name !== 'planned' && name !== 'met') this.#out.push({ kind: 'done' })
    if (name !== 'planned' && name !== 'waiting') this.#endedAt = now
    this.#told.why = why
    this.#state = { name: 'rest' }
  }

  #unbind(): void {
    if (!this.#bound) return
    this.#bound = null
    this.#out.push({ kind: 'close', bound: true })
  }
}

/** What the easy side waits for after its last probe: an answer, or the many branches. 0: it has more to send. */
function quietFor({ sent, isDry }: { readonly sent: number; readonly isDry: boolean }): Time {
  if (sent >= probesMost) return lastAnswer
  return isDry ? fewOpen + sprayLife : 0
}

const openFor = (count: number) => (count === sockets.few ? fewOpen : manyOpen)
