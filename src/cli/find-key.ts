/** A search for a key under the eyes of a person: progress on a terminal, and an end when he wants it. */

import { exit } from '../base/failure.ts'
import { type SearchOptions, searchKey } from '../drivers/keysearch/search.ts'
import type { PrivateKey } from '../protocol/identity/key.ts'
import type { Goal } from '../protocol/identity/search.ts'
import { searchProgress } from './print/progress.ts'

/** `null`: interrupted, and the exit status says so. */
export async function findKey(
  goal: Goal,
  options: Pick<SearchOptions, 'threads' | 'from'> = {},
): Promise<PrivateKey | null> {
  const stop = new AbortController()
  const onInterrupt = () => stop.abort()
  process.once('SIGINT', onInterrupt)
  const line = statusLine()
  const began = performance.now()
  try {
    return await searchKey(goal, {
      ...options,
      signal: stop.signal,
      progress: tries => line.show(searchProgress(tries, performance.now() - began, goal.workbit)),
    })
  } catch (error) {
    if (!stop.signal.aborted) throw error
    process.exitCode = exit.interrupted
    return null
  } finally {
    line.clear()
    process.off('SIGINT', onInterrupt)
  }
}

/** One line at the end of a terminal; nothing where standard error is none. */
function statusLine(): { show(text: string): void; clear(): void } {
  const { stderr } = process
  let shown = 0
  if (!stderr.isTTY) return { show() {}, clear() {} }
  return {
    show(text) {
      // each thread reports for itself, and eyes want fewer changes
      if (performance.now() - shown < 100) return
      shown = performance.now()
      stderr.write(`\r\x1b[K${text.slice(0, (stderr.columns || 80) - 1)}`)
    },
    clear() {
      if (shown > 0) stderr.write('\r\x1b[K')
    },
  }
}
