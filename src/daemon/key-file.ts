/** The private key of this node: which file holds it, whether others can read it, whether it has the work that the network asks. */

import { exit, Failure } from '../base/failure.ts'
import type { Files } from '../os/files.ts'
import { type PrivateKey, readPrivateKey } from '../protocol/identity/key.ts'
import { workbitOf } from '../protocol/identity/workbit.ts'
import type { Network } from '../protocol/network/types.ts'
import { defaultKeyFiles, keyFileBeside } from './paths.ts'

/** Permissions of group and others. */
const others = 0o077
/** A key has 45 characters with its line break; an editor may add some. */
const maxLength = 4096

function howToMake(network: Network, path: string): string {
  const namespace = network.namespace === 'public' ? '' : ` namespace ${network.namespace}`
  return `(umask 077; wh genkey workbit ${network.workbit}${namespace} > ${path})`
}

function open(files: Files, path: string): { text: string; mode: number } | null {
  try {
    const info = files.info(path)
    if (!info) return null
    if (info.folder) throw new Failure(`${path} is a directory, not a private key`)
    if (!info.regular) throw new Failure(`${path} is not a regular file; a private key must be one`)
    return { text: info.mode & others ? '' : files.readText(path, maxLength), mode: info.mode }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (error instanceof Failure) throw error
    if (code === 'EFBIG' || code === 'EILSEQ') throw new Failure(`${path} is not a private key`)
    throw new Failure(`cannot read the private key ${path}: ${code === 'EACCES' ? 'permission denied' : message}`, {
      exit: exit.permission,
    })
  }
}

export function readKeyFile(
  files: Files,
  network: Network,
  networkFile: string,
  given: string | undefined,
): PrivateKey {
  const own = keyFileBeside(networkFile)
  const usual = files.info(own) ? [own] : defaultKeyFiles(networkFile)
  const candidates = given === undefined ? usual : [given]
  for (const path of candidates) {
    const found = open(files, path)
    if (!found) continue
    if (found.mode & others) {
      throw new Failure(`others can read the private key ${path} (mode ${found.mode.toString(8).padStart(4, '0')})`, {
        remedy: `chmod 600 ${path}`,
      })
    }
    const read = readPrivateKey(found.text.trim())
    if (!read.ok) throw new Failure(`${path} is not a private key: ${read.problem}`)
    const bits = workbitOf(read.ok.publicKey(), network.namespace)
    if (bits < network.workbit) {
      throw new Failure(
        `the key in ${path} has ${bits} workbits, and the network ${network.name} asks for ${network.workbit}`,
        {
          remedy: `make a new one: ${howToMake(network, `${path}.new`)}`,
        },
      )
    }
    return read.ok
  }
  throw new Failure(`no private key: ${candidates.map(path => `${path} does not exist`).join(', ')}`, {
    remedy: `make one: ${howToMake(network, candidates[0]!)}\nthen: wh pubkey < ${candidates[0]} prints what the network file needs`,
  })
}
