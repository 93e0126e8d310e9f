import assert from 'node:assert/strict'
import { createDecipheriv, createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { systemCrypto } from '../../../src/os/crypto.ts'
import { firstNumber, openPacket, readHeader, sealPacket, streamKeys } from '../../../src/protocol/stream/packet.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const ascending = (from: number, count: number) => Uint8Array.from({ length: count }, (_, i) => from + i)
const keys = streamKeys(systemCrypto, ascending(0, 32))
const connection = ascending(0xc0, 8)
const ping = Uint8Array.of(1)

test('a packet in hex', () => {
  const packet = sealPacket(systemCrypto, keys.client, { connection, number: 0x0102030405 }, ping)
  assert.equal(hex(packet.subarray(0, 18)), 'ff02c0c1c2c3c4c5c6c70000000102030405')
  assert.equal(packet.length, 18 + 1 + 16)

  // by hand, with nothing of ours: key, nonce and associated data are what the page says
  const blake2s = (...parts: Uint8Array[]) => createHash('blake2s256').update(Buffer.concat(parts)).digest()
  const block = (byte: number) => Uint8Array.from({ length: 64 }, (_, i) => (i < 32 ? i : 0) ^ byte)
  const key = blake2s(block(0x5c), blake2s(block(0x36), Buffer.from('client')))
  const nonce = Buffer.from('000000000504030201000000', 'hex')
  const opening = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 })
  opening.setAAD(packet.subarray(0, 18), { plaintextLength: 1 })
  opening.setAuthTag(packet.subarray(-16))
  assert.equal(hex(opening.update(packet.subarray(18, -16))), '01')
  opening.final()
})

test('the two directions have different keys', () => {
  const packet = sealPacket(systemCrypto, keys.client, { connection, number: 7 }, ping)
  assert.equal(openPacket(systemCrypto, keys.server, 7, packet), null)
  assert.deepEqual(openPacket(systemCrypto, keys.client, 7, packet), ping)
})

test('law: header and frames come back; no changed bit goes unnoticed', () => {
  const number = fc.maxSafeNat()
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 8, maxLength: 8 }),
      number,
      fc.uint8Array({ minLength: 1, maxLength: 60 }),
      fc.nat(),
      (connection, number, frames, flip) => {
        const packet = sealPacket(systemCrypto, keys.client, { connection, number }, frames)
        assert.deepEqual(readHeader(packet), { connection, number })
        assert.deepEqual(openPacket(systemCrypto, keys.client, number, packet), frames)
        packet[(flip >> 3) % packet.length]! ^= 1 << (flip & 7)
        const header = readHeader(packet)
        assert.equal(header && openPacket(systemCrypto, keys.client, header.number, packet), null)
      },
    ),
  )
})

test('what is no packet of this format has no header', () => {
  const packet = sealPacket(systemCrypto, keys.client, { connection, number: 2 ** 53 - 1 }, ping)
  assert.equal(readHeader(packet)?.number, 2 ** 53 - 1)
  assert.equal(readHeader(packet.subarray(0, -1)), null, 'nothing sealed')
  const other = (at: number, byte: number) => readHeader(packet.with(at, byte))
  assert.equal(other(0, 0xfe), null)
  assert.equal(other(1, 1), null)
  assert.equal(other(11, 0x20), null, 'a number of 2^53')
  assert.equal(other(10, 1), null, 'a number beyond')
})

test('first numbers are below 2^52, and use all of it', () => {
  assert.equal(firstNumber(new Uint8Array(7).fill(0xff)), 2 ** 52 - 1)
  assert.equal(firstNumber(new Uint8Array(7)), 0)
  assert.equal(firstNumber(Uint8Array.of(0xf1, 0, 0, 0, 0, 0, 2)), 2 ** 48 + 2)
})
