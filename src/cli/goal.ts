/** What keys shall be good for, as `wh genkey` and `wh workbit` take it: from flags, else from a network file. */

import { exit, Failure } from '../base/failure.ts'
import { readNetworkFile } from '../daemon/network-file.ts'
import { systemFiles } from '../os/files.ts'
import type { Read } from '../protocol/identity/key.ts'
import type { Goal } from '../protocol/identity/search.ts'
import { defaults } from '../protocol/network/types.ts'
import { readNamespace, readWorkbit } from '../protocol/network/values.ts'

type Flags = { readonly workbit?: string | undefined; readonly namespace?: string | undefined }

/** A flag outweighs the file. The whole file must be right: a line with a mistake may be the one that was meant. */
export function goalOf(flags: Flags, file: string | undefined): Goal {
  const { workbit, namespace } = file === undefined ? defaults : readNetworkFile(systemFiles, file).network
  return {
    workbit: flags.workbit === undefined ? workbit : readFlag('workbit', flags.workbit, readWorkbit),
    namespace: flags.namespace === undefined ? namespace : readFlag('namespace', flags.namespace, readNamespace),
  }
}

function readFlag<T>(name: string, text: string, read: (text: string) => Read<T>): T {
  if (text === '') throw new Failure(`${name} is empty`, { exit: exit.usage })
  const { ok, problem } = read(text)
  if (ok === undefined) throw new Failure(`${name}: ${problem}`, { exit: exit.usage })
  return ok
}
