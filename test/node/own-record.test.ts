import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { day, hour, minute, second, type WallTime } from '../../src/base/time.ts'
import { type Content, OwnRecord } from '../../src/node/own-record.ts'
import { systemCrypto } from '../../src/os/crypto.ts'
import { openRecord } from '../../src/protocol/directory/record.ts'
import { PrivateKey } from '../../src/protocol/identity/key.ts'
import { Simulation } from '../../src/sim/simulation.ts'

const privateKey = new PrivateKey(new Uint8Array(32).fill(5))
const now: WallTime = 1_800_000_000_000
const start = (sequence = 0) => new OwnRecord(systemCrypto, new Simulation(1), privateKey, 'public', sequence)
const at = (port: number): Content => ({
  endpoints: [{ kind: 'host', endpoint: { host: '192.0.2.1', port } }],
  homes: [],
  nat: 'none',
})

function opened(own: OwnRecord, time: WallTime) {
  const { ok, problem } = openRecord(systemCrypto, privateKey.publicKey(), 'public', own.value!, time)
  assert.ok(ok, problem)
  return ok
}

test('there is none before there is an endpoint to tell', () => {
  const own = start()
  assert.equal(own.update({ endpoints: [], homes: [], nat: 'unknown' }, now), false)
  assert.equal(own.renew(now), false)
  assert.equal(own.value, null)
})

test('it says what it was given, is valid for a day, and others take it', () => {
  const own = start()
  assert.equal(own.update(at(1), now), true)
  const { sequence, expires, ...content } = opened(own, now)
  assert.deepEqual(content, at(1))
  assert.deepEqual([sequence, expires], [now / second, now + day])
})

test('the same content makes no new one', () => {
  const own = start()
  own.update(at(1), now)
  const { value, sequence } = own
  assert.equal(own.update(at(1), now + 11 * hour), false)
  assert.equal(own.renew(now + 11 * hour), false)
  assert.equal(own.value, value)
  assert.equal(own.sequence, sequence)
})

test('a change of anything makes a new one', () => {
  const own = start()
  own.update(at(1), now)
  let before = own.sequence
  for (const content of [
    at(2),
    { ...at(2), nat: 'unknown' },
    { ...at(2), homes: [{ key: privateKey.publicKey() }] },
  ] as Content[]) {
    assert.equal(own.update(content, now), true)
    assert.ok(own.sequence > before)
    before = own.sequence
  }
})

test('losing every endpoint leaves the last one: there is nobody to tell', () => {
  const own = start()
  own.update(at(1), now)
  assert.equal(own.update({ endpoints: [], homes: [], nat: 'unknown' }, now + 1), false)
  assert.deepEqual(opened(own, now).endpoints, at(1).endpoints)
})

test('it is signed anew from 12 hours before it expires on, with the same content', () => {
  for (const again of ['update', 'renew'] as const) {
    const own = start()
    own.update(at(1), now)
    const resign = (time: WallTime) => (again === 'renew' ? own.renew(time) : own.update(at(1), time))
    assert.equal(resign(now + 12 * hour - 1), false)
    assert.equal(resign(now + 12 * hour), true)
    const later = opened(own, now + 12 * hour)
    assert.equal(later.expires, now + 36 * hour)
    assert.deepEqual(later.endpoints, at(1).endpoints)
  }
})

test('one that was signed when the clock was years ahead is signed anew when the clock is right: nobody takes the other', () => {
  const own = start()
  own.update(at(1), now + 3650 * day)
  const before = own.sequence
  assert.equal(own.renew(now), true)
  assert.equal(opened(own, now).expires, now + day)
  assert.ok(own.sequence > before, 'and whoever has the other lets it go')
})

test('the number is never less than the clock, so that a node without memory is believed again', () => {
  const own = start()
  own.update(at(1), now)
  assert.equal(own.sequence, now / second)
  const restarted = start()
  restarted.update(at(1), now + 2 * second)
  assert.ok(restarted.sequence > own.sequence)
})

test('the number goes on from what is remembered, where the clock is behind', () => {
  const own = start(now / second + 100)
  own.update(at(1), now)
  assert.equal(own.sequence, now / second + 101)
})

test('whatever the clock does and whatever changes, the number only grows, and each record is one that others take', () => {
  const step = fc.record({
    port: fc.integer({ min: 1, max: 3 }),
    // forwards by minutes, and jumps to where clocks are set
    time: fc.oneof(
      fc.integer({ min: 0, max: 2 * day }),
      fc.constantFrom(-20 * 365 * day, -1 * day, -1 * minute, 365 * day),
    ),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), fc.integer({ min: 0, max: 2e9 }), (steps, remembered) => {
      const own = start(remembered)
      let time = now
      let last = remembered
      for (const { port, time: by } of steps) {
        time = Math.max(day, time + by)
        const fresh = own.update(at(port), time)
        if (fresh) assert.ok(own.sequence > last)
        else assert.equal(own.sequence, last)
        last = own.sequence
        assert.equal(opened(own, time).sequence, last)
      }
    }),
    { numRuns: 50 },
  )
})
