import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Endpoint } from '../../../src/base/ip.ts'
import { minute, second, type Time } from '../../../src/base/time.ts'
import { systemCrypto as crypto } from '../../../src/os/crypto.ts'
import * as limits from '../../../src/protocol/home/constants.ts'
import { Desk } from '../../../src/protocol/home/desk.ts'
import { PrivateKey, type PublicKey, publicKeyOf } from '../../../src/protocol/identity/key.ts'

const [a, b, c] = [1, 2, 3].map(fill => new PrivateKey(new Uint8Array(32).fill(fill)).publicKey()) as [
  PublicKey,
  PublicKey,
  PublicKey,
]
/** Any number of keys, which need not be on the curve. */
const keyOf = (number: number) => {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setUint32(4, number)
  return publicKeyOf(bytes)
}
const at = (host: string, port = 40_000): Endpoint => ({ host, port })
const here = at('192.0.2.1')
const there = at('198.51.100.2')
const start = 5 * minute

function deskOf(members: readonly PublicKey[] = []): Desk {
  return new Desk(crypto, randomBytes(32), key => (members.includes(key) ? 'member' : 'stranger'))
}

/** Asks as a node does: without a token, then with the one it is given. */
function lease(desk: Desk, key: PublicKey, from: Endpoint, now: Time) {
  return desk.home(key, from, desk.home(key, from, null, now).token, now)
}

/** A CALL with a token that is good. */
function call(desk: Desk, caller: PublicKey, from: Endpoint, target: PublicKey, now: Time) {
  return desk.call(caller, from, desk.token(caller, from, now), target, now)
}

test('a lease takes two questions; the first one leaves nothing behind', () => {
  const desk = deskOf()
  const first = desk.home(a, here, null, start)
  assert.deepEqual([first.state, first.seconds, desk.leases(start), desk.size], ['prove', 0, 0, 0])
  const second = desk.home(a, here, first.token, start)
  assert.deepEqual([second.state, second.seconds, desk.leases(start)], ['leased', limits.leaseSeconds, 1])
  assert.deepEqual(call(desk, b, there, a, start), { state: 'passed', to: here })
})

test('a lease ends after 90 s, unless it is refreshed', () => {
  const desk = deskOf()
  const { token } = lease(desk, a, here, start)
  desk.home(a, here, token, start + 60 * second)
  assert.equal(call(desk, b, there, a, start + 149 * second).state, 'passed')
  assert.equal(call(desk, b, there, a, start + 150 * second).state, 'absent')
  assert.equal(desk.leases(start + 150 * second), 0)
})

test('a token is for one key at one endpoint of one desk, for 10 to 20 minutes', () => {
  const desk = deskOf()
  const given = 35 * minute
  const token = desk.token(a, here, given)
  assert.equal(token.length, 16)
  assert.ok(desk.isToken(token, a, here, given))
  assert.ok(desk.isToken(token, a, here, 50 * minute - 1))
  const wrong: [string, boolean][] = [
    ['another key', desk.isToken(token, b, here, given)],
    ['another port', desk.isToken(token, a, at(here.host, 40_001), given)],
    ['another address', desk.isToken(token, a, there, given)],
    ['another desk', deskOf().isToken(token, a, here, given)],
    ['too late', desk.isToken(token, a, here, 50 * minute)],
    ['too early', desk.isToken(token, a, here, 29 * minute)],
    ['none', desk.isToken(null, a, here, given)],
    ['zero', desk.isToken(new Uint8Array(16), a, here, given)],
    ['cut', desk.isToken(token.subarray(0, 15), a, here, given)],
    [
      'one bit',
      desk.isToken(
        token.map((byte, i) => (i === 7 ? byte ^ 1 : byte)),
        a,
        here,
        given,
      ),
    ],
  ]
  for (const [what, accepted] of wrong) assert.equal(accepted, false, what)
})

test('a stolen token is refused from another address, for a lease and for a call', () => {
  const desk = deskOf()
  const { token } = lease(desk, a, here, start)
  lease(desk, b, here, start)
  const size = desk.size
  assert.equal(desk.home(a, there, token, start).state, 'prove')
  assert.equal(desk.home(c, here, token, start).state, 'prove')
  assert.equal(desk.call(a, there, token, b, start).state, 'prove')
  assert.equal(desk.call(c, here, token, b, start).state, 'prove')
  assert.equal(desk.size, size, 'and nothing is remembered')
  assert.deepEqual(call(desk, c, there, a, start), { state: 'passed', to: here })
})

