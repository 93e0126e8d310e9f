/**
 * Whatever comes in on the control port, and whatever stands in a datagram that somebody sealed: it is a message or it is dropped, and
 * reading it returns. Inputs at the edges, and any that ever failed, are in corpus-control/, and are tried first: bodies in `body-*`,
 * datagrams for the receiver of vectors/control.json in `datagram-*`.
 */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { hex } from '@scure/base'
import fc from 'fast-check'
import { Channel } from '../../src/drivers/control/channel.ts'
import { systemCrypto as crypto } from '../../src/os/crypto.ts'
import { systemRandom } from '../../src/os/random.ts'
import * as sizes from '../../src/protocol/control/constants.ts'
import { receiverOf } from '../../src/protocol/control/datagram.ts'
import { decodeMessage, encodeMessage } from '../../src/protocol/control/message.ts'
import { claimNoise } from '../../src/protocol/control/noise-x.ts'
import { Desk } from '../../src/protocol/home/desk.ts'
import { PrivateKey, publicKeyBytes } from '../../src/protocol/identity/key.ts'
import { message } from '../protocol/control/messages.ts'
import { sealBody } from '../protocol/control/nodes.ts'

const corpus = new URL('./corpus-control/', import.meta.url)
const vectors: { sender: string; receiver: string; datagrams: { datagram: string }[] } = JSON.parse(
  readFileSync(new URL('../vectors/control.json', import.meta.url), 'utf8'),
)
const own = new PrivateKey(hex.decode(vectors.receiver))
const sender = new PrivateKey(hex.decode(vectors.sender))
const receiver = receiverOf(crypto, publicKeyBytes(own.publicKey()))
const ownKey = crypto.dhKey(own.scalar())
const from = { host: '192.0.2.1', port: 51820 }

/** Everything that must hold for any body. */
function bodyHolds(body: Uint8Array): void {
  const before = body.join()
  const message = decodeMessage(body)
  assert.equal(body.join(), before)
  if (typeof message === 'string') {
    assert.ok(['malformed', 'reserved type', 'unknown type'].includes(message))
    return
  }
  // what is longer than a datagram's body cannot have come in one, and an encoder refuses it
  if (body.length > sizes.maxMessage) return
  const encoded = encodeMessage(message)
  assert.ok(encoded.length <= Math.max(body.length, sizes.openLength))
  assert.deepEqual(decodeMessage(encoded), message)
  assert.equal(hex.encode(encodeMessage(message)), hex.encode(encoded))
}

/** Everything that must hold for any datagram: one counter counts it, and an answer is never longer. */
function datagramHolds(bytes: Uint8Array): void {
  const sent: Uint8Array[] = []
  const heard: string[] = []
  const channel = new Channel({
    os: { clock: { now: () => 0, wall: () => 0, at: () => ({ cancel() {} }) }, random: systemRandom, crypto },
    port: { send: answer => void sent.push(answer) },
    privateKey: own,
    namespace: 'public',
    workbit: 0,
    network: 'test',
    desk: new Desk(crypto, new Uint8Array(32), () => 'stranger'),
    onOffer: () => void heard.push('offer'),
    onPing: () => void heard.push('ping'),
    onRecord: () => void heard.push('record'),
    onOpen: () => void heard.push('open'),
    onStreamPacket: () => void heard.push('stream'),
  })
  channel.receive(bytes, from)
  const { received, opened, dropped } = channel.counters
  const drops = Object.values(dropped).reduce((sum, count) => sum + count, 0)
  assert.equal(received, 1)
  assert.ok(drops <= 1 && opened <= 1 && heard.length <= 1)
  assert.ok(drops + opened + heard.length >= 1, 'nothing is lost uncounted')
  assert.ok(sent.every(answer => opened === 1 && answer.length <= bytes.length))
}

/** The check made right, so that the bytes behind it are looked at. */
function checked(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 18) return bytes
  const out = Uint8Array.from(bytes)
  out.set([0xff, 1])
  out.set(crypto.hmac(receiver.checkKey, out.subarray(18)).subarray(0, 16), 2)
  return out
}

test('inputs that once failed, and those at the edges', () => {
  const names = readdirSync(corpus)
  assert.ok(names.some(name => name.startsWith('body-')) && names.some(name => name.startsWith('datagram-')))
  for (const name of names) {
    const bytes = Uint8Array.from(readFileSync(new URL(name, corpus)))
    if (name.startsWith('body-')) bodyHolds(bytes)
    else datagramHolds(bytes)
  }
})

const anyBytes = (maxLength: number) => fc.uint8Array({ maxLength })
const typed = fc.tuple(fc.nat(13), anyBytes(1300)).map(([type, rest]) => Uint8Array.of(type, ...rest))
const part = fc.record({ at: fc.nat(1500), cut: fc.nat(80), piece: anyBytes(40) })
const mutated = (bytes: fc.Arbitrary<Uint8Array>) =>
  fc.tuple(bytes, part).map(([bytes, { at, cut, piece }]) => {
    const start = at % (bytes.length + 1)
    return Uint8Array.from([...bytes.subarray(0, start), ...piece, ...bytes.subarray(start + cut)])
  })
const right = fc.constantFrom(...vectors.datagrams.map(({ datagram }) => hex.decode(datagram)))
const headed = fc
  .tuple(fc.constantFrom(1, 2, 3), anyBytes(1450))
  .map(([format, rest]) => Uint8Array.of(sizes.controlByte, format, ...rest))

test('random bodies, and right ones with a part cut out, put in or replaced', () => {
  fc.assert(fc.property(fc.oneof(anyBytes(1300), typed), bodyHolds), { numRuns: 3_000 })
  fc.assert(fc.property(mutated(message.map(encodeMessage)), bodyHolds), { numRuns: 3_000 })
})

test('any body, rightly sealed', () => {
  const bodies = fc
    .oneof(typed, mutated(message.map(encodeMessage)))
    .filter(({ length }) => length > 0 && length <= sizes.maxMessage)
  fc.assert(
    fc.property(bodies, body => datagramHolds(sealBody(sender, own.publicKey(), body))),
    { numRuns: 300 },
  )
})

test('random datagrams, and right ones with a part cut out, put in or replaced', () => {
  fc.assert(fc.property(fc.oneof(anyBytes(1450), headed, mutated(right)), datagramHolds), { numRuns: 1_000 })
  fc.assert(fc.property(fc.oneof(headed, mutated(right)).map(checked), datagramHolds), { numRuns: 500 })
})

test('random Noise messages', () => {
  fc.assert(
    fc.property(anyBytes(300), bytes => {
      assert.equal(claimNoise(crypto, receiver.start, ownKey, bytes), null)
    }),
    { numRuns: 300 },
  )
})
