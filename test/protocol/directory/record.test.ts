import assert from 'node:assert/strict'
import { createPublicKey, verify as opensslVerify, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ED25519_TORSION_SUBGROUP } from '@noble/curves/ed25519.js'
import { numberToBytesLE } from '@noble/curves/utils.js'
import fc from 'fast-check'
import { hour, minute, second } from '../../../src/base/time.ts'
import { systemCrypto as crypto } from '../../../src/os/crypto.ts'
import { blindedKey, idOf, pathOf } from '../../../src/protocol/directory/blind.ts'
import {
  checkRecord,
  type NodeRecord,
  newer,
  openRecord,
  openRecordAt,
  placeOf,
  recordLimit,
  signRecord,
} from '../../../src/protocol/directory/record.ts'
import { encodeBody } from '../../../src/protocol/directory/record-body.ts'
import { PrivateKey, type PublicKey, publicKeyBytes, publicKeyOf } from '../../../src/protocol/identity/key.ts'
import { SigningKey } from '../../../src/protocol/identity/xeddsa.ts'
import { recordBody } from './bodies.ts'

const vectors = JSON.parse(readFileSync(new URL('../../vectors/records.json', import.meta.url), 'utf8'))
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))
const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const secret = exactly(32).map(bytes => new PrivateKey(bytes))
const random = (count: number) => Uint8Array.from(randomBytes(count))

const now = 1_790_000_000 * second
const key = new PrivateKey(randomBytes(32))
const place = placeOf(key.publicKey(), 'public')
const record: NodeRecord = {
  sequence: 7,
  expires: now + 24 * hour,
  nat: 'endpoint-dependent',
  endpoints: [
    { kind: 'fixed', endpoint: { host: '192.0.2.1', port: 51820 } },
    { kind: 'reflexive', endpoint: { host: '2001:db8::1', port: 1 } },
  ],
  homes: [{ key: new PrivateKey(randomBytes(32)).publicKey(), endpoint: { host: '203.0.113.1', port: 51820 } }],
  filtering: 'address-dependent',
}
const sign = (changes: Partial<NodeRecord> = {}) => signRecord(crypto, key, 'public', { ...record, ...changes }, random)
const open = (value: Uint8Array, at = now) => openRecord(crypto, key.publicKey(), 'public', value, at)
const problems = (value: Uint8Array, at = now) => [checkRecord(place.id, value, at).problem, open(value, at).problem]

test('places: id and sealing key as the Python program has them', () => {
  for (const vector of vectors.places) {
    const { id, sealing, path } = placeOf(publicKeyOf(bytes(vector.public)), vector.namespace)
    assert.deepEqual([hex(id), hex(sealing), path], [vector.id, vector.sealing, `/wh/${vector.id}`])
  }
})

test('the worked example of docs/protocol/records.md, written and read', () => {
  const vector = vectors.record
  const owner = new PrivateKey(bytes(vector.private))
  const written: NodeRecord = {
    sequence: vector.sequence,
    expires: vector.expires * second,
    nat: vector.nat,
    endpoints: vector.endpoints.map(({ kind, host, port }: Record<string, unknown>) => ({
      kind,
      endpoint: { host, port },
    })),
    homes: vector.homes.map((key: PublicKey) => ({ key })),
  }
  const given = (count: number) => bytes(count === 12 ? vector.nonce : vector.random)
  assert.equal(hex(signRecord(crypto, owner, vector.namespace, written, given)), vector.value)
  assert.equal(hex(encodeBody(written)), vector.body)
  assert.deepEqual(openRecord(crypto, owner.publicKey(), vector.namespace, bytes(vector.value), now).ok, written)
  const page = readFileSync(new URL('../../../docs/protocol/records.md', import.meta.url), 'utf8').replace(/\s/g, '')
  for (const name of ['private', 'edwards', 'id', 'sealing', 'nonce', 'body', 'value']) {
    assert.ok(page.includes(vector[name]), `the page has ${name}`)
  }
})

test('a place is the same from the private and from the public key, and another in another namespace', () => {
  fc.assert(
    fc.property(secret, fc.string({ maxLength: 64 }), fc.string({ maxLength: 64 }), (secret, namespace, other) => {
      const signing = SigningKey.of(secret)
      const mine = blindedKey(signing, namespace).place
      assert.deepEqual(mine, placeOf(secret.publicKey(), namespace))
      assert.deepEqual(idOf(mine.path), mine.id)
      if (namespace === other) return
      const elsewhere = blindedKey(signing, other).place
      assert.notDeepEqual(mine.id, elsewhere.id)
      assert.notDeepEqual(mine.sealing, elsewhere.sealing)
    }),
    { numRuns: 40 },
  )
})

