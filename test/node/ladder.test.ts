// When a node leaves UDP for a carrier, and when it comes back: in simulated time.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger } from '../../src/base/log.ts'
import type { Time } from '../../src/base/time.ts'
import { Carrying } from '../../src/node/carrying.ts'
import { nextTurn } from '../../src/os/turn.ts'
import { systemUdp } from '../../src/os/udp.ts'
import type { CarriedBy } from '../../src/protocol/carrier/rungs.ts'
import type { PublicKey } from '../../src/protocol/identity/key.ts'
import { Simulation } from '../../src/sim/simulation.ts'
import { type End, streamPair } from '../drivers/carrier/stream.ts'

const boot = { key: 'B'.repeat(43) as PublicKey, endpoint: { host: '192.0.2.1', port: 51_820 } }
const other = { key: 'C'.repeat(43) as PublicKey, endpoint: { host: '192.0.2.2', port: 51_820 } }
const near = { key: 'N'.repeat(43) as PublicKey, endpoint: { host: '192.168.1.7', port: 20_000 } }
const member = { key: 'D'.repeat(43) as PublicKey, endpoint: { host: '192.0.2.3', port: 20_000 } }

type Way = CarriedBy | 'udp'

function node(works: Way[] = []) {
  const simulation = new Simulation(1)
  const passes = new Set(works)
  const tried: [Time, string, Way][] = []
  const changes: string[] = []
  const ends: End[] = []
  const carrying = new Carrying({
    clock: simulation,
    log: createLogger(() => {}),
    udp: systemUdp,
    listenPort: () => 51_820,
    control() {},
    relay: () => false,
    serves: () => 'no',
    called: key => key.slice(0, 4),
    async open(_, { host }, rung, signal) {
      tried.push([Math.round(simulation.now()), host, rung])
      if (rung === 'proxy' && !passes.has('proxy')) return null
      if (!passes.has(rung)) {
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      }
      const [own, theirs] = streamPair(simulation)
      // as TCP of libp2p does
      signal.addEventListener('abort', () => own.abort())
      ends.push(own, theirs)
      return own
    },
    ask: async () => passes.has('udp'),
    places: () => [near, boot, other],
    channel: { ping: async () => null },
    input() {},
    isOpen: key => key === member.key,
    isNear: host => host.startsWith('192.168.'),
    changed: why => void changes.push(why),
  })
  const run = (time: Time) => simulation.drain(nextTurn, simulation.now() + time)
  const ways = () => carrying.report().own.map(({ endpoint, rung }) => `${endpoint.host} ${rung}`)
  return { simulation, passes, tried, changes, ends, carrying, run, ways }
}

test('UDP answers: nothing else is tried', async () => {
  const { carrying, tried, run } = node(['udp', 'tcp'])
  carrying.begin(false)
  await run(100)
  carrying.answered(boot.endpoint)
  await run(60_000)
  carrying.silent(other.key, other.endpoint, 50)
  await run(60_000)
  assert.deepEqual(tried, [])
})

test('UDP is silent: after its head start the rungs, one after the other, and the first that is through', async () => {
  const { carrying, tried, changes, run, ways } = node(['wss'])
  carrying.begin(false)
  await run(3_000)
  assert.deepEqual(
    tried.filter(([, host]) => host === boot.endpoint.host).map(([at, , rung]) => [at, rung]),
    [
      [1_200, 'tcp'],
      [1_500, 'wss'],
    ],
  )
  assert.deepEqual(ways(), ['192.0.2.1 wss', '192.0.2.2 wss'])
  assert.equal(changes.length, 2)
})

test('UDP is only slow: what gets through after its answer is not taken, and nothing follows', async () => {
  const { carrying, tried, ends, run, ways, passes } = node()
  carrying.begin(false)
  await run(1_300)
  assert.equal(tried.length, 2)
  carrying.answered(boot.endpoint)
  passes.add('wss')
  await run(60_000)
  assert.deepEqual(ways(), [])
  assert.ok(ends.length > 0 && ends.every(({ closed }) => closed))
  assert.ok(tried.every(([at]) => at < 7_000))
})

