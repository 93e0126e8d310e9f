import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { addressBytes, contains, formatPrefix } from '../../../src/base/ip.ts'
import { overlayIPv6, overlayPrefix } from '../../../src/protocol/identity/address.ts'
import { publicKeyOf, readPublicKey } from '../../../src/protocol/identity/key.ts'

const vectors = JSON.parse(readFileSync(new URL('../../vectors/identity.json', import.meta.url), 'utf8'))
const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(publicKeyOf)

test('addresses are those which other code computes', () => {
  for (const { network, prefix, public: text, address } of vectors.addresses) {
    assert.equal(formatPrefix(overlayPrefix(network)), prefix)
    assert.equal(overlayIPv6(readPublicKey(text).ok!, network), address)
  }
})

test('an address lies in its network, which is a locally assigned one', () => {
  fc.assert(
    fc.property(key, fc.string(), (key, name) => {
      const address = overlayIPv6(key, name)
      assert.equal(addressBytes(address)[0], 0xfd)
      assert.ok(contains(overlayPrefix(name), address))
    }),
  )
})

test('another key or another network gives another address', () => {
  fc.assert(
    fc.property(key, key, fc.string(), fc.string(), (a, b, one, two) => {
      fc.pre(a !== b && one !== two)
      assert.notEqual(overlayIPv6(a, one), overlayIPv6(b, one))
      assert.notEqual(formatPrefix(overlayPrefix(one)), formatPrefix(overlayPrefix(two)))
      assert.notDeepEqual(
        addressBytes(overlayIPv6(a, one)).subarray(6),
        addressBytes(overlayIPv6(a, two)).subarray(6),
        'what is the same in two networks would tell that a node is in both',
      )
    }),
  )
})
