// What happens to discovery when the file changes, and in networks of unusual shape, on the invented network of `test/sim`.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoint } from '../../src/base/ip.ts'
import { createLogger } from '../../src/base/log.ts'
import { hour, minute, second, type Time } from '../../src/base/time.ts'
import { Channel } from '../../src/drivers/control/channel.ts'
import type { Directory } from '../../src/drivers/dht/directory.ts'
import { Discovery } from '../../src/node/discovery.ts'
import { nothing, type Remembrance } from '../../src/node/memory.ts'
import type { Wanted } from '../../src/node/wanted.ts'
import { systemCrypto } from '../../src/os/crypto.ts'
import { checkRecord, placeOf } from '../../src/protocol/directory/record.ts'
import { overlayPrefix } from '../../src/protocol/identity/address.ts'
import { PrivateKey, type PublicKey } from '../../src/protocol/identity/key.ts'
import { huntsAtOnce } from '../../src/protocol/path/constants.ts'
import { runDrained } from '../sim/drained.ts'
import { Internet, SimNode } from '../sim/internet.ts'

const keyOf = (number: number) =>
  new PrivateKey(Uint8Array.from({ length: 32 }, (_, i) => (i % 2 === 0 ? number : number >> 8) & 0xff))
const nodeOf = (internet: Internet, number: number) =>
  new SimNode(internet, keyOf(number), `198.51.${100 + number}.1`, 20_000 + number)
const bootAt: Endpoint = { host: '192.0.2.100', port: 51_820 }
const boots = [{ key: keyOf(100).publicKey(), endpoint: bootAt }]
const named = (...nodes: { readonly key: PublicKey }[]) => nodes.map(({ key }) => ({ key, endpoints: [] }))
const wantedOf = (fields: Partial<Wanted>): Wanted => ({
  listenPort: 20_001,
  interfaceName: 'wh-test',
  overlays: [overlayPrefix('test')],
  boots,
  members: [],
  ownEndpoints: [],
  ...fields,
})

function world(seed: number) {
  const internet = new Internet(seed)
  const { simulation } = internet
  const boot = new SimNode(internet, keyOf(100), bootAt.host, bootAt.port)
  const [a, b] = [nodeOf(internet, 1), nodeOf(internet, 2)]
  const run = (time: Time, done?: () => boolean) => runDrained(simulation, simulation.now() + time, done)
  const sent = (from: SimNode, to: SimNode) =>
    internet.sent.filter(each => each.from.host === from.address && each.to.host === to.address)
  return { internet, simulation, boot, a, b, run, sent }
}

test('another port in the file: the old one is closed, and others follow to the new one', async () => {
  const { internet, boot, a, b, run } = world(1)
  await boot.start({ interfaceName: null, ownEndpoints: [bootAt] })
  await a.start({ boots, members: named(b) })
  await b.start({ boots, members: named(a) })
  await run(1 * minute, () => b.peers.has(a.key) && a.peers.has(b.key))
  a.talk(b)
  b.talk(a)
  await run(15 * second)
  const old = a.endpoint
  const moved = a as { port: number }
  moved.port = 30_000
  await a.discovery.update(wantedOf({ listenPort: 30_000, members: named(b) }))
  assert.deepEqual(
    a.discovery.status().endpoints.map(({ endpoint }) => endpoint.port),
    [30_000],
    'the record says nothing of the old port, though others saw it a moment ago',
  )
  await run(10 * second, () => b.peers.get(a.key)?.port === 30_000)
  assert.deepEqual(b.peers.get(a.key), { host: a.address, port: 30_000 })
  // nobody is there any more
  const before = a.discovery.status().control!.received
  internet.send(b.endpoint, old, new Uint8Array(200).fill(0xff))
  await run(1 * second)
  assert.equal(a.discovery.status().control!.received, before)
})

test('a boot node that is a member, too', async () => {
  const { boot, a, b, run } = world(2)
  await boot.start({ ownEndpoints: [bootAt], members: named(a, b) })
  await a.start({ boots, members: named(boot, b) })
  await b.start({ boots, members: named(boot, a) })
  const nodes = [boot, a, b]
  const all = () => nodes.every(node => nodes.every(other => other === node || node.peers.has(other.key)))
  await run(10 * second, all)
  for (const node of nodes) {
    for (const other of nodes) if (other !== node) assert.deepEqual(node.peers.get(other.key), other.endpoint)
  }
})

