/**
 * One carrier: datagrams go into a byte stream and come out of it. What has no room is dropped at once (protocol/carrier/window.ts), and so is
 * what comes while the stream itself takes no more. It ends when the stream does, when what comes is no frame, or when the other end has not
 * said for seconds that anything has come.
 */

import type { Time } from '../../base/time.ts'
import type { Clock } from '../../os/clock.ts'
import { FrameReader, frameOf, receivedFrame } from '../../protocol/carrier/frame.ts'
import { Window } from '../../protocol/carrier/window.ts'

/** Bytes in order, both ways; what a stream of libp2p has. */
export interface ByteStream {
  /** @returns whether it takes more; if not, `onDrain` is called when it does */
  write(bytes: Uint8Array): boolean
  onData: (bytes: Uint8Array) => void
  onDrain: () => void
  /** Once, however it ended. */
  onClosed: () => void
  /** At once; what is under way is lost. */
  abort(): void
}

export type CarrierHandlers = {
  /** @param port of the server: where a guest sends to, or what a guest gets something from */
  readonly receive: (bytes: Uint8Array, port: number) => void
  readonly closed: () => void
}

export type CarrierCounters = { sent: number; received: number; dropped: number }

/** So many bytes have come since it was last said how many, or so long ago, ms. */
const sayAfter = { bytes: 8 * 1024, time: 10 } as const

export class Carrier {
  /** Datagrams. */
  readonly counters: CarrierCounters = { sent: 0, received: 0, dropped: 0 }
  readonly #stream: ByteStream
  readonly #clock: Clock
  readonly #handlers: CarrierHandlers
  readonly #reader = new FrameReader()
  readonly #window = new Window()
  #came = 0
  #said = 0
  #sayTimer: { cancel(): void } | null = null
  #watch: { cancel(): void; at: Time } | null = null
  #ready = true
  #closed = false
  /** When a datagram last came. */
  heardAt: Time

  constructor(stream: ByteStream, clock: Clock, handlers: CarrierHandlers) {
    this.#stream = stream
    this.#clock = clock
    this.#handlers = handlers
    this.heardAt = clock.now()
    stream.onData = bytes => this.#data(bytes)
    stream.onDrain = () => {
      this.#ready = true
    }
    stream.onClosed = () => this.#end()
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** Never throws: a datagram may be lost. */
  send(bytes: Uint8Array, port: number): void {
    const frame = frameOf(port, bytes)
    if (this.#closed || !frame || !this.#ready || !this.#window.take(frame.length, this.#clock.now())) {
      this.counters.dropped++
      return
    }
    this.counters.sent++
    this.#write(frame)
    this.#watchOver()
  }

  close(): void {
    if (this.#closed) return
    this.#stream.abort()
    this.#end()
  }

  #write(frame: Uint8Array): void {
    if (!this.#stream.write(frame)) this.#ready = false
  }

  #data(bytes: Uint8Array): void {
    if (this.#closed) return
    const frames = this.#reader.push(bytes)
    if (frames === null) {
      this.close()
      return
    }
    for (const frame of frames) {
      if (frame.kind === 'received') {
        this.#window.came(frame.total, this.#clock.now())
        continue
      }
      this.#came += 4 + frame.bytes.length
      this.counters.received++
      this.heardAt = this.#clock.now()
      this.#handlers.receive(frame.bytes, frame.port)
      if (this.#closed) return
    }
    this.#say()
  }

  /** How much has come: soon, for a few datagrams; at once, for many. */
  #say(): void {
    const unsaid = this.#came - this.#said
    if (unsaid === 0) return
    if (unsaid < sayAfter.bytes) {
      this.#sayTimer ??= this.#clock.at(this.#clock.now() + sayAfter.time, () => this.#sayNow())
    } else {
      this.#sayNow()
    }
  }

  #sayNow(): void {
    this.#sayTimer?.cancel()
    this.#sayTimer = null
    if (this.#closed || this.#came === this.#said) return
    this.#said = this.#came
    // it is small, and the other end waits for it
    this.#write(receivedFrame(this.#came % 2 ** 32))
  }

  #watchOver(): void {
    const { stalledAt } = this.#window
    if (this.#watch || stalledAt === Number.POSITIVE_INFINITY) return
    const look = () => {
      this.#watch = null
      if (this.#closed) return
      if (this.#window.stalledAt <= this.#clock.now()) this.close()
      else this.#watchOver()
    }
    this.#watch = { ...this.#clock.at(stalledAt, look), at: stalledAt }
  }

  #end(): void {
    if (this.#closed) return
    this.#closed = true
    this.#sayTimer?.cancel()
    this.#watch?.cancel()
    this.#handlers.closed()
  }
}
