/** The network file, read from the disk: a network, or a `Failure` that lists every error with its place and remedy. */

import { exit, Failure } from '../base/failure.ts'
import type { Files } from '../os/files.ts'
import { parseNetworkFile } from '../protocol/network/parse.ts'
import { formatProblem, type Problem } from '../protocol/network/problem.ts'
import type { Network } from '../protocol/network/types.ts'

export type NetworkFile = { readonly network: Network; readonly warnings: readonly Problem[]; readonly text: string }

const reasons: Record<string, string> = {
  EACCES: 'permission denied',
  EISDIR: 'is a directory, not a network file',
}

export function readText(files: Files, path: string): string {
  let text: string | null
  try {
    text = files.read(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new Failure(`${path}: ${reasons[code ?? ''] ?? message}`)
  }
  if (text === null) throw new Failure(`${path}: no such file`)
  return text
}

/** @param shown the path as the person wrote it, for messages. */
export function readNetworkFile(files: Files, path: string, shown: string = path): NetworkFile {
  const text = readText(files, path)
  const { network, problems } = parseNetworkFile(text, shown)
  const errors = problems.filter(problem => problem.severity === 'error')
  if (network && errors.length === 0) return { network, text, warnings: problems.filter(p => p.severity !== 'error') }
  const listed = errors.map(problem => formatProblem(problem, shown, text)).join('\n')
  throw new Failure(`${shown} has ${errors.length} error${errors.length === 1 ? '' : 's'}\n${listed}`, {
    exit: exit.failed,
  })
}
