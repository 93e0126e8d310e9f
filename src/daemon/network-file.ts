/** Network files as the daemon and the commands read them: the whole network, or a `Failure` that says everything that is wrong. */

import { Failure } from '../base/failure.ts'
import type { Files } from '../os/files.ts'
import type { Document } from '../protocol/network/document.ts'
import { maxLength, parseNetworkFile } from '../protocol/network/parse.ts'
import { formatProblems, type Problem } from '../protocol/network/problem.ts'
import type { Network } from '../protocol/network/types.ts'

export type NetworkFile = {
  readonly network: Network
  readonly document: Document
  /** Warnings and notes. */
  readonly problems: readonly Problem[]
  readonly text: string
}

/** The network in a file. */
export function readNetworkFile(files: Files, path: string): NetworkFile {
  const text = readText(files, path)
  const { network, document, problems } = parseNetworkFile(text, path)
  if (network) return { network, document, problems, text }
  const errors = problems.filter(({ severity }) => severity === 'error')
  const remedy = `wh check ${path} shows warnings too`
  throw new Failure(`${counted(errors.length, 'error')} in ${path}\n${formatProblems(errors, path, text)}`, { remedy })
}

const refusals = (what: string): Record<string, [string, string?]> => ({
  ENOENT: ['does not exist'],
  ENOTDIR: ['does not exist: a part of the path is a file'],
  EISDIR: ['is a directory', `name the ${what} inside`],
  EACCES: ['may not be read', 'its owner or root can read it: see ls -l'],
  EFBIG: [`is larger than ${maxLength} bytes, which no ${what} is`, 'is this the right file?'],
})

/** The text of a network file, right or wrong, or of another file that a person wrote. */
export function readText(files: Files, path: string, what = 'network file'): string {
  try {
    return files.readText(path, maxLength)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EILSEQ') {
      const remedy = `a ${what} is text in UTF-8: is this the right file?`
      throw new Failure(`${path}:${message.split(' ')[1]}: not text: bytes that are not UTF-8`, { remedy })
    }
    const [reason, remedy] = refusals(what)[code ?? ''] ?? [`cannot be read: ${message}`]
    throw new Failure(`${path} ${reason}`, remedy === undefined ? { cause: error } : { remedy, cause: error })
  }
}

export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
