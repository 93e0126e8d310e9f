/**
 * Members that only a relay leads to while this node's own UDP gets nowhere: each is called by WebRTC, which some networks let pass that drop
 * WireGuard. What comes of it is a carrier to the member itself. The relay goes on meanwhile, and takes over again when the call ends.
 *
 *     told: relayed, and we are blocked ──2 s──▶ calling ──through──▶ carrier ──its PONG──▶ path machine
 *                                                   └──no──▶ again after 4 s, 8 s, … 5 min
 */

import type { Endpoint } from '../base/ip.ts'
import type { Logger } from '../base/log.ts'
import { minute, second, type Time } from '../base/time.ts'
import type { ByteStream } from '../drivers/carrier/carrier.ts'
import type { Channel } from '../drivers/control/channel.ts'
import type { Clock } from '../os/clock.ts'
import { type CarriedBy, callMember, callTime } from '../protocol/carrier/rungs.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import type { Input, Output } from '../protocol/path/events.ts'
import type { Carriers } from './carriers.ts'
import { Timers } from './timers.ts'

export type WebRtcPathsParts = {
  readonly clock: Clock
  readonly log: Logger
  readonly channel: Pick<Channel, 'ping'>
  readonly carriers: Carriers
  /** `null`: this platform has no WebRTC. @throws where the member is not reached */
  readonly open: (key: PublicKey, endpoint: Endpoint, by: CarriedBy, signal: AbortSignal) => Promise<ByteStream | null>
  /** For the path machine of a member. */
  readonly input: (key: PublicKey, input: Input) => void
  readonly called: (key: PublicKey) => string
}

/** Calls at the same time, under way or through. */
const most = 16
/** A call that ended sooner was none. */
const lasting = 1 * minute
/** What is on its way by a call that is not needed any more. */
const grace = 10 * second

type Contact = {
  endpoint: Endpoint | null
  pause: Time
  timer: { cancel(): void } | null
  underWay: boolean
  openedAt: Time
}

export class WebRtcPaths {
  readonly #parts: WebRtcPathsParts
  readonly #contacts = new Map<PublicKey, Contact>()
  readonly #timers: Timers
  readonly #over = new AbortController()
  #missing = false

  constructor(parts: WebRtcPathsParts) {
    this.#parts = parts
    this.#timers = new Timers(parts.clock)
  }

  /** This platform has no WebRTC, as was found when it was wanted. */
  get isMissing(): boolean {
    return this.#missing
  }

  /** What became of the path to a member. */
  told(key: PublicKey, { state, endpoint, relayed }: Output & { kind: 'tell' }): void {
    const { carriers } = this.#parts
    const isRelayed = state === 'direct' && relayed === true && endpoint !== undefined
    const contact = this.#contacts.get(key)
    if (isRelayed) {
      const known = contact ?? { endpoint, pause: callMember.first, timer: null, underWay: false, openedAt: 0 }
      known.endpoint = endpoint
      this.#contacts.set(key, known)
      this.#plan(key, known)
    } else if (contact) {
      contact.endpoint = null
      contact.timer?.cancel()
      contact.timer = null
    }
    // UDP leads there now
    const isDirect = state === 'direct' && !relayed && endpoint !== undefined && !carriers.leadsTo(endpoint.host)
    if (isDirect) for (const host of carriers.callsTo(key)) this.#timers.in(grace, () => carriers.leave(host))
  }

  /** This node's UDP is blocked since now, or its network is another one. */
  again(): void {
    for (const [key, contact] of this.#contacts) {
      contact.pause = callMember.first
      contact.timer?.cancel()
      contact.timer = null
      this.#plan(key, contact)
    }
  }

  /** It is no member any more. */
  forget(key: PublicKey): void {
    const contact = this.#contacts.get(key)
    contact?.timer?.cancel()
    this.#contacts.delete(key)
    for (const host of this.#parts.carriers.callsTo(key)) this.#parts.carriers.leave(host)
  }

  stop(): void {
    this.#timers.end()
    this.#over.abort(new Error('stopped'))
    this.#contacts.clear()
  }

  #plan(key: PublicKey, contact: Contact): void {
    const { clock } = this.#parts
    if (contact.timer || contact.underWay || this.#missing || !this.#isWanted(key, contact)) return
    if (contact.openedAt > 0 && clock.now() - contact.openedAt > lasting) contact.pause = callMember.first
    contact.timer = this.#timers.in(contact.pause, () => {
      contact.timer = null
      if (this.#isWanted(key, contact)) void this.#call(key, contact)
    })
    contact.pause = Math.min(contact.pause * 2, callMember.last)
  }

  /** Who calls is the one whose UDP is blocked; and where both are, the one whose call comes first. */
  #isWanted(key: PublicKey, { endpoint }: Contact): boolean {
    const { carriers } = this.#parts
    const busy = [...this.#contacts.values()].filter(({ underWay }) => underWay).length + carriers.calls
    return endpoint !== null && carriers.isGuest && carriers.callsTo(key).length === 0 && busy < most
  }

  async #call(key: PublicKey, contact: Contact): Promise<void> {
    const { clock, log, open, carriers, channel, input, called } = this.#parts
    contact.underWay = true
    const stop = new AbortController()
    const end = () => stop.abort(new Error('no answer'))
    const limit = this.#timers.in(callTime, end)
    this.#over.signal.addEventListener('abort', end)
    try {
      const stream = await open(key, contact.endpoint!, 'webrtc', stop.signal)
      if (!stream) this.#missing = true
      else if (stop.signal.aborted || !carriers.isGuest) stream.abort()
      else {
        contact.openedAt = clock.now()
        const endpoint = carriers.openCall(key, stream)
        const pong = await channel.ping(key, endpoint, { ofNetwork: true })
        if (pong && pong.sameNetwork !== false) input(key, { kind: 'hit', endpoint, rtt: pong.rtt })
        else carriers.leave(endpoint.host)
      }
    } catch (error) {
      log.debug('no WebRTC', { member: called(key), error: (error as Error).message })
    } finally {
      limit.cancel()
      this.#over.signal.removeEventListener('abort', end)
      contact.underWay = false
      this.#plan(key, contact)
    }
  }
}
