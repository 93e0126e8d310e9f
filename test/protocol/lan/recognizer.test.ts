import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemCrypto } from '../../../src/os/crypto.ts'
import { publicKeyOf } from '../../../src/protocol/identity/key.ts'
import { encodeAnnouncement, lanKey } from '../../../src/protocol/lan/announcement.ts'
import { keysPerStep, queueLimit, Recognizer, strangerRest } from '../../../src/protocol/lan/recognizer.ts'

let hashes = 0
const crypto = {
  ...systemCrypto,
  hmac: (...parts: Parameters<typeof systemCrypto.hmac>) => {
    hashes += 1
    return systemCrypto.hmac(...parts)
  },
}
const key = (number: number) => publicKeyOf(new Uint8Array(32).fill(number >> 8).fill(number & 255, 0, 16))
const crowd = Array.from({ length: 10_000 }, (_, i) => key(i))
let nonces = 0
const announce = (number: number, port = 51_820) => {
  const nonce = new Uint8Array(16)
  new DataView(nonce.buffer).setUint32(0, nonces++)
  return encodeAnnouncement(systemCrypto, lanKey(systemCrypto, key(number)), port, 'public', nonce)
}
const recognizer = () => {
  const it = new Recognizer(crypto, 'public')
  it.set(crowd.slice(0, 300))
  return it
}

function settle(it: Recognizer, now = 0) {
  for (let steps = 0; it.busy; steps++) {
    const found = it.step(now)
    if (found) return { ...found, steps }
  }
  return null
}

test('one of 10 000 members is recognised, a few keys at a time', () => {
  const it = new Recognizer(crypto, 'public')
  it.set(crowd)
  assert.equal(it.hear(announce(9_999), '192.168.1.7', 0), null)
  const found = settle(it)!
  assert.deepEqual([found.key, found.endpoint], [key(9_999), { host: '192.168.1.7', port: 51_820 }])
  assert.equal(found.steps, Math.floor(9_999 / keysPerStep))
})

test('the second time, one hash is enough', () => {
  const it = recognizer()
  it.hear(announce(200), '192.168.1.7', 0)
  settle(it)
  hashes = 0
  assert.equal(it.hear(announce(200), '192.168.1.7', 60_000)?.key, key(200))
  assert.equal(hashes, 1)
})

test('another member at the same place is recognised too', () => {
  const it = recognizer()
  it.hear(announce(200), '192.168.1.7', 0)
  settle(it)
  assert.equal(it.hear(announce(100), '192.168.1.7', 1), null)
  assert.equal(settle(it)?.key, key(100))
})

test("a stranger costs all keys once, and then nothing until he has rested; a new member's turn comes at once", () => {
  const it = recognizer()
  it.hear(announce(500), '192.168.1.7', 0)
  assert.equal(settle(it), null)
  hashes = 0
  it.hear(announce(500), '192.168.1.7', strangerRest - 1)
  assert.equal(it.busy, false)
  assert.equal(hashes, 0)
  it.hear(announce(500), '192.168.1.7', strangerRest)
  assert.equal(it.busy, true)
  settle(it, strangerRest)
  it.set([...crowd.slice(0, 300), key(500)])
  it.hear(announce(500), '192.168.1.7', strangerRest + 1)
  assert.equal(settle(it)?.key, key(500))
})

test('a flood fills the queue and no more', () => {
  const it = recognizer()
  for (let i = 0; i < 5_000; i++) it.hear(announce(500), `192.168.${i >> 8}.${i & 255}`, 0)
  for (let i = 0; i < 1_000; i++) it.hear(announce(500), '192.168.0.1', 0)
  assert.equal(it.dropped['too many'], 6_000 - queueLimit)
  let steps = 0
  for (; it.busy; steps++) it.step(0)
  assert.equal(steps, queueLimit * Math.ceil(300 / keysPerStep))
})

test('who is no member any more is not recognised', () => {
  const it = recognizer()
  it.hear(announce(200), '192.168.1.7', 0)
  settle(it)
  it.set(crowd.slice(0, 100))
  assert.equal(it.hear(announce(200), '192.168.1.7', 1), null)
  assert.equal(settle(it), null)
})

test('what is no announcement is counted', () => {
  const it = recognizer()
  assert.equal(it.hear(new Uint8Array(36), '192.168.1.7', 0), null)
  assert.equal(it.dropped.malformed, 1)
})
