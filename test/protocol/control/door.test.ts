import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { test } from 'node:test'
import { hex } from '@scure/base'
import type { Crypto } from '../../../src/base/crypto.ts'
import { systemCrypto } from '../../../src/os/crypto.ts'
import { maxDatagram, maxMessage, tables } from '../../../src/protocol/control/constants.ts'
import { Door, type DoorOptions, type Drop } from '../../../src/protocol/control/door.ts'
import { encodeMessage, type Message } from '../../../src/protocol/control/message.ts'
import { type PublicKey, publicKeyBytes, publicKeyOf } from '../../../src/protocol/identity/key.ts'
import { keyWithWork, namespace, sealBody } from './nodes.ts'

const workbit = 4
const own = keyWithWork(0)
const worker = keyWithWork(workbit)
const idler = keyWithWork(0, workbit - 1)
const from = { host: '192.0.2.1', port: 51820 }
const ping: Message = { type: 'ping', transaction: new Uint8Array(12).fill(7), candidate: 3, padding: 24 }
const body = encodeMessage(ping)

/** Counts curve operations, after the door has its key. */
function counted(): { crypto: Crypto; curve: { count: number } } {
  const curve = { count: 0 }
  const dh: Crypto['dh'] = (key, publicKey) => {
    curve.count++
    return systemCrypto.dh(key, publicKey)
  }
  return { crypto: { ...systemCrypto, dh }, curve }
}

function doorOf(options: Partial<DoorOptions> = {}) {
  const { crypto, curve } = counted()
  const door = new Door({ crypto, privateKey: own, namespace, workbit, ...options })
  return { door, curve }
}

test('two doors understand each other', () => {
  const a = new Door({ crypto: systemCrypto, privateKey: worker, namespace, workbit: 0 })
  const { door: b } = doorOf()
  const there = a.seal(ping, b.publicKey)!
  assert.deepEqual(b.open(there, from, 0), { message: ping, key: a.publicKey })
  const back = b.seal(ping, a.publicKey)!
  assert.deepEqual(a.open(back, from, 0), { message: ping, key: b.publicKey })
  assert.deepEqual([a.dropped, b.dropped], [{}, {}])
})

const high = publicKeyBytes(worker.publicKey())
high[31]! |= 0x80
const beyond = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 0xf0 : i === 31 ? 0x7f : 0xff))
const good = sealBody(worker, own.publicKey(), body)
const changed = (at: number, bytes = good) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte))
/** The check made right again: who knows the receiver can do that to any bytes. */
function checked(bytes: Uint8Array): Uint8Array {
  const key = systemCrypto.hash(new TextEncoder().encode('wirehub check---'), publicKeyBytes(own.publicKey()))
  const out = Uint8Array.from(bytes)
  out.set(systemCrypto.hmac(key, out.subarray(18)).subarray(0, 16), 2)
  return out
}
const lowE = checked(good.map((byte, i) => (i >= 18 && i < 50 ? 0 : byte)))
// a point of order 8 (RFC 7748 §6.1)
const lowOrder = hex.decode('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800')

// what comes, why it is dropped, after how many curve operations
const drops: [string, Uint8Array, Drop, number][] = [
  ['nothing', new Uint8Array(0), 'length', 0],
  ['one byte less than the shortest', good.subarray(0, 114), 'length', 0],
  ['one byte more than the longest', new Uint8Array(maxDatagram + 1), 'length', 0],
  ['a wrong check', changed(5), 'check', 0],
  ['what is sealed for another node', sealBody(idler, worker.publicKey(), body), 'check', 0],
  ['e of low order', lowE, 'not for us', 1],
  ['a damaged s', checked(changed(60)), 'not for us', 1],
  ['what only we could have sealed', sealBody(own, own.publicKey(), body), 'own key', 1],
  ['a key with its highest bit set', sealBody(worker, own.publicKey(), body, high), 'bad key', 1],
  ['a key beyond the prime', sealBody(worker, own.publicKey(), body, beyond), 'bad key', 1],
  ['too little work', sealBody(idler, own.publicKey(), body), 'workbit', 1],
  [
    'the name of somebody else',
    sealBody(idler, own.publicKey(), body, publicKeyBytes(worker.publicKey())),
    'forged',
    2,
  ],
  ['a damaged body', checked(changed(good.length - 1)), 'forged', 2],
  ['half a PING', sealBody(worker, own.publicKey(), body.subarray(0, 20)), 'malformed', 2],
  ['PSK', sealBody(worker, own.publicKey(), Uint8Array.of(9, 1, 2)), 'reserved type', 2],
  ['a type of the future', sealBody(worker, own.publicKey(), Uint8Array.of(77, 1, 2)), 'unknown type', 2],
]