test('a blinded signature is valid as plain Ed25519 under the id, whichever sign that has', () => {
  const signs = new Set<number>()
  fc.assert(
    fc.property(secret, fc.uint8Array({ maxLength: 100 }), (secret, message) => {
      const { key, place } = blindedKey(SigningKey.of(secret), 'public')
      const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(place.id).toString('base64url') }
      const publicKey = createPublicKey({ key: jwk, format: 'jwk' })
      assert.ok(opensslVerify(null, message, publicKey, key.sign(message, randomBytes(64))))
      signs.add(place.id[31]! >> 7)
    }),
    { numRuns: 60 },
  )
  assert.equal(signs.size, 2)
})

test('neither place nor record has a piece of the key, and two records share nothing that is sealed', () => {
  const edwards = SigningKey.of(key).publicKey
  const values = [sign(), sign()] as const
  const seen = values.map(value => hex(value) + hex(place.id))
  for (const known of [edwards, publicKeyBytes(key.publicKey()), place.sealing, publicKeyBytes(record.homes[0]!.key)]) {
    for (let i = 0; i + 6 <= 32; i++) {
      for (const text of seen) assert.ok(!text.includes(hex(known.subarray(i, i + 6))))
    }
  }
  for (let i = 17; i + 6 <= values[0].length; i++) {
    assert.ok(!hex(values[1]).includes(hex(values[0].subarray(i, i + 6))))
  }
})

test('paths that are no places have no id', () => {
  const path = pathOf(place.id)
  assert.match(path, /^\/wh\/[0-9a-f]{64}$/)
  const others = [
    '',
    '/wh/',
    path.toUpperCase(),
    `${path}0`,
    path.slice(0, -1),
    `/pk/${hex(place.id)}`,
    `${path}\n`,
    `x${path}`,
  ]
  for (const other of others) assert.equal(idOf(other), null, other)
})

test('a key that is no point of the curve has a place where nothing is valid', () => {
  const none = placeOf(publicKeyOf(numberToBytesLE(2n, 32)), 'public')
  assert.equal(none.id.length, 32)
  assert.equal(checkRecord(none.id, sign(), now, () => true).problem, 'signature')
})

const end = fc.integer({ min: now / second + 1, max: (now + 48 * hour) / second }).map(seconds => seconds * second)
const anyRecord: fc.Arbitrary<NodeRecord> = fc
  .tuple(recordBody, fc.nat(Number.MAX_SAFE_INTEGER), end)
  .map(([body, sequence, expires]) => ({ ...body, sequence, expires }))

test('what was written is read, by who knows the key; storers see number and end', () => {
  fc.assert(
    fc.property(anyRecord, record => {
      const value = signRecord(crypto, key, 'public', record, random)
      assert.ok(value.length <= recordLimit)
      assert.equal((value.length - 109) % 128, 0)
      assert.deepEqual(openRecordAt(crypto, place, value, now).ok, record)
      const { sequence, expires } = record
      assert.deepEqual(checkRecord(place.id, value, now).ok, { sequence, expires })
      assert.deepEqual(checkRecord(place.id, value, now, crypto.verifyEd25519).ok, { sequence, expires })
    }),
    { numRuns: 100 },
  )
})

test('too many endpoints and homes are cut off behind the best', () => {
  const endpoints = Array.from({ length: 20 }, (_, i) => ({
    kind: 'host' as const,
    endpoint: { host: `2001:db8::${i + 1}`, port: 9 },
  }))
  const homes = Array.from({ length: 5 }, (_, i) => ({
    key: new PrivateKey(randomBytes(32)).publicKey(),
    endpoint: { host: `2001:db8:1::${i + 1}`, port: 9 },
  }))
  const value = sign({ endpoints, homes })
  assert.equal(value.length, 621)
  const read = open(value).ok!
  assert.deepEqual([read.endpoints, read.homes], [endpoints.slice(0, 16), homes.slice(0, 3)])
})

test('each changed bit of a record is noticed', () => {
  const value = sign()
  for (let i = 0; i < value.length; i++) {
    const changed = Uint8Array.from(value)
    changed[i]! ^= 1 << (i % 8)
    const { ok, problem } = checkRecord(place.id, changed, now, crypto.verifyEd25519)
    assert.equal(ok, undefined, `byte ${i}`)
    const expected =
      i === 0 ? ['version'] : i < 17 ? ['signature', 'expired', 'too far ahead', 'malformed'] : ['signature']
    assert.ok(expected.includes(problem!), `byte ${i}: ${problem}`)
    assert.equal(openRecordAt(crypto, place, changed, now).problem, problem)
  }
})

test('each shortened or lengthened record is noticed', () => {
  const value = sign()
  for (let length = 0; length < value.length; length++) {
    const { problem } = checkRecord(place.id, value.subarray(0, length), now, crypto.verifyEd25519)
    assert.equal(problem, length < 109 ? 'malformed' : 'signature', `${length} bytes`)
  }
  assert.deepEqual(problems(Uint8Array.of(...value, 0)), ['signature', 'signature'])
})

