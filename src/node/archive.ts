/**
 * The records that this node holds: those of members and boot nodes, and, in a place of their own, those of strangers who handed
 * theirs over. Whoever knows a key may ask for its record.
 */

import { Allowance } from '../base/allowance.ts'
import type { Clock } from '../os/clock.ts'
import type { NodeRecord } from '../protocol/directory/record.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import type { Held, Records } from './records.ts'

export type ArchiveParts = {
  readonly clock: Clock
  /** Of members, and of boot nodes. */
  readonly records: Records
  /** Of others. */
  readonly guests: Records
  /** Has a line in the file. */
  readonly trusted: (key: PublicKey) => boolean
  /** A record that is newer than what was held. */
  readonly learnt: (key: PublicKey, record: NodeRecord) => void
}

/** New strangers a second, and at once: each costs 2 ms of curve operations. */
const strangers = { rate: 50, burst: 500 } as const

export class Archive {
  readonly #parts: ArchiveParts
  readonly #strangers = new Allowance(strangers.burst, strangers.rate)

  constructor(parts: ArchiveParts) {
    this.#parts = parts
  }

  /** Somebody has handed over his own record. */
  received(key: PublicKey, value: Uint8Array): void {
    const { trusted, guests, clock } = this.#parts
    const known = trusted(key) || guests.get(key)
    if (known || this.#strangers.take(clock.now())) this.learn(key, value)
    else guests.refuse('too many strangers')
  }

  /** Checks a record and keeps it. `known`: it is valid, and no newer than the one that is held. */
  learn(key: PublicKey, value: Uint8Array): 'new' | 'known' | 'refused' {
    const { trusted, records, guests, clock, learnt } = this.#parts
    const { held, problem } = (trusted(key) ? records : guests).learn(key, value, clock.wall())
    if (!held) return problem === 'known' || problem === 'older' ? 'known' : 'refused'
    learnt(key, held.record)
    return 'new'
  }

  /** A stranger has become a member: what he handed over. */
  adopt(key: PublicKey): Uint8Array | undefined {
    const { guests } = this.#parts
    const held: Held | undefined = guests.get(key)
    guests.forget(key)
    return held?.value
  }

  /** What is held under an id of the directory. */
  at(id: Uint8Array): Uint8Array | null {
    const { records, guests, clock } = this.#parts
    return records.at(id, clock.wall()) ?? guests.at(id, clock.wall())
  }
}
