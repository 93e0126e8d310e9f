/** The root of an SSH key that an agent holds: the agent signs, and shows no key. */

import { equalBytes } from '../../base/bytes.ts'
import type { Crypto } from '../../base/crypto.ts'
import { exit, Failure } from '../../base/failure.ts'
import type { SshAgents } from '../../os/ssh-agent.ts'
import { readSshBlob, sshChallenge, sshRoot } from '../../protocol/identity/ssh.ts'
import {
  type Identity,
  identitiesRequest,
  readIdentities,
  readSignature,
  signatureRequest,
} from '../../protocol/identity/ssh-agent.ts'

type Os = { readonly sshAgents: SshAgents; readonly crypto: Pick<Crypto, 'verifyEd25519'> }

/**
 * @param socket what SSH_AUTH_SOCK says
 * @param wanted the 32 bytes of an Ed25519 key; without them the agent may have one only
 */
export async function sshAgentRoot(socket: string, wanted: Uint8Array | undefined, os: Os): Promise<Uint8Array> {
  const ask = (message: Uint8Array) => os.sshAgents.ask(socket, message).catch(error => refuse(socket, error))
  const identities = readIdentities(await ask(identitiesRequest))
  if (!identities) throw new Failure(`the ssh-agent at ${socket} does not say which keys it has`)
  const key = choose(identities, wanted)
  const sign = async () => {
    const signature = readSignature(await ask(signatureRequest(key, sshChallenge)))
    if (!signature) {
      throw new Failure('the ssh-agent refuses to sign', {
        remedy: 'its owner may have said no; and a key added with ssh-add -h signs for the hosts named there only',
      })
    }
    if (!os.crypto.verifyEd25519(key, sshChallenge, signature)) {
      throw new Failure('the ssh-agent gave a signature that is not of its key')
    }
    return signature
  }
  const [first, second] = [await sign(), await sign()]
  if (!equalBytes(first, second)) {
    throw new Failure('the ssh-agent signs the same text in two ways: no key can be made that it would make again', {
      remedy: 'name the file of the key: wh genkey ssh FILE',
    })
  }
  return sshRoot(first)
}

function choose(identities: readonly Identity[], wanted: Uint8Array | undefined): Uint8Array {
  const read = identities.map(({ key, comment }) => ({ ...readSshBlob(key), comment: plain(comment) }))
  const usable = read.flatMap(({ ok, comment }) => (ok ? [{ key: ok, comment }] : []))
  if (wanted) {
    if (usable.some(({ key }) => equalBytes(key, wanted))) return wanted
    throw new Failure(`the ssh-agent does not have this key; it has ${counted(identities.length)}`, {
      remedy: 'add it: ssh-add FILE',
    })
  }
  if (usable.length === 1) return usable[0]!.key
  if (usable.length > 1) {
    throw new Failure(`the ssh-agent has ${usable.length} Ed25519 keys: ${usable.map(it => it.comment).join(', ')}`, {
      exit: exit.usage,
      remedy: 'say which by its public file: wh genkey ssh agent ~/.ssh/id_ed25519.pub',
    })
  }
  const others = read.map(({ comment, problem }) => `${comment}: ${problem}`)
  throw new Failure(['the ssh-agent has no Ed25519 key', ...others].join('\n'), { remedy: 'add one: ssh-add FILE' })
}

function refuse(socket: string, error: NodeJS.ErrnoException): never {
  const absent = error.code === 'ENOENT' || error.code === 'ECONNREFUSED'
  throw new Failure(absent ? `no ssh-agent listens at ${socket}` : `the ssh-agent at ${socket}: ${error.message}`, {
    ...(absent && { remedy: 'SSH_AUTH_SOCK names it: start another with eval "$(ssh-agent)", then ssh-add' }),
    cause: error,
  })
}

const counted = (count: number) => `${count} ${count === 1 ? 'key' : 'keys'}`

/** A comment may not steer the terminal that shows it. */
const plain = (text: string) => JSON.stringify(text.replace(/\p{C}/gu, '\ufffd'))
