// Runs a simulated world in which the work goes on in promises, however long their chains are: before each event, all of it is done.

import { setImmediate } from 'node:timers/promises'
import type { Time } from '../../src/base/time.ts'
import type { Simulation } from './simulation.ts'

/** Until `done`, or until a time of the simulation. */
export async function runDrained(simulation: Simulation, until: Time, done: () => boolean = () => false) {
  for (;;) {
    // a macrotask begins when no microtask is left
    await setImmediate()
    if (done()) return
    if (!simulation.step(until)) break
  }
  // the time itself passes, too
  simulation.run(until)
}
