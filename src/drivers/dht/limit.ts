/** Waiting that ends: signals with several reasons to abort, one of them time, and events that may never come. */

import type { Time } from '../../base/time.ts'
import type { Clock } from '../../os/clock.ts'

/** A signal that aborts with the first of `sources`, or after `time`. Must be cleared, or the sources keep it. */
export class Limit {
  readonly #controller = new AbortController()
  readonly #sources: readonly AbortSignal[]
  readonly #timer: { cancel(): void }
  readonly abort = (): void => this.#controller.abort()

  constructor(clock: Clock, time: Time, sources: readonly AbortSignal[]) {
    this.#sources = sources
    for (const source of sources) {
      if (source.aborted) this.abort()
      else source.addEventListener('abort', this.abort)
    }
    this.#timer = clock.at(clock.now() + time, this.abort)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  clear(): void {
    this.#timer.cancel()
    for (const source of this.#sources) source.removeEventListener('abort', this.abort)
  }
}

/** Resolves with the event, or where the signal aborts. */
export function nextEvent(
  target: Pick<EventTarget, 'addEventListener' | 'removeEventListener'>,
  type: string,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => {
    const done = () => {
      target.removeEventListener(type, done)
      signal.removeEventListener('abort', done)
      resolve()
    }
    target.addEventListener(type, done)
    signal.addEventListener('abort', done)
  })
}
