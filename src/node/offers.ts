/**
 * OFFERs: a member that has lost us, or never knew where we are, is told through nodes that can reach it.
 *
 *     we ──CALL──▶ home of the member ──as it is──▶ member        then both probe one another at the same time
 *     we ◀──as it is── the same home ◀──CALL── member             its answer
 *
 * A home passes calls on for those only who have shown that they receive what is sent to them: a token. Our own homes have given
 * us theirs; any other one gives it for the asking, in one round trip more.
 */

import { type Endpoint, sameEndpoint } from '../base/ip.ts'
import type { Time, WallTime } from '../base/time.ts'
import type { Channel, Lease } from '../drivers/control/channel.ts'
import type { Clock } from '../os/clock.ts'
import type { Random } from '../os/random.ts'
import { transactionLength } from '../protocol/control/constants.ts'
import type { Spray } from '../protocol/control/message.ts'
import type { NodeRecord } from '../protocol/directory/record.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import type { Content } from './own-record.ts'

export type Place = { readonly key: PublicKey; readonly endpoint: Endpoint }

export type OffersParts = {
  readonly clock: Clock
  readonly random: Random
  readonly channel: Pick<Channel, 'home' | 'call' | 'publicKey'>
  /** `networkTag` of ours. */
  readonly network: Uint8Array
  /** What we say of ourselves now, to a member. */
  readonly content: (key: PublicKey) => Content
  /** Resolves when somebody has told us where he sees us, or soon afterwards. */
  readonly seen: () => Promise<void>
  readonly homes: () => readonly (Place & { readonly token: Uint8Array })[]
  readonly record: (key: PublicKey) => NodeRecord | null
  /** Where a node is, as far as we know. */
  readonly whereIs: (key: PublicKey) => Endpoint | undefined
  /** Reachable nodes: a member of whose homes nothing is known may have a lease there. */
  readonly acquaintances: () => readonly Place[]
  /** A node has told where it sees us. */
  readonly answered: (key: PublicKey, endpoint: Endpoint, lease: Lease) => void
}

/** What became of the last OFFER to a member. */
export type Called = {
  readonly at: Time
  readonly homes: readonly { readonly key: PublicKey; readonly state: CallState }[]
}
export type CallState = 'asked' | 'passed' | 'absent' | 'busy' | 'silent' | 'prove'

/** Nodes through which one OFFER goes: one of them may be gone. */
const homesAsked = 2
/** Lost packets are the path machine's business: it repeats the whole OFFER. */
const asking = { sendTimes: [0, 200], timeout: 1_000 }
/** Tokens of homes that are not ours. */
const tokensKept = 64

export type OfferOptions = {
  /** The transaction of the OFFER that this answers. */
  readonly answerTo?: Uint8Array
  /** What the other one shall probe. */
  readonly spray?: Spray
  /** The home through which the other one's OFFER came. */
  readonly from?: Endpoint
}

export class Offers {
  readonly #parts: OffersParts
  readonly #tokens = new Map<PublicKey, { readonly endpoint: Endpoint; readonly token: Uint8Array }>()
  readonly #called = new Map<PublicKey, Called>()
  #lastAt: WallTime = 0
  #stopped = false

  constructor(parts: OffersParts) {
    this.#parts = parts
  }

  /** Sends one to a member, through each node that may reach it. */
  async send(key: PublicKey, options: OfferOptions = {}): Promise<void> {
    await this.#parts.seen()
    if (this.#stopped) return
    const { clock, random, network, content } = this.#parts
    const homes = this.#homesOf(key, options.from)
    const states: { key: PublicKey; state: CallState }[] = homes.map(home => ({ key: home.key, state: 'asked' }))
    this.#called.delete(key)
    this.#called.set(key, { at: clock.now(), homes: states })
    // it only tells repeats apart
    this.#lastAt = Math.max(this.#lastAt + 1, Math.floor(clock.wall()))
    const offer = {
      type: 'offer' as const,
      // an answer repeats the one that it answers
      transaction: options.answerTo ?? random.bytes(transactionLength),
      answer: options.answerTo !== undefined,
      network,
      at: this.#lastAt,
      body: content(key),
      ...(options.spray && { spray: options.spray }),
    }
    await Promise.all(
      homes.map(async (home, i) => {
        states[i]!.state = await this.#callThrough(home, key, offer)
      }),
    )
  }

  called(key: PublicKey): Called | undefined {
    return this.#called.get(key)
  }

  /** Our endpoint is another one: no token fits any more. */
  moved(): void {
    this.#tokens.clear()
  }

  forget(key: PublicKey): void {
    this.#called.delete(key)
  }

  stop(): void {
    this.#stopped = true
  }

  /** The home that its OFFER came through, the homes of its record, and where there are none, whoever may know it. */
  #homesOf(key: PublicKey, from: Endpoint | undefined): Place[] {
    const { homes, record, whereIs, acquaintances, channel } = this.#parts
    const own = homes()
    const reverse = own.filter(({ endpoint }) => sameEndpoint(endpoint, from))
    const named = (record(key)?.homes ?? []).flatMap(home => {
      const endpoint = home.endpoint ?? whereIs(home.key)
      return endpoint ? [{ key: home.key, endpoint }] : []
    })
    const others = named.length > 0 ? [] : [...own, ...acquaintances()]
    const seen = new Set<PublicKey>([key, channel.publicKey])
    return [...reverse, ...named, ...others]
      .filter(place => !seen.has(place.key) && seen.add(place.key))
      .slice(0, homesAsked)
  }

  async #callThrough(
    { key: home, endpoint }: Place,
    target: PublicKey,
    offer: Parameters<Channel['call']>[4],
  ): Promise<CallState> {
    const { channel } = this.#parts
    const known = this.#tokenOf(home, endpoint)
    const token = known ?? (await this.#prove(home, endpoint))
    if (!token || this.#stopped) return 'silent'
    const state = await channel.call(home, endpoint, token, target, offer, asking)
    if (state !== 'prove' || !known) return state ?? 'silent'
    // the token was for an endpoint that is ours no more, or it is too old
    this.#tokens.delete(home)
    const fresh = await this.#prove(home, endpoint)
    if (!fresh || this.#stopped) return 'silent'
    return (await channel.call(home, endpoint, fresh, target, offer, asking)) ?? 'silent'
  }

  #tokenOf(key: PublicKey, endpoint: Endpoint): Uint8Array | undefined {
    const own = this.#parts.homes().find(home => home.key === key && sameEndpoint(home.endpoint, endpoint))
    const other = this.#tokens.get(key)
    return own?.token ?? (other && sameEndpoint(other.endpoint, endpoint) ? other.token : undefined)
  }

  async #prove(key: PublicKey, endpoint: Endpoint): Promise<Uint8Array | null> {
    const lease = await this.#parts.channel.home(key, endpoint, null, asking)
    if (!lease || this.#stopped) return null
    this.#parts.answered(key, endpoint, lease)
    this.#tokens.delete(key)
    this.#tokens.set(key, { endpoint, token: lease.token })
    if (this.#tokens.size > tokensKept) this.#tokens.delete(this.#tokens.keys().next().value!)
    return lease.token
  }
}
