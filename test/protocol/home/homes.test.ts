import assert from 'node:assert/strict'
import { test } from 'node:test'
import { minute, second } from '../../../src/base/time.ts'
import { type Server, World } from './world.ts'

const needed = { kind: 'needed', needed: true } as const
const keysOf = (...servers: Server[]) => servers.map(({ key }) => key)

/** A world with some homes that are known and needed. */
function worldOf(...nodes: [member: boolean, rtt: number][]): { world: World; servers: Server[] } {
  const world = new World()
  const servers = nodes.map(([member, rtt], i) => world.server(i + 1, member, rtt))
  world.know(...servers)
  world.input(needed)
  return { world, servers }
}

/** When a home was asked, ms since `from`. */
function askedAt(world: World, server: Server, from = 0): number[] {
  return world.asks.filter(({ key, at }) => key === server.key && at >= from).map(({ at }) => at - from)
}

test('three homes within two round trips: members, then the nearest', () => {
  const { world, servers } = worldOf([false, 5], [false, 80], [true, 300], [false, 30], [false, 12])
  const [near, , member, , second_] = servers as [Server, Server, Server, Server, Server]
  assert.equal(world.asks.length, 3)
  world.pass(599)
  assert.deepEqual(world.keys(), keysOf(near, second_), 'the far one has not answered yet')
  world.pass(1)
  assert.deepEqual(world.keys(), keysOf(member, near, second_))
  assert.equal(world.asks.length, 6, 'without a token, then with it')
  const [first] = world.homes.current()
  assert.deepEqual(first?.observed, world.place)
  assert.ok(member.desk.isToken(first!.token, world.key, world.place, world.now))
  assert.deepEqual(
    world.changes.map(({ keys }) => keys.length),
    [1, 2, 3],
  )
})

test('nobody is asked unless homes are needed', () => {
  const world = new World()
  world.know(world.server(1, true, 10))
  assert.equal(world.homes.wakeAt, Number.POSITIVE_INFINITY)
  world.input({ kind: 'moved' })
  world.pass(minute)
  assert.equal(world.asks.length, 0)
})

test('each is asked again after 19 to 25 s, and keeps its lease', () => {
  const { world, servers } = worldOf([true, 10], [true, 20], [true, 40])
  world.pass(second)
  const start = world.now
  world.pass(10 * minute)
  for (const server of servers) {
    const times = askedAt(world, server, start)
    assert.ok(times.length >= 24 && times.length <= 32, `${times.length}`)
    for (let i = 1; i < times.length; i++) {
      const gap = times[i]! - times[i - 1]!
      assert.ok(gap >= 18_750 && gap <= 25_040, `${gap}`)
    }
    assert.equal(server.desk.leases(world.now), 1)
  }
  assert.equal(world.changes.length, 3, 'and nothing changes')
})

test('the pause is the one that the NAT allows, but never so long that a lease would end', () => {
  const { world, servers } = worldOf([true, 10])
  world.pass(second)
  world.input({ kind: 'every', pause: 15 * second })
  world.pass(minute)
  const short = askedAt(world, servers[0]!, world.now - minute)
  assert.ok(short.length >= 4 && short.length <= 6, `${short.length}`)
  world.input({ kind: 'every', pause: 110 * second })
  const start = world.now
  world.pass(20 * minute)
  const times = askedAt(world, servers[0]!, start)
  for (let i = 1; i < times.length; i++) assert.ok(times[i]! - times[i - 1]! <= 75_010)
  assert.ok(times.length <= 22, `${times.length}`)
  assert.equal(servers[0]!.desk.leases(world.now), 1)
})

test('what works is kept: nearer ones and round trips that change move nothing', () => {
  const { world, servers } = worldOf([true, 50], [true, 60], [false, 100])
  world.pass(second)
  const kept = world.keys()
  const near = [1, 2, 3].map(i => world.server(10 + i, false, i))
  for (let i = 0; i < 20; i++) {
    servers.forEach((server, j) => {
      server.rtt = 10 + ((i * 37 + j * 91) % 300)
    })
    world.know(...servers, ...near)
    world.pass(30 * second)
    assert.deepEqual(world.keys(), kept)
  }
  assert.equal(world.changes.length, 3)
  assert.ok(near.every(server => askedAt(world, server).length === 0))
  world.know()
  world.pass(5 * minute)
  assert.deepEqual(world.keys(), kept, 'nor does it matter whether somebody names them')
})

