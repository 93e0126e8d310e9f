import assert from 'node:assert/strict'
import { test } from 'node:test'
import { day, hour, second, type WallTime } from '../../src/base/time.ts'
import { Records } from '../../src/node/records.ts'
import { systemCrypto } from '../../src/os/crypto.ts'
import { placeOf, recordLimit, signRecord } from '../../src/protocol/directory/record.ts'
import { PrivateKey } from '../../src/protocol/identity/key.ts'
import { Simulation } from '../../src/sim/simulation.ts'

const now: WallTime = 1_800_000_000_000
const random = new Simulation(1)
const keys = Array.from({ length: 8 }, (_, i) => new PrivateKey(new Uint8Array(32).fill(i + 1)))
const [a, b] = keys as [PrivateKey, PrivateKey]

function sign(key: PrivateKey, sequence: number, { namespace = 'public', expires = now + day } = {}): Uint8Array {
  const endpoints = [{ kind: 'host' as const, endpoint: { host: '192.0.2.1', port: 1 + (sequence % 1000) } }]
  const record = { sequence, expires, endpoints, homes: [], nat: 'none' as const }
  return signRecord(systemCrypto, key, namespace, record, count => random.bytes(count))
}

const start = (limit?: number) => new Records(systemCrypto, 'public', limit)
const idOf = (key: PrivateKey) => placeOf(key.publicKey(), 'public').id

test('a valid record is held, read, and handed to who asks for its place', () => {
  const records = start()
  const value = sign(a, 5)
  const { held } = records.learn(a.publicKey(), value, now)
  assert.equal(held?.record.sequence, 5)
  assert.equal(records.get(a.publicKey()), held)
  assert.equal(records.at(idOf(a), now), value)
  assert.equal(records.at(idOf(b), now), null)
})

test('the newer one wins, an older one is refused and counted, the same one is neither', () => {
  const records = start()
  const [old, middle, fresh] = [sign(a, 4), sign(a, 5), sign(a, 6)]
  assert.ok(records.learn(a.publicKey(), middle, now).held)
  assert.equal(records.learn(a.publicKey(), old, now).problem, 'older')
  assert.equal(records.at(idOf(a), now), middle)
  assert.equal(records.learn(a.publicKey(), Uint8Array.from(middle), now).problem, 'known')
  assert.ok(records.learn(a.publicKey(), fresh, now).held)
  assert.equal(records.at(idOf(a), now), fresh)
  assert.equal(records.learn(a.publicKey(), middle, now).problem, 'older')
  assert.deepEqual(records.refused, { older: 2 })
})

test('another record with the same number is no newer one', () => {
  const records = start()
  const value = sign(a, 5)
  records.learn(a.publicKey(), value, now)
  assert.equal(records.learn(a.publicKey(), sign(a, 5, { expires: now + 2 * hour }), now).problem, 'older')
  assert.equal(records.at(idOf(a), now), value)
})

test('one that has expired is not handed out any more, and what is newer is still welcome', () => {
  const records = start()
  const value = sign(a, 5, { expires: now + hour })
  records.learn(a.publicKey(), value, now)
  assert.equal(records.at(idOf(a), now + hour - second), value)
  assert.equal(records.at(idOf(a), now + hour), null)
  assert.equal(records.get(a.publicKey())?.record.sequence, 5, 'it was there once: still worth a probe')
  assert.ok(records.learn(a.publicKey(), sign(a, 6), now + hour).held)
})

const flipped = (bytes: Uint8Array, at: number) => {
  const copy = Uint8Array.from(bytes)
  copy[at]! ^= 1
  return copy
}

test('everything else is refused by its reason, and leaves nothing behind', () => {
  const records = start()
  const key = a.publicKey()
  const value = sign(a, 5)
  const bad: [Uint8Array, string][] = [
    [new Uint8Array(0), 'malformed'],
    [value.subarray(0, 40), 'malformed'],
    [new Uint8Array(recordLimit + 1), 'too large'],
    [flipped(value, 0), 'version'],
    [flipped(value, 8), 'signature'],
    [flipped(value, value.length - 1), 'signature'],
    [flipped(value, 40), 'signature'],
    [sign(b, 5), 'signature'],
    [sign(a, 5, { namespace: 'another' }), 'signature'],
    [sign(a, 5, { expires: now - second }), 'expired'],
    [sign(a, 5, { expires: now + 49 * hour }), 'too far ahead'],
  ]
  const counted: Record<string, number> = {}
  for (const [bytes, problem] of bad) {
    assert.equal(records.learn(key, bytes, now).problem, problem)
    counted[problem] = (counted[problem] ?? 0) + 1
  }
  assert.deepEqual(records.refused, counted)
  assert.equal(records.get(key), undefined)
  assert.equal(records.all().size, 0)
  assert.equal(records.at(idOf(a), now), null)
})

test('a bad one does not harm the good one that is held', () => {
  const records = start()
  const value = sign(a, 5)
  records.learn(a.publicKey(), value, now)
  records.learn(a.publicKey(), flipped(value, 40), now)
  records.learn(a.publicKey(), sign(b, 9), now)
  assert.equal(records.at(idOf(a), now), value)
})

test('those handed over longest ago make room', () => {
  const records = start(3)
  const values = keys.map(key => sign(key, 5))
  const learn = (i: number) => records.learn(keys[i]!.publicKey(), values[i]!, now)
  for (const i of [0, 1, 2]) learn(i)
  // handed over again, though it says nothing new
  assert.equal(learn(0).problem, 'known')
  learn(3)
  learn(4)
  assert.deepEqual(
    keys.map(key => records.get(key.publicKey()) !== undefined),
    [true, false, false, true, true, false, false, false],
  )
  assert.deepEqual(
    keys.map(key => records.at(idOf(key), now) !== null),
    [true, false, false, true, true, false, false, false],
    'and their places are forgotten with them',
  )
  assert.equal(records.all().size, 3)
})

test('what is forgotten is gone, and welcome again', () => {
  const records = start()
  const value = sign(a, 5)
  records.learn(a.publicKey(), value, now)
  records.forget(a.publicKey())
  assert.equal(records.at(idOf(a), now), null)
  assert.ok(records.learn(a.publicKey(), value, now).held)
  assert.equal(records.at(idOf(a), now), value)
})

test('a key that no private key gives has a place where nothing is valid', () => {
  // u = 2 is on the curve's twist
  const key = `Ag${'A'.repeat(41)}` as ReturnType<PrivateKey['publicKey']>
  const records = start()
  assert.equal(records.learn(key, sign(a, 5), now).problem, 'signature')
})

test('what is refused for other reasons is counted with the rest', () => {
  const records = start()
  records.refuse('too many strangers')
  records.refuse('too many strangers')
  assert.deepEqual(records.refused, { 'too many strangers': 2 })
})
