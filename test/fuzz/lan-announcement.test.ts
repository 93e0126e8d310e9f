/** Whatever comes to the multicast group, reading it returns, and what is read is within bounds. Inputs that ever failed go below. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { systemCrypto as crypto } from '../../src/os/crypto.ts'
import { publicKeyOf } from '../../src/protocol/identity/key.ts'
import { decodeAnnouncement, encodeAnnouncement, lanKey } from '../../src/protocol/lan/announcement.ts'
import { queueLimit, Recognizer } from '../../src/protocol/lan/recognizer.ts'

const failed: Uint8Array[] = []
const member = publicKeyOf(new Uint8Array(32).fill(9))
const real = encodeAnnouncement(crypto, lanKey(crypto, member), 51_820, 'public', new Uint8Array(16))

const datagrams = fc.oneof(
  fc.uint8Array({ maxLength: 1_500 }),
  fc.uint8Array({ maxLength: 600 }).map(rest => Uint8Array.of(0xff, 0x03, ...rest)),
  fc.tuple(fc.nat(35), fc.nat(255)).map(([at, byte]) => real.with(at, byte)),
  fc.nat(36).map(length => real.subarray(0, length)),
)

function holds(bytes: Uint8Array): void {
  const read = decodeAnnouncement(bytes)
  if (!read) return
  assert.ok(read.port > 0 && read.port < 65_536)
  assert.deepEqual([read.nonce.length, read.tag.length], [16, 16])
}

test('datagrams of any kind', () => {
  for (const bytes of failed) holds(bytes)
  fc.assert(fc.property(datagrams, holds), { numRuns: 20_000 })
})

test('a link full of them: nobody is recognised who did not announce himself, and nothing grows', () => {
  const address = fc.nat(300).map(number => `192.168.${number >> 8}.${number & 255}`)
  fc.assert(
    fc.property(fc.array(fc.tuple(datagrams, address, fc.boolean()), { maxLength: 300 }), all => {
      const it = new Recognizer(crypto, 'public')
      it.set([member])
      let queued = 0
      for (const [bytes, from, steps] of all) {
        const heard = it.hear(bytes, from, 0)
        const found = heard ?? (steps ? it.step(0) : null)
        if (found) assert.deepEqual(found, { key: member, endpoint: { host: found.endpoint.host, port: 51_820 } })
      }
      for (; it.busy; queued++) it.step(0)
      assert.ok(queued <= queueLimit)
    }),
    { numRuns: 200 },
  )
})
