import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Copies, type Way } from '../../../src/drivers/control/copies.ts'

const from = { host: '192.0.2.1', port: 51820 }
const bytes = Uint8Array.of(0xff, 1)

test('the second copy is not new, whichever way comes first', () => {
  for (const [first, second] of [
    ['tap', 'socket'],
    ['socket', 'tap'],
  ] as const) {
    const copies = new Copies()
    assert.ok(copies.isNew(first, bytes, from, 0))
    assert.ok(!copies.isNew(second, bytes, from, 1))
  }
})

test('what is said twice is heard twice', () => {
  const copies = new Copies()
  const heard = (['tap', 'socket', 'tap', 'socket'] as const).map(way => copies.isNew(way, bytes, from, 0))
  assert.deepEqual(heard, [true, false, true, false])
  assert.ok(copies.isNew('tap', bytes, from, 0), 'the firewall lets one way through only')
})

test('another source, another length and other bytes are other datagrams', () => {
  const copies = new Copies()
  assert.ok(copies.isNew('tap', bytes, from, 0))
  assert.ok(copies.isNew('socket', bytes, { ...from, port: 1 }, 0))
  assert.ok(copies.isNew('socket', bytes, { ...from, host: '192.0.2.2' }, 0))
  assert.ok(copies.isNew('socket', Uint8Array.of(0xff, 1, 0), from, 0))
  assert.ok(copies.isNew('socket', Uint8Array.of(0xff, 2), from, 0))
})

test('law: each datagram is given on as often as the way that heard it most often', () => {
  const arrivals = fc.array(fc.tuple(fc.constantFrom<Way>('tap', 'socket'), fc.nat(3)), { maxLength: 60 })
  fc.assert(
    fc.property(arrivals, all => {
      const copies = new Copies()
      const given = [0, 0, 0, 0]
      for (const [way, which] of all) if (copies.isNew(way, Uint8Array.of(which), from, 0)) given[which]!++
      const times = (way: Way, which: number) => all.filter(it => it[0] === way && it[1] === which).length
      for (const which of [0, 1, 2, 3])
        assert.equal(given[which], Math.max(times('tap', which), times('socket', which)))
    }),
  )
})

test('a copy is known for a second, across a turn too, and forgotten after two', () => {
  const copies = new Copies()
  copies.isNew('tap', bytes, from, 5_000)
  copies.isNew('tap', Uint8Array.of(9), from, 6_500) // a turn
  assert.ok(!copies.isNew('socket', bytes, from, 6_501))
  const other = new Copies()
  other.isNew('tap', bytes, from, 5_000)
  other.isNew('tap', Uint8Array.of(9), from, 6_500)
  other.isNew('tap', Uint8Array.of(9), from, 8_000)
  assert.ok(other.isNew('socket', bytes, from, 8_001))
})

test('a flood takes no more memory than two turns', () => {
  const copies = new Copies()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < 300_000; i++) copies.isNew('tap', Uint8Array.of(i, i >> 8, i >> 16), { host: `${i}`, port: i }, 0)
  assert.ok(process.memoryUsage().heapUsed - before < 64e6)
})
