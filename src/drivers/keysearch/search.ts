/**
 * A key search on many cores. Each thread is a search of its own with a start of its own; the first key ends them all, and
 * what the others may have found in the same moment is forgotten.
 */

import { systemThreads, type Thread, type Threads } from '../../os/threads.ts'
import { PrivateKey } from '../../protocol/identity/key.ts'
import type { Goal } from '../../protocol/identity/search.ts'
import { compileKeySearch } from './wasm.ts'
import type { Order, Report } from './worker.ts'

export type SearchOptions = {
  /** One per core, unless said. */
  readonly threads?: number
  /** Ends the search; the promise is then rejected with the signal's reason. */
  readonly signal?: AbortSignal
  /** Called some ten times a second and thread, with all tries so far. */
  readonly progress?: (tries: number) => void
}

/** Below this a key is found sooner than a second thread has started. */
const oneThreadBelow = 16

/** @throws {Failure} where the WebAssembly is missing or cannot run. */
export async function searchKey(
  goal: Goal,
  options: SearchOptions = {},
  system: Threads = systemThreads,
): Promise<PrivateKey> {
  const { signal, progress } = options
  const order: Order = { goal, module: compileKeySearch() }
  const count = options.threads ?? (goal.workbit < oneThreadBelow ? 1 : system.cores())
  const threads: Thread[] = []
  let tries = 0
  const key = new Promise<PrivateKey>((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
    const on = {
      message(report: Report) {
        tries += report.tries
        if (report.scalar) resolve(new PrivateKey(report.scalar))
        else progress?.(tries)
      },
      failed: reject,
    }
    for (let i = 0; i < count; i++) threads.push(system.start('drivers/keysearch/worker', order, on))
  })
  return key.finally(() => Promise.all(threads.map(thread => thread.stop())))
}
