import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { test } from 'node:test'
import { sshAgentRoot } from '../../../src/drivers/ssh/agent.ts'
import { systemCrypto } from '../../../src/os/crypto.ts'
import type { SshAgents } from '../../../src/os/ssh-agent.ts'
import { sshBlob, sshChallenge, sshRoot } from '../../../src/protocol/identity/ssh.ts'

const field = (bytes: Uint8Array | string) => {
  const content = Buffer.from(bytes)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(content.length)
  return Buffer.concat([length, content])
}

function newKey(): { blob: Uint8Array; key: Uint8Array; secret: KeyObject } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const key = Uint8Array.from(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32))
  return { blob: sshBlob(key), key, secret: privateKey }
}

const mine = newKey()
const other = newKey()
const security = Buffer.concat(['sk-ssh-ed25519@openssh.com', mine.key, 'ssh:'].map(field))
const right = () => sign(null, sshChallenge, mine.secret)

/** An agent that has these keys, and signs as a test says; `null` is its refusal. */
function invented(blobs: Uint8Array[], signature: () => Uint8Array | null = right): SshAgents {
  return {
    async ask(_socket, message) {
      if (message[0] === 11) {
        const count = Buffer.alloc(4)
        count.writeUInt32BE(blobs.length)
        return Buffer.concat([Buffer.of(12), count, ...blobs.flatMap((blob, i) => [field(blob), field(`key ${i}\n`)])])
      }
      const signed = signature()
      if (!signed) return Buffer.of(5)
      return Buffer.concat([Buffer.of(14), field(Buffer.concat([field('ssh-ed25519'), field(signed)]))])
    },
  }
}

const rootOf = (sshAgents: SshAgents, wanted?: Uint8Array) =>
  sshAgentRoot('/s', wanted, { sshAgents, crypto: systemCrypto })

test('the root follows from the signature; other kinds of keys do not stand in the way', async () => {
  const expected = sshRoot(right())
  assert.deepEqual(await rootOf(invented([mine.blob])), expected)
  assert.deepEqual(await rootOf(invented([security, mine.blob])), expected)
  assert.deepEqual(await rootOf(invented([other.blob, mine.blob]), mine.key), expected)
})

test('what an agent does that leads to no key, or to another one later', async () => {
  let odd = 0
  const agents: [SshAgents, RegExp][] = [
    [invented([]), /^the ssh-agent has no Ed25519 key$/],
    [invented([security]), /has no Ed25519 key\n"key 0\ufffd": a security key/],
    [invented([mine.blob, other.blob]), /has 2 Ed25519 keys: "key 0\ufffd", "key 1\ufffd"$/],
    [invented([mine.blob], () => null), /refuses to sign/],
    [invented([mine.blob], () => randomBytes(64)), /not of its key/],
    [invented([mine.blob], () => sign(null, sshChallenge, other.secret)), /not of its key/],
    [invented([mine.blob], () => right().subarray(1)), /refuses to sign/],
    [{ ask: async () => Buffer.of(5) }, /does not say which keys it has/],
    [
      { ask: async () => Promise.reject(Object.assign(new Error('x'), { code: 'ENOENT' })) },
      /^no ssh-agent listens at/,
    ],
    [{ ask: async () => Promise.reject(new Error('no answer within 120 s')) }, /at \/s: no answer within 120 s/],
  ]
  for (const [agent, message] of agents) await assert.rejects(rootOf(agent), { name: 'Failure', message })
  await assert.rejects(rootOf(invented([other.blob, security]), mine.key), /does not have this key; it has 2 keys/)
  // signatures that are valid and differ: the verifier says yes to both
  const lax = { verifyEd25519: () => true }
  const hedged = invented([mine.blob], () => new Uint8Array(64).fill(odd++))
  await assert.rejects(sshAgentRoot('/s', undefined, { sshAgents: hedged, crypto: lax }), /the same text in two ways/)
})
