/**
 * SSH keys: what their files and an agent say of them, and the root of an Ed25519 key. The root is hashed from the key's signature of
 * a fixed text. Ed25519 signs without randomness (RFC 8032 §5.1.6), so an agent, which shows no key, gives the same root as the file.
 *
 * No other use of SSH keys signs this text. What logs in signs data that begins with a length, what signs files ("SSHSIG") with that
 * word, and a host key signs a hash, which has another length.
 */

import { ed25519 } from '@noble/curves/ed25519.js'
import { blake2b } from '@noble/hashes/blake2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { base64 } from '@scure/base'
import * as P from 'micro-packed'
import { quote } from '../network/problem.ts'
import type { Read } from './key.ts'

export const sshChallenge = utf8ToBytes('wirehub key from ssh 1')

/** @param signature of `sshChallenge`, verified */
export function sshRoot(signature: Uint8Array): Uint8Array {
  if (signature.length !== 64) throw new TypeError('a signature has 64 bytes')
  return blake2b(concatBytes(utf8ToBytes('wirehub ssh root 1'), signature), { dkLen: 32 })
}

/** What an agent that holds the key answers. @param secret 32 bytes: the private key of RFC 8032 */
export function signSshChallenge(secret: Uint8Array): Uint8Array {
  return ed25519.sign(sshChallenge, secret)
}

/** A "string" of RFC 4251 §5. */
export const sshBytes = P.bytes(P.U32BE)
export const sshText = P.string(P.U32BE)

const blob = P.struct({ type: sshText, key: sshBytes })
/** `blob` with whatever the type asks for behind it. */
const anyBlob = P.struct({ type: sshText, rest: P.bytes(null) })

/** A public key as SSH sends it: its type, and for Ed25519 the 32 bytes. */
export function readSshBlob(bytes: Uint8Array): Read<Uint8Array> {
  const type = attempt(() => anyBlob.decode(bytes).type)
  if (type === undefined) return { problem: 'not a public key of SSH' }
  if (type !== 'ssh-ed25519') return { problem: otherType(type) }
  const key = attempt(() => blob.decode(bytes).key)
  return key?.length === 32 ? { ok: key } : { problem: 'an Ed25519 key that has not 32 bytes' }
}

export function sshBlob(key: Uint8Array): Uint8Array {
  return blob.encode({ type: 'ssh-ed25519', key })
}

function otherType(type: string): string {
  if (type.startsWith('sk-')) {
    return `a security key (${quote(type)}): it counts its signatures, and never signs the same twice`
  }
  if (type.includes('-cert-')) return `a certificate (${quote(type)}), not a key`
  return `a key of type ${quote(type)}; only "ssh-ed25519" can be taken`
}

/** A file `….pub`: type, base64, comment. */
export function readSshPublicFile(text: string): Read<Uint8Array> {
  const lines = text.split(/\r?\n/).filter(line => line.trim() !== '')
  if (lines.length !== 1) return { problem: `${lines.length} lines; the file of a public key has one` }
  const [type, body] = lines[0]!.trim().split(/\s+/)
  const bytes = body === undefined ? undefined : attempt(() => base64.decode(body))
  if (!bytes || attempt(() => anyBlob.decode(bytes).type) !== type) {
    return { problem: 'line 1 is not a public key: a type, and then base64 that says the same type' }
  }
  return readSshBlob(bytes)
}

/** What the file of a private key says before it is decrypted. */
export type SshPrivateFile = { readonly key: Uint8Array; readonly encrypted: boolean; readonly cipher: string }

const header = P.struct({
  cipher: sshText,
  kdf: sshText,
  kdfOptions: sshBytes,
  keys: P.U32BE,
  publicKey: sshBytes,
  privateKeys: sshBytes,
})
const magic = utf8ToBytes('openssh-key-v1\0')
export const sshPrivateBegin = '-----BEGIN OPENSSH PRIVATE KEY-----'
const end = '-----END OPENSSH PRIVATE KEY-----'

/** OpenSSH's own form (PROTOCOL.key), as `ssh-keygen` writes Ed25519 keys since there are any. */
export function readSshPrivateFile(text: string): Read<SshPrivateFile> {
  const lines = text.trim().split(/\r?\n/)
  if (/^(ssh|ecdsa|sk)-\S+ /.test(lines[0]!)) return { problem: 'a public key, which has no secret' }
  if (lines[0] !== sshPrivateBegin) {
    const form = /^-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----$/.exec(lines[0]!)?.[1]
    if (form === undefined) return { problem: `line 1 is not "${sshPrivateBegin}"` }
    return { problem: `a private key in PEM form ("${lines[0]}"), where OpenSSH's own was expected` }
  }
  if (lines.at(-1) !== end) return { problem: `line ${lines.length}, the last, is not "${end}": the file is cut off` }
  const odd = lines.slice(1, -1).findIndex(line => !/^[A-Za-z0-9+/]+={0,2}$/.test(line.trim()))
  if (odd >= 0) return { problem: `line ${odd + 2} is not base64` }
  const bytes = attempt(() => base64.decode(lines.slice(1, -1).join('').replace(/\s/g, '')))
  if (!bytes || !magic.every((byte, i) => bytes[i] === byte))
    return { problem: 'damaged: not what its first line says' }
  // ciphers with a tag have it behind the last field
  const head = attempt(() => P.struct({ header, tag: P.bytes(null) }).decode(bytes.subarray(magic.length)).header)
  if (!head) return { problem: 'damaged: a field is longer than the file' }
  if (head.keys !== 1) return { problem: `${head.keys} keys in one file, where one was expected` }
  const { ok, problem } = readSshBlob(head.publicKey)
  if (ok === undefined) return { problem }
  return { ok: { key: ok, encrypted: head.cipher !== 'none', cipher: head.cipher } }
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    // malformed, which the caller says with a word of its own
    return undefined
  }
}
