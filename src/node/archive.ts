/**
 * The records that this node holds: those of members and boot nodes, and, in a place of their own, those of strangers who handed
 * theirs over. Whoever knows a key may ask for its record.
 */

import { Allowance } from '../base/allowance.ts'
import type { Crypto } from '../base/crypto.ts'
import type { Clock } from '../os/clock.ts'
import type { NodeRecord } from '../protocol/directory/record.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import { type Held, Records } from './records.ts'

export type ArchiveParts = {
  readonly clock: Clock
  readonly crypto: Crypto
  readonly namespace: string
  /** Has a line in the file. */
  readonly trusted: (key: PublicKey) => boolean
  /** A record that is newer than what was held. */
  readonly learnt: (key: PublicKey, record: NodeRecord) => void
}

/** Records of strangers that a node keeps for others, each at most `recordLimit` bytes: 6 MB. */
const guestLimit = 10_000
/** New strangers a second, and at once: each costs 2 ms of curve operations. */
const strangers = { rate: 50, burst: 500 } as const

export class Archive {
  /** Of members, and of boot nodes. */
  readonly records: Records
  /** Of others. */
  readonly guests: Records
  readonly #parts: ArchiveParts
  readonly #strangers = new Allowance(strangers.burst, strangers.rate)

  constructor(parts: ArchiveParts) {
    this.#parts = parts
    const { crypto, namespace } = parts
    this.records = new Records(crypto, namespace)
    this.guests = new Records(crypto, namespace, guestLimit)
  }

  /** Somebody has handed over his own record. */
  received(key: PublicKey, value: Uint8Array): void {
    const { guests } = this
    const { trusted, clock } = this.#parts
    const known = trusted(key) || guests.get(key)
    if (known || this.#strangers.take(clock.now())) this.learn(key, value)
    else guests.refuse('too many strangers')
  }

  /** Checks a record and keeps it. `known`: it is valid, and no newer than the one that is held. */
  learn(key: PublicKey, value: Uint8Array): 'new' | 'known' | 'refused' {
    const { records, guests } = this
    const { trusted, clock, learnt } = this.#parts
    const { held, problem } = (trusted(key) ? records : guests).learn(key, value, clock.wall())
    if (!held) return problem === 'known' || problem === 'older' ? 'known' : 'refused'
    learnt(key, held.record)
    return 'new'
  }

  /** A stranger has become a member: what he handed over. */
  adopt(key: PublicKey): Uint8Array | undefined {
    const { guests } = this
    const held: Held | undefined = guests.get(key)
    guests.forget(key)
    return held?.value
  }

  /** What is held under an id of the directory. */
  at(id: Uint8Array): Uint8Array | null {
    const { records, guests } = this
    const { clock } = this.#parts
    return records.at(id, clock.wall()) ?? guests.at(id, clock.wall())
  }
}
