import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger } from '../../src/base/log.ts'
import { minute, second } from '../../src/base/time.ts'
import type { Channel } from '../../src/drivers/control/channel.ts'
import { type LifetimeParts, MappingLifetime } from '../../src/node/lifetime.ts'
import { systemCrypto } from '../../src/os/crypto.ts'
import { Desk } from '../../src/protocol/home/desk.ts'
import { PrivateKey } from '../../src/protocol/identity/key.ts'
import type { LifetimeFacts } from '../../src/protocol/nat/lifetime.ts'
import { NatNet, type NatOptions } from './nat-net.ts'

const keyOf = (byte: number) => new PrivateKey(new Uint8Array(32).fill(byte))
const address = '198.51.100.1'

/** A node behind a NAT, and a home outside. */
function world(
  nat: Partial<NatOptions>,
  parts: Partial<LifetimeParts> = {},
  isHome = true,
  through: (channel: Channel) => LifetimeParts['channel'] = channel => channel,
) {
  const net = new NatNet(1)
  const { simulation } = net
  const desk = new Desk(systemCrypto, new Uint8Array(32).fill(7), () => 'member')
  const home = net.host(keyOf(9), { address: '192.0.2.9' }, isHome ? { desk } : {})
  let port = 1_024
  const node = net.host(keyOf(1), { address, ports: () => port++, ...nat })
  const learnt: (LifetimeFacts | null)[] = []
  const lines: string[] = []
  const lifetime: MappingLifetime = new MappingLifetime({
    ...{ clock: simulation, channel: through(node.channel) },
    log: createLogger((_, line) => lines.push(line)),
    branches: () => node.branches,
    home: () => ({ key: home.key, endpoint: home.endpoint }),
    address: () => address,
    known: [],
    learnt: () => learnt.push(lifetime.facts),
    ...parts,
  })
  // as the node keeps W's own mapping, and its lease
  const leases: string[] = []
  const beat = async (token: Uint8Array | null) => {
    const lease = await node.channel.home(home.key, home.endpoint, token)
    leases.push(lease?.state ?? 'none')
    simulation.at(simulation.now() + 15 * second, () => void beat(lease?.token ?? token))
  }
  void beat(null)
  lifetime.start()
  return { net, node, home, desk, lifetime, learnt, lines, leases }
}

const cases: readonly [seconds: number, works: number | null, fails: number, keepalive: number][] = [
  [20, null, 25, 15],
  [30, 25, 35, 18],
  [60, 50, 75, 37],
  [120, 110, 160, 82],
]
for (const [seconds, works, fails, keepalive] of cases) {
  test(`a NAT that forgets after ${seconds} s: it is found, and a packet each ${keepalive} s keeps a mapping`, async () => {
    const { net, node, lifetime } = world({ lifetime: seconds * second })
    assert.equal(lifetime.keepalive, 25)
    await net.run(40 * minute, () => lifetime.facts?.fails === fails && lifetime.facts.works === works)
    assert.deepEqual([lifetime.facts?.works, lifetime.facts?.fails], [works, fails])
    assert.equal(lifetime.keepalive, keepalive)
    // all is known: nothing is asked any more
    await net.run(10 * second)
    const before = node.sent.filter(({ port }) => port !== 51_820).length
    await net.run(20 * minute)
    assert.equal(node.sent.filter(({ port }) => port !== 51_820).length, before)
    assert.equal(node.open, 0)
  })
}

test('Linux keeps what is used for more than 2 s for longer: that is what is measured, as for W', async () => {
  const { net, lifetime } = world({ lifetime: 30 * second, established: 120 * second })
  await net.run(40 * minute, () => lifetime.facts?.fails === 160)
  assert.deepEqual([lifetime.facts?.works, lifetime.facts?.fails], [110, 160])
})

test('one experiment at a time, one branch, a few packets each', async () => {
  const { net, node, lifetime, leases } = world({ lifetime: 600 * second })
  let most = 0
  await net.run(40 * minute, () => {
    most = Math.max(most, node.open)
    return lifetime.facts?.works === 240
  })
  assert.equal(most, 1)
  // six gaps, two HOMEs from the branch of each
  assert.equal(node.sent.filter(({ port }) => port !== 51_820).length, 12)
  assert.equal(lifetime.keepalive, 110)
  // what the branch asks of the home takes nothing from W
  assert.deepEqual([leases[0], ...new Set(leases.slice(1))], ['prove', 'leased'])
  assert.deepEqual(
    lifetime.all().map(({ address, works, fails }) => [address, works, fails]),
    [[address, 240, null]],
  )
})