for (const [what, bytes, reason, operations] of drops) {
  test(`${what}: ${reason}, after ${operations} curve operations`, () => {
    const { door, curve } = doorOf()
    assert.equal(door.open(bytes, from, 0), null)
    assert.deepEqual(door.dropped, { [reason]: 1 })
    assert.equal(curve.count, operations)
  })
}

test('a key of low order, which needs an exemption or much luck', () => {
  const { door } = doorOf({ exempt: key => key === publicKeyOf(lowOrder) })
  assert.equal(door.open(sealBody(worker, own.publicKey(), body, lowOrder), from, 0), null)
  assert.deepEqual(door.dropped, { 'bad key': 1 })
  assert.equal(door.seal(ping, publicKeyOf(lowOrder)), null)
})

test('a source that is no plain address', () => {
  const { door } = doorOf()
  for (const host of ['fe80::1%eth0', 'a.example', '2001:DB8::1', '']) door.open(good, { host, port: 1 }, 0)
  door.open(good, { ...from, port: 0 }, 0)
  assert.deepEqual(door.dropped, { 'source address': 5 })
})

test('a known key costs one curve operation', () => {
  const { door, curve } = doorOf()
  for (let i = 1; i <= 5; i++) {
    assert.ok(door.open(sealBody(worker, own.publicKey(), body), from, 0))
    assert.equal(curve.count, 1 + i)
  }
})

test('who is exempt needs no work, as long as he is', () => {
  const members = new Set<PublicKey>([idler.publicKey()])
  const { door } = doorOf({ exempt: key => members.has(key) })
  assert.ok(door.open(sealBody(idler, own.publicKey(), body), from, 0))
  members.clear()
  assert.equal(door.open(sealBody(idler, own.publicKey(), body), from, 0), null)
  assert.deepEqual(door.dropped, { workbit: 1 })
})

test('no curve operation beyond the budget', () => {
  const rate = { rate: 1, burst: 3 }
  const { door, curve } = doorOf({ budgets: { source: rate, strangers: rate, peer: rate } })
  for (let i = 0; i < 50; i++) door.open(sealBody(idler, own.publicKey(), body), from, 0)
  assert.equal(curve.count, 3)
  assert.deepEqual(door.dropped, { workbit: 3, 'source budget': 47 })
  // what does not pass the check takes nobody's budget
  door.prove(from, 0)
  for (let i = 0; i < 50; i++) door.open(changed(9), from, 0)
  assert.ok(door.open(good, from, 0))
})

test('nothing is sealed to ourselves', () => assert.equal(doorOf().door.seal(ping, own.publicKey()), null))

test('200 000 random datagrams: none is opened, none costs a curve operation, nothing grows', t => {
  const { door, curve } = doorOf()
  const pool = randomFillSync(new Uint8Array(1 << 20))
  const count = 200_000
  const start = performance.now()
  for (let i = 0; i < count; i++) {
    const length = i % (maxDatagram + 20)
    const bytes = pool.subarray((i * 613) % (pool.length - length)).subarray(0, length)
    const host = `${10 + (i & 63)}.${(i >> 6) & 255}.${(i >> 14) & 255}.1`
    assert.equal(door.open(bytes, { host, port: i & 0xffff }, i / 100), null)
  }
  t.diagnostic(`${Math.round(count / ((performance.now() - start) / 1_000))} a second`)
  assert.equal(curve.count, 0)
  assert.equal(door.size, 0)
  const { length = 0, check = 0 } = door.dropped
  assert.equal(length + check, count)
})

test('strangers with keys and sources without end: the tables have one', () => {
  const rate = { rate: 1e9, burst: 1e9 }
  // work is not wanted here, so each key gets into each table
  const { crypto } = counted()
  const privateKey = own
  const dh: Crypto['dh'] = () => new Uint8Array(32)
  const options = { privateKey, namespace, workbit: 0, budgets: { source: rate, strangers: rate, peer: rate } }
  const door = new Door({ ...options, crypto: { ...crypto, dh } })
  for (let i = 0; i < 2 * tables.keys; i++) {
    const key = systemCrypto.hash(Uint8Array.of(i, i >> 8))
    key[31]! &= 0x7f
    assert.ok(door.seal(ping, publicKeyOf(key)))
    door.admits(publicKeyOf(key))
    door.open(good, { host: `10.0.${i >> 8}.${i & 255}`, port: 1 }, 0)
  }
  // keys twice: their work, and the secret
  assert.ok(door.size <= 2 * tables.keys + tables.sources + tables.receivers, `${door.size}`)
})

test('the longest message passes', () => {
  const { door } = doorOf()
  const long: Message = { ...ping, padding: maxMessage - 16 }
  assert.deepEqual(door.open(sealBody(worker, own.publicKey(), encodeMessage(long)), from, 0)?.message, long)
})
