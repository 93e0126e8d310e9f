/**
 * A key search on many cores. Each thread is a search of its own with a start of its own; the first key ends them all, and
 * what the others may have found in the same moment is forgotten. A key that follows from a root is searched in numbered
 * stretches, which threads take in turn, and must not depend on how many there are.
 */

import { systemThreads, type Thread, type Threads } from '../../os/threads.ts'
import { PrivateKey } from '../../protocol/identity/key.ts'
import type { Goal } from '../../protocol/identity/search.ts'
import { Stretches } from './stretches.ts'
import { compileKeySearch } from './wasm.ts'
import type { Order, Report } from './worker.ts'

export type SearchOptions = {
  /** One per core, unless said. */
  readonly threads?: number
  /** Ends the search; the promise is then rejected with the signal's reason. */
  readonly signal?: AbortSignal
  /** Called some ten times a second and thread, with all tries so far. */
  readonly progress?: (tries: number) => void
  /** A key that follows from this, in place of a random one. */
  readonly from?: { readonly root: Uint8Array; readonly label: string }
}

/** Below this a key is found sooner than a second thread has started. */
const oneThreadBelow = 16
/** The first stretch, which a second thread does not speed up, has probably a key of less work. */
const oneStretchBelow = 20

/** @throws {Failure} where the WebAssembly is missing or cannot run. */
export async function searchKey(
  goal: Goal,
  options: SearchOptions = {},
  system: Threads = systemThreads,
): Promise<PrivateKey> {
  const { signal, progress, from } = options
  const next = new SharedArrayBuffer(8)
  const derived = from && { root: from.root, wish: { ...goal, label: from.label }, next }
  const order: Order = { goal, module: compileKeySearch(), ...(derived && { derived }) }
  const alone = goal.workbit < (from ? oneStretchBelow : oneThreadBelow)
  const count = options.threads ?? (alone ? 1 : system.cores())
  const stretches = new Stretches()
  const threads: Thread[] = []
  let tries = 0
  const key = new Promise<PrivateKey>((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
    const on = {
      message(report: Report) {
        tries += report.tries
        const scalar = from ? decide(stretches, report) : report.scalar
        if (scalar) resolve(new PrivateKey(scalar))
        else progress?.(tries)
      },
      failed: reject,
    }
    for (let i = 0; i < count; i++) threads.push(system.start('drivers/keysearch/worker', order, on))
  })
  return key.finally(() => Promise.all(threads.map(thread => thread.stop())))
}

function decide(stretches: Stretches, { stretch, scalar }: Report): Uint8Array | undefined {
  if (stretch === undefined) return undefined
  if (scalar) stretches.found(stretch, scalar)
  else stretches.ended(stretch)
  return stretches.decided()
}
