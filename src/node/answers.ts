/** What an answer of another node tells: where we are, that it is there, that it can be a neighbour in the DHT; and who hears of paths. */

import type { Endpoint } from '../base/ip.ts'
import { isGuest } from '../protocol/carrier/guest.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import type { Output } from '../protocol/path/events.ts'
import type { Carrying } from './carrying.ts'
import type { Contacts } from './contacts.ts'
import type { Dht } from './dht.ts'
import type { Memory } from './memory.ts'
import type { OwnNetwork } from './own-network.ts'
import type { Publication } from './publication.ts'
import type { Records } from './records.ts'
import type { Self, Sighting } from './self.ts'
import type { Traversal } from './traversal.ts'
import type { Wanted } from './wanted.ts'

export type AnswersParts = {
  readonly carrying: Carrying
  readonly contacts: Contacts
  readonly dht: Dht
  readonly memory: Memory
  readonly ownNetwork: OwnNetwork
  readonly publication: Publication
  readonly records: Records
  readonly self: Self
  readonly traversal: Traversal
  readonly trusted: (key: PublicKey) => boolean
  readonly wanted: () => Wanted
  readonly warn: (topic: string, message: string | null) => void
  /** A member has answered from there. */
  readonly met: ((key: PublicKey, endpoint: Endpoint) => void) | undefined
  /** Our NAT gives us another address or port than a moment ago. */
  readonly remapped: () => void
}

export class Answers {
  readonly #parts: AnswersParts

  constructor(parts: AnswersParts) {
    this.#parts = parts
  }

  /** Somebody whom we asked has answered from where we asked. */
  heard(key: PublicKey, endpoint: Endpoint, sighting: Sighting): void {
    const { carrying, contacts, dht, memory, met, publication, traversal, trusted } = this.#parts
    traversal.answered(key, endpoint)
    if (carrying.answered(endpoint)) traversal.seen()
    else if (!traversal.isDetour(key, endpoint)) this.#seen(key, endpoint, sighting)
    // the file may have lost it since we asked, or it is a home of ours and no more
    if (!trusted(key)) return
    publication.hand(key, endpoint)
    if (contacts.has(key)) met?.(key, endpoint)
    // it is not there, and neither tomorrow
    if (traversal.relayAt(key, endpoint) || isGuest(endpoint.host)) return
    if (contacts.has(key)) memory.saw(key, endpoint)
    if (this.isOpen(key)) dht.join(key, endpoint)
  }

  /** What became of the path to a member. */
  told(key: PublicKey, what: Output & { kind: 'tell' }): void {
    const { carrying, traversal } = this.#parts
    traversal.told(key, what)
    carrying.webrtc.told(key, what)
  }

  /** It is no member any more. */
  forget(key: PublicKey): void {
    const { carrying, traversal } = this.#parts
    traversal.forget(key)
    carrying.webrtc.forget(key)
  }

  /** A boot node, or a member that anybody can reach: the others hold no records for the DHT. */
  isOpen(key: PublicKey): boolean {
    const { wanted, records } = this.#parts
    const { boots, members } = wanted()
    const written =
      boots.some(boot => boot.key === key) || members.some(it => it.key === key && it.endpoints.length > 0)
    return written || records.get(key)?.record.nat === 'none'
  }

  #seen(key: PublicKey, endpoint: Endpoint, sighting: Sighting): void {
    const { self, traversal, ownNetwork, publication, warn, remapped } = this.#parts
    const isRemapped = self.seen(key, endpoint, sighting)
    traversal.seen()
    ownNetwork.seen(endpoint)
    warn('clock', self.clockProblem())
    publication.soon()
    if (isRemapped) remapped()
  }
}
