/**
 * What this node says of itself to everybody: its record, signed anew whenever what it says has changed, handed to those it talks to,
 * and kept in the directory.
 */

import { type Endpoint, formatEndpoint } from '../base/ip.ts'
import type { Logger } from '../base/log.ts'
import { minute, type Time } from '../base/time.ts'
import type { Channel } from '../drivers/control/channel.ts'
import type { Clock } from '../os/clock.ts'
import { noTransaction } from '../protocol/control/message.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import type { Content, OwnRecord } from './own-record.ts'
import type { Records } from './records.ts'

export type PublicationParts = {
  readonly clock: Clock
  readonly log: Logger
  readonly channel: Pick<Channel, 'find' | 'send' | 'publicKey'>
  readonly own: OwnRecord
  readonly records: Records
  /** What there is to say now. */
  readonly content: () => Content
  /** Boot nodes and members that answer. */
  readonly audience: () => readonly { key: PublicKey; endpoint: Endpoint }[]
  /** Our number must not be used again. */
  readonly signed: () => void
  /** There is a new record. */
  readonly renewed: (content: Content) => void
}

/**
 * What we learn of ourselves comes in pieces, and each piece would make a record. The first one waits so long, too: signing prepares a
 * table for 25 ms, and the first tunnels need none.
 */
const renewAfter = 200
/** Who has it is asked seldom whether he still has, and given it again as seldom. */
const handAgain = 5 * minute
const handedKept = 1_024

export class Publication {
  readonly #parts: PublicationParts
  readonly #handed = new Map<string, { readonly sequence: number; readonly at: Time }>()
  /** When boot nodes were asked which record of ours they have. */
  readonly #asked = new Map<PublicKey, Time>()
  #timer: { cancel(): void } | null = null
  #stopped = false

  constructor(parts: PublicationParts) {
    this.#parts = parts
  }

  /** Something was learnt of ourselves. */
  soon(): void {
    const { clock } = this.#parts
    this.#timer ??= clock.at(clock.now() + renewAfter, () => {
      this.#timer = null
      this.now()
    })
  }

  /** Where what we say has changed, everybody we talk to gets it. */
  now(): void {
    if (this.#stopped) return
    const { own, clock, content, audience, renewed } = this.#parts
    const said = content()
    if (!own.update(said, clock.wall())) return
    this.#signed()
    for (const { key, endpoint } of audience()) this.hand(key, endpoint)
    renewed(said)
  }

  /** Hands our record over, unasked, and the same one not twice at short notice. It may get lost; who needs it can ask. */
  hand(key: PublicKey, endpoint: Endpoint): void {
    const { own, channel, clock } = this.#parts
    if (!own.value) return
    const [id, now] = [`${key} ${formatEndpoint(endpoint)}`, clock.now()]
    const before = this.#handed.get(id)
    if (before?.sequence === own.sequence && now - before.at < handAgain) return
    this.#handed.delete(id)
    this.#handed.set(id, { sequence: own.sequence, at: now })
    if (this.#handed.size > handedKept) this.#handed.delete(this.#handed.keys().next().value!)
    channel.send({ type: 'record', transaction: noTransaction, record: own.value }, key, endpoint)
  }

  /** Our record for the directory; `null` until there is one. Nobody may have answered for a day, and then nothing else renews it. */
  kept(): { id: Uint8Array; value: Uint8Array } | null {
    const { own, clock, records, channel } = this.#parts
    if (own.renew(clock.wall())) this.#signed()
    return own.value && { id: records.place(channel.publicKey).id, value: own.value }
  }

  /**
   * A boot node may hold a record of ours with a higher number than we know of: this node lost its memory after its clock had been
   * ahead, or another node has our key. Nobody would take ours, so ours goes above it.
   */
  async outbid(key: PublicKey, endpoint: Endpoint): Promise<void> {
    const { own, channel, records, clock, log } = this.#parts
    if (!own.value || clock.now() - (this.#asked.get(key) ?? Number.NEGATIVE_INFINITY) < handAgain) return
    this.#asked.set(key, clock.now())
    const { publicKey } = channel
    const value = await channel.find(key, endpoint, records.place(publicKey).id)
    if (!value || this.#stopped) return
    // it was restarted, and has forgotten everybody
    if (value.length === 0) this.#handed.delete(`${key} ${formatEndpoint(endpoint)}`)
    if (value.length === 0) return this.hand(key, endpoint)
    const { held } = records.learn(publicKey, value, clock.wall())
    if (!held) return
    log.warn('others hold a newer record of this node: signing above it', { sequence: held.record.sequence })
    own.outbid(held.record.sequence)
    this.now()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  /** Ours is a new one. Who asks for it finds it among the others. */
  #signed(): void {
    const { records, own, clock, channel, signed } = this.#parts
    records.learn(channel.publicKey, own.value!, clock.wall())
    signed()
  }
}