test('age: refused from its end on, and where it ends more than 48 hours ahead', () => {
  const value = sign({ expires: now + hour })
  assert.deepEqual(problems(value, now + hour - 1), [undefined, undefined])
  assert.deepEqual(problems(value, now + hour), ['expired', 'expired'])
  assert.deepEqual(problems(sign({ expires: now + 48 * hour })), [undefined, undefined])
  assert.deepEqual(problems(sign({ expires: now + 48 * hour + second })), ['too far ahead', 'too far ahead'])
  assert.deepEqual(problems(sign({ expires: 2 ** 62 })), ['too far ahead', 'too far ahead'])
})

test('another namespace, another key, a record of another place: refused', () => {
  const value = sign()
  assert.equal(openRecord(crypto, key.publicKey(), 'example', value, now).problem, 'signature')
  assert.equal(openRecord(crypto, record.homes[0]!.key, 'public', value, now).problem, 'signature')
  const foreign = signRecord(crypto, new PrivateKey(randomBytes(32)), 'public', record, random)
  assert.deepEqual(problems(foreign), ['signature', 'signature'])
})

test('size, version, a number beyond 2^53', () => {
  assert.deepEqual(problems(new Uint8Array(recordLimit + 1)), ['too large', 'too large'])
  assert.deepEqual(problems(new Uint8Array(0)), ['malformed', 'malformed'])
  assert.deepEqual(problems(Uint8Array.of(2)), ['version', 'version'])
  const value = sign()
  value.fill(0xff, 1, 9)
  assert.deepEqual(problems(value), ['malformed', 'malformed'])
})

test('what the owner signed and did not seal right is a problem of its own', () => {
  const blinded = blindedKey(SigningKey.of(key), 'public')
  const resigned = (value: Uint8Array) => {
    const signed = value.subarray(0, -64)
    const message = Buffer.concat([Buffer.from('wirehub record 1'), signed])
    return Buffer.concat([signed, blinded.key.sign(message, randomBytes(64))])
  }
  const wrongSeal = sign()
  wrongSeal[40]! ^= 1
  assert.deepEqual(problems(resigned(wrongSeal)), [undefined, 'sealed'])
  // the clear bytes belong to the seal
  const wrongHeader = sign()
  wrongHeader[8]! ^= 1
  assert.deepEqual(problems(resigned(wrongHeader)), [undefined, 'sealed'])
  const value = sign()
  const noBody = crypto.seal(place.sealing, value.subarray(17, 29), value.subarray(0, 17), Uint8Array.of(1, 9))
  const bytes = Buffer.concat([value.subarray(0, 29), noBody, new Uint8Array(64)])
  assert.deepEqual(problems(resigned(bytes)), [undefined, 'sealed'])
  // no room for a tag: shorter than any record
  assert.deepEqual(problems(resigned(Buffer.concat([value.subarray(0, 44), new Uint8Array(64)]))), [
    'malformed',
    'malformed',
  ])
})

test('ids under which a signature of nobody could be valid are refused, whatever the verifier says', () => {
  const value = sign()
  const ids = ED25519_TORSION_SUBGROUP.map(bytes)
  for (const id of [...ids, new Uint8Array(32).fill(0xff), new Uint8Array(31), new Uint8Array(33)]) {
    assert.equal(checkRecord(id, value, now, () => true).problem, 'signature')
    assert.equal(checkRecord(id, value, now).problem, 'signature')
  }
})

test('the expensive part is last: what is refused for its looks is not verified', () => {
  let verified = 0
  const verify = () => ++verified > 0
  for (const [value, at] of [
    [new Uint8Array(900), now],
    [Uint8Array.of(3, 4), now],
    [sign(), now + 25 * hour],
    [sign(), now - 25 * hour],
  ] as const) {
    assert.ok(checkRecord(place.id, value, at, verify).problem)
  }
  assert.equal(verified, 0)
  assert.ok(checkRecord(place.id, sign(), now, verify).ok)
  assert.equal(verified, 1)
})

test('the newer record wins, and all nodes agree which that is', () => {
  const first = sign()
  const rolledBack = sign({ sequence: record.sequence - 1, expires: record.expires + hour })
  assert.ok(newer(first, rolledBack) && !newer(rolledBack, first))
  const longer = sign({ expires: record.expires + minute })
  assert.ok(newer(longer, first) && !newer(first, longer))
  const again = sign()
  assert.notEqual(newer(again, first), newer(first, again))
  assert.ok(!newer(first, first))
  const big = sign({ sequence: 2 ** 40 })
  assert.ok(newer(big, sign({ sequence: 2 ** 40 - 1 })) && newer(big, sign({ sequence: 2 ** 32 - 1 })))
  for (const none of [new Uint8Array(), new Uint8Array(900)]) assert.ok(newer(first, none) && !newer(none, first))
  assert.ok(!newer(new Uint8Array(), new Uint8Array()))
  const values = [first, rolledBack, longer, again, big]
  const best = (order: Uint8Array[]) => order.reduce((best, value) => (newer(value, best) ? value : best))
  fc.assert(fc.property(fc.shuffledSubarray(values, { minLength: 5 }), order => assert.equal(best(order), big)))
})
