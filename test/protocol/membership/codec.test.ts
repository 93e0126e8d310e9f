// Statements as bytes: one form, vectors that others can check, and signatures that fit nothing else.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import fc from 'fast-check'
import { systemCrypto as crypto } from '../../../src/os/crypto.ts'
import { decodeStatement, encodeStatement, hashOf } from '../../../src/protocol/membership/codec.ts'
import { inviteKeyOf, proveInvite } from '../../../src/protocol/membership/invite-key.ts'
import {
  inviteMessage,
  isSigned,
  proveRotation,
  readSigned,
  type Signed,
  signStatement,
  Verifier,
} from '../../../src/protocol/membership/signed.ts'
import type { Content, Statement, StatementId } from '../../../src/protocol/membership/statement.ts'
import { at, keyOf, privateKeyOf, subnet } from './story.ts'

const verifier = new Verifier(crypto)
const zeros = (count: number) => new Uint8Array(count)
const secret = new Uint8Array(16).fill(3)
const endpoint = { host: 'vps.example.org', port: 62096 }

const genesis: Statement = {
  ...{ kind: 'genesis', author: keyOf('anna'), at, after: [], salt: new Uint8Array(16).fill(7) },
  ...{ name: 'test', namespace: 'public', workbit: 8, subnet, admins: [keyOf('anna'), keyOf('otto')] },
  boots: [{ key: keyOf('boot'), endpoint }],
}
const founded = signStatement(privateKeyOf('anna'), null, genesis, zeros)
const network = founded.id
const say = (author: string, content: Content, after: readonly StatementId[] = [network]): Signed =>
  signStatement(privateKeyOf(author), network, { ...content, author: keyOf(author), at, after }, zeros)

const invite = say('anna', {
  ...{
    kind: 'invite',
    inviteKey: inviteKeyOf(secret),
    uses: 2,
    admin: false,
    expires: at + 86_400_000,
    hostname: 'b.test',
  },
})
const guest = { key: keyOf('bert'), hostname: 'b.test' }
const proof = proveInvite(secret, network, invite.id, guest)
const statements: Record<string, Signed> = {
  genesis: founded,
  invite,
  admit: say('anna', { kind: 'admit', key: keyOf('carl') }),
  guest: say(
    'anna',
    { kind: 'admit', ...guest, address: '10.0.42.9', endpoint, expires: at, invite: { id: invite.id, proof } },
    [invite.id],
  ),
  revoke: say('anna', { kind: 'revoke', key: keyOf('carl') }),
  withdraw: say('anna', { kind: 'withdraw', invite: invite.id }, [invite.id]),
  rotate: say('carl', {
    ...{ kind: 'rotate', key: keyOf('carl2') },
    proof: proveRotation(network, keyOf('carl'), privateKeyOf('carl2'), zeros),
  }),
  assign: say('anna', {
    kind: 'assign',
    key: keyOf('carl'),
    hostname: 'c.test',
    endpoint: { host: '2001:db8::1', port: 1 },
    expires: 0,
  }),
  admin: say('anna', { kind: 'admin', key: keyOf('carl'), admin: true }),
}
const inviteKey = (id: StatementId) => (id === invite.id ? inviteKeyOf(secret) : null)
const holds = (signed: Signed | null, of = network) => signed !== null && isSigned(verifier, of, signed, inviteKey)

test('each kind comes back as it was, and is signed', () => {
  for (const [name, signed] of Object.entries(statements)) {
    const read = readSigned(signed.bytes)
    assert.deepEqual(read, signed, name)
    assert.ok(holds(read), name)
  }
})

test('vectors', () => {
  const vectors = JSON.parse(readFileSync(new URL('../../vectors/membership.json', import.meta.url), 'utf8'))
  const now = Object.fromEntries(
    Object.entries(statements).map(([name, { id, bytes }]) => [name, { id, bytes: bytesToHex(bytes) }]),
  )
  assert.deepEqual(now, vectors.statements)
  for (const { bytes, id } of Object.values<{ bytes: string; id: string }>(vectors.statements)) {
    const read = readSigned(hexToBytes(bytes))
    assert.equal(read?.id, id)
    assert.ok(holds(read))
  }
})

test('a byte that is another makes another statement or none, and never one that is signed', () => {
  for (const [name, { bytes, id }] of Object.entries(statements)) {
    for (let i = 0; i < bytes.length; i++) {
      const other = Uint8Array.from(bytes)
      other[i]! ^= 1 << (i % 8)
      const read = readSigned(other)
      if (i < bytes.length - 64 && read) assert.notEqual(read.id, id)
      assert.ok(!holds(read), `${name}, byte ${i}`)
    }
  }
})

