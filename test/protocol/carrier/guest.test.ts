import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contains, parseAddress, prefixOf } from '../../../src/base/ip.ts'
import { guestEndpoint, isGuest } from '../../../src/protocol/carrier/guest.ts'
import { refusal } from '../../../src/protocol/path/candidate.ts'

test('each guest has an address of its own, in canonical form, and a /64', () => {
  const hosts = [0, 1, 65_535, 65_536, 2 ** 32 - 1].map(number => guestEndpoint(number).host)
  assert.equal(new Set(hosts).size, hosts.length)
  for (const host of hosts) {
    assert.equal(parseAddress(host), host)
    assert.ok(isGuest(host))
    assert.deepEqual(
      hosts.filter(other => contains(prefixOf(host, 64), other)),
      [host],
    )
  }
})

test('nobody else has one, and a path may lead there', () => {
  for (const host of ['3fff::1', '3fff:ffe::1', '2001:db8::1', '192.0.2.1']) assert.equal(isGuest(host), false)
  assert.equal(refusal(guestEndpoint(7), { overlays: [], own: [], port: 51_820 }), null)
})