test('a boot node that was a member stays a boot node when it leaves the members', async () => {
  const { boot, a, run, sent } = world(3)
  await boot.start({ ownEndpoints: [bootAt], members: named(a) })
  await a.start({ boots, members: named(boot) })
  await run(10 * second, () => a.peers.has(boot.key))
  await a.discovery.update(wantedOf({ members: [] }))
  const before = sent(a, boot).length
  await run(5 * minute)
  assert.ok(sent(a, boot).length > before)
  assert.equal(a.warnings.has(`${boot.key} ${bootAt.host}:${bootAt.port}`), false)
})

test('a member that the file loses is not contacted any more, whatever was under way', async () => {
  for (const wait of [0, 5, 15, 25, 35, 45, 55, 70, 10_000]) {
    const { boot, a, b, run, sent } = world(4)
    await boot.start({ interfaceName: null, ownEndpoints: [bootAt] })
    // b answers what it is asked, and has no interest in a
    await b.start({ boots, members: [] })
    await run(5 * second)
    await a.start({ boots, members: named(b) })
    await run(wait)
    await a.discovery.update(wantedOf({ members: [] }))
    const before = sent(a, b).length
    await run(30 * minute)
    assert.equal(sent(a, b).length, before, `${wait} ms after the start`)
    if (wait > 1_000) assert.ok(before > 0)
    await a.discovery.stop()
    assert.equal(a.memory.peers.has(b.key), false)
  }
})

test('who waits for a member that the file loses is told at once', async () => {
  const { simulation, a, b, run } = world(5)
  await a.start({ boots: [], members: named(b) })
  await run(1 * second)
  let answer: Endpoint | null | undefined
  void a.discovery.inquiry.reach(b.key, 15 * second).then(found => {
    answer = found
  })
  await run(1 * second)
  assert.equal(answer, undefined)
  const began = simulation.now()
  await a.discovery.update(wantedOf({ boots: [], members: [] }))
  await run(15 * second, () => answer !== undefined)
  assert.equal(answer, null)
  assert.equal(simulation.now(), began)
})

test('a member that comes back into the file is found again', async () => {
  const { boot, a, b, run } = world(6)
  await boot.start({ interfaceName: null, ownEndpoints: [bootAt] })
  await b.start({ boots, members: [] })
  await run(2 * second)
  await a.start({ boots, members: named(b) })
  await run(10 * second, () => a.peers.has(b.key))
  await a.discovery.update(wantedOf({ members: [] }))
  assert.equal(a.discovery.inquiry.record(b.key), null)
  await run(1 * minute)
  a.peers.clear()
  await a.discovery.update(wantedOf({ members: named(b) }))
  await run(1 * second, () => a.peers.has(b.key))
  assert.deepEqual(a.peers.get(b.key), b.endpoint)
})

test('whose record was handed to us before he was a member is found without asking anybody', async () => {
  const { internet, boot, b, run, sent } = world(7)
  await boot.start({ ownEndpoints: [bootAt] })
  await b.start({ boots, members: [] })
  await run(2 * second)
  internet.passes = ({ from, to }) => from.host === boot.address || to.host === boot.address
  await boot.discovery.update(
    wantedOf({ listenPort: bootAt.port, boots: [], members: named(b), ownEndpoints: [bootAt] }),
  )
  await run(1 * second, () => boot.peers.has(b.key))
  assert.deepEqual(boot.peers.get(b.key), b.endpoint)
  assert.ok(sent(boot, b).length > 0)
})

test('200 members at once: no more hunts than there are places, and each has its turn', async () => {
  const { internet, simulation, a, run } = world(8)
  const members = Array.from({ length: 200 }, (_, i) => keyOf(1_000 + i).publicKey())
  // a boot node that takes its time
  const open = new Set<string>()
  const seen = new Set<string>()
  let most = 0
  const boot = new Channel({
    os: { clock: simulation, random: simulation, crypto: systemCrypto },
    port: { send: (bytes, to) => internet.send(bootAt, to, bytes) },
    privateKey: keyOf(100),
    namespace: 'public',
    workbit: 0,
    async answerFind(id) {
      const text = Buffer.from(id).toString('hex')
      open.add(text)
      seen.add(text)
      most = Math.max(most, open.size)
      await new Promise<void>(done => simulation.at(simulation.now() + 150, done))
      open.delete(text)
      return null
    },
  })
  internet.listen(bootAt, boot.receive)
  await a.start({ boots, members: members.map(key => ({ key, endpoints: [] })) })
  await run(2 * minute, () => seen.size === members.length)
  assert.equal(seen.size, members.length)
  assert.ok(most > 1 && most <= huntsAtOnce, String(most))
})

