// Who stands in the routing table: not the dead, not too many of one network, clients never; and how a node finds its neighbours.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatPeerAddress } from '../../../src/drivers/dht/address.ts'
import type { WalkStep } from '../../../src/drivers/dht/directory.ts'
import { Gate, peerOf } from '../../../src/drivers/dht/gate.ts'
import { commonBits, hasRoom, ipGroup } from '../../../src/drivers/dht/ip-groups.ts'
import { Kademlia } from '../../../src/drivers/dht/kademlia.ts'
import { Values } from '../../../src/drivers/dht/values.ts'
import { systemClock } from '../../../src/os/clock.ts'
import { systemCrypto } from '../../../src/os/crypto.ts'
import { findAll, keyWith, knows, meet, type Node, namespace, recordOf, until, World } from './world.ts'

/** Runs with a world of its own. */
async function inWorld(body: (world: World) => Promise<void>): Promise<void> {
  const world = new World()
  try {
    await body(world)
  } finally {
    await world.stop()
  }
}

const public_ = (group: number, host: number) => ({ host: `9.9.${group}.${host}`, port: 51820 })
const membersOf = (node: Node, group: number) =>
  node.directory.neighbours().filter(({ endpoint }) => endpoint?.host.startsWith(`9.9.${group}.`)).length

test('groups: /24 and /48 of the Internet, none of addresses that are private or cost nothing', () => {
  assert.equal(ipGroup('9.9.9.9'), '9.9.9.0/24')
  assert.equal(ipGroup('9.9.9.200'), '9.9.9.0/24')
  assert.equal(ipGroup('2a00:1450:4001:80e::200e'), '2a00:1450:4001::/48')
  const free = [
    '10.1.2.3',
    '127.0.0.1',
    '192.168.1.1',
    '172.31.0.1',
    '100.64.0.1',
    '169.254.1.1',
    '198.51.100.7',
    'fd00::1',
  ]
  for (const address of [...free, 'fe80::1', '::1', '2001:db8::1']) assert.equal(ipGroup(address), null, address)
})

test('room: three in the table, two in a bucket', () => {
  const at = (bucket: number, group: string | null = 'g') => ({ bucket, group })
  assert.ok(hasRoom(at(0), [at(0), at(1), at(1, 'other'), at(0, null)]))
  assert.ok(!hasRoom(at(0), [at(0), at(0)]))
  assert.ok(!hasRoom(at(5), [at(0), at(1), at(2)]))
  assert.ok(hasRoom(at(0, null), [at(0, null), at(0, null), at(0, null)]))
})

test('the bits that two ids share', () => {
  assert.equal(commonBits(Uint8Array.of(0b1010_0000), Uint8Array.of(0b1011_0000)), 3)
  assert.equal(commonBits(Uint8Array.of(7, 0x80), Uint8Array.of(7, 0)), 8)
  assert.equal(commonBits(Uint8Array.of(7, 7), Uint8Array.of(7, 7)), 16)
})

test('of one IP group no more than three enter a table, however they come', () =>
  inWorld(async world => {
    const victim = await world.add()
    const many = await Promise.all(Array.from({ length: 8 }, (_, i) => world.add({ endpoint: public_(1, i + 1) })))
    const few = await world.add({ endpoint: public_(2, 1) })
    // all at once, in both directions
    await Promise.all(many.flatMap(node => [meet(node, victim), meet(victim, node)]))
    await meet(few, victim)
    await until(() => knows(victim, few))
    await until(() => (victim.directory.status().rejected['too many of one IP group'] ?? 0) > 0)
    assert.ok(membersOf(victim, 1) >= 1 && membersOf(victim, 1) <= 3, `${membersOf(victim, 1)}`)
    // and they stay out when others name them
    for await (const _ of victim.directory.find(recordOf(keyWith(0)).id));
    assert.ok(membersOf(victim, 1) <= 3)
  }))

test('members and boot nodes of the file may share a network', () =>
  inWorld(async world => {
    const keys = Array.from({ length: 5 }, () => keyWith(0))
    const friends = new Set(keys.map(key => key.publicKey()))
    const node = await world.add({ exempt: key => friends.has(key) })
    const members = await Promise.all(keys.map((key, i) => world.add({ endpoint: public_(3, i + 1) }, key)))
    for (const member of members) await meet(node, member)
    assert.equal(membersOf(node, 3), 5)
  }))

test('who does not answer leaves the table, and the next look-up does not wait for it', () =>
  inWorld(async world => {
    await world.grow(8)
    const [asking, ...others] = world.nodes
    for (const other of others) await meet(asking!, other)
    await until(() => asking!.directory.status().peers === 7)
    const dead = others.slice(0, 3)
    for (const { port } of dead) port.cut = true
    // the first look-up notices
    const first = await stepsOf(asking!, recordOf(keyWith(0)).id)
    assert.ok(first.some(({ answered }) => answered === 'error'))
    await until(() => dead.every(node => !knows(asking!, node)), 8_000)
    const second = await stepsOf(asking!, recordOf(keyWith(0)).id)
    assert.deepEqual(
      second.filter(({ answered }) => answered === 'error'),
      [],
    )
    for (const node of others.slice(3)) assert.ok(knows(asking!, node))
  }))

