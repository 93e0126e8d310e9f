import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { x25519 } from '@noble/curves/ed25519.js'
import { hex } from '@scure/base'
import fc from 'fast-check'
import { systemCrypto as crypto } from '../../../src/os/crypto.ts'
import { formats, maxMessage, overhead } from '../../../src/protocol/control/constants.ts'
import { claimDatagram, fits, passesCheck, receiverOf, sealDatagram } from '../../../src/protocol/control/datagram.ts'
import { encodeMessage, types } from '../../../src/protocol/control/message.ts'
import { message } from './messages.ts'

type Vectors = Record<'sender' | 'receiver' | 'ephemeral', string> & {
  datagrams: { name: string; body: string; datagram: string }[]
}
const vectors: Vectors = JSON.parse(readFileSync(new URL('../../vectors/control.json', import.meta.url), 'utf8'))

function pair(text: string) {
  const scalar = hex.decode(text)
  return { key: crypto.dhKey(scalar), publicKey: x25519.getPublicKey(scalar) }
}

const sender = pair(vectors.sender)
const node = pair(vectors.receiver)
const receiver = receiverOf(crypto, node.publicKey)
const ss = crypto.dh(sender.key, node.publicKey)!

for (const { name, body, datagram } of vectors.datagrams) {
  test(`${name} as another implementation seals it`, () => {
    const ephemeral = pair(vectors.ephemeral)
    const bytesOf = hex.decode(body)
    const format = bytesOf[0] === types.bind ? formats.bind : formats.sealed
    const sealed = sealDatagram(crypto, sender.publicKey, receiver, ss, ephemeral, bytesOf, format)
    assert.equal(hex.encode(sealed!), datagram)
    const bytes = hex.decode(datagram)
    assert.ok(fits(bytes) && passesCheck(crypto, receiver, bytes))
    const claimed = claimDatagram(crypto, receiver, node.key, bytes)
    assert.deepEqual(claimed!.sender, sender.publicKey)
    assert.equal(hex.encode(claimed!.open(ss)!), body)
  })
}

const seal = (body: Uint8Array) =>
  sealDatagram(crypto, sender.publicKey, receiver, ss, crypto.generateDhKey(), body) as Uint8Array

test('sealing adds what it should', () => {
  for (const length of [1, 40, maxMessage]) {
    const bytes = seal(new Uint8Array(length))
    assert.equal(bytes.length, length + overhead)
    assert.ok(fits(bytes))
  }
  for (const length of [0, maxMessage + 1]) assert.throws(() => seal(new Uint8Array(length)), TypeError)
})

test('only a change of the first two bytes passes the check', () => {
  const bytes = seal(new Uint8Array(20))
  for (let i = 0; i < bytes.length; i++) {
    const changed = Uint8Array.from(bytes)
    changed[i]! ^= 1
    assert.equal(passesCheck(crypto, receiver, changed), i < 2, `byte ${i}`)
  }
})

test('the check of another receiver is another', () => {
  assert.ok(!passesCheck(crypto, receiverOf(crypto, sender.publicKey), seal(new Uint8Array(20))))
})

test('no datagram shows a part of a public key of either side', () => {
  const parts = [sender.publicKey, node.publicKey].flatMap(key =>
    Array.from({ length: 25 }, (_, i) => hex.encode(key.subarray(i, i + 8))),
  )
  fc.assert(
    fc.property(message, message => {
      const text = hex.encode(seal(encodeMessage(message)))
      for (const part of parts) assert.ok(!text.includes(part), part)
    }),
    { numRuns: 100 },
  )
})

test('the same message twice has nothing in common but its header', () => {
  const [a, b] = [seal(new Uint8Array(40)), seal(new Uint8Array(40))]
  const same = a.filter((byte, i) => i >= 2 && byte === b[i]).length
  // 152 bytes, of which 1 in 256 is the same by chance: more than 12 once in 10^10 runs
  assert.ok(same <= 12, `${same} bytes`)
})
