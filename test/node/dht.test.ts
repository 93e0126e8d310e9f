import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Endpoint, formatEndpoint } from '../../src/base/ip.ts'
import { createLogger } from '../../src/base/log.ts'
import { minute, second, type Time } from '../../src/base/time.ts'
import type { Directory } from '../../src/drivers/dht/directory.ts'
import { Dht } from '../../src/node/dht.ts'
import { PrivateKey, type PublicKey } from '../../src/protocol/identity/key.ts'
import { Simulation } from '../../src/sim/simulation.ts'
import { runDrained } from '../sim/drained.ts'

const keyOf = (byte: number) => new PrivateKey(new Uint8Array(32).fill(byte)).publicKey()
const key = keyOf(1)
const endpointOf = (i: number): Endpoint => ({ host: `192.0.2.${i}`, port: 51_820 })
const id = new Uint8Array(32).fill(7)
const loadTime = 300

/** A directory that writes down what it is asked to do, on a simulated clock. */
function world() {
  const simulation = new Simulation(1)
  const wait = (time: Time) => new Promise<void>(done => simulation.at(simulation.now() + time, done))
  const did: string[] = []
  const times = new Map<string, Time[]>()
  const warnings = new Map<string, string>()
  const note = (what: string) => {
    did.push(what)
    times.set(what, [...(times.get(what) ?? []), simulation.now()])
  }
  const state = {
    /** Why it cannot be loaded. */
    broken: null as string | null,
    /** Who answers. */
    alive: new Set<PublicKey>(),
    stored: 3,
    connections: 1,
    value: Uint8Array.of(1) as Uint8Array | null,
    publishing: async () => {},
    stopping: async () => {},
  }
  const directory: Directory = {
    async publish(_id, value) {
      note(`publish ${value[0]}`)
      await state.publishing()
      return { stored: state.stored }
    },
    async *find() {},
    local: async found => (found === id ? Uint8Array.of(9) : null),
    setServer: async server => note(server ? 'server' : 'client'),
    announce: async endpoints => note(`announce ${endpoints.map(formatEndpoint)}`),
    async join(joined, endpoint) {
      note(`join ${joined} ${formatEndpoint(endpoint)}`)
      await wait(50)
      if (!state.alive.has(joined)) throw new Error('it does not answer')
    },
    carry: async () => null,
    talk: () => Promise.reject(new Error('nobody talks here')),
    neighbours: () => [],
    status: () => ({ mode: 'client', peers: 2, connections: state.connections, stored: 0, rejected: {} }),
    async stop() {
      note('stop')
      await state.stopping()
    },
  }
  const dht = new Dht({
    clock: simulation,
    log: createLogger(() => {}),
    async load(server, endpoints) {
      note(`load as ${server ? 'server' : 'client'} at ${endpoints.map(formatEndpoint)}`)
      await wait(loadTime)
      if (state.broken !== null) throw new Error(state.broken)
      return directory
    },
    own: () => state.value && { id, value: state.value },
    warn: (topic, message) => void (message === null ? warnings.delete(topic) : warnings.set(topic, message)),
  })
  const run = (time: Time, done?: () => boolean) => runDrained(simulation, simulation.now() + time, done)
  /** Seconds between the times at which it did that. */
  const pauses = (what: string) =>
    (times.get(what) ?? []).slice(1).map((time, i) => (time - times.get(what)![i]!) / second)
  return { simulation, did, times, pauses, warnings, state, directory, dht, run, wait }
}

const loads = (did: readonly string[]) => did.filter(what => what.startsWith('load')).length

test('it is loaded after a while by itself', async () => {
  const { dht, times, run } = world()
  dht.start()
  await run(10 * second)
  assert.deepEqual(times.get('load as client at '), [1.5 * second])
})

test('or by the first who asks, once, whoever asks meanwhile and later, but not before the node is up', async () => {
  const { dht, directory, did, simulation, run } = world()
  dht.start()
  await run(100)
  const got: [Time, Directory | null][] = []
  for (let i = 0; i < 3; i++) void dht.get().then(found => got.push([simulation.now(), found]))
  await run(10 * second)
  assert.deepEqual(got, Array(3).fill([300 + loadTime, directory]))
  assert.equal(await dht.get(), directory)
  assert.equal(loads(did), 1)
})

test('asked before it is started, it is loaded once all the same', async () => {
  const { dht, did, run } = world()
  void dht.get()
  dht.start()
  await run(10 * second)
  assert.equal(loads(did), 1)
})

