/**
 * The second port, and the second address, from which this node answers whoever wants to know what his NAT lets in. Open while others
 * can reach this node, and opened again when its addresses change.
 */

import type { Address, Endpoint } from '../base/ip.ts'
import type { Logger } from '../base/log.ts'
import type { Channel } from '../drivers/control/channel.ts'
import type { Reflector } from '../drivers/control/reflector.ts'
import type { Way } from '../drivers/control/responder.ts'

export type OpenReflector = (
  addresses: readonly Address[],
  receive: (bytes: Uint8Array, from: Endpoint, via: Way) => void,
) => Promise<Pick<Reflector, 'otherPort' | 'otherAddress' | 'other' | 'close'>>

export type ReflectionParts = {
  readonly log: Logger
  readonly channel: Channel
  /** Absent: this node has one port and one address. */
  readonly open: OpenReflector | undefined
}

export class Reflection {
  readonly #parts: ReflectionParts
  #wanted = ''
  #closed = false
  #last: Promise<void> = Promise.resolve()
  #close = () => {}

  constructor(parts: ReflectionParts) {
    this.#parts = parts
  }

  /** @param addresses public ones of this machine; none where others cannot reach it */
  set(addresses: readonly Address[]): void {
    const wanted = [...addresses].sort().join()
    if (wanted === this.#wanted || this.#closed) return
    this.#wanted = wanted
    this.#last = this.#last.then(() => this.#open(addresses, wanted))
  }

  async stop(): Promise<void> {
    this.#closed = true
    await this.#last
    this.#close()
  }

  async #open(addresses: readonly Address[], wanted: string): Promise<void> {
    const { channel, log, open } = this.#parts
    this.#close()
    this.#close = () => {}
    channel.reflect = undefined
    // wanted otherwise by now, or not at all
    if (this.#closed || wanted !== this.#wanted || wanted === '' || !open) return
    try {
      const reflector = await open(addresses, channel.receive)
      channel.reflect = reflector
      this.#close = () => reflector.close()
    } catch (error) {
      log.debug('no second port for those who ask what their NAT lets in', { problem: (error as Error).message })
    }
  }
}