test('a member takes the place of a stranger, once it has a lease to give', () => {
  const { world, servers } = worldOf([false, 10], [false, 200], [false, 30])
  world.pass(second)
  const member = world.server(9, true, 400)
  member.up = false
  world.know(...servers, member)
  world.pass(10 * second)
  assert.equal(world.keys().length, 3, 'nobody goes for one that is silent')
  assert.ok(askedAt(world, member).length >= 3)
  member.up = true
  world.pass(minute)
  assert.deepEqual(world.keys(), keysOf(member, servers[0]!, servers[2]!))
  assert.ok(world.changes.slice(3).every(({ keys }) => keys.length === 3))
})

test('a silent home is asked again after 1 s and 3 s, then it is lost and another one is there', () => {
  const { world, servers } = worldOf([true, 20], [true, 20], [true, 20], [true, 20])
  world.pass(second)
  const [dead] = servers as [Server]
  dead.up = false
  const died = world.now
  world.pass(40 * second)
  const [first, ...again] = askedAt(world, dead, died) as [number]
  assert.deepEqual(again.slice(0, 2), [first + 2_000, first + 6_000], 'one second of tries, then the pause')
  const lost = world.changes.slice(3)
  assert.deepEqual(
    lost.map(({ at, keys }) => [at - died, keys.length]),
    [
      [first + 7_000, 2],
      [first + 7_040, 3],
    ],
  )
  assert.ok(first + 7_040 < 33_000)
  assert.ok(!world.keys().includes(dead.key))
})

test('one lost answer is no loss', () => {
  const { world, servers } = worldOf([true, 20])
  world.pass(second)
  servers[0]!.up = false
  while (askedAt(world, servers[0]!).length < 4) world.pass(100)
  servers[0]!.up = true
  world.pass(10 * minute)
  assert.equal(world.changes.length, 1)
})

test('who is lost is asked more and more seldom, and taken again when it is back', () => {
  const { world, servers } = worldOf([true, 20])
  const [only] = servers as [Server]
  world.pass(second)
  only.up = false
  world.pass(30 * minute)
  assert.deepEqual(world.keys(), [])
  const times = askedAt(world, only, world.now - 30 * minute)
  assert.ok(times.length <= 14, `${times.length} in half an hour`)
  only.up = true
  world.pass(302 * second)
  assert.deepEqual(world.keys(), [only.key])
})

test('all are gone through: the tenth is found though nine are dead', () => {
  const { world, servers } = worldOf(...Array.from({ length: 10 }, (): [boolean, number] => [true, 20]))
  for (const server of servers.slice(0, 9)) server.up = false
  world.pass(4 * second)
  assert.deepEqual(world.keys(), keysOf(servers[9]!))
})

test('a full home is left alone for ten minutes', () => {
  const { world, servers } = worldOf([true, 20], [false, 20], [false, 20], [false, 20])
  const [full] = servers as [Server]
  full.answer = token => ({ state: token ? 'full' : 'prove', token: new Uint8Array(16).fill(1), seconds: 0 })
  world.pass(second)
  assert.equal(world.keys().length, 3)
  assert.equal(askedAt(world, full).length, 2)
  world.input({ kind: 'moved' })
  world.pass(9 * minute + 58 * second)
  assert.equal(askedAt(world, full).length, 2)
  world.pass(3 * second)
  assert.equal(askedAt(world, full).length, 3)
})

