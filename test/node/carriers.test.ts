// What goes where by carriers, between a guest and a server in simulated time; the sockets for WireGuard are real.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoint } from '../../src/base/ip.ts'
import { createLogger } from '../../src/base/log.ts'
import { Carriers, type CarriersParts } from '../../src/node/carriers.ts'
import { systemUdp } from '../../src/os/udp.ts'
import { isGuest } from '../../src/protocol/carrier/guest.ts'
import type { PublicKey } from '../../src/protocol/identity/key.ts'
import { Simulation } from '../../src/sim/simulation.ts'
import { streamPair } from '../drivers/carrier/stream.ts'

const key = 'A'.repeat(43) as PublicKey
const at = { host: '192.0.2.1', port: 51_820 }
const control = Uint8Array.of(0xff, 1, 2)
const data = Uint8Array.of(4, 0, 0, 0)

function carriers(simulation: Simulation, parts: Partial<CarriersParts> = {}) {
  const heard: [string, Endpoint][] = []
  const relayed: [number, Endpoint][] = []
  const changes: [string, boolean][] = []
  const it = new Carriers({
    clock: simulation,
    log: createLogger(() => {}),
    udp: systemUdp,
    listenPort: () => 51_820,
    control: (bytes, from) => void heard.push([[...bytes].join(' '), from]),
    relay: (_, from, port) => {
      relayed.push([port, from])
      return port === 61_001
    },
    serves: () => 'stranger',
    called: () => 'a',
    changed: (...change) => void changes.push(change),
    ...parts,
  })
  return { it, heard, relayed, changes }
}

function guestAndServer(parts: Partial<CarriersParts> = {}) {
  const simulation = new Simulation(1)
  const guest = carriers(simulation)
  const server = carriers(simulation, parts)
  const connect = (who = key) => {
    const [own, theirs] = streamPair(simulation)
    server.it.accept(who, theirs)
    guest.it.open(who, at, 'tcp', own)
    return [own, theirs] as const
  }
  return { simulation, guest, server, connect }
}

test('control packets, both ways: the server knows the guest by an endpoint of its own, the guest the server by its own', async () => {
  const { simulation, guest, server, connect } = guestAndServer()
  assert.equal(guest.it.send(control, at), false)
  connect()
  assert.deepEqual(guest.changes, [[at.host, true]])
  assert.equal(guest.it.send(control, at), true)
  await simulation.run(100)
  const [[text, from]] = server.heard as [[string, Endpoint]]
  assert.equal(text, '255 1 2')
  assert.ok(isGuest(from.host))
  assert.equal(server.it.send(control, from), true)
  assert.equal(server.it.send(control, from, 61_001), true)
  await simulation.run(200)
  assert.deepEqual(
    guest.heard.map(([, endpoint]) => endpoint),
    [at, { ...at, port: 61_001 }],
  )
  assert.equal(server.it.send(control, { host: '192.0.2.77', port: 1 }), false)
})

test('a port of the relay, and ports of nobody', async () => {
  const { simulation, guest, server, connect } = guestAndServer()
  connect()
  for (const port of [61_001, 61_002, 22, 53, 65_535]) guest.it.send(data, { ...at, port })
  await simulation.run(100)
  // ports beyond the range are not even asked for
  assert.deepEqual(
    server.relayed.map(([port]) => port),
    [61_001, 61_002],
  )
  assert.deepEqual(server.it.report().dropped, { 'port of nobody': 4 })
})

test("WireGuard's packets to the server itself: a member's reach it, a stranger's do not", async () => {
  const got: Uint8Array[] = []
  const wake: { call: () => void } = { call() {} }
  const wireguard = await systemUdp.bind('0.0.0.0', 0, bytes => {
    got.push(bytes)
    wake.call()
  })
  for (const [rank, arrives] of [
    ['stranger', false],
    ['member', true],
  ] as const) {
    const { simulation, guest, server, connect } = guestAndServer({
      serves: () => rank,
      listenPort: () => wireguard.port,
    })
    connect()
    const { promise, resolve } = Promise.withResolvers<void>()
    wake.call = resolve
    guest.it.send(data, { ...at, port: wireguard.port })
    await simulation.run(100)
    if (arrives) await promise
    assert.equal(server.it.report().dropped['not a control packet'] ?? 0, arrives ? 0 : 1)
    server.it.close()
  }
  assert.equal(got.length, 1)
  wireguard.close()
})

test('who is not served, and who comes too often', async () => {
  const { simulation, server } = guestAndServer({ serves: () => 'no' })
  const [, theirs] = streamPair(simulation)
  server.it.accept(key, theirs)
  assert.ok(theirs.closed)

  const open = guestAndServer()
  const ends = [0, 1, 2].map(() => {
    const [, end] = streamPair(open.simulation)
    open.server.it.accept(key, end)
    return end
  })
  assert.deepEqual(
    ends.map(({ closed }) => closed),
    [true, false, false],
  )
  assert.equal(open.server.it.report().guests.length, 2)
})

test('strangers have a bound, members pass it', async () => {
  const member = 'M'.repeat(43) as PublicKey
  const { simulation, server } = guestAndServer({ serves: who => (who === member ? 'member' : 'stranger') })
  const come = (who: PublicKey) => {
    const [, end] = streamPair(simulation)
    server.it.accept(who, end)
    return !end.closed
  }
  const strangers = Array.from({ length: 65 }, (_, i) => come(`${i}`.padEnd(43, 'S') as PublicKey))
  assert.equal(strangers.filter(Boolean).length, 64)
  assert.ok(come(member))
})

test('a guest that says nothing for minutes is let go; one that ends is told of', async () => {
  const { simulation, guest, server, connect } = guestAndServer()
  connect()
  guest.it.send(control, at)
  await simulation.run(60_000)
  assert.equal(server.it.report().guests.length, 1)
  await simulation.run(240_000)
  assert.equal(server.it.report().guests.length, 0)
  assert.deepEqual(guest.changes, [
    [at.host, true],
    [at.host, false],
  ])
  assert.equal(guest.it.send(control, at), false)
})

test('a second carrier to the same server takes the place of the first', async () => {
  const { simulation, guest, connect } = guestAndServer()
  const [first] = connect()
  connect()
  await simulation.run(100)
  assert.ok(first.closed)
  assert.equal(guest.it.report().own.length, 1)
  assert.equal(guest.it.send(control, at), true)
})

test('WireGuard is pointed at a socket of this machine for what a carrier leads to, and at the endpoint itself without', async () => {
  const { guest, connect } = guestAndServer()
  const endpoint = { ...at, port: 61_001 }
  await guest.it.prepare(endpoint)
  assert.deepEqual(guest.it.local(endpoint), endpoint)
  connect()
  await guest.it.prepare(endpoint)
  const local = guest.it.local(endpoint)!
  assert.equal(local.host, '127.0.0.2')
  assert.deepEqual(guest.it.meant(local), { endpoint })
  assert.deepEqual(guest.it.meant(endpoint), { endpoint })
  assert.deepEqual(guest.it.meant(undefined), {})
  guest.it.leave(at.host)
  assert.deepEqual(guest.it.local(endpoint), endpoint)
  guest.it.close()
})

test('what is answered before the node has begun, whose port is not known yet, goes by UDP', () => {
  const { it } = carriers(new Simulation(1), {
    listenPort: () => {
      throw new Error('not known yet')
    },
  })
  assert.equal(it.send(control, at), false)
})
