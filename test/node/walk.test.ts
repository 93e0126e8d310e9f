import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoint } from '../../src/base/ip.ts'
import { createLogger } from '../../src/base/log.ts'
import { second, type Time } from '../../src/base/time.ts'
import type { Directory, WalkStep } from '../../src/drivers/dht/directory.ts'
import { type Step, Walk } from '../../src/node/walk.ts'
import { PrivateKey, type PublicKey } from '../../src/protocol/identity/key.ts'
import { Simulation } from '../../src/sim/simulation.ts'
import { runDrained } from '../sim/drained.ts'

const keyOf = (byte: number) => new PrivateKey(new Uint8Array(32).fill(byte)).publicKey()
const wanted = keyOf(1)
const id = new Uint8Array(32).fill(7)
const none = new Uint8Array(0)
const timeout = 3 * second
/** A record is its number here, and 0 is no valid one. */
const value = (number: number) => Uint8Array.of(number)

type Answer = { after: Time; value: Uint8Array | null }
type Source = (signal: AbortSignal, step: (step: WalkStep) => void) => AsyncIterable<Uint8Array>

function world(options: { nodes?: Record<number, Answer>; held?: number } = {}) {
  const simulation = new Simulation(1)
  const wait = (time: Time) => new Promise<void>(done => simulation.at(simulation.now() + time, done))
  const asked: PublicKey[] = []
  const steps: Step[] = []
  const learnt: number[] = []
  const nodes = Object.entries(options.nodes ?? {})
  const state = {
    held: options.held ?? 0,
    askable: nodes.map(([byte], i) => ({ key: keyOf(Number(byte)), endpoint: endpointOf(i) })),
    directory: async (): Promise<Directory | null> => null,
    /** When the directory was first asked for. */
    walkedAt: null as Time | null,
  }
  const walk = new Walk({
    clock: simulation,
    log: createLogger(() => {}),
    channel: {
      async find(key, _endpoint, wantedId) {
        assert.equal(wantedId, id)
        asked.push(key)
        const [, answer] = nodes.find(([byte]) => keyOf(Number(byte)) === key)!
        await wait(answer.after)
        return answer.value
      },
    },
    askable: () => state.askable,
    directory: () => {
      state.walkedAt ??= simulation.now()
      return state.directory()
    },
    learn(key, bytes) {
      assert.equal(key, wanted)
      const [number] = bytes
      learnt.push(number!)
      if (number === 0) return 'refused'
      if (number! <= state.held) return 'known'
      state.held = number!
      return 'new'
    },
  })
  /** A directory with these values. */
  const directory = (source: Source) => {
    state.directory = async () =>
      ({
        find: (found: Uint8Array, { signal, onStep }: { signal: AbortSignal; onStep: (step: WalkStep) => void }) => {
          assert.equal(found, id)
          return source(signal, onStep)
        },
      }) as unknown as Directory
  }
  /** When it ended. */
  async function find(thorough = false): Promise<Time> {
    let ended: Time | null = null
    let failed: unknown
    walk
      .find(wanted, id, thorough, step => steps.push(step))
      .then(
        () => {
          ended = simulation.now()
        },
        error => {
          failed = error
        },
      )
    await runDrained(simulation, 60 * second, () => ended !== null || failed !== undefined)
    if (failed) throw failed
    assert.notEqual(ended, null, 'it ends')
    return ended!
  }
  return { simulation, wait, asked, steps, learnt, state, directory, find }
}

const endpointOf = (i: number): Endpoint => ({ host: `192.0.2.${i + 1}`, port: 51_820 })

test('a control packet that brings a new record is enough: the DHT is left alone', async () => {
  const { state, find, learnt, steps } = world({ nodes: { 2: { after: 20, value: value(5) } } })
  assert.equal(await find(), 20)
  assert.deepEqual(learnt, [5])
  assert.equal(state.walkedAt, null)
  assert.deepEqual(steps, [
    { via: 'control', key: keyOf(2), endpoint: '192.0.2.1:51820', answered: 'value', after: 20 },
  ])
})

test('the DHT is asked as soon as all have answered that they hold none', async () => {
  const { state, find, steps } = world({ nodes: { 2: { after: 20, value: none }, 3: { after: 30, value: none } } })
  await find()
  assert.equal(state.walkedAt, 30)
  assert.deepEqual(
    steps.map(({ answered, after }) => [answered, after]),
    [
      ['none', 20],
      ['none', 30],
    ],
  )
})

test('and after 250 ms where somebody is slow; he is heard all the same', async () => {
  const { state, find, learnt, steps } = world({
    nodes: { 2: { after: 20, value: none }, 3: { after: 600, value: value(5) }, 4: { after: timeout, value: null } },
  })
  assert.equal(await find(), timeout)
  assert.equal(state.walkedAt, 250)
  assert.deepEqual(learnt, [5])
  assert.deepEqual(
    steps.map(({ answered }) => answered),
    ['none', 'value', 'error'],
  )
})