test('packets are lost: what is unclear is tried again, and the result is right', async () => {
  const { net, lifetime } = world({ lifetime: 60 * second })
  net.passes = () => net.simulation.chance() >= 0.3
  await net.run(6 * 60 * minute, () => lifetime.facts?.fails !== undefined && lifetime.facts?.fails !== null)
  assert.deepEqual([lifetime.facts?.works, lifetime.facts?.fails], [50, 75])
})

test('the home is gone at the end of each silence: that is no failure of the NAT', async () => {
  const { net, node, lifetime, lines, learnt } = world({ lifetime: 600 * second })
  const lastAt = () => node.sent.findLast(({ port }) => port !== 51_820)?.at ?? 0
  net.passes = () => node.open === 0 || net.simulation.now() - lastAt() < 10 * second
  await net.run(60 * minute)
  assert.deepEqual([lifetime.facts, learnt], [null, []])
  assert.ok(lines.some(line => line.includes('reason=unclear')))
})

test('a home of an older version answers where it was asked: that teaches nothing', async () => {
  const { net, lifetime, learnt, node } = world({ lifetime: 20 * second }, {}, true, older => {
    const ping: typeof older.ping = (key, endpoint, { answerTo: _, ...options } = {}) =>
      older.ping(key, endpoint, options)
    return { ping, home: older.home.bind(older), receive: older.receive }
  })
  await net.run(30 * minute)
  assert.deepEqual([lifetime.facts, learnt], [null, []])
  assert.ok(node.sent.some(({ port }) => port !== 51_820))
})

test('a node that is no home teaches nothing', async () => {
  const { net, lifetime, learnt } = world({ lifetime: 20 * second }, {}, false)
  await net.run(30 * minute)
  assert.deepEqual([lifetime.keepalive, learnt], [25, []])
})

test('a home that takes no such question teaches nothing, though the mapping would be gone', async () => {
  const { net, desk, lifetime, learnt } = world({ lifetime: 20 * second })
  // every token is a wrong one from now on
  desk.isToken = () => false
  await net.run(30 * minute)
  assert.deepEqual([lifetime.keepalive, learnt], [25, []])
})

test('the network changes in the silence, or the machine slept: that experiment says nothing', async () => {
  const moved = world({ lifetime: 600 * second })
  await moved.net.run(1 * minute + 20 * second)
  assert.equal(moved.node.open, 1)
  moved.lifetime.moved()
  assert.equal(moved.node.open, 0)
  await moved.net.run(30 * second)
  assert.equal(moved.lifetime.facts, null)
  moved.lifetime.stop()

  let slept = 0
  const { net, lifetime } = world({ lifetime: 600 * second })
  const { wall } = net.simulation
  net.simulation.wall = () => wall.call(net.simulation) + slept
  await net.run(1 * minute + 20 * second)
  slept = 10 * minute
  const works = () => lifetime.facts?.works ?? null
  await net.run(1 * minute)
  assert.equal(works(), null)
  await net.run(6 * minute)
  assert.ok(works()! >= 35)
})

test('no nftables, no home, no NAT: the usual, and nothing is sent', async () => {
  for (const parts of [{ branches: () => null }, { home: () => null }, { address: () => null }]) {
    const { net, node, lifetime } = world({ lifetime: 20 * second }, parts)
    await net.run(30 * minute)
    assert.equal(node.sent.filter(({ port }) => port !== 51_820).length, 0)
    assert.equal(lifetime.keepalive, 25)
  }
})

test('what is remembered is used at once, and not learnt again', async () => {
  const known = [{ address, works: 110, fails: 160, at: 1_800_000_000_000 }]
  const { net, node, lifetime } = world({ lifetime: 120 * second }, { known })
  assert.equal(lifetime.keepalive, 82)
  await net.run(30 * minute)
  assert.equal(node.sent.filter(({ port }) => port !== 51_820).length, 0)
})

test('stopped in an experiment: its branch is closed, nothing is sent any more', async () => {
  const { net, node, lifetime } = world({ lifetime: 20 * second })
  await net.run(1 * minute + 20 * second)
  assert.equal(node.open, 1)
  lifetime.stop()
  assert.equal(node.open, 0)
  const before = node.sent.filter(({ port }) => port !== 51_820).length
  await net.run(30 * minute)
  assert.equal(node.sent.filter(({ port }) => port !== 51_820).length, before)
})
