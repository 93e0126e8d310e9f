/**
 * Whatever bytes a stranger calls a record, checking and opening it returns: a record, or a problem. Inputs that ever failed, and some
 * at the edges, are in corpus-record/, and are tried first: an id of 32 bytes, then the value.
 */

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseAddress } from '../../src/base/ip.ts'
import { hour } from '../../src/base/time.ts'
import { systemCrypto as crypto } from '../../src/os/crypto.ts'
import { blindedKey } from '../../src/protocol/directory/blind.ts'
import { checkRecord, newer, openRecordAt, placeOf, signRecord } from '../../src/protocol/directory/record.ts'
import { decodeBody, encodeBody } from '../../src/protocol/directory/record-body.ts'
import { isPublicKey, PrivateKey, publicKeyBytes } from '../../src/protocol/identity/key.ts'
import { SigningKey } from '../../src/protocol/identity/xeddsa.ts'

const corpus = new URL('./corpus-record/', import.meta.url)
const now = 1_790_000_000_000
const key = new PrivateKey(new Uint8Array(32).fill(9))
const place = placeOf(key.publicKey(), 'public')
const signing = blindedKey(SigningKey.of(key), 'public').key
const record = {
  sequence: 3,
  expires: now + hour,
  nat: 'none',
  endpoints: [
    { kind: 'host', endpoint: { host: '192.0.2.1', port: 1 } },
    { kind: 'host', endpoint: { host: '2001:db8::1', port: 2 } },
  ],
  homes: [{ key: key.publicKey(), endpoint: { host: '192.0.2.2', port: 3 } }, { key: key.publicKey() }],
  filtering: 'address-dependent',
  hairpins: true,
} as const
const good = signRecord(crypto, key, 'public', record, count => randomBytes(count))

/** Everything that must hold for any id and any value. */
function holds(id: Uint8Array, value: Uint8Array): void {
  const before = value.join()
  const checked = checkRecord(id, value, now, crypto.verifyEd25519)
  assert.deepEqual(checkRecord(id, value, now), checked, 'both verifiers agree')
  assert.ok((checked.ok === undefined) !== (checked.problem === undefined))
  const opened = openRecordAt(crypto, { ...place, id }, value, now)
  assert.ok(opened.problem === checked.problem || (checked.ok && opened.problem === 'sealed'))
  assert.equal(typeof newer(value, good), 'boolean')
  assert.ok(!(newer(value, good) && newer(good, value)))
  assert.equal(value.join(), before)
}

/** Everything that must hold for any body. */
function bodyHolds(bytes: Uint8Array): void {
  const body = decodeBody(bytes)
  if (!body) return
  assert.ok(body.endpoints.length <= 16 && body.homes.length <= 3)
  for (const { endpoint } of [...body.endpoints, ...body.homes]) {
    if (!endpoint) continue
    assert.equal(parseAddress(endpoint.host), endpoint.host)
    assert.ok(endpoint.port > 0 && endpoint.port < 65_536)
  }
  for (const { key } of body.homes) assert.ok(isPublicKey(publicKeyBytes(key)))
  assert.deepEqual(decodeBody(encodeBody(body)), body)
}

test('inputs that once failed, and those at the edges', () => {
  const names = readdirSync(corpus)
  assert.ok(names.length > 0)
  for (const name of names) {
    const bytes = readFileSync(new URL(name, corpus))
    holds(bytes.subarray(0, 32), bytes.subarray(32))
    bodyHolds(bytes)
    bodyHolds(bytes.subarray(32))
  }
})

const anyBytes = (maxLength: number) => fc.uint8Array({ maxLength })
const ids = fc.oneof(fc.constant(place.id), fc.uint8Array({ minLength: 32, maxLength: 32 }), anyBytes(40))

test('random bytes', () => {
  fc.assert(fc.property(ids, anyBytes(800), holds), { numRuns: 500 })
  fc.assert(fc.property(anyBytes(600), bodyHolds), { numRuns: 3000 })
})

const part = fc.record({ at: fc.nat(800), cut: fc.nat(80), piece: anyBytes(40) })
const mutated = (bytes: Uint8Array) =>
  part.map(({ at, cut, piece }) => {
    const from = at % (bytes.length + 1)
    return Uint8Array.from([...bytes.subarray(0, from), ...piece, ...bytes.subarray(from + cut)])
  })

test('a right record with a part cut out, put in or replaced', () => {
  fc.assert(fc.property(ids, mutated(good), holds), { numRuns: 500 })
})

test('a right header before random bytes, rightly signed', () => {
  const signed = anyBytes(700).map(rest => {
    const bytes = Uint8Array.from([...good.subarray(0, 17), ...rest])
    const message = Buffer.concat([Buffer.from('wirehub record 1'), bytes])
    return Uint8Array.from([...bytes, ...signing.sign(message, new Uint8Array(64))])
  })
  fc.assert(
    fc.property(signed, value => holds(place.id, value)),
    { numRuns: 200 },
  )
})

test('a right body with a part cut out, put in or replaced', () => {
  fc.assert(fc.property(mutated(encodeBody(record)), bodyHolds), { numRuns: 3000 })
})
