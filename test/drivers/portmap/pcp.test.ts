// The bytes of PCP and NAT-PMP, against the RFCs by hand, and against whatever a stranger may send.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hex } from '@scure/base'
import fc from 'fast-check'
import * as natPmp from '../../../src/drivers/portmap/nat-pmp.ts'
import * as pcp from '../../../src/drivers/portmap/pcp.ts'

const nonce = Uint8Array.from({ length: 12 }, (_, i) => i + 1)
const nonceHex = '0102030405060708090a0b0c'
const zeros = (bytes: number) => '00'.repeat(bytes)
const own = `${zeros(10)}ffffc0a8010a`

test('PCP: ANNOUNCE and MAP as RFC 6887 §7.1, §11.1 and §14.1 draw them', () => {
  assert.equal(hex.encode(pcp.encodeAnnounce('192.168.1.10')), `02000000${zeros(4)}${own}`)
  assert.equal(
    hex.encode(pcp.encodeMap('192.168.1.10', nonce, 51_820, 40_000, 1_200)),
    `02010000000004b0${own}${nonceHex}11000000ca6c9c40${zeros(10)}ffff00000000`,
  )
})

const mapped = (change: { result?: string; nonce?: string; port?: string; version?: string } = {}) =>
  hex.decode(
    `${change.version ?? '02'}8100${change.result ?? '00'}000004b0${zeros(3)}09${zeros(12)}${change.nonce ?? nonceHex}11000000${change.port ?? 'ca6c'}9c40${zeros(10)}ffffcb007107`,
  )
const read = (bytes: Uint8Array) => pcp.decodeMapped(bytes, nonce, 51_820)

test('PCP: what a router grants', () => {
  assert.deepEqual(read(mapped()), { result: 0, seconds: 1_200, external: { host: '203.0.113.7', port: 40_000 } })
  // options behind it are none of ours
  assert.equal(read(Uint8Array.of(...mapped(), 1, 0, 0, 0))?.result, 0)
})

test('PCP: a refusal is an answer, and so is "another version", of NAT-PMP too', () => {
  assert.deepEqual(read(mapped({ result: '02' })), { result: 2, seconds: 1_200 })
  assert.equal(read(mapped({ version: '01', result: '01' }))?.result, 1)
  assert.equal(read(hex.decode('0081000100000009'))?.result, 1)
})

test('PCP: what answers another question is no answer', () => {
  assert.equal(read(mapped({ nonce: nonceHex.replace('01', '02') })), null)
  assert.equal(read(mapped({ port: 'ca6d' })), null)
  assert.equal(read(mapped({ version: '01' })), null)
  assert.equal(read(mapped().slice(0, 56)), null)
  assert.equal(pcp.decodeAnnounced(mapped()), null)
  const question = pcp.encodeMap('192.168.1.10', nonce, 51_820, 40_000, 1_200)
  assert.equal(read(question), null)
})

test('NAT-PMP: as RFC 6886 §3.2 and §3.3 draw it', () => {
  assert.equal(hex.encode(natPmp.encodeAddressQuestion()), '0000')
  assert.equal(hex.encode(natPmp.encodeMap(51_820, 40_000, 1_200)), '00010000ca6c9c40000004b0')
  assert.equal(natPmp.decodeAddress(hex.decode('0080000000000009cb007107')), '203.0.113.7')
  assert.equal(natPmp.decodeAddress(hex.decode('0080000300000009')), 3)
  const answer = hex.decode('0081000000000009ca6c9c40000004b0')
  assert.deepEqual(natPmp.decodeMapped(answer, 51_820), { port: 40_000, seconds: 1_200 })
  assert.equal(natPmp.decodeMapped(answer, 51_821), null)
  assert.equal(natPmp.decodeMapped(answer.slice(0, 15), 51_820), null)
  assert.equal(natPmp.decodeAddress(answer), null)
})

test('whatever comes, nothing throws', () => {
  const near = fc.tuple(fc.constantFrom(0, 1, 2), fc.constantFrom(0, 128, 129), fc.uint8Array({ maxLength: 80 }))
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    near.map(([version, opcode, rest]) => Uint8Array.of(version, opcode, ...rest)),
  )
  fc.assert(
    fc.property(bytes, drawn => {
      for (const decode of [read, pcp.decodeAnnounced, natPmp.decodeAddress]) decode(drawn)
      natPmp.decodeMapped(drawn, 51_820)
    }),
    { numRuns: 2_000 },
  )
})
