// What relays have added to messages that older nodes know: both understand each other.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { hex } from '@scure/base'
import fc from 'fast-check'
import * as sizes from '../../../src/protocol/control/constants.ts'
import { type BoundState, decodeMessage, encodeMessage, type Message } from '../../../src/protocol/control/message.ts'
import { message } from './messages.ts'

const { datagrams }: { datagrams: { name: string; body: string }[] } = JSON.parse(
  readFileSync(new URL('../../vectors/control.json', import.meta.url), 'utf8'),
)
const body = (name: string) => hex.decode(datagrams.find(vector => vector.name === name)!.body)
const transaction = hex.decode('000102030405060708090a0b')
const token = hex.decode('202122232425262728292a2b2c2d2e2f')
const changed = (name: string, at: number, ...values: number[]) => {
  const bytes = body(name)
  bytes.set(values, at)
  return decodeMessage(bytes)
}

test('the HOMEs and LEASEs of older nodes want and say no relay port', () => {
  for (const name of ['HOME', 'HOME, no token', 'LEASE', 'LEASE, the shortest', 'LEASE, the longest']) {
    const message = decodeMessage(body(name))
    assert.ok(typeof message === 'object' && !('relay' in message), name)
    assert.deepEqual(encodeMessage(message), body(name), 'and are written as ever')
  }
  // one byte of the two, and two zeros
  assert.deepEqual(decodeMessage(body('LEASE, a relay port').subarray(0, -1)), decodeMessage(body('LEASE')))
  assert.deepEqual(decodeMessage(Uint8Array.of(...body('LEASE'), 0, 0)), decodeMessage(body('LEASE')))
})

test('an older home reads a HOME with the wish as one without: what it knows stands where it was', () => {
  const wish = body('HOME, a relay port wanted')
  const plain = body('HOME')
  assert.ok(wish.length >= plain.length, 'long enough for it')
  assert.deepEqual(wish.subarray(0, sizes.homeHead), plain.subarray(0, sizes.homeHead))
  const lease = body('LEASE, a relay port')
  assert.deepEqual(lease.subarray(0, -2), body('LEASE'), 'and an older node the LEASE')
})

test('a HOME with the wish that is shorter than its LEASE could be is malformed; flags of the future are ignored', () => {
  const wish = body('HOME, a relay port wanted')
  assert.equal(wish.length, sizes.homeLengthWithRelay)
  for (const length of [78, 79]) assert.equal(decodeMessage(wish.subarray(0, length)), 'malformed')
  assert.equal(body('LEASE, the longest with a relay port').length, sizes.homeLengthWithRelay)
  assert.deepEqual(changed('HOME', sizes.homeHead, 0xfe), decodeMessage(body('HOME')))
  assert.deepEqual(changed('HOME, a relay port wanted', sizes.homeHead, 0xff), decodeMessage(wish))
})

test('no BOUND is longer than the BIND that asks for it', () => {
  const longest = { type: 'bound', transaction, token, seconds: 0xffff } as const
  for (const state of ['bound', 'waiting', 'prove', 'absent', 'full', 'refused'] satisfies BoundState[]) {
    for (const host of ['192.0.2.1', '2001:db8::1']) {
      const bound = encodeMessage({ ...longest, state, observed: { host, port: 0xffff } })
      for (const given of [null, token]) {
        const bind = encodeMessage({ type: 'bind', transaction, token: given, port: 61_234 })
        assert.ok(bound.length <= bind.length, `${state} to ${host}: ${bound.length} of ${bind.length} bytes`)
      }
    }
  }
  assert.equal(sizes.bindLength, 51)
  assert.equal(decodeMessage(body('BIND').subarray(0, 50)), 'malformed')
})

test('what may not be in a BIND or a BOUND', () => {
  assert.equal(changed('BIND', 29, 0, 0), 'malformed', 'no port')
  assert.deepEqual(changed('BIND', 31, 0xfe), decodeMessage(body('BIND')), 'flags of the future')
  assert.deepEqual(changed('BIND', 31, 1), { ...(decodeMessage(body('BIND')) as Message), release: true })
  assert.deepEqual(changed('BIND', 32, 1, 2, 3), decodeMessage(body('BIND')), 'padding')
  for (const state of [0, 7, 255]) assert.equal(changed('BOUND, IPv4', 13, state), 'malformed', `state ${state}`)
  assert.equal(changed('BOUND, IPv4', 37, 0, 0), 'malformed', 'port 0')
  assert.equal(changed('BOUND, IPv4', 32, 5), 'malformed', 'a family of the future')
  assert.equal(decodeMessage(body('BOUND, IPv6').subarray(0, 50)), 'malformed')
})

test('a CALL carries no datagram of the format of BINDs', () => {
  fc.assert(
    fc.property(
      message.filter(({ type }) => type === 'call'),
      message => {
        const bytes = encodeMessage(message)
        assert.equal(bytes[sizes.callHead + 1], sizes.formats.sealed)
        bytes[sizes.callHead + 1] = sizes.formats.bind
        assert.equal(decodeMessage(bytes), 'malformed')
      },
    ),
    { numRuns: 30 },
  )
})
