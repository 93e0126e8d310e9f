/**
 * The two questions to an ssh-agent that are asked here (draft-ietf-sshm-ssh-agent): which keys it has, and a signature by one. Each
 * message is a type and fields; its length before it is the socket's affair (`src/os/ssh-agent.ts`).
 *
 *     11 identities?                      12 count, then for each: string key, string comment
 *     13 string key, string data, flags   14 string signature: string type, string 64 bytes
 *                                          5 refused
 */

import * as P from 'micro-packed'
import { sshBlob, sshBytes, sshText } from './ssh.ts'

const types = { failure: 5, identities: 12, signed: 14 } as const

/** @property key as SSH sends it: `readSshBlob` reads it */
export type Identity = { readonly key: Uint8Array; readonly comment: string }

export const identitiesRequest = Uint8Array.of(11)

const identities = P.array(P.U32BE, P.struct({ key: sshBytes, comment: sshBytes }))
const signRequest = P.struct({ type: P.U8, key: sshBytes, data: sshBytes, flags: P.U32BE })
const signature = P.struct({ type: sshText, bytes: sshBytes })

/** `null` where the agent refuses, or says something else. */
export function readIdentities(answer: Uint8Array): Identity[] | null {
  const listed = read(types.identities, answer, bytes => identities.decode(bytes))
  return listed?.map(({ key, comment }) => ({ key, comment: new TextDecoder().decode(comment) })) ?? null
}

/** @param key the 32 bytes of an Ed25519 key */
export function signatureRequest(key: Uint8Array, data: Uint8Array): Uint8Array {
  return signRequest.encode({ type: 13, key: sshBlob(key), data, flags: 0 })
}

/** The 64 bytes of an Ed25519 signature; `null` where the agent refuses, or says something else. */
export function readSignature(answer: Uint8Array): Uint8Array | null {
  const signed = read(types.signed, answer, bytes => signature.decode(sshBytes.decode(bytes)))
  return signed?.type === 'ssh-ed25519' && signed.bytes.length === 64 ? signed.bytes : null
}

function read<T>(type: number, answer: Uint8Array, decode: (bytes: Uint8Array) => T): T | null {
  if (answer[0] !== type) return null
  try {
    return decode(answer.subarray(1))
  } catch {
    return null
  }
}
