// Ways through relays as a node keeps them: what is asked of whom, and when. Relays are in memory, the clock is simulated.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { second } from '../../src/base/time.ts'
import type { Bound, Lease } from '../../src/drivers/control/channel.ts'
import { Relays } from '../../src/node/relays.ts'
import type { CurrentHome } from '../../src/protocol/home/events.ts'
import { PrivateKey, type PublicKey } from '../../src/protocol/identity/key.ts'
import type { Input } from '../../src/protocol/path/events.ts'
import { Simulation } from '../../src/sim/simulation.ts'
import { runDrained } from '../sim/drained.ts'

const keyOf = (byte: number) => new PrivateKey(new Uint8Array(32).fill(byte)).publicKey()
const [own, member, relay, other] = [1, 2, 3, 4].map(keyOf) as [PublicKey, PublicKey, PublicKey, PublicKey]
const at = { host: '192.0.2.9', port: 51_820 }
const place = { host: '192.0.2.9', port: 61_007 }
const token = new Uint8Array(16).fill(7)
const home = { key: relay, endpoint: at, relay: 61_007 }

function world(homes: CurrentHome[] = []) {
  const simulation = new Simulation(1)
  const binds: { to: string; port: number; release: boolean }[] = []
  const asked: PublicKey[] = []
  const inputs: Input[] = []
  const answer = { state: 'bound', token, seconds: 60, observed: at, rtt: 1 } satisfies Bound
  const relays = new Relays({
    clock: simulation,
    random: () => 0,
    channel: {
      publicKey: own,
      async bind(key, to, port, _token, options) {
        binds.push({ to: `${key === relay} ${to.host}:${to.port}`, port, release: options?.release ?? false })
        return answer
      },
      async home(key, _at, given) {
        asked.push(key)
        const state = given ? 'leased' : 'prove'
        const lease: Lease = { state, token, seconds: 90, observed: at, clock: 0, rtt: 1, other: {} }
        return given ? { ...lease, relay: 62_000 } : lease
      },
    },
    homes: () => homes,
    input: (key, input) => {
      assert.equal(key, member)
      inputs.push(input)
    },
  })
  const run = (time: number) => runDrained(simulation, simulation.now() + time)
  return { relays, binds, asked, inputs, run }
}

test('what a member says of its homes becomes places; those without a port or an address do not', () => {
  const { relays, inputs } = world()
  relays.learnt(member, 'record', [home, { key: other, endpoint: at }, { key: other, relay: 5 }])
  assert.deepEqual(inputs, [{ kind: 'relays', endpoints: [{ kind: 'relayed', endpoint: place }] }])
  relays.learnt(member, 'offer', [{ ...home, relay: 61_008 }])
  assert.deepEqual(inputs[1], {
    ...{ kind: 'relays', endpoints: [{ kind: 'relayed', endpoint: { ...place, port: 61_008 } }] },
  })
  assert.equal(relays.relayAt(member, { ...place, port: 61_008 }), relay)
  assert.equal(relays.relayAt(other, { ...place, port: 61_008 }), null, 'it says nothing of another member')
})

test('a PING through it: bound first, again within 20 s while it is wanted, and a port of our own there', async () => {
  const { relays, binds, asked, inputs, run } = world()
  relays.learnt(member, 'record', [home])
  relays.prepare(member, { host: '203.0.113.1', port: 1 })
  assert.deepEqual(binds, [], 'no relay')
  relays.prepare(member, place)
  assert.deepEqual(binds, [{ to: 'true 192.0.2.9:61007', port: 61_007, release: false }])
  await run(1 * second)
  assert.deepEqual(asked, [relay, relay], 'a token, then the port')
  // which the member has to be told
  assert.deepEqual(inputs.at(-1), { kind: 'mapped' })
  assert.deepEqual(relays.homesFor(member), [{ key: relay, endpoint: at, relay: 62_000 }])
  for (let i = 0; i < 10; i++) {
    relays.prepare(member, place)
    relays.answered(member, place)
    await run(7 * second)
  }
  assert.ok(binds.length >= 4 && binds.length <= 6, `${binds.length}`)
  const before = binds.length
  await run(200 * second)
  assert.ok(binds.length <= before + 3, 'nobody wants it any more')
})

test('PINGs through it have no answer: bound anew, as our NAT may have another mapping, once a second; answered, it is not', async () => {
  const { relays, binds, run } = world()
  relays.learnt(member, 'record', [home])
  const pings = async (count: number, answered: boolean) => {
    const before = binds.length
    for (let i = 0; i < count; i++) {
      relays.prepare(member, place)
      if (answered) relays.answered(member, place)
      await run(300)
    }
    return binds.length - before
  }
  assert.equal(await pings(10, true), 1)
  assert.equal(await pings(4, false), 0)
  const more = await pings(20, false)
  assert.ok(more >= 5 && more <= 7, `${more}`)
  // the first of them left before it was known
  assert.ok((await pings(10, true)) <= 1)
  assert.equal(await pings(5, true), 0)
})

test('at a home of ours we have a port already, and say so first', async () => {
  const homes = [
    { key: other, endpoint: { host: '198.51.100.1', port: 1 }, token, observed: at },
    { key: relay, endpoint: at, token, observed: at, relay: 61_500 },
  ]
  const { relays, asked, run } = world(homes)
  relays.learnt(member, 'record', [home])
  relays.prepare(member, place)
  await run(1 * second)
  assert.deepEqual(asked, [])
  assert.deepEqual(
    relays.homesFor(member).map(({ key }) => key),
    [relay, other],
  )
})

test('the path is direct: the relay is told, once; without a way there is nothing to tell', async () => {
  const { relays, binds, run } = world()
  relays.learnt(member, 'record', [home])
  relays.leave(member)
  assert.deepEqual(binds, [])
  relays.prepare(member, place)
  await run(1 * second)
  relays.leave(member)
  relays.leave(member)
  await run(60 * second)
  assert.deepEqual(
    binds.map(({ release }) => release),
    [false, true],
  )
})

test('stopped: nothing is asked any more', async () => {
  const { relays, binds, asked, run } = world()
  relays.learnt(member, 'record', [home])
  relays.prepare(member, place)
  relays.stop()
  relays.prepare(member, place)
  await run(60 * second)
  assert.deepEqual([binds.length, asked.length], [1, 1])
})