test('200 members that are silent where they were last: the probes are bounded', async () => {
  const { internet, a, run } = world(9)
  const members = Array.from({ length: 200 }, (_, i) => keyOf(1_000 + i).publicKey())
  const peers = members.map((key, i) => [key, { endpoints: [{ host: `198.18.${i}.1`, port: 1 }] }] as const)
  a.memory = { sequence: 1, peers: new Map(peers), lifetimes: [] }
  await a.start({ boots: [], members: members.map(key => ({ key, endpoints: [] })) })
  const probed = () => new Set(internet.sent.map(({ to }) => to.host)).size
  await run(1 * second)
  assert.ok(probed() > 0 && probed() <= huntsAtOnce, String(probed()))
  await run(2 * minute, () => probed() === members.length)
  assert.equal(probed(), members.length, 'each has its turn')
  const before = internet.sent.length
  await run(10 * minute)
  // hunts of six probes, with pauses that have grown to 5 minutes
  assert.ok(internet.sent.length - before <= members.length * 6 * 6, String(internet.sent.length - before))
})

type Directed = { discovery: Discovery; published: { at: Time; value: Uint8Array }[]; memory: () => Remembrance }

/** A node with a directory, behind a NAT that has a port for each destination if `mapped`. */
async function directed(internet: Internet, wanted: Partial<Wanted>, mapped = false): Promise<Directed> {
  const { simulation } = internet
  const privateKey = keyOf(50)
  const published: { at: Time; value: Uint8Array }[] = []
  let memory = nothing
  const directory: Directory = {
    async publish(_id, value) {
      published.push({ at: simulation.now(), value })
      return { stored: 1 }
    },
    async *find() {},
    local: async () => null,
    setServer: async () => {},
    announce: async () => {},
    join: async () => {},
    carry: async () => null,
    talk: () => Promise.reject(new Error('nobody talks here')),
    neighbours: () => [],
    status: () => ({ mode: 'client', peers: 1, connections: 1, stored: 0, rejected: {} }),
    stop: async () => {},
  }
  const ports = new Map<string, number>()
  const discovery = new Discovery({
    os: {
      clock: simulation,
      random: simulation,
      crypto: systemCrypto,
      links: {
        addresses: () => [
          {
            interface: 'eth0',
            address: '10.0.0.2',
            length: 24,
            family: 4,
            loopback: false,
            linkLocal: false,
            multicast: true,
            pointToPoint: false,
          },
        ],
        watch: () => ({ close() {} }),
      },
      multicast: { open: async () => ({ join() {}, send() {}, close() {} }) },
      udp: { bind: async () => Promise.reject(new Error('no sockets but the control port')) },
      sleep: { watch: () => ({ close() {} }) },
    },
    log: createLogger(() => {}),
    identity: { privateKey, publicKey: privateKey.publicKey() },
    network: 'test',
    namespace: 'public',
    workbit: 0,
    store: {
      load: () => nothing,
      save(kept) {
        memory = kept
      },
    },
    portRequired: true,
    openPort: async (_port, receive) => ({
      backend: 'nft',
      counters: { received: 0, sent: 0, dropped: {} },
      send(bytes, to) {
        const destination = mapped ? `${to.host} ${to.port}` : ''
        const port = ports.get(destination) ?? 40_000 + ports.size
        if (!ports.has(destination)) internet.listen({ host: '203.0.113.1', port }, receive)
        ports.set(destination, port)
        internet.send({ host: '203.0.113.1', port }, to, bytes)
      },
      close: async () => {},
    }),
    loadDirectory: async () => directory,
    resolve: async () => [],
    async use() {},
    park() {},
    hold() {},
    shake() {},
    anew() {},
    tunnels: async () => [],
    warn() {},
    called: key => key,
  })
  await discovery.open(20_000)
  discovery.start(wantedOf({ listenPort: 20_000, ...wanted }))
  return { discovery, published, memory: () => memory }
}

