/** Time: the one place where the clock is read and a timer is set. */

import type { Time, WallTime } from '../base/time.ts'

export interface Clock {
  /** Monotonic milliseconds. */
  now(): Time
  /** Milliseconds since 1970 UTC. */
  wall(): WallTime
  /** Calls once at `time`; at once where that has passed. Keeps no process alive. */
  at(time: Time, call: () => void): { cancel(): void }
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  at(time, call) {
    const timer = setTimeout(call, Math.max(0, time - performance.now()))
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
}
