/** The end of everything that is under way without waiting for the machine: a macrotask begins when no microtask is left. */

import { setImmediate } from 'node:timers/promises'

export const nextTurn = (): Promise<void> => setImmediate()
