// Those who do not play by the rules, on the invented network of `test/sim`: what they hand over, replay and make up.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoint } from '../../src/base/ip.ts'
import { day, minute, second, type Time } from '../../src/base/time.ts'
import { Channel, type ChannelHandlers } from '../../src/drivers/control/channel.ts'
import { systemCrypto } from '../../src/os/crypto.ts'
import { noTransaction } from '../../src/protocol/control/message.ts'
import { type NodeRecord, placeOf, signRecord } from '../../src/protocol/directory/record.ts'
import { PrivateKey, type PublicKey } from '../../src/protocol/identity/key.ts'
import { runDrained } from '../sim/drained.ts'
import { Internet, SimNode } from '../sim/internet.ts'

const keyOf = (number: number) =>
  new PrivateKey(Uint8Array.from({ length: 32 }, (_, i) => (i % 2 === 0 ? number : number >> 8) & 0xff))
const evil: Endpoint = { host: '203.0.113.66', port: 6_666 }

/** One boot node, and members a and b that have found each other; all have their records. */
async function world(seed: number) {
  const internet = new Internet(seed)
  const { simulation } = internet
  const boot = new SimNode(internet, keyOf(100), '192.0.2.100', 51_820)
  const [a, b] = [1, 2].map(i => new SimNode(internet, keyOf(i), `198.51.${100 + i}.1`, 20_000 + i)) as [
    SimNode,
    SimNode,
  ]
  const boots = [{ key: boot.key, endpoint: boot.endpoint }]
  const run = (time: Time, done?: () => boolean) => runDrained(simulation, simulation.now() + time, done)
  await boot.start({ interfaceName: null, ownEndpoints: [boot.endpoint] })
  await a.start({ boots, members: [{ key: b.key, endpoints: [] }] })
  await b.start({ boots, members: [{ key: a.key, endpoints: [] }] })
  const records = () => [a, b, boot].every(node => [a, b].every(of => of === node || recordOf(node, of.key)))
  await run(1 * minute, () => a.peers.has(b.key) && b.peers.has(a.key) && records())
  assert.ok(records())
  // budgets are full again
  await run(2 * second)
  assert.deepEqual(a.peers.get(b.key), b.endpoint)
  return { internet, simulation, boot, a, b, boots, run }
}

/** Somebody with a key and a port who speaks the protocol, and says what the test wants. */
function stranger(internet: Internet, key: PrivateKey, at: Endpoint, handlers: ChannelHandlers = {}) {
  const { simulation } = internet
  const channel = new Channel({
    os: { clock: simulation, random: simulation, crypto: systemCrypto },
    port: { send: (bytes, to) => internet.send(at, to, bytes) },
    privateKey: key,
    network: 'test',
    namespace: 'public',
    workbit: 0,
    ...handlers,
  })
  internet.listen(at, channel.receive)
  const push = (record: Uint8Array, to: SimNode) =>
    channel.send({ type: 'record', transaction: noTransaction, record }, to.key, to.endpoint)
  return { channel, push }
}

type Signing = Partial<Pick<NodeRecord, 'sequence' | 'expires'>> & { namespace?: string; at?: Endpoint }

function sign({ simulation }: Internet, key: PrivateKey, options: Signing = {}): Uint8Array {
  const { namespace = 'public', at = evil, ...fields } = options
  const record: NodeRecord = {
    sequence: Math.floor(simulation.wall() / second) + 1_000,
    expires: simulation.wall() + day,
    endpoints: [{ kind: 'fixed', endpoint: at }],
    homes: [],
    nat: 'none',
    ...fields,
  }
  return signRecord(systemCrypto, key, namespace, record, count => simulation.bytes(count))
}

const recordOf = (node: SimNode, key: PublicKey) => node.discovery.inquiry.record(key)
const idOf = (key: PublicKey) => placeOf(key, 'public').id
const sentTo = (internet: Internet, from: SimNode, to: Endpoint) =>
  internet.sent.filter(sent => sent.from.host === from.address && sent.to.host === to.host)