test('who has moved is found at the new place, and what he sent from the old one moves him back no more', () => {
  const desk = deskOf()
  const old = lease(desk, a, here, start)
  const moved = at('203.0.113.9')
  assert.equal(desk.home(a, moved, old.token, start).state, 'prove')
  assert.equal(lease(desk, a, moved, start).state, 'leased')
  assert.deepEqual(call(desk, b, there, a, start), { state: 'passed', to: moved })
  // somebody who saw it sends the old HOME and the old CALL again, with the old source written on it
  assert.equal(desk.home(a, here, old.token, start + second).state, 'prove')
  assert.equal(desk.call(a, here, old.token, b, start + second).state, 'prove')
  assert.deepEqual(call(desk, b, there, a, start + second), { state: 'passed', to: moved })
  // and it can go back itself
  assert.equal(lease(desk, a, here, start + 2 * second).state, 'leased')
  assert.deepEqual(call(desk, b, there, a, start + 2 * second), { state: 'passed', to: here })
})

test('a caller can be answered for 30 s, where it called from', () => {
  const desk = deskOf()
  lease(desk, a, here, start)
  assert.equal(call(desk, a, here, b, start).state, 'absent', 'who never called has no place')
  assert.equal(call(desk, b, there, a, start).state, 'passed')
  assert.deepEqual(call(desk, a, here, b, start + 29 * second), { state: 'passed', to: there })
  assert.equal(call(desk, a, here, b, start + 30 * second).state, 'absent')
  // a caller whose own lease is from elsewhere, since its NAT has changed: the answer goes where it is now
  const rebound = at(here.host, 50_000)
  assert.equal(call(desk, a, rebound, c, start + 31 * second).state, 'absent')
  assert.deepEqual(call(desk, b, there, a, start + 31 * second), { state: 'passed', to: rebound })
})

test('the last proof counts: a lease after a call, a call after a lease', () => {
  const desk = deskOf()
  const moved = at('203.0.113.9')
  assert.equal(call(desk, a, here, b, start).state, 'absent')
  assert.equal(lease(desk, a, moved, start).state, 'leased')
  assert.deepEqual(call(desk, b, there, a, start).to, moved)
  assert.equal(call(desk, a, here, c, start).state, 'absent')
  assert.deepEqual(call(desk, b, there, a, start).to, here)
})

test('nobody calls himself', () => {
  const desk = deskOf()
  lease(desk, a, here, start)
  assert.equal(call(desk, a, here, a, start).state, 'absent')
})

test('calls of one caller have a budget, whoever is called', () => {
  const desk = deskOf()
  for (let i = 0; i < 200; i++) lease(desk, keyOf(i), at(`192.0.2.${i}`), start)
  const states = (now: Time) =>
    Array.from({ length: 200 }, (_, i) => call(desk, b, there, keyOf(i), now).state).filter(state => state === 'passed')
  assert.equal(states(start).length, 100)
  assert.equal(states(start + 3 * second).length, 30)
  assert.equal(call(desk, b, there, c, start + 3 * second).state, 'busy', 'not even who is here, it learns')
  assert.equal(call(desk, c, there, keyOf(1), start + 3 * second).state, 'passed', 'others have theirs')
})

test('calls to one target have a budget: one for all strangers, and another one for all members', () => {
  const members = Array.from({ length: 150 }, (_, i) => keyOf(1_000 + i))
  const desk = deskOf(members)
  lease(desk, a, here, start)
  const passed = (callers: readonly PublicKey[], now: Time) =>
    callers.filter(key => call(desk, key, there, a, now).state === 'passed').length
  const strangers = Array.from({ length: 150 }, (_, i) => keyOf(2_000 + i))
  assert.equal(passed(strangers, start), 100)
  assert.equal(passed(members, start), 100)
  assert.equal(passed(strangers, start + 2 * second), 40)
  lease(desk, b, here, start)
  assert.equal(call(desk, keyOf(3_000), there, b, start).state, 'passed', 'another target has its own')
})

