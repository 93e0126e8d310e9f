/** Another program that does the same job, in the same lab and the same run. */

import type { Pair, Stage } from '../../nat/pair.ts'

export type Rival = {
  readonly name: string
  /** Once, on the public servers: what the program needs there. */
  serve(stage: Stage): Promise<void>
  /** Makes both members ready and starts the first, which stays up. */
  begin(pair: Pair): Promise<void>
  /** Starts the second, and ends it again. @returns milliseconds until the first reply; null if none came in time */
  connect(pair: Pair, patience: number): Promise<number | null>
  close(): Promise<void>
}