test('a third party cannot hand over a record of somebody else, genuine or forged', async () => {
  const { internet, simulation, a, b, boot, run } = await world(1)
  const { channel, push } = stranger(internet, keyOf(66), evil)
  const before = recordOf(a, b.key)
  const finding = channel.find(boot.key, boot.endpoint, idOf(b.key))
  await run(100)
  const genuine = (await finding)!
  assert.ok(genuine.length > 0, 'the boot node holds it')
  const forged = Uint8Array.from(genuine)
  forged[40]! ^= 1
  const newer = sign(internet, keyOf(2), { sequence: Math.floor(simulation.wall() / second) + 5_000 })
  for (const record of [genuine, forged, newer, new Uint8Array(300), Uint8Array.of(1)]) push(record, a)
  await run(1 * minute)
  assert.deepEqual(recordOf(a, b.key), before)
  assert.deepEqual(a.discovery.inquiry.refused(), { signature: 3, version: 1, malformed: 1 })
  assert.deepEqual(a.peers.get(b.key), b.endpoint)
})

test('nor can a member: only the record of who sent it counts', async () => {
  const { internet, a, b, boots, run } = await world(2)
  const c = keyOf(3)
  const at: Endpoint = { host: '198.51.103.1', port: 20_003 }
  const { push } = stranger(internet, c, at)
  await a.discovery.update({
    ...wantedOf(a, boots),
    members: [b.key, c.publicKey()].map(key => ({ key, endpoints: [] })),
  })
  const before = recordOf(a, b.key)
  push(sign(internet, keyOf(2)), a)
  await run(1 * second)
  assert.deepEqual(recordOf(a, b.key), before)
  assert.deepEqual(a.discovery.inquiry.refused(), { signature: 1 })
  push(sign(internet, c, { at }), a)
  await run(10 * second, () => a.peers.has(c.publicKey()))
  assert.deepEqual(a.peers.get(c.publicKey()), at, 'its own does')
})

function wantedOf(node: SimNode, boots: readonly { key: PublicKey; endpoint: Endpoint }[]) {
  return {
    listenPort: node.port,
    interfaceName: 'wh-test',
    overlays: [],
    boots,
    members: [] as { key: PublicKey; endpoints: Endpoint[] }[],
    ownEndpoints: [],
  }
}

test('a RECORD that was recorded on the wire and comes again takes nobody back', async () => {
  const { internet, a, b, run } = await world(3)
  const old = b.address
  const replayed = sentTo(internet, b, a.endpoint)
  b.move('203.0.113.7')
  await run(30 * second, () => a.peers.get(b.key)?.host === b.address)
  await run(5 * second)
  const before = recordOf(a, b.key)
  assert.deepEqual(before?.endpoints[0]?.endpoint.host, b.address)
  for (const { bytes } of replayed) internet.send(evil, a.endpoint, bytes)
  await run(10 * second)
  assert.deepEqual(recordOf(a, b.key), before)
  const { older = 0 } = a.discovery.inquiry.refused()
  assert.ok(older > 0, 'and counted')
  assert.notEqual(a.peers.get(b.key)?.host, old)
})

