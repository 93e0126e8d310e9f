import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  addressBytes,
  addressOf,
  contains,
  formatEndpoint,
  formatPrefix,
  fromNumber,
  overlaps,
  parseAddress,
  parsePrefix,
  prefixOf,
  toNumber,
} from '../../src/base/ip.ts'

const addresses: [string, string | null][] = [
  ['10.0.42.1', '10.0.42.1'],
  ['010.0.42.1', null],
  ['10.0.42', null],
  ['0x7f.1', null],
  ['256.1.1.1', null],
  ['FD00:0:0::1', 'fd00::1'],
  ['::', '::'],
  ['fe80::1%eth0', null],
  ['1:2', null],
  ['', null],
]
for (const [text, address] of addresses)
  test(`address ${JSON.stringify(text)} → ${address}`, () => assert.equal(parseAddress(text), address))

const prefixes: [string, string | null][] = [
  ['10.0.42.17/24', '10.0.42.0/24'],
  ['10.0.42.17/32', '10.0.42.17/32'],
  ['10.0.42.17/0', '0.0.0.0/0'],
  ['fd00:1:2:3::9/48', 'fd00:1:2::/48'],
  ['10.0.0.0/33', null],
  ['10.0.0.0/', null],
  ['10.0.0.0', null],
]
for (const [text, prefix] of prefixes) {
  test(`prefix ${text} → ${prefix}`, () => {
    const parsed = parsePrefix(text)
    assert.equal(parsed && formatPrefix(parsed), prefix)
  })
}

const ipv4 = fc.nat(0xffffffff).map(fromNumber)
const ipv6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(addressOf)

test('law: an address is the same after bytes and text', () => {
  fc.assert(
    fc.property(fc.oneof(ipv4, ipv6), address => {
      assert.equal(addressOf(addressBytes(address)), address)
      assert.equal(parseAddress(address), address)
    }),
  )
})

test('law: numbers and IPv4 addresses are one to one', () => {
  fc.assert(fc.property(fc.nat(0xffffffff), number => assert.equal(toNumber(fromNumber(number)), number)))
})

test('law: a prefix holds the address it was made of, and overlaps what shares an address with it', () => {
  fc.assert(
    fc.property(ipv4, ipv4, fc.nat(32), fc.nat(32), (a, b, m, n) => {
      const one = prefixOf(a, m)
      const two = prefixOf(b, n)
      assert.ok(contains(one, a))
      assert.equal(overlaps(one, two), overlaps(two, one))
      if (contains(one, b)) assert.ok(overlaps(one, two))
    }),
  )
})

test('an endpoint puts IPv6 in brackets', () => {
  assert.equal(formatEndpoint({ host: 'fd00::1', port: 1 }), '[fd00::1]:1')
  assert.equal(formatEndpoint({ host: 'vps.example.org', port: 1 }), 'vps.example.org:1')
})
