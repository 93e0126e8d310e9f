import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Carrier } from '../../../src/drivers/carrier/carrier.ts'
import { stalledAfter } from '../../../src/protocol/carrier/window.ts'
import { Simulation } from '../../../src/sim/simulation.ts'
import { streamPair } from './stream.ts'

function both(delay = 20) {
  const simulation = new Simulation(1)
  const ends = streamPair(simulation, delay)
  const got: [string, number, number][] = []
  const closed: string[] = []
  const carriers = ends.map((end, i) => {
    const name = 'ab'[i]!
    return new Carrier(end, simulation, {
      receive: (bytes, port) => void got.push([name, port, bytes.length]),
      closed: () => void closed.push(name),
    })
  })
  const [a, b] = carriers as [Carrier, Carrier]
  return { simulation, ends, got, closed, a, b }
}

test('datagrams come as they were sent, with their ports, both ways', async () => {
  const { simulation, got, a, b } = both()
  a.send(new Uint8Array(1_400), 61_000)
  a.send(new Uint8Array(1), 51_820)
  b.send(new Uint8Array(700), 61_001)
  await simulation.run(1_000)
  assert.deepEqual(
    got.filter(([name]) => name === 'b'),
    [
      ['b', 61_000, 1_400],
      ['b', 51_820, 1],
    ],
  )
  assert.deepEqual(
    got.filter(([name]) => name === 'a'),
    [['a', 61_001, 700]],
  )
  assert.deepEqual({ ...a.counters }, { sent: 2, received: 1, dropped: 0 })
})

test('what has no room is dropped, and there is room again when some has come', async () => {
  const { simulation, got, a } = both()
  for (let i = 0; i < 100; i++) a.send(new Uint8Array(1_400), 1)
  const { sent, dropped } = a.counters
  assert.ok(dropped > 0 && sent * 1_400 <= 64 * 1024, `${sent} sent, ${dropped} dropped`)
  await simulation.run(500)
  assert.equal(got.length, sent)
  a.send(new Uint8Array(1_400), 1)
  await simulation.run(1_000)
  assert.equal(got.length, sent + 1)
})

test('while the stream takes nothing, everything is dropped', async () => {
  const { simulation, ends, got, a } = both()
  ends[0].takes = false
  a.send(new Uint8Array(10), 1)
  a.send(new Uint8Array(10), 1)
  ends[0].takes = true
  ends[0].onDrain()
  a.send(new Uint8Array(10), 1)
  await simulation.run(500)
  assert.equal(got.length, 2)
  assert.equal(a.counters.dropped, 1)
})

test('an end is noticed on both sides, once', async () => {
  const { simulation, closed, a } = both()
  a.close()
  a.close()
  a.send(new Uint8Array(10), 1)
  await simulation.run(500)
  assert.deepEqual(closed, ['a', 'b'])
  assert.equal(a.counters.dropped, 1)
})

test('a stream that swallows everything is given up', async () => {
  const { simulation, ends, closed, a } = both()
  a.send(new Uint8Array(10), 1)
  await simulation.run(1_000)
  assert.deepEqual(closed, [])
  ends[0].cut = true
  a.send(new Uint8Array(10), 1)
  await simulation.run(1_000 + stalledAfter - 100)
  assert.deepEqual(closed, [])
  await simulation.run(1_000 + stalledAfter + 100)
  assert.deepEqual(closed, ['a'])
})

test('silence with nothing under way is no reason', async () => {
  const { simulation, closed, a } = both()
  a.send(new Uint8Array(10), 1)
  await simulation.run(600_000)
  assert.deepEqual(closed, [])
})

test('what is no frame ends it', async () => {
  const { simulation, ends, closed } = both()
  ends[0].write(Uint8Array.of(0, 0, 0, 0, 1, 2, 3))
  await simulation.run(100)
  assert.deepEqual(closed, ['b', 'a'])
})
