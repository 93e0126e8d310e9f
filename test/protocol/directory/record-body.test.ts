import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { numberToBytesLE } from '@noble/curves/utils.js'
import fc from 'fast-check'
import {
  decodeBody,
  encodeBody,
  endpointsLimit,
  type Home,
  homesLimit,
  type RecordBody,
} from '../../../src/protocol/directory/record-body.ts'
import { PrivateKey } from '../../../src/protocol/identity/key.ts'
import { recordBody } from './bodies.ts'

const vectors = JSON.parse(readFileSync(new URL('../../vectors/records.json', import.meta.url), 'utf8'))
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))
const keyOf = (fill: number) => new PrivateKey(new Uint8Array(32).fill(fill)).publicKey()

const record: RecordBody = {
  nat: 'endpoint-dependent',
  endpoints: [
    { kind: 'fixed', endpoint: { host: '192.0.2.1', port: 51820 } },
    { kind: 'reflexive', endpoint: { host: '2001:db8::1', port: 1 } },
  ],
  homes: [{ key: keyOf(1), endpoint: { host: '203.0.113.1', port: 51820 } }, { key: keyOf(2) }],
  filtering: 'address-dependent',
  keepsPort: true,
}
/** Where what older nodes do not know begins. */
const moreAt = 1 + 1 + (2 + 4 + 2) + (2 + 16 + 2) + 1 + 2 * 32

test('bodies as the Python program has them', () => {
  for (const { body, endpoints, homes, ...rest } of vectors.bodies) {
    const place = ({ kind, key, host, port, relay }: Record<string, string>) => ({
      ...(kind && { kind }),
      ...(key && { key }),
      ...(host && { endpoint: { host, port } }),
      ...(relay && { relay }),
    })
    const written = { ...rest, endpoints: endpoints.map(place), homes: homes.map(place) }
    assert.equal(hex(encodeBody(written)), body)
    assert.deepEqual(decodeBody(bytes(body)), written)
  }
})

test('what is written is read; the length is a multiple of 128, 512 at most', () => {
  fc.assert(
    fc.property(recordBody, body => {
      const bytes = encodeBody(body)
      assert.ok(bytes.length % 128 === 0 && bytes.length <= 512)
      assert.deepEqual(decodeBody(bytes), body)
    }),
  )
  const endpoint = { host: '2001:db8::1', port: 1 }
  const fullest: RecordBody = {
    ...record,
    endpoints: Array.from({ length: endpointsLimit }, () => ({ kind: 'host', endpoint })),
    homes: Array.from({ length: homesLimit }, (_, i) => ({ key: keyOf(i + 1), endpoint, relay: 61_000 + i })),
  }
  assert.equal(encodeBody(fullest).length, 512)
  assert.deepEqual(decodeBody(encodeBody(fullest)), fullest)
})

test('what an older node wrote says nothing of what it did not know', () => {
  const { nat, endpoints, homes } = record
  const older = encodeBody(record).fill(0, moreAt)
  const known = { nat, endpoints, homes: homes.map(({ key }) => ({ key })) }
  assert.deepEqual(decodeBody(older), known)
  assert.deepEqual(decodeBody(older.subarray(0, moreAt)), known, 'without any zeros')
  assert.deepEqual(encodeBody(known), older, 'and who knows nothing more writes the same')
})

test('what is not understood there is unknown, and the rest is read', () => {
  const { nat, endpoints, homes } = record
  const changed = (at: number, ...values: number[]) => {
    const body = encodeBody(record)
    body.set(values, moreAt + at)
    return decodeBody(body)
  }
  const { filtering: _, ...unfiltered } = record
  assert.deepEqual(changed(0, 5), unfiltered)
  assert.deepEqual(changed(1, 0xfc), (({ keepsPort: _, ...rest }) => rest)(record))
  assert.deepEqual(changed(1, 0xff), { ...record, hairpins: true })
  // a family of the future: where its address ends, nobody knows
  assert.deepEqual(changed(2, 7), { nat, endpoints, homes: homes.map(({ key }) => ({ key })) })
  const second = { key: homes[1]!.key }
  for (const nowhere of [
    [4, 0, 0, 0, 0, 0, 9],
    [4, 192, 0, 2, 1, 0, 0],
    [4, 224, 0, 0, 1, 0, 9],
  ])
    assert.deepEqual(changed(2, ...nowhere)?.homes, [{ key: homes[0]!.key }, second])
})

