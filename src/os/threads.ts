/** Threads: other cores of this machine, spoken to by messages. */

import { availableParallelism } from 'node:os'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { entry } from './program.ts'

export type Thread = { stop(): Promise<void> }

export interface Threads {
  cores(): number
  /**
   * Runs a module in a thread. It gets `input` from `thisThread`; `failed` is called where it dies before it is stopped.
   * @param module an entry of the program (`program.ts`)
   */
  start<Input, Message>(
    module: string,
    input: Input,
    on: { message(message: Message): void; failed(error: Error): void },
  ): Thread
}

/** For what works hard; the little that bin/wh allows the process would have it collect garbage all the time. */
const resourceLimits = { maxYoungGenerationSizeMb: 64 }

export const systemThreads: Threads = {
  cores: () => availableParallelism(),

  start(module, input, on) {
    const worker = new Worker(entry(module), { workerData: input, resourceLimits })
    let stopped = false
    worker.on('message', message => {
      if (!stopped) on.message(message)
    })
    worker.on('error', error => {
      if (!stopped) on.failed(error as Error)
    })
    worker.on('exit', code => {
      if (!stopped && code !== 0) on.failed(new Error(`a thread ended with status ${code}`))
    })
    return {
      async stop() {
        stopped = true
        await worker.terminate()
      },
    }
  },
}

/** Inside a thread: what it was given, and the way back. */
export function thisThread<Input, Message>(): { input: Input; post(message: Message): void } {
  if (isMainThread || !parentPort) throw new TypeError('this module runs in a thread only')
  const port = parentPort
  return { input: workerData as Input, post: message => port.postMessage(message) }
}