test('a home that plays with us is not asked more for it', () => {
  const { world, servers } = worldOf([true, 2], [true, 2])
  const [prover, miser] = servers as [Server, Server]
  prover.answer = () => ({ state: 'prove', token: new Uint8Array(16).fill(1), seconds: 0 })
  miser.answer = () => ({ state: 'leased', token: new Uint8Array(16).fill(1), seconds: 1 })
  world.pass(10 * minute)
  assert.ok(askedAt(world, prover).length <= 30, `${askedAt(world, prover).length}`)
  assert.ok(askedAt(world, miser).length <= 2)
  assert.deepEqual(world.keys(), [])
  // answers that nobody asked for
  const lease = { state: 'leased' as const, token: new Uint8Array(16), seconds: 90, observed: world.place }
  world.input({ kind: 'lease', key: prover.key, endpoint: prover.endpoint, lease })
  world.input({ kind: 'silent', key: prover.key, endpoint: prover.endpoint })
  const stranger = world.server(20, false, 9)
  world.input({ kind: 'lease', key: stranger.key, endpoint: stranger.endpoint, lease })
  assert.deepEqual(world.keys(), [])
})

test('after a move all are asked at once, and know the new place after two round trips', () => {
  const { world, servers } = worldOf([true, 20], [true, 40], [false, 60])
  world.pass(10 * second)
  world.place = { host: '203.0.113.200', port: 9 }
  world.input({ kind: 'moved' })
  assert.equal(askedAt(world, servers[0]!, world.now).length, 1)
  world.pass(120)
  for (const home of world.homes.current()) assert.deepEqual(home.observed, world.place)
  for (const { desk } of servers) {
    const caller = world.server(30, false, 1).key
    const token = desk.token(caller, world.place, world.now)
    assert.deepEqual(desk.call(caller, world.place, token, world.key, world.now).to, world.place)
  }
  assert.equal(world.changes.length, 3, 'they are the same')
})

test('moving all the time costs one question a second and home', () => {
  const { world, servers } = worldOf([true, 20])
  world.pass(10 * second)
  const start = world.now
  for (let i = 0; i < 1_000; i++) {
    world.input({ kind: 'moved' })
    world.pass(10)
  }
  assert.ok(askedAt(world, servers[0]!, start).length <= 11)
})

test('a move while nobody answers is believed: those that were given up are tried at once', () => {
  const { world, servers } = worldOf([true, 20], [true, 30])
  world.pass(second)
  for (const server of servers) server.up = false
  world.pass(10 * minute)
  assert.deepEqual(world.keys(), [])
  for (const server of servers) server.up = true
  world.input({ kind: 'moved' })
  world.pass(60)
  assert.deepEqual(world.keys(), keysOf(...servers))
})

test('not needed any more: nobody is asked, and leases run out', () => {
  const { world, servers } = worldOf([true, 20], [true, 30])
  world.pass(5 * second)
  world.input({ kind: 'needed', needed: false })
  const asked = world.asks.length
  world.pass(80 * second)
  assert.equal(world.keys().length, 2)
  world.pass(10 * second)
  assert.deepEqual(world.keys(), [])
  assert.deepEqual(world.changes.at(-1)?.keys, [])
  assert.equal(world.asks.length, asked)
  assert.equal(world.homes.wakeAt, Number.POSITIVE_INFINITY)
  world.input(needed)
  world.pass(60)
  assert.deepEqual(world.keys(), keysOf(...servers))
})

test('after a long sleep, what ran out meanwhile is asked for anew', () => {
  const { world, servers } = worldOf([true, 20])
  world.pass(second)
  world.now += 3 * minute
  world.input({ kind: 'timer' })
  assert.deepEqual(world.keys(), [])
  world.pass(40)
  assert.deepEqual(world.keys(), keysOf(...servers))
})

test('one node with two endpoints has one place', () => {
  const { world, servers } = worldOf([true, 20])
  const [only] = servers as [Server]
  const other = { ...only, endpoint: { host: '2001:db8::1', port: 51820 } }
  world.know(only, other)
  world.pass(5 * minute)
  assert.deepEqual(world.keys(), [only.key])
  assert.ok(world.asks.every(({ key }) => key === only.key) && world.asks.length < 20)
})
