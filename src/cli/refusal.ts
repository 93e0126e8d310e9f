/** What the machine refused, in the system's words: `no space left on device`, not `ENOSPC: no space left on device, write`. */

import { getSystemErrorMap } from 'node:util'

export function refusal(error: unknown): string {
  const { errno, message } = error as NodeJS.ErrnoException
  return getSystemErrorMap().get(errno ?? 0)?.[1] ?? message
}
