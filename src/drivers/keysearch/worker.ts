/** One thread of a key search: steps until it finds a key, and says from time to time how far it is. */

import { systemClock } from '../../os/clock.ts'
import { systemRandom } from '../../os/random.ts'
import { thisThread } from '../../os/threads.ts'
import type { WasmModule } from '../../os/wasm.ts'
import { type Goal, KeySearch } from '../../protocol/identity/search.ts'
import { instantiateKeySearch } from './wasm.ts'

export type Order = { readonly goal: Goal; readonly module: WasmModule }

/** Tries since the last message. A key ends the thread's work. */
export type Report = { readonly tries: number; readonly scalar?: Uint8Array }

const reportEvery = 100

const { input, post } = thisThread<Order, Report>()
const search = new KeySearch(instantiateKeySearch(input.module), systemRandom.bytes(32), input.goal)
let tries = 0
let reported = systemClock.now()
while (true) {
  const step = search.step()
  tries += step.tries
  if (step.found) {
    post({ tries, scalar: step.found.scalar() })
    break
  }
  const now = systemClock.now()
  if (now - reported < reportEvery) continue
  post({ tries })
  tries = 0
  reported = now
}
