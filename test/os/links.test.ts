import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../../src/base/ip.ts'
import { systemLinks } from '../../src/os/links.ts'

test('every address of this machine is canonical, has its length, and loopback is marked', () => {
  const all = systemLinks.addresses()
  assert.ok(all.some(({ address, loopback, length }) => address === '127.0.0.1' && loopback && length === 8))
  for (const { address, length, family, linkLocal } of all) {
    assert.equal(parseAddress(address), address)
    assert.ok(length >= 0 && length <= (family === 4 ? 32 : 128))
    assert.equal(linkLocal, /^(169\.254\.|fe[89ab].:)/.test(address))
  }
})