test('a load that fails is said aloud, tells those who ask, and is tried again with growing pauses', async () => {
  const { dht, did, state, warnings, pauses, directory, run } = world()
  state.broken = 'the disk is full'
  dht.start()
  assert.equal(dht.status().reason, 'not started yet')
  await run(1.5 * second + loadTime)
  assert.deepEqual([...warnings], [['dht', 'no DHT: the disk is full; trying again']])
  assert.equal(dht.status().mode, 'off')
  assert.equal(dht.status().reason, 'the disk is full')
  for (let i = 0; i < 100; i++) assert.equal(await dht.get(), null)
  assert.equal(loads(did), 1, 'who asks does not make it try')
  await run(60 * minute)
  const plain = pauses('load as client at ').map(pause => pause - loadTime / second)
  assert.deepEqual(
    plain.slice(0, 10).map(pause => Math.round(pause)),
    [2, 4, 8, 16, 32, 64, 128, 256, 300, 300],
  )
  state.broken = null
  await run(6 * minute)
  assert.deepEqual([...warnings], [])
  assert.equal(await dht.get(), directory)
  assert.equal(dht.status().mode, 'client')
  const before = loads(did)
  await run(60 * minute)
  assert.equal(loads(did), before)
})

test('what was told before a load that fails is not lost', async () => {
  const { dht, did, state, run } = world()
  state.broken = 'not now'
  state.alive.add(key)
  dht.setServer(true, 'because')
  dht.announce([endpointOf(1)])
  dht.join(key, endpointOf(2))
  void dht.get()
  await run(1 * second)
  state.broken = null
  await run(10 * second, () => dht.status().mode !== 'off')
  await run(100)
  assert.deepEqual(did.slice(-3), ['load as server at 192.0.2.1:51820', `join ${key} 192.0.2.2:51820`, 'publish 1'])
})

test('what changes while it is loading is told to it when it is there', async () => {
  const { dht, did, run } = world()
  void dht.get()
  await run(100)
  dht.setServer(true, 'because')
  dht.announce([endpointOf(1)])
  dht.announce([endpointOf(2)])
  dht.join(key, endpointOf(3))
  await run(loadTime)
  assert.deepEqual(did, [
    'load as client at ',
    'announce 192.0.2.2:51820',
    'server',
    `join ${key} 192.0.2.3:51820`,
    'publish 1',
  ])
})

test('what is as it was is not told again', async () => {
  const { dht, did, run } = world()
  void dht.get()
  await run(1 * second)
  dht.setServer(false, 'another reason')
  assert.equal(dht.status().reason, 'another reason')
  dht.setServer(true, 'because')
  dht.setServer(true, 'because')
  assert.deepEqual(did.slice(2), ['server'])
})

test('a node that does not answer is tried again with growing pauses, until it does', async () => {
  const { dht, state, pauses, times, run } = world()
  void dht.get()
  await run(1 * second)
  dht.join(key, endpointOf(1))
  await run(25 * minute)
  const join = `join ${key} 192.0.2.1:51820`
  assert.deepEqual(
    pauses(join).map(pause => Math.round(pause - 0.05)),
    [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300],
  )
  state.alive.add(key)
  await run(6 * minute)
  const before = times.get(join)!.length
  await run(60 * minute)
  assert.equal(times.get(join)!.length, before)
})

test('a node that answers again and again is still joined by one attempt at a time', async () => {
  const { dht, state, times, run } = world()
  state.connections = 0
  void dht.get()
  await run(1 * second)
  for (let i = 0; i < 20; i++) {
    dht.join(key, endpointOf(1))
    await run(1)
  }
  await run(20 * second)
  assert.equal(times.get(`join ${key} 192.0.2.1:51820`)!.length, 4, 'at 0, 2, 6 and 14 s')
})

test('it is tried where it was last', async () => {
  const { dht, state, did, run } = world()
  void dht.get()
  await run(1 * second)
  dht.join(key, endpointOf(1))
  await run(100)
  state.alive.add(key)
  dht.join(key, endpointOf(2))
  await run(10 * second)
  assert.deepEqual(
    did.filter(what => what.startsWith('join')),
    [`join ${key} 192.0.2.1:51820`, `join ${key} 192.0.2.2:51820`],
  )
})

test('where all connections are gone, whoever answers is joined anew, with pauses from the shortest on', async () => {
  const { dht, state, pauses, run } = world()
  void dht.get()
  await run(1 * second)
  dht.join(key, endpointOf(1))
  await run(5 * minute)
  state.alive.add(key)
  await run(5 * minute)
  state.alive.clear()
  dht.join(key, endpointOf(1))
  const join = `join ${key} 192.0.2.1:51820`
  const before = pauses(join).length
  await run(10 * minute)
  assert.equal(pauses(join).length, before, 'connected to others')
  state.connections = 0
  dht.join(key, endpointOf(1))
  await run(10 * second)
  assert.deepEqual(
    pauses(join)
      .slice(-2)
      .map(pause => Math.round(pause)),
    [2, 4],
  )
})

