import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoint } from '../../src/base/ip.ts'
import { second } from '../../src/base/time.ts'
import { Memory, nothing, type Remembrance } from '../../src/node/memory.ts'
import { PrivateKey, type PublicKey } from '../../src/protocol/identity/key.ts'
import { Simulation } from '../../src/sim/simulation.ts'

const [a, b] = [1, 2].map(byte => new PrivateKey(new Uint8Array(32).fill(byte)).publicKey()) as [PublicKey, PublicKey]
const at = (port: number): Endpoint => ({ host: '192.0.2.1', port })

function world(loaded: Remembrance = nothing) {
  const simulation = new Simulation(1)
  const saved: { at: number; memory: Remembrance }[] = []
  const state = { keys: [a, b], records: new Map<PublicKey, Uint8Array>(), sequence: 1 }
  const store = {
    load: () => loaded,
    save: (memory: Remembrance) => void saved.push({ at: simulation.now(), memory }),
  }
  const memory = new Memory(store, simulation, {
    keys: () => state.keys,
    record: key => state.records.get(key),
    sequence: () => state.sequence,
    lifetimes: () => [],
  })
  return { simulation, saved, state, memory, last: () => saved.at(-1)!.memory }
}

test('what is loaded is there', () => {
  const record = Uint8Array.of(1, 2)
  const { memory } = world({ sequence: 7, peers: new Map([[a, { endpoints: [at(1)], record }]]), lifetimes: [] })
  assert.equal(memory.sequence, 7)
  assert.deepEqual(memory.of(a), { endpoints: [at(1)], record })
  assert.equal(memory.of(b), undefined)
})

test('the last four places of a member, the last one first, each once', () => {
  const { memory } = world()
  for (const port of [1, 2, 1, 3, 4, 5, 3]) memory.saw(a, at(port))
  assert.deepEqual(memory.of(a)!.endpoints, [at(3), at(5), at(4), at(1)])
})

test('what is learnt is written after 5 s, once', () => {
  const { memory, saved, simulation } = world()
  memory.saw(a, at(1))
  simulation.run(2 * second)
  memory.saw(a, at(2))
  memory.saveSoon()
  simulation.run(60 * second)
  assert.deepEqual(
    saved.map(each => each.at),
    [5 * second],
  )
})

test('the same place again is nothing to write', () => {
  const { memory, saved, simulation } = world()
  memory.saw(a, at(1))
  simulation.run(10 * second)
  for (let i = 0; i < 5; i++) memory.saw(a, at(1))
  simulation.run(60 * second)
  assert.equal(saved.length, 1)
})

test('written are members of the file with places or a record, and the number of our own', () => {
  const { memory, state, last } = world()
  memory.saw(a, at(1))
  state.records.set(b, Uint8Array.of(9))
  state.sequence = 12
  memory.save()
  assert.deepEqual(last(), {
    sequence: 12,
    peers: new Map([
      [a, { endpoints: [at(1)] }],
      [b, { endpoints: [], record: Uint8Array.of(9) }],
    ]),
    lifetimes: [],
  })
  state.keys = [b]
  state.records.delete(b)
  memory.save()
  assert.deepEqual(last().peers, new Map(), 'who has left the file, and of whom nothing is known')
})

test('what is written is what is loaded', () => {
  const before = world()
  before.memory.saw(a, at(1))
  before.state.records.set(a, Uint8Array.of(9))
  before.memory.save()
  const after = world(before.last())
  assert.deepEqual(after.memory.of(a), { endpoints: [at(1)], record: Uint8Array.of(9) })
  assert.equal(after.memory.sequence, 1)
})

test('what is forgotten is written as forgotten', () => {
  const { memory, simulation, last } = world({
    sequence: 7,
    peers: new Map([[a, { endpoints: [at(1)] }]]),
    lifetimes: [],
  })
  memory.forget(a)
  assert.equal(memory.of(a), undefined)
  simulation.run(10 * second)
  assert.deepEqual(last().peers, new Map())
})

test('written at once, it is not written again later', () => {
  const { memory, saved, simulation } = world()
  memory.saw(a, at(1))
  memory.save()
  simulation.run(60 * second)
  assert.equal(saved.length, 1)
})
