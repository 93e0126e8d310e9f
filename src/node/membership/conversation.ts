/** Frames in turn on one stream: what comes is taken in order, one question waits at a time, and neither side keeps the other for ever. */

import type { Time } from '../../base/time.ts'
import { second } from '../../base/time.ts'
import type { ByteStream } from '../../drivers/carrier/carrier.ts'
import type { Clock } from '../../os/clock.ts'
import { encodeFrame, type Frame, FrameReader } from '../../protocol/membership/frames.ts'

/** Between two frames of the other. */
const patience: Time = 10 * second
/** What one conversation may bring: a whole roll, twice. */
const bytesMost = 64 << 20
/** Frames that wait to be taken. */
const waitingMost = 64

export class Conversation {
  readonly #stream: ByteStream
  readonly #clock: Clock
  readonly #reader = new FrameReader()
  #waiting: Frame[] = []
  #taker: PromiseWithResolvers<Frame | null> | null = null
  #drained: PromiseWithResolvers<void> | null = null
  #timer: { cancel(): void } | null = null
  #came = 0
  #ended = false

  constructor(stream: ByteStream, clock: Clock) {
    this.#stream = stream
    this.#clock = clock
    stream.onDrain = () => this.#drained?.resolve()
    stream.onClosed = () => this.#end()
    stream.onData = bytes => this.#data(bytes)
  }

  /** Resolves when the stream takes more. */
  async say(frame: Frame): Promise<void> {
    if (this.#ended || this.#stream.write(encodeFrame(frame))) return
    this.#drained = Promise.withResolvers()
    const timer = this.#clock.at(this.#clock.now() + patience, () => this.close())
    await this.#drained.promise
    timer.cancel()
  }

  /** The next frame; `null` when there is none any more: the other has ended, is silent, or talks nonsense. */
  async hear(): Promise<Frame | null> {
    const frame = this.#waiting.shift()
    if (frame) return frame
    if (this.#ended) return null
    this.#taker = Promise.withResolvers()
    this.#timer = this.#clock.at(this.#clock.now() + patience, () => this.close())
    return await this.#taker.promise
  }

  close(): void {
    this.#stream.abort()
    this.#end()
  }

  #data(bytes: Uint8Array): void {
    if (this.#ended) return
    this.#came += bytes.length
    try {
      for (const frame of this.#reader.read(bytes)) this.#take(frame)
    } catch {
      this.close()
    }
    if (this.#came > bytesMost || this.#waiting.length > waitingMost) this.close()
  }

  #take(frame: Frame): void {
    if (!this.#taker) {
      this.#waiting.push(frame)
      return
    }
    this.#timer?.cancel()
    this.#taker.resolve(frame)
    this.#taker = null
  }

  #end(): void {
    this.#ended = true
    this.#timer?.cancel()
    this.#drained?.resolve()
    this.#taker?.resolve(null)
    this.#taker = null
  }
}