test('a slow one does not send us into the DHT where another was fast', async () => {
  const { state, find } = world({ nodes: { 2: { after: 20, value: value(5) }, 3: { after: timeout, value: null } } })
  await find()
  assert.equal(state.walkedAt, null)
})

test('what is known already is not found: it did not lead there', async () => {
  for (const known of [5, 4]) {
    const { state, find, steps } = world({ held: 5, nodes: { 2: { after: 20, value: value(known) } } })
    await find()
    assert.equal(state.walkedAt, 20, `value ${known}`)
    assert.equal(steps[0]!.answered, 'value', 'yet it was a valid record that was had')
  }
})

test('what is no valid record counts as none', async () => {
  const { state, find, steps } = world({ nodes: { 2: { after: 20, value: value(0) } } })
  await find()
  assert.equal(state.walkedAt, 20)
  assert.equal(steps[0]!.answered, 'none')
})

test('a thorough look-up walks the DHT at once, whatever is found', async () => {
  const { state, find, directory, learnt } = world({ nodes: { 2: { after: 20, value: value(5) } } })
  directory(async function* () {
    yield value(6)
  })
  await find(true)
  assert.equal(state.walkedAt, 0)
  assert.deepEqual(learnt.sort(), [5, 6])
})

test('three valid values are enough, and the walk is ended there', async () => {
  const { find, directory, learnt, wait } = world()
  let ended = false
  directory(async function* () {
    try {
      for (const number of [0, 4, 0, 3, 5, 6]) {
        await wait(10)
        yield value(number)
      }
    } finally {
      ended = true
    }
  })
  assert.equal(await find(), 50)
  assert.deepEqual(learnt, [0, 4, 0, 3, 5])
  assert.ok(ended, 'the directory knows')
})

test('a walk without end is aborted after 10 s', async () => {
  const { find, directory } = world()
  let aborted = false
  directory(async function* (signal) {
    await new Promise<void>(done => signal.addEventListener('abort', () => done()))
    aborted = true
  })
  assert.equal(await find(), 10 * second)
  assert.ok(aborted)
})

test('neither is a directory waited for that never comes up', async () => {
  const { find, state } = world()
  state.directory = () => new Promise(() => {})
  assert.equal(await find(), 10 * second)
})

test('without a directory, and with nobody to ask, it ends at once with nothing', async () => {
  const { find, learnt, steps } = world()
  assert.equal(await find(), 0)
  assert.equal(await find(true), 0)
  assert.deepEqual([learnt, steps], [[], []])
})

for (const [when, source] of [
  [
    'before it has begun',
    (): AsyncIterable<Uint8Array> => {
      throw new Error('no such thing')
    },
  ],
  [
    'on its way',
    async function* () {
      yield value(3)
      throw new Error('no such thing')
    },
  ],
] as const) {
  test(`a directory that fails ${when} spoils nothing: what others answer later counts`, async () => {
    for (const thorough of [false, true]) {
      const { find, directory, state } = world({ nodes: { 2: { after: 600, value: value(5) } } })
      directory(source)
      assert.equal(await find(thorough), 600)
      assert.equal(state.held, 5)
    }
  })
}

test('a directory that cannot be loaded spoils nothing either', async () => {
  const { find, state } = world({ nodes: { 2: { after: 600, value: value(5) } } })
  state.directory = () => Promise.reject(new Error('no such module'))
  assert.equal(await find(), 600)
  assert.equal(state.held, 5)
})

test('the steps of the walk are told, counted from the beginning of the look-up', async () => {
  const { find, directory, steps, wait } = world({ nodes: { 2: { after: 100, value: none } } })
  directory(async function* (_signal, step) {
    await wait(30)
    step({ key: keyOf(8), endpoint: '192.0.2.80:1', answered: 'closer', after: 30 })
    await wait(30)
    step({ key: keyOf(9), answered: 'value', after: 60 })
    yield value(5)
  })
  await find()
  assert.deepEqual(steps.slice(1), [
    { via: 'directory', key: keyOf(8), endpoint: '192.0.2.80:1', answered: 'closer', after: 130 },
    { via: 'directory', key: keyOf(9), answered: 'value', after: 160 },
  ])
})

test('eight are asked at most where a person waits, else three, the first ones, and never the node itself', async () => {
  const nodes = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [i + 1, { after: 20, value: none }]))
  for (const [thorough, bytes] of [
    [true, [2, 3, 4, 5, 6, 7, 8, 9]],
    [false, [2, 3, 4]],
  ] as const) {
    const { find, asked } = world({ nodes })
    await find(thorough)
    assert.deepEqual(
      asked,
      bytes.map(byte => keyOf(byte)),
    )
  }
})
