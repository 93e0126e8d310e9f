/**
 * What passes through a control port: counted, and everything that is not a control packet left out. One port has one of these, however
 * many ways its packets come in.
 */

import type { Endpoint } from '../../base/ip.ts'
import type { Clock } from '../../os/clock.ts'
import { controlByte } from '../../protocol/control/constants.ts'
import { Copies, type Way } from './copies.ts'
import type { ControlPort, Receive } from './port.ts'

export class Traffic {
  readonly counters: ControlPort['counters'] = { received: 0, sent: 0, dropped: {} }
  readonly #receive: Receive
  #isNew: (way: Way, bytes: Uint8Array, from: Endpoint) => boolean = () => true
  #closed = false

  constructor(receive: Receive) {
    this.#receive = receive
  }

  /** @param way one of several that the same datagram may come in; `null` where there is but one */
  accept(way: Way | null, bytes: Uint8Array, from: Endpoint, receive = this.#receive): void {
    if (this.#closed) return
    const problem = this.#problem(way, bytes, from)
    if (problem !== null) {
      this.drop(problem)
      return
    }
    this.counters.received++
    receive(bytes, from)
  }

  #problem(way: Way | null, bytes: Uint8Array, from: Endpoint): string | null {
    if (bytes[0] !== controlByte) return 'not control'
    // its zone is known to this machine only, and no record may name it: there is no endpoint to answer to
    if (from.host.startsWith('fe80:')) return 'link-local'
    return way === null || this.#isNew(way, bytes, from) ? null : 'copy'
  }

  drop(reason: string): void {
    const { dropped } = this.counters
    dropped[reason] = (dropped[reason] ?? 0) + 1
  }

  /** From now on a datagram may come in both ways. */
  expectCopies(clock: Clock): void {
    const copies = new Copies()
    this.#isNew = (way, bytes, from) => copies.isNew(way, bytes, from, clock.now())
  }

  /** Nobody is called from now on. */
  close(): void {
    this.#closed = true
  }
}
