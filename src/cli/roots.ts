/** The secret from which `wh genkey ssh` and `wh genkey phrase` make a key: where it comes from, and what a person sees of that. */

import { homedir } from 'node:os'
import { exit, Failure } from '../base/failure.ts'
import { sshAgentRoot } from '../drivers/ssh/agent.ts'
import { sshFileRoot } from '../drivers/ssh/file.ts'
import { systemCrypto } from '../os/crypto.ts'
import { systemFiles } from '../os/files.ts'
import { systemRandom } from '../os/random.ts'
import { systemSshAgents } from '../os/ssh-agent.ts'
import { systemSshKeys } from '../os/ssh-key.ts'
import type { Wish } from '../protocol/identity/derived.ts'
import { newPhrase, phraseRoot } from '../protocol/identity/phrase.ts'
import { readSshPublicFile } from '../protocol/identity/ssh.ts'
import { askPassphrase } from './passphrase.ts'
import { phraseNote } from './print/phrase.ts'
import { textFromStdin } from './stdin.ts'

const os = { files: systemFiles, crypto: systemCrypto, sshKeys: systemSshKeys, sshAgents: systemSshAgents }

export function rootOfFile(file: string | undefined): Promise<Uint8Array> {
  const path = file ?? `${homedir()}/.ssh/id_ed25519`
  return sshFileRoot(path, os, () => askPassphrase(path))
}

/** @param file the public key, which says which key of the agent is meant */
export async function rootOfAgent(file: string | undefined): Promise<Uint8Array> {
  const socket = process.env.SSH_AUTH_SOCK
  if (!socket) {
    throw new Failure('no ssh-agent: SSH_AUTH_SOCK is not set', {
      remedy: 'start one: eval "$(ssh-agent)"; ssh-add\nsudo takes the variable away: make the key without it',
    })
  }
  return sshAgentRoot(socket, file === undefined ? undefined : publicKeyIn(file), os)
}

function publicKeyIn(path: string): Uint8Array {
  let text: string
  try {
    text = systemFiles.readText(path, 65_536)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new Failure(code === 'ENOENT' ? `${path} does not exist` : `${path} cannot be read: ${message}`, {
      cause: error,
    })
  }
  const { ok, problem } = readSshPublicFile(text)
  if (ok === undefined) {
    throw new Failure(`${path} cannot be taken: ${problem}`, {
      remedy: 'name the file of a public Ed25519 key, such as ~/.ssh/id_ed25519.pub',
    })
  }
  return ok
}

export async function rootOfPhrase(): Promise<Uint8Array> {
  const { ok, problem } = phraseRoot(await textFromStdin('a phrase of 24 words'))
  if (ok === undefined) throw new Failure(`not a phrase: ${problem}`)
  return ok
}

/** Shows a new phrase to a person. Where standard error goes to a file, the words would stay in it. */
export function rootOfNewPhrase(wish: Wish): Uint8Array {
  if (!process.stderr.isTTY) {
    throw new Failure('standard error is not a terminal, where the words are shown', {
      exit: exit.usage,
      remedy: 'run it on a terminal, with paper at hand; for a key without a phrase: wh genkey',
    })
  }
  const words = newPhrase(systemRandom.bytes(32))
  process.stderr.write(phraseNote(words, wish))
  const { ok } = phraseRoot(words.join(' '))
  if (ok === undefined) throw new TypeError('internal: a new phrase that cannot be read')
  return ok
}
