import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { base64, hex } from '@scure/base'
import fc from 'fast-check'
import {
  readSshBlob,
  readSshPrivateFile,
  readSshPublicFile,
  signSshChallenge,
  sshBlob,
  sshChallenge,
  sshRoot,
} from '../../../src/protocol/identity/ssh.ts'
import { readIdentities, readSignature, signatureRequest } from '../../../src/protocol/identity/ssh-agent.ts'

const { ssh } = JSON.parse(readFileSync(new URL('../../vectors/derived.json', import.meta.url), 'utf8'))
const key = hex.decode(ssh[0].public)

/** A field with its length. */
const field = (bytes: Uint8Array | string) => {
  const content = Buffer.from(bytes)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(content.length)
  return Buffer.concat([length, content])
}
const number = (value: number) => field('x'.repeat(value)).subarray(0, 4)
const blobOf = (type: string, ...fields: (Uint8Array | string)[]) => Buffer.concat([type, ...fields].map(field))
const sk = 'sk-ssh-ed25519@openssh.com'

/** The file of a private key up to where decryption begins; nobody here looks further. */
function privateFile(publicKey: Uint8Array, cipher = 'none', keys = 1): string {
  const body = Buffer.concat([
    ...[Buffer.from('openssh-key-v1\0'), field(cipher), field('none'), field(''), number(keys)],
    ...[field(publicKey), field('private')],
  ])
  const lines = base64.encode(body).match(/.{1,70}/g)!
  return ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join('\n')
}

test('signatures and roots, as another program computed them', () => {
  for (const { secret, signature, root } of ssh) {
    const signed = signSshChallenge(hex.decode(secret))
    assert.equal(hex.encode(signed), signature)
    assert.equal(hex.encode(sshRoot(signed)), root)
  }
})

test('nothing else that SSH keys sign is the challenge', () => {
  const text = Buffer.from(sshChallenge).toString()
  assert.doesNotMatch(text, /^SSHSIG/)
  assert.ok(![20, 28, 32, 48, 64].includes(sshChallenge.length), 'a hash')
  // a login's data begins with the length of the session, a hash
  assert.ok(sshChallenge[0] !== 0)
})

test('a public key is read, and of others it is said what they are', () => {
  assert.deepEqual(readSshBlob(sshBlob(key)).ok, key)
  for (const [blob, problem] of [
    [blobOf('ssh-rsa', 'e', 'n'), /^a key of type "ssh-rsa"; only "ssh-ed25519" can be taken$/],
    [blobOf('ecdsa-sha2-nistp256', 'nistp256', 'q'), /^a key of type "ecdsa-sha2-nistp256"/],
    [blobOf(sk, key, 'ssh:'), /^a security key \("sk-ssh-ed25519@openssh\.com"\): it counts its signatures/],
    [blobOf('ssh-ed25519-cert-v01@openssh.com', 'nonce', key), /^a certificate/],
    [blobOf('ssh-ed25519', key.subarray(1)), /has not 32 bytes/],
    [Buffer.concat([sshBlob(key), Buffer.from('x')]), /has not 32 bytes/],
    [Buffer.alloc(3), /^not a public key/],
  ] as const) {
    assert.match(readSshBlob(blob).problem!, problem)
  }
})

test('the file of a public key', () => {
  const line = `ssh-ed25519 ${base64.encode(sshBlob(key))} me@here`
  assert.deepEqual(readSshPublicFile(`${line}\n`).ok, key)
  assert.match(readSshPublicFile(`${line}\n${line}\n`).problem!, /^2 lines/)
  assert.match(readSshPublicFile('').problem!, /^0 lines/)
  assert.match(readSshPublicFile('ssh-ed25519').problem!, /^line 1 is not a public key/)
  assert.match(readSshPublicFile('ssh-ed25519 ****').problem!, /^line 1 is not a public key/)
  assert.match(readSshPublicFile(line.replace('ssh-ed25519', 'ssh-rsa')).problem!, /^line 1 is not a public key/)
  const security = blobOf(sk, key, 'ssh:')
  assert.match(readSshPublicFile(`${sk} ${base64.encode(security)}`).problem!, /^a security key/)
})

