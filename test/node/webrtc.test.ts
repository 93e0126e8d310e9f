// When a member is called by WebRTC, and what becomes of it: in simulated time.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoint } from '../../src/base/ip.ts'
import { createLogger } from '../../src/base/log.ts'
import { minute, type Time } from '../../src/base/time.ts'
import type { ByteStream } from '../../src/drivers/carrier/carrier.ts'
import { Carriers } from '../../src/node/carriers.ts'
import { WebRtcPaths } from '../../src/node/webrtc.ts'
import { systemUdp } from '../../src/os/udp.ts'
import { isGuest } from '../../src/protocol/carrier/guest.ts'
import type { PublicKey } from '../../src/protocol/identity/key.ts'
import type { Input } from '../../src/protocol/path/events.ts'
import { Simulation } from '../../src/sim/simulation.ts'
import { type End, streamPair } from '../drivers/carrier/stream.ts'
import { runDrained } from '../sim/drained.ts'

const member = 'M'.repeat(43) as PublicKey
const boot = 'B'.repeat(43) as PublicKey
const bootAt = { host: '192.0.2.1', port: 51_820 }
const relayed = { kind: 'tell', state: 'direct', relayed: true, endpoint: { host: '192.0.2.1', port: 61_000 } } as const
const byUdp = { kind: 'tell', state: 'direct', proof: 'pong', endpoint: { host: '192.0.2.9', port: 20_000 } } as const

type Outcome = 'through' | 'refused' | 'silent' | 'missing'

function node(outcome: Outcome = 'through') {
  const simulation = new Simulation(1)
  const parts = { clock: simulation, log: createLogger(() => {}), called: (key: PublicKey) => key.slice(0, 4) }
  const state = { outcome, answers: true }
  const calls: [Time, Endpoint][] = []
  const inputs: Input[] = []
  const ends: End[] = []
  const stream = (): ByteStream => {
    const [own, theirs] = streamPair(simulation)
    ends.push(theirs)
    return own
  }
  const carriers = new Carriers({
    ...{ ...parts, udp: systemUdp, listenPort: () => 51_820, control() {}, relay: () => false, serves: () => 'member' },
    changed: (_, up) => up && paths.again(),
  })
  const paths: WebRtcPaths = new WebRtcPaths({
    ...{ ...parts, carriers },
    channel: { ping: async () => (state.answers ? ({ rtt: 12 } as never) : null) },
    async open(_key, endpoint, by, signal) {
      assert.equal(by, 'webrtc')
      calls.push([Math.round(simulation.now()), endpoint])
      if (state.outcome === 'missing') return null
      if (state.outcome === 'refused') throw new Error('refused')
      if (state.outcome === 'silent') {
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      }
      return stream()
    },
    input: (_, input) => void inputs.push(input),
  })
  const run = (time: Time) => runDrained(simulation, simulation.now() + time)
  const beBlocked = () => carriers.open(boot, bootAt, 'wss', stream())
  return { state, calls, inputs, ends, carriers, paths, run, beBlocked }
}

test('relayed while UDP is blocked: called, and the path machine hears of what answered', async () => {
  const { calls, inputs, carriers, paths, run, beBlocked } = node()
  beBlocked()
  paths.told(member, relayed)
  await run(1_900)
  assert.deepEqual(calls, [])
  await run(200)
  assert.deepEqual(calls, [[2_000, relayed.endpoint]])
  const [hit] = inputs as [Input & { kind: 'hit' }]
  assert.equal(hit.kind, 'hit')
  assert.ok(isGuest(hit.endpoint.host))
  assert.equal(carriers.wayTo(hit.endpoint.host), 'webrtc')
  assert.deepEqual(carriers.callsTo(member), [hit.endpoint.host])
  await run(10 * minute)
  assert.equal(calls.length, 1)
})

test('not where UDP gets out, and not for a direct path, or for none', async () => {
  const { calls, paths, run, beBlocked } = node()
  paths.told(member, relayed)
  await run(10 * minute)
  beBlocked()
  paths.told(member, byUdp)
  await run(10 * minute)
  paths.told(member, { kind: 'tell', state: 'hunting' })
  await run(10 * minute)
  assert.deepEqual(calls, [])
})

test('UDP that is blocked later: then', async () => {
  const { calls, paths, run, beBlocked } = node()
  paths.told(member, relayed)
  await run(minute)
  beBlocked()
  await run(2_100)
  assert.equal(calls.length, 1)
})

for (const outcome of ['refused', 'silent'] as const) {
  test(`${outcome}: again with growing pauses, and at once where the network is another`, async () => {
    const { calls, paths, run, beBlocked } = node(outcome)
    beBlocked()
    paths.told(member, relayed)
    await run(60 * minute)
    const pauses = calls.map(([at], i) => at - (calls[i - 1]?.[0] ?? 0))
    const took = outcome === 'silent' ? 15_000 : 0
    const expected = [2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000]
    assert.deepEqual(
      pauses.slice(0, expected.length),
      expected.map((pause, i) => pause + (i > 0 ? took : 0)),
    )
    const before = calls.length
    paths.again()
    await run(20_000)
    assert.ok(calls.length > before)
  })
}

test('a platform without it is asked once', async () => {
  const { calls, paths, run, beBlocked } = node('missing')
  beBlocked()
  paths.told(member, relayed)
  assert.equal(paths.isMissing, false)
  await run(60 * minute)
  assert.equal(calls.length, 1)
  assert.equal(paths.isMissing, true)
})

test('a call through which nothing comes is ended', async () => {
  const { state, inputs, carriers, paths, run, beBlocked } = node()
  state.answers = false
  beBlocked()
  paths.told(member, relayed)
  await run(3_000)
  assert.deepEqual(inputs, [])
  assert.deepEqual(carriers.callsTo(member), [])
})

test('calls that end soon are made with growing pauses', async () => {
  const { calls, ends, carriers, paths, run, beBlocked } = node()
  beBlocked()
  for (let i = 0; i < 100; i++) {
    paths.told(member, relayed)
    await run(1_000)
    if (carriers.callsTo(member).length > 0) ends.at(-1)!.abort()
  }
  assert.ok(calls.length >= 4 && calls.length <= 6, String(calls.length))
})

test('UDP leads there: the call ends a while after; and with the membership at once', async () => {
  const { carriers, paths, run, beBlocked } = node()
  beBlocked()
  paths.told(member, relayed)
  await run(3_000)
  paths.told(member, byUdp)
  await run(5_000)
  assert.equal(carriers.callsTo(member).length, 1)
  await run(10_000)
  assert.equal(carriers.callsTo(member).length, 0)
  paths.told(member, relayed)
  await run(300_000)
  assert.equal(carriers.callsTo(member).length, 1)
  paths.forget(member)
  assert.equal(carriers.callsTo(member).length, 0)
})

test('stopped in the middle of a call, it is called off', async () => {
  const { calls, paths, carriers, run, beBlocked } = node('silent')
  beBlocked()
  paths.told(member, relayed)
  await run(3_000)
  paths.stop()
  await run(60 * minute)
  assert.equal(calls.length, 1)
  assert.deepEqual(carriers.callsTo(member), [])
})
