/**
 * The homes of this node: reachable nodes that pass calls on to it while it is behind a NAT. The machine (`protocol/home/homes.ts`) says
 * whom to ask and when; here it is done, and what the answers say of our own address goes on.
 */

import type { Endpoint } from '../base/ip.ts'
import type { Time } from '../base/time.ts'
import type { Channel, Lease } from '../drivers/control/channel.ts'
import type { Clock } from '../os/clock.ts'
import { Homes, type HomesInput } from '../protocol/home/homes.ts'
import type { PublicKey } from '../protocol/identity/key.ts'

export type OwnHomesParts = {
  readonly clock: Clock
  readonly random: () => number
  readonly channel: Pick<Channel, 'home'>
  /** A home has told where it sees us. */
  readonly answered: (key: PublicKey, endpoint: Endpoint, lease: Lease) => void
  /** The homes are others now. */
  readonly changed: () => void
}

/** The first answer comes after a round trip; a lost one is worth two more tries before the home counts as silent. */
const asking = { sendTimes: [0, 200, 500], timeout: 1_200 }

export class OwnHomes {
  readonly #parts: OwnHomesParts
  readonly #machine: Homes
  #timer: { cancel(): void; at: Time } | null = null
  #stopped = false

  constructor(parts: OwnHomesParts) {
    this.#parts = parts
    this.#machine = new Homes(parts.random)
  }

  /** Who passes calls on to us now, the best first. */
  current(): ReturnType<Homes['current']> {
    return this.#machine.current()
  }

  input(input: HomesInput): void {
    if (this.#stopped) return
    const { clock, changed } = this.#parts
    const outputs = this.#machine.handle(input, clock.now())
    for (const output of outputs) if (output.kind === 'ask') void this.#ask(output.key, output.endpoint, output.token)
    if (outputs.some(({ kind }) => kind === 'changed')) changed()
    this.#sleep()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  async #ask(key: PublicKey, endpoint: Endpoint, token: Uint8Array | null): Promise<void> {
    const lease = await this.#parts.channel.home(key, endpoint, token, { ...asking, relay: true })
    if (this.#stopped) return
    if (lease) this.#parts.answered(key, endpoint, lease)
    this.input(lease ? { kind: 'lease', key, endpoint, lease } : { kind: 'silent', key, endpoint })
  }

  #sleep(): void {
    const at = this.#machine.wakeAt
    if (this.#timer?.at === at) return
    this.#timer?.cancel()
    this.#timer = null
    if (at === Number.POSITIVE_INFINITY) return
    const wake = () => {
      this.#timer = null
      this.input({ kind: 'timer' })
    }
    this.#timer = { ...this.#parts.clock.at(at, wake), at }
  }
}
