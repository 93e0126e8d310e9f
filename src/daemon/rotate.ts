/** What a node has on disk under its old key, for the new one: the key itself, the port, and where members were. */

import { Failure } from '../base/failure.ts'
import type { Files } from '../os/files.ts'
import { type PrivateKey, type PublicKey, readPrivateKey } from '../protocol/identity/key.ts'
import { workbitOf } from '../protocol/identity/workbit.ts'
import type { Network } from '../protocol/network/types.ts'
import { keyFileBeside, memoryFile, stateFile } from './paths.ts'
import type { Options } from './prepare.ts'

/** @throws Failure where it cannot take the old one's place */
export function readNewKey(files: Files, path: string, network: Network, old: PublicKey): PrivateKey {
  const text = files.read(path)
  const { ok, problem } = text === null ? { problem: 'there is no such file' } : readPrivateKey(text.trim())
  if (!ok) throw new Failure(`${path} is not a private key: ${problem}`)
  const key = ok.publicKey()
  if (key === old) throw new Failure('it is the key that this node has')
  const bits = workbitOf(key, network.namespace)
  if (bits < network.workbit) {
    throw new Failure(`the new key has ${bits} workbits, and the network asks for ${network.workbit}`)
  }
  return ok
}

/** The new key stands where the node looks for it; the old one beside it. @returns where */
export function installKey(
  files: Files,
  options: Pick<Options, 'file' | 'privateKey'>,
  network: string,
  keys: { readonly old: PrivateKey; readonly next: PrivateKey },
): { keyFile: string; old: string | null } {
  const keyFile = options.privateKey ?? keyFileBeside(options.file)
  const existed = files.info(keyFile) !== null
  const old = existed ? `${keyFile}.old` : null
  if (old !== null) files.write(old, `${keys.old.reveal()}\n`, { mode: 0o600 })
  files.write(keyFile, `${keys.next.reveal()}\n`, { mode: 0o600 })
  const [before, after] = [keys.old.publicKey(), keys.next.publicKey()]
  for (const path of [stateFile, memoryFile]) {
    const text = files.read(path(network, before))
    if (text !== null) files.write(path(network, after), text, { mode: 0o600 })
  }
  return { keyFile, old }
}
