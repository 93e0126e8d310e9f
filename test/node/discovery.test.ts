// Several nodes on an invented network, in simulated time: the real channel, records and path machines; no DHT.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PublicKey } from '../../src/protocol/identity/key.ts'
import { PrivateKey } from '../../src/protocol/identity/key.ts'
import { Internet, SimNode } from '../sim/internet.ts'

const second = 1_000

function keyOf(number: number): PrivateKey {
  return new PrivateKey(Uint8Array.from({ length: 32 }, (_, i) => (i * 7 + number * 31) & 0xff))
}

async function world(seed: number, names = 2) {
  const internet = new Internet(seed)
  const boot = new SimNode(internet, keyOf(100), '192.0.2.100', 51_820)
  const nodes = Array.from(
    { length: names },
    (_, i) => new SimNode(internet, keyOf(i), `198.51.${100 + i}.1`, 20_000 + i),
  )
  const boots = [{ key: boot.key, endpoint: boot.endpoint }]
  const wanted = (self: SimNode) => ({
    boots,
    members: nodes.filter(node => node !== self).map(({ key }) => ({ key, endpoints: [] })),
  })
  await boot.start({ interfaceName: null, ownEndpoints: [boot.endpoint] })
  const run = (time: number, done?: () => boolean) =>
    internet.simulation.runAsync(internet.simulation.now() + time, done)
  return { internet, boot, nodes, wanted, run }
}

const knows = (node: SimNode, other: SimNode) => {
  const found = node.peers.get(other.key)
  return found?.host === other.address && found.port === other.port
}

for (const loss of [0, 0.3]) {
  test(`two members find each other through one boot node, with ${100 * loss} % loss`, async () => {
    const { internet, nodes, wanted, run } = await world(1)
    const [a, b] = nodes as [SimNode, SimNode]
    internet.loss = loss
    await a.start(wanted(a))
    await run(5 * second)
    const began = internet.simulation.now()
    await b.start(wanted(b))
    await run(120 * second, () => knows(a, b) && knows(b, a))
    assert.ok(knows(a, b) && knows(b, a))
    // FIND, RECORD, PING, PONG: two round trips of 20 ms where nothing is lost
    if (loss === 0) assert.ok(internet.simulation.now() - began < 100, String(internet.simulation.now() - began))
  })
}

test('with the boot node dead, all restarted together find one another by what they remember', async () => {
  const { boot, nodes, wanted, run } = await world(2, 3)
  for (const node of nodes) await node.start(wanted(node))
  const all = () => nodes.every(node => nodes.every(other => other === node || knows(node, other)))
  await run(60 * second, all)
  assert.ok(all())
  await boot.discovery.stop()
  for (const node of nodes) await node.discovery.stop()
  for (const node of nodes) node.peers.clear()
  for (const node of nodes) await node.start(wanted(node))
  await run(5 * second, all)
  assert.ok(all())
  await run(10 * second, () => nodes.every(node => [...node.warnings.values()].some(line => /boot node/.test(line))))
  for (const node of nodes)
    assert.match([...node.warnings.values()].join(), /boot node .* does not answer; trying again/)
})

test('one member that is alive is enough to find the others', async () => {
  const { boot, nodes, wanted, run } = await world(3, 3)
  const [a, b, c] = nodes as [SimNode, SimNode, SimNode]
  await a.start(wanted(a))
  await b.start(wanted(b))
  await run(60 * second, () => knows(a, b) && knows(b, a))
  await boot.discovery.stop()
  // c knows a, by its file, and nothing else
  const members = wanted(c).members.map(member =>
    member.key === a.key ? { ...member, endpoints: [a.endpoint] } : member,
  )
  await c.start({ boots: [], members })
  await run(30 * second, () => knows(c, b) && knows(b, c))
  assert.ok(knows(c, b))
  assert.ok(knows(b, c))
})

test('a member that moves is followed by who talks to it, without anybody else', async () => {
  const { boot, nodes, wanted, run } = await world(4)
  const [a, b] = nodes as [SimNode, SimNode]
  for (const node of nodes) await node.start(wanted(node))
  await run(60 * second, () => knows(a, b) && knows(b, a))
  await boot.discovery.stop()
  a.talk(b)
  b.talk(a)
  await run(15 * second)
  b.move('203.0.113.7')
  const began = b.internet.simulation.now()
  await run(30 * second, () => knows(a, b))
  assert.ok(knows(a, b))
  assert.ok(b.internet.simulation.now() - began < 1 * second, String(b.internet.simulation.now() - began))
})

test('a member that moves while nobody talks to it is found when somebody does, without anybody else', async () => {
  const { boot, nodes, wanted, run } = await world(4)
  const [a, b] = nodes as [SimNode, SimNode]
  for (const node of nodes) await node.start(wanted(node))
  await run(60 * second, () => knows(a, b) && knows(b, a))
  await boot.discovery.stop()
  b.move('203.0.113.7')
  await run(60 * second)
  a.talk(b)
  await run(30 * second, () => knows(a, b) && knows(b, a))
  assert.ok(knows(a, b))
  assert.ok(knows(b, a))
})

test('a replayed PING from elsewhere moves nobody', async () => {
  const { internet, nodes, wanted, run } = await world(5)
  const [a, b] = nodes as [SimNode, SimNode]
  for (const node of nodes) await node.start(wanted(node))
  await run(60 * second, () => knows(a, b) && knows(b, a))
  const fromB = internet.sent.filter(({ from, to }) => from.host === b.address && to.host === a.address)
  const attacker = { host: '203.0.113.66', port: 1 }
  for (const { bytes } of fromB) internet.send(attacker, a.endpoint, bytes)
  const before = internet.sent.length
  await run(30 * second)
  assert.ok(knows(a, b))
  // what the attacker's address gets is bounded: an answer to each PING, and a few probes
  const toAttacker = internet.sent.slice(before).filter(({ to }) => to.host === attacker.host)
  assert.ok(toAttacker.length <= fromB.length + 8, `${toAttacker.length} for ${fromB.length}`)
})

test('a clock that is years wrong is said aloud', async () => {
  const { nodes, wanted, run } = await world(6)
  const [a] = nodes as [SimNode]
  const years = 3 * 365 * 24 * 3600 * second
  await a.start(wanted(a), -years)
  await run(10 * second, () => a.warnings.has('clock'))
  assert.match(a.warnings.get('clock') ?? '', /the clock of this machine is 1095 days behind/)
})

test('no datagram on the wire has a public key in it', async () => {
  const { internet, boot, nodes, wanted, run } = await world(7)
  for (const node of nodes) await node.start(wanted(node))
  await run(30 * second)
  assert.ok(internet.sent.length >= 12)
  const keys = [boot, ...nodes].map(({ key }: { key: PublicKey }) => Buffer.from(key, 'base64url'))
  for (const { bytes } of internet.sent) {
    for (const key of keys) assert.equal(Buffer.from(bytes).indexOf(key.subarray(0, 8)), -1)
  }
})
