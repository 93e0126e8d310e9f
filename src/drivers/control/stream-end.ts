/** One connection as its user sees it: the machine of `protocol/stream/connection.ts`, with a timer and callbacks. */

import type { Endpoint } from '../../base/ip.ts'
import type { Time } from '../../base/time.ts'
import type { Clock } from '../../os/clock.ts'
import type { PublicKey } from '../../protocol/identity/key.ts'
import type { Connection } from '../../protocol/stream/connection.ts'
import type { CloseReason, DropReason, Output, State } from '../../protocol/stream/state.ts'

/** Why a stream broke. `reason` is never 'finished'. */
export class StreamError extends Error {
  override readonly name = 'StreamError'
  readonly reason: CloseReason

  constructor(reason: CloseReason) {
    super(`stream closed: ${reason}`)
    this.reason = reason
  }
}

export type StreamCallbacks = {
  /** The next bytes, in order; the callee's to keep. Never called while paused. */
  data?: (bytes: Uint8Array) => void
  /** The peer will write no more, and `data` had everything. */
  end?: () => void
  /** Once, last of all. Without an error both ends have ended and everything arrived. Never called from within `dial`. */
  closed?: (error?: StreamError) => void
  /** After a `write` that did not take all: there is room again. */
  drain?: () => void
}

export interface StreamConnection {
  readonly key: PublicKey
  readonly endpoint: Endpoint
  readonly direction: 'outbound' | 'inbound'
  /** Set them before the turn ends in which `dial` or `accept` gave the connection. */
  readonly on: StreamCallbacks
  /**
   * Takes bytes from the front, at most until 64 kB wait to be sent, and returns how many it took. Fewer than given: the rest
   * is to be written after `drain`. Copies. 0 after `end`, `reset` or `closed`.
   */
  write(bytes: Uint8Array): number
  /** How many bytes `write` would take now. */
  readonly room: number
  /** No more bytes will be written; reading goes on until the peer ends too. */
  end(): void
  /** Ends both directions at once; what is unsent or unread is lost. The peer gets `closed` with 'reset by peer'. */
  reset(): void
  /** Bytes stay unread, and the peer stops when its window is full. */
  pause(): void
  resume(): void
}

/** What it is and where it stands: given by `Streams`. */
export type StreamPlace = {
  readonly id: string
  readonly key: PublicKey
  readonly endpoint: Endpoint
  readonly direction: 'outbound' | 'inbound'
  send(packet: Uint8Array, inOpen: boolean): void
  dropped(reason: DropReason): void
  /** It may leave the table. */
  gone(): unknown
}

export class StreamEnd implements StreamConnection {
  readonly on: StreamCallbacks = {}
  readonly id: string
  readonly key: PublicKey
  readonly endpoint: Endpoint
  readonly direction: 'outbound' | 'inbound'
  readonly #connection: Connection
  readonly #clock: Clock
  readonly #place: StreamPlace
  #timer: { readonly at: Time; cancel(): void } | null = null
  #scheduled = false
  #paused = false
  #ended = false
  #closed = false
  #forgotten = false

  constructor(connection: Connection, clock: Clock, place: StreamPlace) {
    this.#connection = connection
    this.#clock = clock
    this.#place = place
    this.id = place.id
    this.key = place.key
    this.endpoint = place.endpoint
    this.direction = place.direction
  }

  get state(): State['name'] {
    return this.#connection.state
  }

  get room(): number {
    return this.#forgotten ? 0 : this.#connection.room
  }

  write(bytes: Uint8Array): number {
    if (this.#forgotten) return 0
    const taken = this.#connection.write(bytes)
    this.schedule()
    return taken
  }

  end(): void {
    this.#connection.end()
    this.schedule()
  }

  reset(): void {
    this.#connection.reset()
    this.schedule()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.schedule()
  }

  /** Whether it was of use. @param size bytes of UDP payload in which it came */
  handlePacket(packet: Uint8Array, size: number): boolean {
    const outputs = this.#connection.handlePacket(packet, this.#clock.now(), size)
    this.#perform(outputs)
    this.schedule()
    return !outputs.some(({ kind }) => kind === 'dropped')
  }

  /** Runs once what is going on now is over. */
  schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.run()
    })
  }

  /** Hands out what came, sends what is due, and sets the timer. */
  run(): void {
    if (this.#forgotten) return
    this.#deliver()
    this.#perform(this.#connection.advance(this.#clock.now()))
    if (this.#forgotten) return
    if (this.#connection.state === 'gone') {
      this.forget()
      this.#place.gone()
    } else {
      this.#arm()
    }
  }

  /** Over, and nobody is told but the user. */
  refuse(reason: CloseReason): void {
    this.forget()
    queueMicrotask(() => this.#close(reason))
  }

  /** From here on nothing happens. */
  forget(): void {
    this.#forgotten = true
    this.#timer?.cancel()
    this.#timer = null
  }

  #deliver(): void {
    while (!this.#paused && !this.#ended && !this.#closed) {
      const next = this.#connection.read()
      if (next === null) return
      if (next === 'end') {
        this.#ended = true
        this.on.end?.()
      } else {
        this.on.data?.(next)
      }
    }
  }

  #perform(outputs: readonly Output[]): void {
    for (const output of outputs) {
      if (output.kind === 'send') this.#place.send(output.packet, output.open)
      else if (output.kind === 'dropped') this.#place.dropped(output.reason)
      else if (output.kind === 'drain') this.on.drain?.()
      else this.#close(output.reason)
    }
  }

  #close(reason: CloseReason): void {
    if (this.#closed) return
    this.#closed = true
    this.on.closed?.(reason === 'finished' ? undefined : new StreamError(reason))
  }

  /** A timer that fires early costs less than setting it anew for each packet. */
  #arm(): void {
    const at = this.#connection.wakeAt
    if (this.#timer && this.#timer.at <= at) return
    this.#timer?.cancel()
    this.#timer = null
    if (at === Number.POSITIVE_INFINITY) return
    const { cancel } = this.#clock.at(at, () => {
      this.#timer = null
      this.run()
    })
    this.#timer = { at, cancel }
  }
}
