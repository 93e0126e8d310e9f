/** One thread of a key search: steps until it finds a key, and says from time to time how far it is. */

import { systemClock } from '../../os/clock.ts'
import { systemRandom } from '../../os/random.ts'
import { thisThread } from '../../os/threads.ts'
import type { WasmModule } from '../../os/wasm.ts'
import { StretchSearch, type StretchStep, type Wish } from '../../protocol/identity/derived.ts'
import { type Goal, KeySearch } from '../../protocol/identity/search.ts'
import { instantiateKeySearch } from './wasm.ts'

export type Order = {
  readonly goal: Goal
  readonly module: WasmModule
  /** A key that follows from a root, in place of a random one. */
  readonly derived?: {
    readonly root: Uint8Array
    readonly wish: Wish
    /** One number that all threads share: the next stretch that nobody has taken. */
    readonly next: SharedArrayBuffer
  }
}

/** Tries since the last message. A key ends the thread's work. */
export type Report = {
  readonly tries: number
  readonly scalar?: Uint8Array
  /** Of a derived search: the stretch that has this key, or has ended without one. */
  readonly stretch?: number
}

const reportEvery = 100

const { input, post } = thisThread<Order, Report>()
const wasm = instantiateKeySearch(input.module)

type Search = { readonly stretch?: number; step(): StretchStep }

function nextSearch(): Search {
  const { derived } = input
  if (!derived) return new KeySearch(wasm, systemRandom.bytes(32), input.goal)
  const stretch = Number(Atomics.add(new BigInt64Array(derived.next), 0, 1n))
  const search = new StretchSearch(wasm, derived.root, derived.wish, stretch)
  return { stretch, step: () => search.step() }
}

let search = nextSearch()
let tries = 0
let reported = systemClock.now()
while (true) {
  const step = search.step()
  tries += step.tries
  if (step.found) {
    post({ tries, scalar: step.found.scalar(), ...ofStretch(search) })
    break
  }
  const now = systemClock.now()
  if (!step.over && now - reported < reportEvery) continue
  post({ tries, ...(step.over && ofStretch(search)) })
  if (step.over) search = nextSearch()
  tries = 0
  reported = now
}

function ofStretch({ stretch }: Search): { stretch?: number } {
  return stretch === undefined ? {} : { stretch }
}
