// Work decides who is spoken with, and of. Nodes with too little of it try every way in.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { LevelDatastore } from 'datastore-level'
import { Gate, peerOf } from '../../../src/drivers/dht/gate.ts'
import type { PublicKey } from '../../../src/protocol/identity/key.ts'
import { workbitOf } from '../../../src/protocol/identity/workbit.ts'
import { dial, keyWith, knows, meet, type Node, namespace, recordOf, type Stranger, until, World } from './world.ts'

const workbit = 8
const world = new World(workbit)
let honest: Node[]
/** One for each workbit from 0 to 7. */
let lazy: Stranger[]
let folder: string
before(async () => {
  folder = world.folder()
  await world.add({ dataFolder: folder })
  await world.grow(7)
  honest = world.nodes
  lazy = await Promise.all(Array.from({ length: workbit }, (_, i) => world.stranger(keyWith(i, i + 1))))
})
after(() => world.stop())

const nowhere = (other: { publicKey: PublicKey }) => {
  for (const node of honest) assert.ok(!knows(node, other as never))
}

test('the strangers have what they should', () => {
  assert.deepEqual(
    lazy.map(({ publicKey }) => workbitOf(publicKey, namespace)),
    [0, 1, 2, 3, 4, 5, 6, 7],
  )
})

test('who has too little work dials in vain, and stands in no table', async () => {
  for (const stranger of lazy) {
    // the dial itself may seem to succeed: the door is closed after the handshake
    await dial(stranger, honest[0]!).catch(() => {})
    await until(() => stranger.node.getConnections().length === 0)
    nowhere(stranger)
  }
  assert.ok((honest[0]!.directory.status().rejected['too little work: inbound'] ?? 0) >= lazy.length)
})

test('who has too little work is not dialled', async () => {
  for (const stranger of lazy) await assert.rejects(meet(honest[1]!, stranger), /too little work/)
  nowhere(stranger0())
  assert.ok((honest[1]!.directory.status().rejected['too little work: dial'] ?? 0) >= lazy.length)
})

const stranger0 = () => lazy[0]!

test('a node with work that names those without is heard, and they are not', async () => {
  // it has done its work, takes part, and has all the others in its table
  const accomplice = await world.stranger()
  for (const stranger of lazy) await dial(accomplice, stranger)
  await until(() => accomplice.parts.routingTable.size >= lazy.length)
  await meet(honest[0]!, accomplice)
  await until(() => knows(honest[0]!, accomplice))

  const { id, value } = recordOf(honest[0]!.key)
  await honest[0]!.directory.publish(id, value)
  // a slow machine may not wait for the accomplice's answer the first time
  await until(async () => {
    for await (const _ of honest[0]!.directory.find(id));
    return (honest[0]!.directory.status().rejected['too little work: named'] ?? 0) > 0
  })
  for (const stranger of lazy) nowhere(stranger)
  const ours = honest.map(({ publicKey }) => peerOf(publicKey).toString())
  for (const { node } of lazy) {
    const callers = node.getConnections().filter(({ direction }) => direction === 'inbound')
    const names = callers.map(({ remotePeer }) => remotePeer.toString())
    assert.deepEqual(
      names.filter(peer => ours.includes(peer)),
      [],
      'none of us called them',
    )
  }

  // and nobody hears of them from us
  for (const node of honest.slice(0, 3)) {
    for (const { publicKey } of lazy) {
      const key = peerOf(publicKey).toMultihash().bytes
      for (const type of ['FIND_NODE', 'GET_VALUE']) {
        for (const event of await accomplice.ask(node, { type, key })) {
          if (event.name !== 'PEER_RESPONSE') continue
          const named = event.closer.map(({ id }) => id.toString())
          for (const { publicKey: other } of lazy) assert.ok(!named.includes(peerOf(other).toString()), type)
        }
      }
    }
  }
})