const sequences = (published: Directed['published']) =>
  new Set(published.map(({ value }) => new DataView(value.buffer, value.byteOffset).getBigUint64(1)))

test('a node that hears of nobody for days still has a valid record in the DHT, all the time', async () => {
  const { internet, simulation, run } = world(10)
  const { published, memory } = await directed(internet, { boots: [] })
  const { id } = placeOf(keyOf(50).publicKey(), 'public')
  await run(100 * hour)
  const wall = (at: Time) => simulation.wall() - simulation.now() + at
  // the last one is still valid when the next one goes out
  for (const [i, { value }] of published.entries()) {
    const next = published[i + 1]?.at ?? simulation.now()
    assert.equal(checkRecord(id, value, wall(next)).problem, undefined)
  }
  assert.ok(sequences(published).size >= 8)
  const last = [...sequences(published)].at(-1)
  assert.equal(BigInt(memory().sequence), last, 'and its number is remembered')
})

test('its own record is handed to whoever asks for it', async () => {
  const { internet, simulation, run } = world(11)
  const { discovery } = await directed(internet, { ownEndpoints: [{ host: '203.0.113.1', port: 40_000 }], boots })
  await run(1 * second)
  const at: Endpoint = { host: '192.0.2.7', port: 7 }
  const asker = new Channel({
    os: { clock: simulation, random: simulation, crypto: systemCrypto },
    port: { send: (bytes, to) => internet.send(at, to, bytes) },
    privateKey: keyOf(7),
    namespace: 'public',
    workbit: 0,
  })
  internet.listen(at, asker.receive)
  const key = keyOf(50).publicKey()
  const finding = asker.find(key, { host: '203.0.113.1', port: 40_000 }, placeOf(key, 'public').id)
  await run(1 * second)
  assert.equal(checkRecord(placeOf(key, 'public').id, (await finding)!, simulation.wall()).problem, undefined)
  assert.deepEqual(
    discovery.inquiry.record(key)?.endpoints.map(({ kind }) => kind),
    ['fixed', 'host'],
    'and is what `wh lookup` of itself shows',
  )
})

test('behind a NAT with a port for each destination the record stays as it is, whoever answers last', async () => {
  const { internet, run } = world(12)
  const two = [101, 102].map(i => new SimNode(internet, keyOf(i), `192.0.2.${i}`, 51_820))
  const members = [1, 2, 3, 4].map(number => nodeOf(internet, number))
  const known = two.map(({ key, endpoint }) => ({ key, endpoint }))
  for (const node of two) await node.start({ interfaceName: null, ownEndpoints: [node.endpoint] })
  const self = { key: keyOf(50).publicKey() }
  for (const node of members) await node.start({ boots: known, members: named(self), ownEndpoints: [node.endpoint] })
  const { discovery, published } = await directed(internet, { boots: known, members: named(...members) }, true)
  await run(10 * minute)
  assert.equal(discovery.status().nat, 'endpoint-dependent')
  assert.ok(sequences(published).size <= 3, `${sequences(published).size} records in 10 minutes`)
})

test('stopped in the middle of everything, it sends nothing and writes nothing any more', async () => {
  for (const wait of [0, 5, 15, 25, 45, 65, 3_000]) {
    const { internet, boot, a, b, run } = world(13)
    await boot.start({ interfaceName: null, ownEndpoints: [bootAt] })
    await b.start({ boots, members: named(a) })
    await run(2 * second)
    await a.start({ boots, members: named(b) })
    await run(wait)
    await a.discovery.stop()
    const memory = a.memory
    const sent = () => internet.sent.filter(({ from }) => from.host === a.address).length
    const before = sent()
    await run(5 * minute)
    assert.equal(sent(), before)
    assert.equal(a.memory, memory)
  }
})

test('a WireGuard that does not answer for a while is asked again', async () => {
  const { a, b, run } = world(14)
  await b.start({ boots: [], members: [] })
  let asked = 0
  a.tunnels(() => {
    if (++asked < 3) throw new Error('wg: no such device')
    return [
      {
        key: b.key,
        latestHandshake: 1_800_000_000_000,
        received: 1,
        sent: 1,
        endpoint: b.endpoint,
        allowedIps: [],
        keepalive: 0,
      },
    ]
  })
  await a.start({ boots: [], members: named(b) })
  await run(1 * minute)
  assert.equal(asked, 13, 'at once, and every 5 s')
})
