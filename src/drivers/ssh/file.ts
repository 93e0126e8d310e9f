/** The root of an SSH key that is a file, decrypted if it has to be. */

import type { Crypto } from '../../base/crypto.ts'
import { exit, Failure } from '../../base/failure.ts'
import type { Files } from '../../os/files.ts'
import { type SshKeys, WrongPassphrase } from '../../os/ssh-key.ts'
import {
  readSshPrivateFile,
  type SshPrivateFile,
  signSshChallenge,
  sshChallenge,
  sshPrivateBegin,
  sshRoot,
} from '../../protocol/identity/ssh.ts'

type Os = { readonly files: Files; readonly sshKeys: SshKeys; readonly crypto: Pick<Crypto, 'verifyEd25519'> }

/** Permissions of group and others. */
const others = 0o077
/** An Ed25519 key has some 400 bytes, the largest RSA key 13 000. */
const maxLength = 65_536
/** What sshpk decrypts, of what `ssh-keygen -Z` offers. */
const ciphers = ['none', 'aes256-ctr', 'aes192-ctr', 'aes128-ctr', 'aes256-cbc', 'aes192-cbc', 'aes128-cbc', '3des-cbc']

/** @param askPassphrase called where the file is encrypted */
export async function sshFileRoot(path: string, os: Os, askPassphrase: () => Promise<string>): Promise<Uint8Array> {
  const text = readFile(path, os.files)
  const { ok: file, problem } = readSshPrivateFile(text)
  if (file === undefined) {
    throw new Failure(`${path} cannot be taken: ${problem}`, { remedy: remedyFor(path, text, problem) })
  }
  refuseOpen(path, os.files)
  if (!ciphers.includes(file.cipher)) {
    throw new Failure(`${path} is encrypted with "${file.cipher}", which wh cannot read`, {
      remedy: `let the agent sign: ssh-add ${path}; wh genkey ssh agent ${path}.pub\nor encrypt it as is usual: ssh-keygen -p -Z aes256-ctr -f ${path}`,
    })
  }
  const secret = await open(path, text, file, os.sshKeys, askPassphrase)
  const signature = signSshChallenge(secret)
  if (!os.crypto.verifyEd25519(file.key, sshChallenge, signature)) {
    throw new Failure(`${path} is damaged: its private key does not belong to the public key that it names`)
  }
  return sshRoot(signature)
}

function readFile(path: string, files: Files): string {
  try {
    return files.readText(path, maxLength)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new Failure(`${path} does not exist`, {
        remedy: 'name the file of an Ed25519 key, or let the agent sign: wh genkey ssh agent',
      })
    }
    if (code === 'EISDIR') throw new Failure(`${path} is a directory, not an SSH key`)
    if (code === 'EFBIG' || code === 'EILSEQ') throw new Failure(`${path} is not an SSH key`)
    const reason = code === 'EACCES' ? 'permission denied' : message
    throw new Failure(`cannot read the SSH key ${path}: ${reason}`, { exit: exit.permission, cause: error })
  }
}

/** As `ssh` does: who else can read the file has the key, too. A pipe has the mode that the shell gave it. */
function refuseOpen(path: string, files: Files): void {
  const info = files.info(path)
  if (!info?.regular || !(info.mode & others)) return
  const mode = info.mode.toString(8).padStart(4, '0')
  throw new Failure(`others can read the private key ${path} (mode ${mode})`, { remedy: `chmod 600 ${path}` })
}

function remedyFor(path: string, text: string, problem: string): string {
  if (/^(ssh|ecdsa|sk)-/.test(text)) {
    return `name the private key, or let the agent sign for this one: wh genkey ssh agent ${path}`
  }
  if (/^name\s/m.test(text)) {
    return `for the workbit and namespace of a network file name both: wh genkey ssh ~/.ssh/id_ed25519 ${path}`
  }
  if (text.startsWith(sshPrivateBegin) && /^(line|damaged)/.test(problem)) return 'compare it with its backup'
  return 'name the file of a private Ed25519 key; a new one: ssh-keygen -t ed25519 -f FILE'
}

async function open(
  path: string,
  text: string,
  file: SshPrivateFile,
  keys: SshKeys,
  askPassphrase: () => Promise<string>,
): Promise<Uint8Array> {
  const passphrase = file.encrypted ? await askPassphrase() : undefined
  try {
    return await keys.open(text, passphrase)
  } catch (error) {
    const wrong = error instanceof WrongPassphrase
    if (wrong && file.encrypted) throw new Failure(`wrong passphrase for ${path}`)
    const reason = wrong ? 'its check numbers differ' : (error as Error).message
    throw new Failure(`${path} is damaged: ${reason}`, { cause: error })
  }
}
