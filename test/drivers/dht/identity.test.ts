// The key object in libp2p itself: two nodes on the loopback, TCP, Noise, yamux, identify.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { noise } from '@chainsafe/libp2p-noise'
import { privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { identify, identifyPush } from '@libp2p/identify'
import type { PeerId } from '@libp2p/interface'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { MemoryDatastore } from 'datastore-core'
import { createLibp2p } from 'libp2p'
import { Uint8ArrayList } from 'uint8arraylist'
import { Identity } from '../../../src/drivers/dht/identity.ts'
import { systemRandom } from '../../../src/os/random.ts'
import { PrivateKey } from '../../../src/protocol/identity/key.ts'
import { peerIdOf } from '../../../src/protocol/identity/peer-id.ts'

const q = 2n ** 252n + 27742317777372353535851937790883648493n

/** All that would give a key away: the clamped scalar and both that sign, in either byte order. */
function secretsOf(key: PrivateKey): Buffer[] {
  const little = (number: bigint) => Buffer.from(number.toString(16).padStart(64, '0'), 'hex').reverse()
  const clamped = BigInt(`0x${Buffer.from(key.scalar()).reverse().toString('hex')}`)
  const forms = [clamped, clamped % q, q - (clamped % q)].map(little)
  return forms.flatMap(form => [form, Buffer.from(form).reverse()])
}

/** Does the text have any of them, as hex, base64, decimal, or a list of bytes as `inspect` and JSON write it? */
function assertNoSecret(text: string, key: PrivateKey): void {
  const plain = text.toLowerCase().replace(/\s/g, '')
  for (const secret of secretsOf(key)) {
    const piece = secret.subarray(8, 16)
    const spelled = [...piece].map(byte => byte.toString(16).padStart(2, '0'))
    for (const form of [piece.toString('hex'), spelled.join(','), piece.join(',')])
      assert.ok(!plain.includes(form), form)
    assert.ok(!plain.includes(BigInt(`0x${secret.toString('hex')}`).toString()))
    assert.ok(!text.replace(/\s/g, '').includes(secret.toString('base64').slice(0, 16)))
  }
}

test('secrets in a text are found, whatever their form', () => {
  const key = new PrivateKey(randomBytes(32))
  const secret = secretsOf(key)[0]!
  const shown = [key.reveal(), secret.toString('hex'), inspect(secret), inspect(key.scalar()), JSON.stringify(secret)]
  for (const text of shown) assert.throws(() => assertNoSecret(text, key), text)
})

test('no way of looking at it shows the scalar', () => {
  const key = new PrivateKey(randomBytes(32))
  const identity = new Identity(key, systemRandom)
  const shown = [
    String(identity),
    `${identity}`,
    JSON.stringify({ identity }),
    inspect(identity, { showHidden: true, depth: 9, getters: true }),
    inspect(identity, { showHidden: true, depth: 9, getters: true, customInspect: false }),
    inspect(Object.getOwnPropertyDescriptors(identity), { showHidden: true, depth: 9 }),
    inspect(structuredClone(identity), { showHidden: true, depth: 9, getters: true }),
    inspect({ ...identity }, { showHidden: true, depth: 9, getters: true }),
  ]
  for (const text of shown) assertNoSecret(text, key)
  assert.deepEqual(Object.keys(identity), ['type', 'publicKey'])
})

test('its bytes are refused with the reason, to libp2p too', () => {
  const identity = new Identity(new PrivateKey(randomBytes(32)), systemRandom)
  assert.throws(() => identity.raw, /cannot be exported/)
  assert.throws(() => privateKeyToProtobuf(identity), /cannot be exported/)
})

test('it signs bytes and lists of bytes, with new randomness each time, and not what was called off', async () => {
  const identity = new Identity(new PrivateKey(randomBytes(32)), systemRandom)
  const message = randomBytes(40)
  const list = new Uint8ArrayList(message.subarray(0, 7), message.subarray(7))
  const signatures = [message, list, message].map(data => identity.sign(data))
  for (const signature of signatures) {
    assert.ok(await identity.publicKey.verify(message, signature))
    assert.ok(await identity.publicKey.verify(list as Uint8Array & Uint8ArrayList, signature))
  }
  assert.equal(new Set(signatures.map(String)).size, 3)
  assert.throws(() => identity.sign(message, { signal: AbortSignal.abort() }), { name: 'AbortError' })
})

test('it equals itself and another object of the same key', () => {
  const key = new PrivateKey(randomBytes(32))
  const identity = new Identity(key, systemRandom)
  assert.ok(identity.equals(new Identity(key, systemRandom)))
  for (const other of [new Identity(new PrivateKey(randomBytes(32)), systemRandom), undefined, null, {}, 'x']) {
    assert.ok(!identity.equals(other))
  }
})

test('two nodes: handshake, identify, signed peer record; nobody reads the key, and it is nowhere', async () => {
  let read = 0
  class Watched extends Identity {
    override get raw(): Uint8Array {
      read++
      return super.raw
    }
  }
  const sides = await Promise.all(
    [0, 1].map(async () => {
      const key = new PrivateKey(randomBytes(32))
      const datastore = new MemoryDatastore()
      const node = await createLibp2p({
        privateKey: new Watched(key, systemRandom),
        datastore,
        addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
        transports: [tcp()],
        connectionEncrypters: [noise()],
        streamMuxers: [yamux()],
        services: { identify: identify(), identifyPush: identifyPush(), ping: ping() },
      })
      return { key, datastore, node, id: peerIdOf(key.publicKey()) }
    }),
  )
  const [a, b] = sides as [(typeof sides)[0], (typeof sides)[0]]
  try {
    assert.deepEqual([a.node.peerId.toString(), b.node.peerId.toString()], [a.id, b.id])
    const identified = sides.map(
      ({ node }) =>
        new Promise<PeerId>(resolve => node.addEventListener('peer:identify', e => resolve(e.detail.peerId))),
    )
    const connection = await a.node.dial(b.node.getMultiaddrs())
    assert.equal(connection.remotePeer.toString(), b.id)
    assert.deepEqual((await Promise.all(identified)).map(String), [b.id, a.id])
    assert.ok((await a.node.services.ping.ping(b.node.peerId)) >= 0)
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const known = await one.node.peerStore.get(other.node.peerId)
      assert.ok(known.peerRecordEnvelope, 'the signed record was accepted')
      assert.ok(known.addresses.every(({ isCertified }) => isCertified))
    }
    for (const { key, node, datastore } of sides) {
      assertNoSecret(inspect(node, { depth: 10, showHidden: true }), key)
      let entries = 0
      for await (const entry of datastore.query({})) {
        entries++
        const bytes = Buffer.concat([Buffer.from(entry.key.toString()), entry.value])
        for (const secret of secretsOf(key)) assert.ok(!bytes.includes(secret.subarray(8, 16)))
        assertNoSecret(bytes.toString('latin1'), key)
      }
      assert.ok(entries > 0, 'the peer store writes here')
    }
    assert.equal(read, 0)
  } finally {
    await Promise.all(sides.map(({ node }) => node.stop()))
  }
})
