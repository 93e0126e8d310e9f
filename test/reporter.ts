/**
 * How the pure tests report: what failed, in full, and the sums. Thousands of lines of what went well help nobody; `node --test` alone
 * shows them.
 */

import { relative } from 'node:path'
import { inspect } from 'node:util'

type Event = {
  type: string
  data: {
    name?: string
    file?: string
    line?: number
    skip?: string | boolean
    message?: string
    details?: { error?: { cause?: unknown }; duration_ms?: number; type?: string }
    counts?: { tests: number; passed: number; failed: number; skipped: number; cancelled: number }
    duration_ms?: number
  }
}

export default async function* reporter(events: AsyncIterable<Event>): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    if (type === 'test:fail' && data.details?.type !== 'suite') {
      const error = data.details?.error
      yield `✖ ${relative(process.cwd(), data.file ?? '')}:${data.line} ${data.name}\n${inspect(error?.cause ?? error)}\n\n`
    } else if (type === 'test:pass' && data.skip) {
      yield `! skipped: ${data.name}${typeof data.skip === 'string' ? `: ${data.skip}` : ''}\n`
    } else if ((type === 'test:stderr' || type === 'test:stdout') && data.message) {
      yield data.message
    } else if (type === 'test:summary' && data.file === undefined && data.counts) {
      const { tests, passed, failed, skipped, cancelled } = data.counts
      yield `ℹ tests ${tests}\nℹ pass ${passed}\nℹ fail ${failed}\nℹ cancelled ${cancelled}\nℹ skipped ${skipped}\n`
      yield `ℹ duration_ms ${Math.round(data.duration_ms ?? 0)}\n`
    }
  }
}