test('32 nodes are enough: from them we learn of others', async () => {
  const { dht, did, state, run } = world()
  void dht.get()
  await run(1 * second)
  for (let i = 1; i <= 100; i++) {
    state.alive.add(keyOf(i))
    dht.join(keyOf(i), endpointOf(i))
  }
  await run(10 * minute)
  assert.equal(did.filter(what => what.startsWith('join')).length, 32)
})

test('a record goes out at once, soon again, and then every 30 minutes', async () => {
  const { dht, pauses, run } = world()
  void dht.get()
  await run(3 * 60 * minute)
  assert.deepEqual(pauses('publish 1').slice(0, 7), [2, 8, 32, 128, 512, 1800, 1800])
})

test('where nobody keeps it, it is tried every 5 minutes, and as soon as there is a neighbour', async () => {
  const { dht, state, pauses, times, run } = world()
  state.stored = 0
  void dht.get()
  await run(30 * minute)
  assert.deepEqual(pauses('publish 1').slice(0, 6), [2, 8, 32, 128, 300, 300])
  state.stored = 3
  state.alive.add(key)
  dht.join(key, endpointOf(1))
  const before = times.get('publish 1')!.length
  await run(1 * second)
  assert.equal(times.get('publish 1')!.length, before + 1)
  dht.join(keyOf(2), endpointOf(2))
  state.alive.add(keyOf(2))
  await run(1 * second)
  assert.equal(times.get('publish 1')!.length, before + 1, 'it is kept: another neighbour is no reason')
})

test('a publication that fails is repeated as one that nobody keeps', async () => {
  const { dht, state, pauses, run } = world()
  state.publishing = () => Promise.reject(new Error('no'))
  void dht.get()
  await run(20 * minute)
  assert.deepEqual(pauses('publish 1'), [2, 8, 32, 128, 300, 300, 300])
})

test('a new record begins the schedule anew, also while the one before is going out', async () => {
  const { dht, did, state, wait, pauses, run } = world()
  void dht.get()
  state.publishing = () => wait(500)
  await run(400)
  assert.deepEqual(did.slice(1), ['publish 1'])
  state.value = Uint8Array.of(2)
  dht.publish()
  await run(60 * second)
  assert.deepEqual(
    pauses('publish 2').map(pause => pause - 0.5),
    [2, 8, 32],
  )
  assert.equal(did.filter(what => what === 'publish 1').length, 1)
})

test('before there is a record nothing is published, and then at once', async () => {
  const { dht, did, state, times, simulation, run } = world()
  state.value = null
  void dht.get()
  await run(10 * minute)
  assert.deepEqual(did, ['load as client at '])
  state.value = Uint8Array.of(4)
  dht.publish()
  assert.deepEqual(times.get('publish 4'), [simulation.now()])
})

test('what this node holds can be asked before it is loaded, too', async () => {
  const { dht } = world()
  assert.equal(await dht.local(id), null)
})

test('what this node holds for others', async () => {
  const { dht, run } = world()
  void dht.get()
  await run(1 * second)
  assert.deepEqual(await dht.local(id), Uint8Array.of(9))
})

test('stopped before it was loaded, it never is; who asked at the very start is told at once', async () => {
  const { dht, did, run } = world()
  dht.start()
  const asked = dht.get()
  // no time passes
  await dht.stop()
  assert.equal(await asked, null)
  assert.equal(await dht.get(), null)
  await run(10 * minute)
  assert.deepEqual(did, [])
})

test('stopped while it is loading, it is stopped when it is there, and that is waited for', async () => {
  const { dht, did, run } = world()
  const got = dht.get()
  await run(100)
  let stopped = false
  const stopping = dht.stop().then(() => {
    stopped = true
  })
  await run(100)
  assert.ok(!stopped)
  await run(loadTime)
  await stopping
  assert.equal(await got, null)
  await run(10 * minute)
  assert.deepEqual(did, ['load as client at ', 'stop'])
})

test('stopped while a load fails, it is not tried again, and nothing is said', async () => {
  const { dht, did, state, warnings, run } = world()
  state.broken = 'no'
  void dht.get()
  await run(100)
  const stopping = dht.stop()
  await run(10 * minute)
  await stopping
  assert.deepEqual(did, ['load as client at '])
  assert.equal(warnings.size, 0)
})

test('after the end nothing is joined and nothing published, whatever was under way', async () => {
  const { dht, did, run } = world()
  void dht.get()
  await run(1 * second)
  dht.join(key, endpointOf(1))
  dht.join(keyOf(2), endpointOf(2))
  await run(1)
  const before = did.length
  await dht.stop()
  dht.publish()
  await run(60 * minute)
  assert.deepEqual(did.slice(before), ['stop'])
})

test('a directory that cannot be stopped stands in nobody’s way', async () => {
  const { dht, state, run } = world()
  state.stopping = () => Promise.reject(new Error('no'))
  void dht.get()
  await run(1 * second)
  await dht.stop()
})
