import assert from 'node:assert/strict'
import { test } from 'node:test'
import dnsPacket from 'dns-packet'
import fc from 'fast-check'
import { answerBytes, messages } from '../../../src/drivers/dns/server.ts'
import type { PublicKey } from '../../../src/protocol/identity/key.ts'
import { createZone } from '../../../src/protocol/naming/zone.ts'

const key = 'KJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW4' as PublicKey
const zone = createZone('test', [{ role: 'trust', key, hostname: 'a.test', ipv4: '10.0.42.2', ipv6: 'fd92::2' }], [])

const query = (change: Partial<dnsPacket.Packet> = {}) =>
  dnsPacket.encode({
    type: 'query',
    id: 7,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ type: 'A', name: 'a.test' }],
    ...change,
  })
const reply = (bytes: Uint8Array) => {
  const out = answerBytes(zone, bytes)
  return out && dnsPacket.decode(Buffer.from(out))
}

test('a question gets its answer: same id, question repeated, authoritative, no recursion', () => {
  const decoded = reply(query())!
  assert.equal(decoded.id, 7)
  assert.equal(decoded.type, 'response')
  assert.deepEqual(decoded.questions, [{ type: 'A', name: 'a.test', class: 'IN' }])
  assert.equal(decoded.answers?.length, 1)
  assert.equal(decoded.flag_aa, true)
  assert.equal(decoded.flag_ra, false)
  assert.equal(decoded.flag_rd, true)
})

test('EDNS is answered with EDNS (RFC 6891 §6.1.1)', () => {
  const edns = query({
    additionals: [
      { type: 'OPT', name: '.', udpPayloadSize: 4096, flags: 0, options: [] } as unknown as dnsPacket.Answer,
    ],
  })
  assert.equal(reply(edns)!.additionals?.[0]?.type, 'OPT')
  assert.equal(reply(query())!.additionals?.length, 0)
})

test('an update is not implemented here', () => {
  const bytes = Buffer.from(query())
  bytes[2] = 5 << 3
  assert.equal(Buffer.from(answerBytes(zone, bytes)!)[3]! & 0xf, 4)
})

test('answers, several questions, none, long ones: dropped', () => {
  assert.equal(answerBytes(zone, query({ type: 'response' })), null)
  assert.equal(answerBytes(zone, query({ questions: [] })), null)
  assert.equal(
    answerBytes(
      zone,
      query({
        questions: [
          { type: 'A', name: 'a.test' },
          { type: 'A', name: 'b.test' },
        ],
      }),
    ),
    null,
  )
  assert.equal(answerBytes(zone, new Uint8Array(1025)), null)
})

test('law: whatever bytes come, at most an answer goes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), bytes => void answerBytes(zone, bytes)),
    { numRuns: 2000 },
  )
})

test('law: a damaged question is answered or dropped', () => {
  const good = new Uint8Array(query())
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), (at, value) => {
      const bytes = Uint8Array.from(good)
      bytes[at] = value
      answerBytes(zone, bytes)
    }),
    { numRuns: 2000 },
  )
})

test('law: a TCP stream is cut into its messages however it arrives', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 5 }),
      fc.array(fc.integer({ min: 1, max: 9 })),
      (all, sizes) => {
        const stream = Uint8Array.from(all.flatMap(message => [0, message.length, ...message]))
        const got: number[][] = []
        const feed = messages(
          message => got.push([...message]),
          () => assert.fail('aborted'),
        )
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = sizes[i % Math.max(1, sizes.length)] ?? 1
          feed(stream.slice(at, at + size))
          at += size
        }
        assert.deepEqual(
          got,
          all.map(message => [...message]),
        )
      },
    ),
  )
})

test('a TCP message longer than any question ends the conversation', () => {
  let aborted = false
  messages(
    () => assert.fail('message'),
    () => {
      aborted = true
    },
  )(Uint8Array.of(0xff, 0xff, 0))
  assert.ok(aborted)
})