test('what was signed for one network, by one key, for one purpose, holds for no other', () => {
  const other = signStatement(
    privateKeyOf('anna'),
    null,
    { ...genesis, salt: new Uint8Array(16).fill(8) } as Statement,
    zeros,
  )
  for (const [name, signed] of Object.entries(statements)) assert.ok(!holds(signed, other.id), name)
  assert.ok(holds(other, other.id))
  // the invite's word for one key and name says nothing of another
  for (const wrong of [{ ...guest, key: keyOf('evil') }, { ...guest, hostname: 'a.test' }, { key: guest.key }]) {
    assert.ok(!holds(say('anna', { kind: 'admit', ...wrong, invite: { id: invite.id, proof } })))
  }
  // nor has who knows the invite its secret, nor does another invite fit
  const guessed = proveInvite(new Uint8Array(16), network, invite.id, guest)
  assert.ok(!holds(say('anna', { kind: 'admit', ...guest, invite: { id: invite.id, proof: guessed } })))
  assert.ok(!holds(say('anna', { kind: 'admit', ...guest, invite: { id: statements.admit!.id, proof } })))
  // a rotation to a key whose owner does not agree
  const agreed = proveRotation(network, keyOf('carl'), privateKeyOf('carl2'), zeros)
  assert.ok(!holds(say('bert', { kind: 'rotate', key: keyOf('carl2'), proof: agreed })))
  assert.ok(!holds(say('carl', { kind: 'rotate', key: keyOf('carl3'), proof: agreed })))
  assert.notDeepEqual(inviteMessage(network, invite.id, guest), inviteMessage(network, invite.id, { key: guest.key }))
})

test('a signature of no use: keys and points of low order, and signatures of nobody', () => {
  for (const signed of [new Uint8Array(64), new Uint8Array(64).fill(0xff), Uint8Array.of(1, ...new Uint8Array(63))]) {
    const bytes = Uint8Array.from(statements.admit!.bytes)
    bytes.set(signed, bytes.length - 64)
    assert.ok(!holds(readSigned(bytes)))
  }
  const weak = say('anna', {
    kind: 'invite',
    inviteKey: Uint8Array.of(1, ...new Uint8Array(31)),
    uses: 1,
    admin: false,
  })
  const any = Uint8Array.of(1, ...new Uint8Array(63))
  const came = say('anna', { kind: 'admit', key: keyOf('evil'), invite: { id: weak.id, proof: any } })
  assert.ok(!isSigned(verifier, network, came, () => Uint8Array.of(1, ...new Uint8Array(31))))
})

test('any bytes are read, or refused; what is read has just these bytes', () => {
  const some = Object.values(statements).map(({ bytes }) => bytes)
  const cut = fc.constantFrom(...some).chain(bytes =>
    fc.record({
      bytes: fc.constant(bytes),
      from: fc.nat(bytes.length),
      put: fc.uint8Array({ maxLength: 40 }),
      drop: fc.nat(4),
    }),
  )
  fc.assert(
    fc.property(cut, ({ bytes, from, put, drop }) => {
      const changed = Uint8Array.from([...bytes.subarray(0, from), ...put, ...bytes.subarray(from + drop)])
      const read = decodeStatement(changed)
      if (read) assert.deepEqual(encodeStatement(read), changed)
    }),
    { numRuns: 5_000 },
  )
  fc.assert(fc.property(fc.uint8Array({ maxLength: 3_000 }), bytes => void readSigned(bytes)))
})

test('names and addresses that no file could have are refused', () => {
  const plain = { author: keyOf('anna'), at, after: [network] }
  const wrong: Content[] = [
    { kind: 'admit', key: keyOf('carl'), hostname: 'a b' },
    { kind: 'admit', key: keyOf('carl'), hostname: '' },
    { kind: 'assign', key: keyOf('carl'), endpoint: { host: '2001:DB8::1', port: 1 } },
    { kind: 'assign', key: keyOf('carl'), endpoint: { host: 'x', port: 0 } },
    { ...(genesis as Content & { kind: 'genesis' }), name: '../x' },
    { ...(genesis as Content & { kind: 'genesis' }), admins: Array.from({ length: 9 }, (_, i) => keyOf(`a${i}`)) },
  ]
  for (const content of wrong) {
    const bytes = encodeStatement({ ...plain, ...content } as Statement)
    assert.equal(decodeStatement(bytes), null, JSON.stringify(content))
    assert.ok(hashOf(bytes))
  }
})
