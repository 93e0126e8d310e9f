// Runs a simulated world in which the work goes on in promises, however long their chains are: before each event, all of it is done.

import { setImmediate } from 'node:timers/promises'
import type { Time } from '../../src/base/time.ts'
import type { Simulation } from '../../src/sim/simulation.ts'

/** Until `done`, or until a time of the simulation. */
export function runDrained(simulation: Simulation, until: Time, done?: () => boolean): Promise<void> {
  // a macrotask begins when no microtask is left
  return simulation.drain(() => setImmediate(), until, done)
}
