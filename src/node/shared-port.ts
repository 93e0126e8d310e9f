/**
 * The control port as a node has it: on WireGuard's port, moved when that moves. What is done to it is done one after the other, so
 * that nothing is left of one that was still being opened when the node was stopped.
 */

import { Failure } from '../base/failure.ts'
import type { Endpoint } from '../base/ip.ts'
import type { Way } from '../drivers/control/channel.ts'
import type { ControlPort, Receive } from '../drivers/control/port.ts'

export type SharedPortParts = {
  readonly openPort: (listenPort: number, receive: Receive) => Promise<ControlPort>
  readonly receive: Receive
  /** Without it the node is of no use. */
  readonly portRequired: boolean
  readonly warn: (topic: string, message: string | null) => void
  /** Sends where UDP does not get through. @returns `false`: it does */
  readonly elsewhere: (bytes: Uint8Array, to: Endpoint) => boolean
}

export class SharedPort {
  readonly #parts: SharedPortParts
  #current: ControlPort | null = null
  #listenPort = 0
  #last: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(parts: SharedPortParts) {
    this.#parts = parts
  }

  /** `null` where it could not be shared. */
  get current(): ControlPort | null {
    return this.#current
  }

  /** For `wh show`; `null` where it could not be shared. */
  counts() {
    if (!this.#current) return null
    const { backend, counters } = this.#current
    return { backend, ...counters }
  }

  /** @throws a Failure where it cannot be shared, and must be */
  open(listenPort: number): Promise<void> {
    return this.#exclusively(() => this.#open(listenPort))
  }

  /** The same on another port; on the same one it is tried again, if it could not be shared before. @throws as `open`; it is back then where it was */
  move(listenPort: number): Promise<void> {
    return this.#exclusively(async () => {
      const before = this.#listenPort
      if (this.#current && listenPort === before) return
      await this.#close()
      try {
        await this.#open(listenPort)
      } catch (error) {
        await this.#open(before).catch(() => {})
        throw error
      }
    })
  }

  send(bytes: Uint8Array, to: Endpoint): void {
    if (!this.#parts.elsewhere(bytes, to)) this.#current?.send(bytes, to)
  }

  /** By UDP, and by nothing else. */
  readonly udp: Way = { send: (bytes, to) => this.#current?.send(bytes, to) }

  close(): Promise<void> {
    this.#closed = true
    return this.#exclusively(() => this.#close())
  }

  async #open(listenPort: number): Promise<void> {
    if (this.#closed) return
    const { openPort, receive, portRequired, warn } = this.#parts
    this.#listenPort = listenPort
    try {
      this.#current = await openPort(listenPort, receive)
      warn('control', null)
    } catch (error) {
      if (portRequired || !(error instanceof Failure)) throw error
      warn('control', `${error.message}: members whose endpoint is not in the file cannot be found (${error.remedy})`)
    }
  }

  async #close(): Promise<void> {
    const port = this.#current
    this.#current = null
    await port?.close()
  }

  #exclusively(work: () => Promise<void>): Promise<void> {
    const next = this.#last.then(work)
    this.#last = next.catch(() => {})
    return next
  }
}