test('what answers on our own link is no sign that UDP gets out', async () => {
  const { carrying, run, ways } = node(['tcp'])
  carrying.begin(false)
  carrying.answered({ host: '192.168.1.7', port: 1 })
  await run(3_000)
  assert.equal(ways().length, 2)
})

test('nobody on our own link is reached by a carrier', async () => {
  const { carrying, tried, run } = node(['tcp'])
  carrying.begin(false)
  carrying.silent(near.key, near.endpoint, 0)
  await run(10_000)
  assert.ok(tried.every(([, host]) => host !== near.endpoint.host))
})

test('UDP gets through again: the carriers are closed, and nothing is tried any more', async () => {
  const { carrying, passes, tried, run, ways } = node(['tcp'])
  carrying.begin(false)
  await run(3_000)
  assert.equal(ways().length, 2)
  passes.add('udp')
  await run(16_000)
  assert.deepEqual(ways(), [])
  const before = tried.length
  await run(60_000)
  assert.equal(tried.length, before)
})

test('a carrier that breaks is opened anew, if UDP is still silent', async () => {
  const { carrying, ends, changes, run, ways } = node(['tcp'])
  carrying.begin(false)
  await run(3_000)
  ends[1]!.abort()
  await run(100)
  assert.deepEqual(ways(), ['192.0.2.2 tcp'])
  assert.equal(changes.length, 3)
  await run(3_000)
  assert.deepEqual(new Set(ways()), new Set(['192.0.2.1 tcp', '192.0.2.2 tcp']))
})

test('no rung leads anywhere: tried again with growing pauses, and what came of it is known', async () => {
  const { carrying, tried, run } = node()
  carrying.begin(false)
  await run(200_000)
  const times = tried.filter(([, host, rung]) => host === boot.endpoint.host && rung === 'tcp').map(([at]) => at)
  const pauses = times.slice(1).map((at, i) => at - times[i]! - 5_000)
  assert.deepEqual(
    pauses.map(pause => Math.round(pause / 1_000)),
    [2, 4, 8, 16, 32, 64],
  )
  assert.deepEqual(carrying.report().tried[0]!.results, [
    { rung: 'tcp', result: 'no answer' },
    { rung: 'wss', result: 'no answer' },
  ])
})

test('another network: streams from before are dead, and UDP gets its chance first', async () => {
  const { carrying, passes, run, ways } = node(['tcp'])
  carrying.begin(false)
  await run(3_000)
  passes.delete('tcp')
  carrying.begin(true)
  assert.deepEqual(ways(), [])
  carrying.answered(boot.endpoint)
  await run(10_000)
  assert.deepEqual(ways(), [])
})

test('blocked in the middle of things: a question without an answer, and nobody else has answered since', async () => {
  const { carrying, run, ways } = node(['tcp'])
  carrying.begin(false)
  await run(100)
  carrying.answered(boot.endpoint)
  await run(60_000)
  carrying.silent(boot.key, boot.endpoint, 58_000)
  await run(3_000)
  assert.deepEqual(ways(), ['192.0.2.1 tcp'])
})

test('a member that can be reached, and only by a carrier: only where UDP is known to be blocked', async () => {
  const { carrying, run, ways, tried } = node(['tcp'])
  carrying.silent(member.key, member.endpoint, 0)
  await run(100)
  assert.deepEqual(tried, [])
  carrying.begin(false)
  await run(3_000)
  carrying.silent(member.key, member.endpoint, 0)
  await run(3_000)
  assert.ok(ways().includes('192.0.2.3 tcp'))
})

test('stopped while a rung is being tried: it is given up, and nothing follows', async () => {
  const { carrying, tried, run, ways } = node([])
  carrying.begin(false)
  await run(1_300)
  carrying.stop()
  await run(60_000)
  assert.equal(tried.length, 2)
  assert.deepEqual(ways(), [])
})