for (const [what, lie, reason] of [
  ['an older record', (internet: Internet) => sign(internet, keyOf(2), { sequence: 5 }), 'older'],
  ['one of another namespace', (internet: Internet) => sign(internet, keyOf(2), { namespace: 'other' }), 'signature'],
  ['one that it has made up', (internet: Internet) => sign(internet, keyOf(66)), 'signature'],
  ['one that has expired', (internet: Internet) => sign(internet, keyOf(2), { expires: 1_700_000_000_000 }), 'expired'],
  [
    'one that is valid for years',
    (internet: Internet) => sign(internet, keyOf(2), { expires: internet.simulation.wall() + 365 * day }),
    'too far ahead',
  ],
  ['random bytes', (internet: Internet) => internet.simulation.bytes(400), null],
] as const) {
  test(`a boot node that answers with ${what} leads nobody astray`, async () => {
    const { internet, a, b, run } = await world(4)
    const asked: string[] = []
    stranger(internet, keyOf(200), evil, {
      answerFind: id => {
        asked.push(Buffer.from(id).toString('hex'))
        return lie(internet)
      },
    })
    const before = recordOf(a, b.key)
    await a.discovery.update({
      ...wantedOf(a, [{ key: keyOf(200).publicKey(), endpoint: evil }]),
      members: [{ key: b.key, endpoints: [] }],
    })
    await run(1 * second)
    void a.discovery.inquiry.lookUp(b.key, () => {})
    await run(20 * second)
    assert.ok(asked.includes(Buffer.from(idOf(b.key)).toString('hex')))
    assert.deepEqual(recordOf(a, b.key), before)
    assert.deepEqual(a.peers.get(b.key), b.endpoint)
    const refused = a.discovery.inquiry.refused()
    const counted = reason === null ? Object.values(refused).reduce((sum, count) => sum + count, 0) : refused[reason]
    assert.ok((counted ?? 0) > 0, JSON.stringify(refused))
  })
}

test('a lie that is signed by the member itself sends a few probes there, and no tunnel', async () => {
  const { internet, a, b, run } = await world(5)
  const victim: Endpoint = { host: '203.0.113.99', port: 53 }
  b.discovery.stop()
  const { push } = stranger(internet, keyOf(2), b.endpoint)
  push(sign(internet, keyOf(2), { at: victim }), a)
  await run(10 * minute)
  assert.deepEqual(a.peers.get(b.key), b.endpoint)
  const probes = sentTo(internet, a, victim)
  // six rungs a hunt, and hunts with pauses that grow from 15 s to 5 minutes
  assert.ok(probes.length > 0 && probes.length <= 60, String(probes.length))
})

test('a stranger’s own record is kept for who knows his key', async () => {
  const { internet, boot, run } = await world(6)
  const { push } = stranger(internet, keyOf(66), evil)
  const value = sign(internet, keyOf(66))
  push(value, boot)
  await run(1 * second)
  const { channel } = stranger(internet, keyOf(67), { host: '203.0.113.67', port: 1 })
  const finding = channel.find(boot.key, boot.endpoint, idOf(keyOf(66).publicKey()))
  await run(1 * second)
  assert.deepEqual(Buffer.from((await finding)!), Buffer.from(value))
})

test('lots of strangers handing records: so many a second cost us a curve operation, and members are served all the while', async () => {
  const { internet, simulation, boot, a, b, boots, run } = await world(7)
  const count = 560
  for (let i = 0; i < count; i++) {
    const key = keyOf(1_000 + i)
    const { push } = stranger(internet, key, { host: `10.${i >> 8}.${i & 0xff}.1`, port: 1 })
    push(sign(internet, key), boot)
  }
  await run(1 * second)
  // to a boot node, two members are strangers as well
  const refused = boot.discovery.inquiry.refused()['too many strangers']!
  assert.ok(refused >= count - 500 && refused <= count - 498, String(refused))
  // in the middle of it, a member comes that nobody knows yet
  const c = new SimNode(internet, keyOf(3), '198.51.103.1', 20_003)
  await c.start({ boots, members: [a, b].map(({ key }) => ({ key, endpoints: [] })) })
  const began = simulation.now()
  await run(30 * second, () => c.peers.has(a.key) && c.peers.has(b.key))
  assert.ok(simulation.now() - began < 1 * second)
  await run(2 * second)
  const late = keyOf(5_000)
  stranger(internet, late, evil).push(sign(internet, late), boot)
  await run(1 * second)
  assert.ok(recordOf(boot, late.publicKey()), 'a while later there is room again')
})
