/** Files that a command writes for a person, and what it says where that cannot be done. */

import { exit, Failure } from '../base/failure.ts'
import { refusal } from './refusal.ts'

/** @param otherwise what to do where the file exists already. @throws Failure in words for what the machine refuses. */
export function writing(path: string, otherwise: string, call: () => void): void {
  try {
    call()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') {
      throw new Failure(`${path} exists already, and is left as it is`, { remedy: otherwise })
    }
    const denied = code === 'EACCES' || code === 'EPERM'
    throw new Failure(`cannot write ${path}: ${refusal(error)}`, {
      ...(denied ? { exit: exit.permission } : {}),
      cause: error,
    })
  }
}