test('the file of a private key says what it is before anybody is asked for a passphrase', () => {
  const file = privateFile(sshBlob(key), 'aes256-ctr')
  assert.deepEqual(readSshPrivateFile(file).ok, { key, encrypted: true, cipher: 'aes256-ctr' })
  assert.deepEqual(readSshPrivateFile(file.replaceAll('\n', '\r\n')).ok?.encrypted, true)
  assert.equal(readSshPrivateFile(privateFile(sshBlob(key))).ok?.encrypted, false)
  for (const [text, problem] of [
    [privateFile(blobOf(sk, key, 'ssh:')), /^a security key/],
    [privateFile(blobOf('ssh-rsa', 'e', 'n')), /"ssh-rsa"/],
    [privateFile(sshBlob(key), 'none', 2), /^2 keys in one file/],
    ['-----BEGIN RSA PRIVATE KEY-----\nAAAA\n', /^a private key in PEM form \("-----BEGIN RSA PRIVATE KEY-----"\)/],
    [`ssh-ed25519 ${base64.encode(sshBlob(key))}`, /^a public key/],
    ['PuTTY-User-Key-File-3: ssh-ed25519', /^line 1 is not "-----BEGIN OPENSSH/],
    ['', /^line 1 is not/],
    [file.slice(0, 200), /^line \d, the last, is not .* cut off$/],
    [file.replace(/\n(?=.*\n-----END)/, '\n*'), /^line \d is not base64$/],
    [file.replace(/\n.*\n/, '\nAAAA\n'), /^damaged/],
    [file.replace(/\n(.*)\n(.*)\n-----END/, '\n$1\n-----END'), /^damaged/],
  ] as const) {
    assert.match(readSshPrivateFile(text).problem!, problem)
  }
})

test('what an agent answers', () => {
  const list = Buffer.concat([Buffer.of(12), number(1), field(sshBlob(key)), field('me')])
  assert.deepEqual(readIdentities(Uint8Array.from(list)), [{ key: sshBlob(key), comment: 'me' }])
  const signature = hex.decode(ssh[0].signature)
  const signed = (type: string, bytes: Uint8Array) => Buffer.concat([Buffer.of(14), field(blobOf(type, bytes))])
  assert.deepEqual(readSignature(Uint8Array.from(signed('ssh-ed25519', signature))), signature)
  for (const answer of [
    Buffer.of(5),
    Buffer.alloc(0),
    list.subarray(0, -1),
    signed('ssh-ed25519', signature.subarray(1)),
    signed('ssh-rsa', signature),
  ]) {
    assert.equal(readIdentities(answer), null)
    assert.equal(readSignature(answer), null)
  }
  const asked = Buffer.concat([Buffer.of(13), field(sshBlob(key)), field(sshChallenge), number(0)])
  assert.deepEqual(Buffer.from(signatureRequest(key, sshChallenge)), asked)
})

test('no bytes and no text make a reader throw', () => {
  const bytes = fc.uint8Array({ maxLength: 200 })
  fc.assert(
    fc.property(bytes, fc.constantFrom(5, 12, 14), fc.string(), (bytes, type, text) => {
      readSshBlob(bytes)
      readIdentities(Uint8Array.of(type, ...bytes))
      readSignature(Uint8Array.of(type, ...bytes))
      readSshPublicFile(`${text} ${base64.encode(bytes)}`)
      const body = base64.encode(Buffer.concat([Buffer.from('openssh-key-v1\0'), bytes]))
      readSshPrivateFile(`-----BEGIN OPENSSH PRIVATE KEY-----\n${body}\n-----END OPENSSH PRIVATE KEY-----`)
      readSshPrivateFile(text)
    }),
    { numRuns: 1000 },
  )
})