test('an endpoint stays with its home where another home is no key', () => {
  const body = encodeBody({
    ...record,
    homes: [{ key: keyOf(1) }, { key: keyOf(2), endpoint: { host: '::1', port: 7 } }],
  })
  body.fill(0xff, moreAt - 64, moreAt - 32)
  assert.deepEqual(decodeBody(body)?.homes, [{ key: keyOf(2), endpoint: { host: '::1', port: 7 } }])
})

test('relay ports stand behind what older nodes read, and only where there are some', () => {
  const [first, second] = record.homes as [Home, Home]
  const told = encodeBody({ ...record, homes: [first, { ...second, relay: 61_234 }] })
  const plain = encodeBody(record)
  // the endpoints of both homes: filtering, flags, 1 + 4 + 2, 1
  const end = moreAt + 2 + 7 + 1
  assert.deepEqual([...told.subarray(end, end + 4)], [0, 0, 0xef, 0x32])
  assert.deepEqual(told.subarray(0, end), plain.subarray(0, end), 'an older reader finds what it knows')
  assert.deepEqual(decodeBody(told)?.homes, [first, { ...second, relay: 61_234 }])
  assert.deepEqual(decodeBody(told.subarray(0, end))?.homes, [first, second], 'cut off before them')
  assert.ok(plain.subarray(end).every(byte => byte === 0))
  assert.deepEqual(decodeBody(plain), record)
  // they never cost who has none another block
  const endpoint = { host: '192.0.2.1', port: 1 }
  const lengths = Array.from({ length: endpointsLimit + 1 }, (_, count) => {
    const endpoints = Array.from({ length: count }, () => ({ kind: 'host' as const, endpoint }))
    return encodeBody({ ...record, endpoints }).length
  })
  // 1 + 1 + 8 count + 1 + 64 + 10
  for (const [count, length] of lengths.entries()) assert.equal(length, Math.ceil((77 + 8 * count) / 128) * 128)
})

test('a relay port stays with its home where another home is no key, or its family is unknown', () => {
  const homes = [
    { key: keyOf(1), relay: 1 },
    { key: keyOf(2), relay: 2 },
  ]
  const body = encodeBody({ ...record, homes })
  body.fill(0xff, moreAt - 64, moreAt - 32)
  assert.deepEqual(decodeBody(body)?.homes, [homes[1]])
  const future = encodeBody({ ...record, homes })
  future[moreAt + 2] = 7
  assert.deepEqual(
    decodeBody(future)?.homes,
    homes.map(({ key }) => ({ key })),
  )
})

test('later versions: unknown kinds are left out, bytes behind the known ones ignored', () => {
  const body = encodeBody(record)
  body[0] = 9
  body[2] = 200
  body.fill(0xaa, body.length - 19)
  assert.deepEqual(decodeBody(body), { ...record, nat: 'unknown', endpoints: record.endpoints.slice(1) })
})

test('bodies: endpoints where nobody can be and keys that are none are left out; too many are no body', () => {
  const body = (endpoints: [string, number][], homes: Uint8Array[]) =>
    Uint8Array.of(
      1,
      endpoints.length,
      ...endpoints.flatMap(([host, port]) => [1, host.length === 8 ? 4 : 6, ...bytes(host), port >> 8, port & 255]),
      homes.length,
      ...homes.flatMap(home => [...home]),
    )
  const nobody: [string, number][] = [
    ['c0000201', 0],
    ['00000000', 9],
    ['00010203', 9],
    ['e0000001', 9],
    ['ffffffff', 9],
    ['00'.repeat(16), 9],
    [`ff02${'00'.repeat(13)}01`, 9],
    [`${'00'.repeat(10)}ffffc0000201`, 9],
    [`${'00'.repeat(12)}c0000201`, 9],
  ]
  const somebody: [string, number][] = [
    ['7f000001', 9],
    [`${'00'.repeat(15)}01`, 9],
    [`fe80${'00'.repeat(13)}01`, 9],
  ]
  const noKey = numberToBytesLE(0n, 32)
  assert.deepEqual(decodeBody(body([...nobody, ...somebody], [noKey])), {
    nat: 'none',
    endpoints: ['127.0.0.1', '::1', 'fe80::1'].map(host => ({ kind: 'fixed', endpoint: { host, port: 9 } })),
    homes: [],
  })
  const seventeen = Array.from({ length: 17 }, (): [string, number] => ['c0000201', 9])
  assert.equal(decodeBody(body(seventeen, [])), null)
  assert.notEqual(decodeBody(body(seventeen.slice(1), [])), null)
  assert.equal(decodeBody(body([], Array(4).fill(noKey))), null)
  assert.equal(decodeBody(Uint8Array.of(0, 1, 1, 5, 0, 0, 0, 0, 0, 0, 0)), null)
})