test('1024 leases: then strangers find no room, and members push out the stranger that was not heard for longest', () => {
  const members = Array.from({ length: 1_100 }, (_, i) => keyOf(10_000 + i))
  const known = new Set(members)
  const desk = new Desk(crypto, randomBytes(32), key => (known.has(key) ? 'member' : 'stranger'))
  const strangers = Array.from({ length: 1_024 }, (_, i) => ({ key: keyOf(i), from: at(`10.0.${i >> 4}.${i & 15}`) }))
  for (const { key, from } of strangers) assert.equal(lease(desk, key, from, start).state, 'leased')
  const [first, second] = strangers as [(typeof strangers)[0], (typeof strangers)[0]]
  assert.equal(lease(desk, c, there, start).state, 'full')
  assert.equal(lease(desk, first.key, first.from, start + 1).state, 'leased', 'who has one, keeps it')
  assert.equal(lease(desk, members[0]!, there, start + 2).state, 'leased')
  assert.equal(call(desk, members[0]!, there, second.key, start + 2).state, 'absent')
  assert.equal(call(desk, members[0]!, there, first.key, start + 2).state, 'passed')
  for (const key of members.slice(1, 1_024)) assert.equal(lease(desk, key, there, start + 3).state, 'leased')
  assert.equal(desk.leases(start + 3), 1_024)
  assert.equal(lease(desk, members[1_024]!, there, start + 3).state, 'full', 'all are members now')
  assert.equal(lease(desk, c, there, start + 3 + 90_000).state, 'leased', 'when they have run out')
})

test('one address has at most 128 leases for keys of strangers, an IPv6 /64 too', () => {
  const members = [keyOf(999)]
  const desk = deskOf(members)
  const leased = (host: (i: number) => string, offset: number) =>
    Array.from({ length: 200 }, (_, i) => lease(desk, keyOf(offset + i), at(host(i), 1_000 + i), start)).filter(
      ({ state }) => state === 'leased',
    ).length
  assert.equal(
    leased(() => '203.0.113.1', 1_000),
    128,
  )
  assert.equal(
    leased(i => `2001:db8::${i + 1}`, 2_000),
    128,
  )
  assert.equal(lease(desk, c, there, start).state, 'leased')
  assert.equal(lease(desk, members[0]!, at('203.0.113.1'), start).state, 'leased', 'members are not counted')
})

test('whatever comes, the tables keep their bounds, and calls go only where the target showed a token', () => {
  const host = fc.integer({ min: 1, max: 4 }).map(i => at(`192.0.2.${i}`))
  const who = fc.integer({ min: 1, max: 5 }).map(keyOf)
  const step = fc.oneof(
    fc.record({ does: fc.constant('home' as const), who, host, wait: fc.nat(100_000), honest: fc.boolean() }),
    fc.record({ does: fc.constant('call' as const), who, host, to: who, wait: fc.nat(40_000), honest: fc.boolean() }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const desk = deskOf()
      /** The model: where each key last showed a good token, and until when that counts. */
      const places = new Map<PublicKey, { endpoint: Endpoint; until: Time; leasedUntil: Time; leasedAt: Endpoint }>()
      let now = start
      for (const { does, who: key, host, wait, honest, ...rest } of steps) {
        now += wait
        const token = honest ? desk.token(key, host, now) : desk.token(key, at('203.0.113.77'), now)
        const before = places.get(key)
        if (does === 'home') {
          const { state } = desk.home(key, host, token, now)
          assert.equal(state, honest ? 'leased' : 'prove')
          if (honest) places.set(key, { endpoint: host, until: now, leasedUntil: now + 90_000, leasedAt: host })
          continue
        }
        const target = (rest as { to: PublicKey }).to
        const { state, to } = desk.call(key, host, token, target, now)
        if (!honest) assert.equal(state, 'prove')
        if (state === 'prove' || state === 'busy') continue
        const leased = before ?? { leasedUntil: 0, leasedAt: host }
        places.set(key, { ...leased, endpoint: host, until: now + 30_000 })
        const place = places.get(target)
        const expected =
          target === key || !place
            ? undefined
            : now < place.until
              ? place.endpoint
              : now < place.leasedUntil
                ? place.leasedAt
                : undefined
        assert.deepEqual([state, to], expected ? ['passed', expected] : ['absent', undefined])
      }
      assert.ok(desk.size <= 50)
    }),
    { numRuns: 300 },
  )
})