test('a value is there long before the dead have been waited for', () =>
  inWorld(async world => {
    await world.grow(8)
    const [asking, owner, ...others] = world.nodes
    for (const other of [owner!, ...others]) await meet(asking!, other)
    await until(() => asking!.directory.status().peers === 7)
    const { id, value } = recordOf(owner!.key)
    await owner!.directory.publish(id, value)
    for (const { port } of others.slice(0, 2)) port.cut = true
    const seen: string[] = []
    const onStep = ({ answered }: WalkStep) => seen.push(answered)
    for await (const _ of asking!.directory.find(id, { onStep })) seen.push('yield')
    assert.ok(seen.includes('error'), 'the dead were asked')
    assert.ok(seen.indexOf('yield') < seen.indexOf('error'), seen.join(' '))
  }))

async function stepsOf(node: Node, id: Uint8Array): Promise<WalkStep[]> {
  const steps: WalkStep[] = []
  for await (const _ of node.directory.find(id, { onStep: step => steps.push(step) }));
  return steps
}

test('a client stands in no table; a server does as soon as it is one, and until it is not', () =>
  inWorld(async world => {
    const [a, b] = await world.grow(2)
    const client = await world.add({ server: false })
    await meet(client, a!)
    assert.equal(client.directory.status().mode, 'client')
    // time for identify and its ping
    await findAll(client.directory, recordOf(keyWith(0)).id)
    assert.ok(knows(client, a!))
    assert.ok(!knows(a!, client))

    await client.directory.setServer(true)
    assert.equal(client.directory.status().mode, 'server')
    await until(() => knows(a!, client))

    await client.directory.setServer(false)
    await findAll(a!.directory, recordOf(keyWith(0)).id)
    await until(() => !knows(a!, client))
    assert.ok(knows(a!, b!))
  }))

test('a server on private addresses is a server from the start', () =>
  inWorld(async world => {
    const [a, b] = await world.grow(2)
    assert.equal(a!.directory.status().mode, 'server')
    await until(() => knows(a!, b!) && knows(b!, a!))
  }))

test('who knows one node soon knows others', () =>
  inWorld(async world => {
    await world.grow(6)
    const late = await world.add()
    // past kad-dht's own walk at the start, which finds nobody
    await findAll(late.directory, recordOf(keyWith(0)).id, AbortSignal.timeout(300))
    await meet(late, world.nodes[0]!)
    await until(() => late.directory.status().peers >= 4)
  }))

test('a look-up that begins before anybody is known waits for the first', () =>
  inWorld(async world => {
    const [a] = await world.grow(3)
    const { id, value } = recordOf(a!.key)
    await a!.directory.publish(id, value)
    const late = await world.add()
    const found = findAll(late.directory, id)
    await meet(late, a!)
    assert.deepEqual((await found)[0], value)
  }))

test('an address that changes is announced to who is connected', () =>
  inWorld(async world => {
    const [a, b] = await world.grow(2)
    const moved = { host: '10.200.0.1', port: 4000 }
    world.fabric.ports.set('10.200.0.1:4000', b!.port)
    await b!.directory.announce([moved])
    // a client, whom b does not dial; told by a alone, and the old address leads nowhere
    const asking = await world.add({ server: false })
    world.fabric.ports.delete(`${b!.endpoint.host}:${b!.endpoint.port}`)
    await meet(asking, a!)
    await until(async () => {
      await findAll(asking.directory, recordOf(keyWith(0)).id)
      return knows(asking, b!)
    })
    assert.deepEqual(asking.directory.neighbours().find(({ key }) => key === b!.publicKey)?.endpoint, moved)
  }))

test('many that come at once all find their place', () =>
  inWorld(async world => {
    const { dht, parts, endpoint } = await world.stranger()
    const remoteAddr = formatPeerAddress('udp', endpoint)
    const gate = new Gate({ namespace, workbit: 0, exempt: () => false, connections: () => 1, count: () => {} })
    const values = new Values({ clock: systemClock, crypto: systemCrypto, ourId: new Uint8Array(32), count: () => {} })
    const around = {
      clock: systemClock,
      gate,
      values,
      count: () => {},
      connections: () => [{ remoteAddr }],
      named: () => {},
    }
    new Kademlia(dht, around)
    const { kb } = parts.routingTable
    const verify = kb.verify.bind(kb)
    let turns = 0
    kb.verify = async peer => {
      // as answers do, they come one after the other, and some while a full leaf is being split
      const wait = 3 * turns++
      for (let i = 0; i < wait; i++) await null
      return verify(peer)
    }
    const peers = Array.from({ length: 80 }, () => peerOf(keyWith(0).publicKey()))
    await Promise.all(peers.map(peer => parts.routingTable.add(peer)))
    assert.equal(parts.routingTable.size, peers.length)
  }))
