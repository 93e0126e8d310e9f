import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addressBytes } from '../../src/base/ip.ts'
import { readCooked } from '../../src/os/cooked.ts'

type Changes = { ip?: Record<number, number>; udp?: Record<number, number> }

/** A packet as the tap gives it, with some bytes of its headers changed. */
function cooked(from: string, to: string, payload: Uint8Array, changes: Changes = {}): Uint8Array {
  const [source, destination] = [addressBytes(from), addressBytes(to)]
  const ipv4 = source.length === 4
  const length = 8 + payload.length
  const udp = [51820 >> 8, 51820 & 255, 1000 >> 8, 1000 & 255, length >> 8, length & 255, 0, 0]
  const total = 20 + length
  const ip = ipv4
    ? [0x45, 0, total >> 8, total & 255, 0, 0, 0x40, 0, 65, 17, 0, 0, ...source, ...destination]
    : [0x60, 0, 0, 0, length >> 8, length & 255, 17, 65, ...source, ...destination]
  for (const [at, byte] of Object.entries(changes.ip ?? {})) ip[Number(at)] = byte
  for (const [at, byte] of Object.entries(changes.udp ?? {})) udp[Number(at)] = byte
  const link = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, ...(ipv4 ? [0x08, 0x00] : [0x86, 0xdd])]
  return Uint8Array.from([...link, ...ip, ...udp, ...payload])
}

const bytes = Uint8Array.of(0xff, 1, 2, 3)
const v4 = (changes?: Changes) => cooked('192.0.2.1', '192.0.2.2', bytes, changes)
const v6 = (changes?: Changes) => cooked('2001:db8::1', '2001:db8::2', bytes, changes)

test('payload, source and port, in both families', () => {
  assert.deepEqual(readCooked(v4()), { payload: bytes, from: { host: '192.0.2.1', port: 51820 }, port: 1000 })
  assert.deepEqual(readCooked(v6()), { payload: bytes, from: { host: '2001:db8::1', port: 51820 }, port: 1000 })
})

test('law: what was put in comes out, whatever padding follows', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 1400 }),
      fc.uint8Array({ maxLength: 20 }),
      fc.boolean(),
      (data, tail, six) => {
        const packet = six ? cooked('::1', '2001:db8::2', data) : cooked('203.0.113.9', '192.0.2.2', data)
        const read = readCooked(Uint8Array.from([...packet, ...tail]))
        assert.ok(typeof read === 'object')
        assert.deepEqual(read.payload, data)
      },
    ),
  )
})

test('IPv4 options are stepped over', () => {
  const packet = v4({ ip: { 0: 0x46, 3: 24 + 8 + bytes.length } })
  const at = 16 + 20
  const read = readCooked(Uint8Array.from([...packet.subarray(0, at), 1, 1, 1, 1, ...packet.subarray(at)]))
  assert.ok(typeof read === 'object')
  assert.deepEqual(read.payload, bytes)
})

const problems: [what: string, packet: Uint8Array, problem: string][] = [
  ['nothing', new Uint8Array(0), 'malformed'],
  ['a link header alone', v4().subarray(0, 16), 'malformed'],
  ['half an IPv4 header', v4().subarray(0, 30), 'malformed'],
  ['half an IPv6 header', v6().subarray(0, 50), 'malformed'],
  ['another protocol of the link', v4().with(14, 0x81).with(15, 0), 'malformed'],
  ['IPv4 that says version 6', v4({ ip: { 0: 0x65 } }), 'malformed'],
  ['IPv6 that says version 4', v6({ ip: { 0: 0x40 } }), 'malformed'],
  ['an IPv4 header shorter than one', v4({ ip: { 0: 0x44 } }), 'malformed'],
  ['TCP', v4({ ip: { 9: 6 } }), 'malformed'],
  ['TCP on IPv6', v6({ ip: { 6: 6 } }), 'malformed'],
  ['a first fragment', v4({ ip: { 6: 0x20 } }), 'fragment'],
  ['a later fragment', v4({ ip: { 6: 0, 7: 5 } }), 'fragment'],
  ['a fragment header', v6({ ip: { 6: 44 } }), 'fragment'],
  ['less in IP than a UDP header', v4({ ip: { 3: 27 } }), 'malformed'],
  ['a length in IP below its own header', v4({ ip: { 3: 10 } }), 'malformed'],
  ['UDP longer than IP says', v4({ udp: { 5: 13 } }), 'malformed'],
  ['UDP shorter than its header', v6({ udp: { 5: 7 } }), 'malformed'],
  ['cut in the UDP header', v4().subarray(0, 40), 'truncated'],
  ['cut in the payload', v6().subarray(0, -1), 'truncated'],
]
for (const [what, packet, problem] of problems) {
  test(`${what} is ${problem}`, () => assert.equal(readCooked(packet), problem))
}

test('law: no packet breaks it, and nothing is read from outside', () => {
  const good = fc.constantFrom(v4(), v6())
  const mutated = fc
    .tuple(good, fc.array(fc.tuple(fc.nat(90), fc.nat(255)), { maxLength: 6 }), fc.nat(100))
    .map(([packet, changes, cut]) => {
      const copy = packet.slice(0, Math.max(0, packet.length - (cut > 80 ? cut - 80 : 0)))
      for (const [at, byte] of changes) if (at < copy.length) copy[at] = byte
      return copy
    })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), mutated), packet => {
      const read = readCooked(packet)
      if (typeof read === 'string') return
      assert.ok(read.payload.length <= packet.length)
      assert.ok(read.payload.byteOffset + read.payload.length <= packet.byteOffset + packet.length)
    }),
    { numRuns: 5_000 },
  )
})
