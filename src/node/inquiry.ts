/** What people ask of discovery: where a node is, whether it answers, and to look again. */

import { type Endpoint, sameEndpoint } from '../base/ip.ts'
import type { Time, WallTime } from '../base/time.ts'
import type { Channel, Pong } from '../drivers/control/channel.ts'
import type { Clock } from '../os/clock.ts'
import type { NodeRecord } from '../protocol/directory/record.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import type { Report } from '../protocol/nat/classify.ts'
import type { Subject } from '../protocol/path/explain.ts'
import type { PathView } from '../protocol/path/view.ts'
import type { Boots } from './boots.ts'
import type { Contacts } from './contacts.ts'
import type { Memory } from './memory.ts'
import type { OwnNetwork } from './own-network.ts'
import type { Records } from './records.ts'
import type { Self } from './self.ts'
import type { Traversal } from './traversal.ts'
import type { Step, Walk } from './walk.ts'

export type InquiryParts = {
  readonly channel: Pick<Channel, 'ping' | 'publicKey'>
  readonly records: Records
  readonly guests: Records
  readonly walk: Walk
  readonly boots: Boots
  readonly contacts: Contacts
  readonly memory: Memory
  readonly clock: Clock
  readonly self: Self
  readonly ownNetwork: OwnNetwork
  readonly traversal: Pick<Traversal, 'called' | 'birthday'>
}

/** Names of nodes, as people know them, and what WireGuard says. */
export type Naming = {
  readonly own: string
  readonly peer: string
  readonly called: (key: PublicKey) => string
  readonly latestHandshake?: WallTime
}

export class Inquiry {
  readonly #parts: InquiryParts

  constructor(parts: InquiryParts) {
    this.#parts = parts
  }

  /** Finds a record afresh, whoever's key it is. */
  async lookUp(key: PublicKey, onStep: (step: Step) => void): Promise<NodeRecord | null> {
    const { walk, records, channel } = this.#parts
    if (key !== channel.publicKey) await walk.find(key, records.place(key).id, true, onStep)
    return this.record(key)
  }

  record(key: PublicKey): NodeRecord | null {
    const { records, guests } = this.#parts
    return (records.get(key) ?? guests.get(key))?.record ?? null
  }

  /** Every endpoint that is known of a key, the one in use first. */
  endpointsOf(key: PublicKey): Endpoint[] {
    const path = this.path(key)
    const known = [
      ...(path?.endpoint ? [path.endpoint] : []),
      ...(path?.candidates ?? []).map(({ endpoint }) => endpoint),
      ...(this.record(key)?.endpoints ?? []).map(({ endpoint }) => endpoint),
      ...this.#parts.boots.endpoints().flatMap(boot => (boot.key === key ? [boot.endpoint] : [])),
    ]
    return known.filter((each, i) => known.findIndex(other => sameEndpoint(other, each)) === i)
  }

  /** A control ping to all endpoints at once; the first answer. */
  async ping(key: PublicKey): Promise<{ answer: (Pong & { endpoint: Endpoint }) | null; tried: Endpoint[] }> {
    if (this.endpointsOf(key).length === 0) await this.lookUp(key, () => {})
    const tried = this.endpointsOf(key)
    const pings = tried.map(async endpoint => {
      const pong = await this.#parts.channel.ping(key, endpoint)
      if (!pong) throw new Error('no answer')
      return { ...pong, endpoint }
    })
    return { answer: await Promise.any(pings).catch(() => null), tried }
  }

  /** A path to a member, looked for now; `null` where none is proved in time. */
  reach(key: PublicKey, patience: Time): Promise<Endpoint | null> {
    return this.#parts.contacts.reach(key, patience)
  }

  /** Forgets what was learnt of a member, but not what the file says, and looks for it anew. @returns what was known. */
  forget(key: PublicKey): Endpoint[] {
    const { memory, records, guests, contacts } = this.#parts
    const known = this.endpointsOf(key)
    memory.forget(key)
    records.forget(key)
    guests.forget(key)
    contacts.input(key, { kind: 'reset' })
    contacts.input(key, { kind: 'wanted', urgent: false })
    return known
  }

  /** The path machine of a member, for those who look into it. */
  path(key: PublicKey): PathView | null {
    return this.#parts.contacts.machine(key)?.view() ?? null
  }

  /** What kind of network this is, asked afresh. */
  netcheck(): Promise<Report> {
    return this.#parts.ownNetwork.check()
  }

  /** All that explains the path to a member; `null` where it has none. */
  subject(key: PublicKey, { own, peer, called, latestHandshake }: Naming): Subject | null {
    const { clock, self, ownNetwork, traversal } = this.#parts
    const view = this.path(key)
    if (!view) return null
    const record = this.record(key)
    const said = ownNetwork.content()
    const call = traversal.called(key)
    return {
      ...{ name: peer, view, now: clock.now(), wall: clock.wall(), guessing: traversal.birthday(key) ?? null },
      ...(latestHandshake === undefined ? {} : { latestHandshake }),
      ours: {
        ...{ name: own, around: self.surroundings(), clockAhead: self.clockBehind() },
        ...{ nat: said.nat, filtering: said.filtering ?? 'unknown' },
        reflexive: said.endpoints.flatMap(({ kind, endpoint }) => (kind === 'reflexive' ? [endpoint] : [])),
        ...ownNetwork.facts(),
        firewall: ownNetwork.firewall(),
      },
      theirs: record && { ...record, homes: record.homes.map(home => called(home.key)) },
      call: call
        ? { at: call.at, homes: call.homes.map(each => ({ name: called(each.key), state: each.state })) }
        : null,
    }
  }

  /** Records that were refused, by reason. */
  refused(): Readonly<Record<string, number>> {
    const { records, guests } = this.#parts
    const all = { ...records.refused }
    for (const [reason, count] of Object.entries(guests.refused)) all[reason] = (all[reason] ?? 0) + count
    return all
  }
}