test('an answer that names hundreds is read as far as the tenth', async () => {
  const victim = await world.add()
  const liar = await world.stranger()
  const named = Array.from({ length: 100 }, (_, i) => ({
    id: peerOf(keyWith(workbit).publicKey()).toMultihash().bytes,
    multiaddrs: [multiaddr(`/ip4/10.77.0.${i}/udp/51820`).bytes],
  }))
  liar.parts.rpc.handleMessage = async (_, { type }) => ({ type, closer: named, providers: named })
  await meet(victim, liar)
  const before = victim.port.dials
  for await (const _ of victim.directory.find(recordOf(keyWith(0)).id));
  assert.ok(victim.port.dials > before, 'some were called')
  assert.ok(victim.port.dials - before <= 10, `${victim.port.dials - before} dials`)
})

test('members and boot nodes of the file need no work', async () => {
  const friend = keyWith(0, workbit)
  const host = await world.add({ exempt: key => key === friend.publicKey() })
  const guest = await world.add({}, friend)
  await meet(guest, host)
  await until(() => knows(host, guest))
})

test('over W the key of the OPEN must be the one of the Noise handshake', async () => {
  const [victim] = honest
  const real = keyWith(workbit)
  const liar = await world.stranger(real)
  // the fabric says another key for the stream, one that has work
  Object.defineProperty(liar.port, 'key', { value: keyWith(workbit).publicKey() })
  await dial(liar, victim!).catch(() => {})
  await until(() => liar.node.getConnections().length === 0)
  assert.ok(!knows(victim!, liar))
})

test('one key cannot take all connections', async () => {
  const [victim] = honest
  const greedy = await world.stranger()
  for (let i = 0; i < 8; i++) await greedy.node.dial(addressOf(victim!), { force: true }).catch(() => {})
  await until(() => (victim!.directory.status().rejected['too many connections of one peer'] ?? 0) >= 4)
})

const addressOf = (node: Node) =>
  multiaddr(`/ip4/${node.endpoint.host}/udp/${node.endpoint.port}/p2p/${peerOf(node.publicKey)}`)

test('what is named to us is dialled only if it is an address of one node: no names, nothing of our own machine', () => {
  const parts = { namespace, workbit: 0, exempt: () => false, connections: () => 0, count: () => {} }
  const gate = new Gate(parts)
  const allows = (text: string) => gate.allows(multiaddr(text))
  assert.ok(allows('/ip4/192.0.2.1/udp/51820'))
  assert.ok(allows('/ip6/2001:db8::1/tcp/51820'))
  for (const text of [
    '/dns4/example.org/tcp/51820',
    '/dnsaddr/example.org',
    '/ip4/127.0.0.1/tcp/22',
    '/ip6/::1/tcp/22',
    '/ip4/0.0.0.0/tcp/22',
    '/ip6/::/tcp/22',
    '/ip6/::ffff:127.0.0.1/tcp/22',
    '/ip4/224.0.0.1/udp/51820',
    '/ip4/255.255.255.255/udp/51820',
    '/ip6/ff02::1/udp/51820',
    '/ip4/192.0.2.1/tcp/0',
    '/ip4/192.0.2.1/tcp/80/ws',
    '/ip4/192.0.2.1/udp/51820/quic-v1',
    `/ip4/192.0.2.1/tcp/51820/p2p/${peerOf(keyWith(0).publicKey())}/p2p-circuit`,
    '/unix/%2Ftmp%2Fx',
    '/memory/1',
  ]) {
    assert.ok(!allows(text), text)
  }
  gate.loopback = true
  assert.ok(allows('/ip4/127.0.0.1/tcp/51820'))
})

test('the peer store holds nobody without work', async () => {
  await honest[0]!.directory.stop()
  const level = new LevelDatastore(folder)
  await level.open()
  const peers: string[] = []
  for await (const { key, value } of level.query({ prefix: '/peers' })) peers.push(`${key} ${value.length}`)
  await level.close()
  const nameOf = (key: PublicKey) => peerOf(key).toCID().toString()
  assert.ok(
    peers.some(line => line.includes(nameOf(honest[1]!.publicKey))),
    'a neighbour is there',
  )
  for (const { publicKey } of lazy) {
    const name = nameOf(publicKey)
    assert.ok(!peers.some(line => line.includes(name)), `${name} of ${peers.join('\n')}`)
  }
})
