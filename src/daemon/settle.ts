/** What a machine has when it is of a network: the network file, its key beside it, and the statements. All of it is written, or nothing. */

import { dirname } from 'node:path'
import { Failure } from '../base/failure.ts'
import { createLogger } from '../base/log.ts'
import type { Files } from '../os/files.ts'
import type { PrivateKey, PublicKey } from '../protocol/identity/key.ts'
import type { Membership } from '../protocol/membership/membership.ts'
import { documentOf } from '../protocol/network/document.ts'
import { formatConf } from '../protocol/network/format.ts'
import type { Network, NodeEntry } from '../protocol/network/types.ts'
import { keyFileBeside, statementsFile } from './paths.ts'
import { statementStore } from './statements.ts'

export type Settled = { readonly file: string; readonly keyFile: string }

/** The file of a network that begins, or that this machine joins: what its genesis says. */
export function networkOf({ genesis, members }: Membership): Network {
  const { name, namespace, workbit, subnet, admins, boots } = genesis
  const named = (key: PublicKey) => {
    const hostname = members.find(member => member.key === key)?.hostname
    return hostname === undefined ? {} : { hostname }
  }
  const nodes: NodeEntry[] = [
    ...boots.map(({ key, endpoint }): NodeEntry => ({ role: 'boot', key, endpoint })),
    ...admins.map((key): NodeEntry => ({ role: 'admin', key, ...named(key) })),
  ]
  return { name, namespace, workbit, ...(subnet && { subnet }), nodes }
}

/** Before anything is asked for or made. @throws Failure where a file is there already */
export function requireRoom(files: Files, file: string): Settled {
  const keyFile = keyFileBeside(file)
  for (const path of [file, keyFile]) {
    if (!files.info(path)) continue
    throw new Failure(`${path} exists already, and is left as it is`, {
      remedy: 'if it is of a network that is no more, remove it; or say another folder: folder DIR',
    })
  }
  return { file, keyFile }
}

export function settle(
  files: Files,
  places: Settled,
  network: Network,
  key: PrivateKey,
  statements: readonly Uint8Array[],
): void {
  const { file, keyFile } = places
  const kept = statementsFile(network.name, key.publicKey())
  const written: string[] = []
  const write = (path: string, work: () => void) => {
    try {
      work()
      written.push(path)
    } catch (error) {
      for (const each of written) files.remove(each)
      throw new Failure(`cannot write ${path}: ${(error as Error).message}`, { cause: error })
    }
  }
  files.folder(dirname(file), 0o755)
  write(keyFile, () => files.create(keyFile, `${key.reveal()}\n`, 0o600))
  write(kept, () =>
    statementStore(
      files,
      kept,
      createLogger(() => {}),
    ).append(statements),
  )
  write(file, () => files.create(file, formatConf(documentOf(network)), 0o644))
}
