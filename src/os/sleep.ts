/**
 * Notices that this machine, or this process, has slept. A suspended machine stops its monotonic clock and not its wall clock; a
 * stopped process stops neither, but its timers come late. Whoever sets the clock looks like a sleeper, and that is harmless.
 */

import { second } from '../base/time.ts'

export interface Sleep {
  /** Calls once after each sleep of more than 3 s, within a second of its end. */
  watch(woke: () => void): { close(): void }
}

const lookEvery = 1 * second
const longest = 3 * second

export const systemSleep: Sleep = {
  watch(woke) {
    let before = { time: performance.now(), wall: Date.now() }
    const timer = setInterval(() => {
      const now = { time: performance.now(), wall: Date.now() }
      const gap = Math.max(now.time - before.time, Math.abs(now.wall - before.wall)) - lookEvery
      before = now
      if (gap > longest) woke()
    }, lookEvery).unref()
    return { close: () => clearInterval(timer) }
  },
}
