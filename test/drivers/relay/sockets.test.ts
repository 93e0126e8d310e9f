// On real sockets of this machine's loopback interface; time is the test's.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Endpoint } from '../../../src/base/ip.ts'
import { type Leg, type Limit, mostLegs, type Range } from '../../../src/drivers/relay/relay.ts'
import { SocketRelay } from '../../../src/drivers/relay/sockets.ts'
import { systemUdp, type Udp } from '../../../src/os/udp.ts'

const generous: Limit = { rate: 1_000, burst: 1_000 }
/** Beside those of the system's own choice, and of other tests. */
const range: Range = { first: 62_100, last: 62_109 }

type Options = { limit?: Limit; udp?: Udp; range?: Range }

function open(t: TestContext, options: Options = {}) {
  const own: { bytes: number[]; from: Endpoint; at: number }[] = []
  let now = 0
  const relay = new SocketRelay({
    udp: options.udp ?? systemUdp,
    clock: { now: () => now, wall: () => 0, at: () => ({ cancel() {} }) },
    range: options.range ?? range,
    limit: options.limit ?? generous,
    receive: (bytes, from, at) => own.push({ bytes: [...bytes], from, at }),
  })
  t.after(() => relay.close())
  const pass = (ms: number) => {
    now += ms
  }
  return { relay, own, pass }
}

/** Somebody who sends, and hears what comes back. */
async function peer(t: TestContext, host = '127.0.0.1') {
  const got: { bytes: number[]; from: Endpoint }[] = []
  let wake = () => {}
  const socket = await systemUdp.bind(host, 0, (bytes, from) => {
    got.push({ bytes: [...bytes], from })
    wake()
  })
  t.after(() => socket.close())
  const next = async () => {
    while (got.length === 0) await new Promise<void>(resolve => (wake = resolve))
    return got.shift()!
  }
  const send = (bytes: readonly number[], port: number) => socket.send(Uint8Array.from(bytes), { host, port })
  return { endpoint: { host, port: socket.port }, next, send, got }
}

const pairOf = (a: Endpoint, b: Endpoint, pa: number, pb: number): [Leg, Leg] => [
  { from: a, at: pb, to: b, via: pa },
  { from: b, at: pa, to: a, via: pb },
]

for (const [host, other] of [
  ['127.0.0.1', '127.0.0.1'],
  ['::1', '::1'],
  ['127.0.0.1', '::1'],
] as const) {
  test(`a pair is joined both ways, WireGuard's datagrams and ours (${host}, ${other})`, async t => {
    const { relay, own } = open(t)
    const [a, b] = [await peer(t, host), await peer(t, other)]
    const [pa, pb] = [await relay.open(62_100), await relay.open(62_101)]
    await relay.connect(pairOf(a.endpoint, b.endpoint, pa.port, pb.port))
    a.send([1, 0, 0, 0], pb.port)
    assert.deepEqual(await b.next(), { bytes: [1, 0, 0, 0], from: { host: other, port: pa.port } })
    b.send([0xff, 1, 2], pa.port)
    assert.deepEqual(await a.next(), { bytes: [0xff, 1, 2], from: { host, port: pb.port } })
    assert.deepEqual(own, [])
    const header = { '127.0.0.1': 28, '::1': 48 }
    assert.deepEqual(
      (await relay.counters()).legs.map(({ packets, bytes }) => [packets, bytes]),
      [
        [1, 4 + header[host]],
        [1, 3 + header[other]],
      ],
    )
  })
}

test('what is for the relay itself goes to it, with its port, and is answered from there', async t => {
  const { relay, own } = open(t)
  const a = await peer(t)
  const port = await relay.open(62_100)
  a.send([0xff, 4, 9], port.port)
  while (own.length === 0) await new Promise(setImmediate)
  assert.deepEqual(own, [{ bytes: [0xff, 4, 9], from: a.endpoint, at: port.port }])
  port.send(Uint8Array.of(0xff, 1), a.endpoint)
  assert.deepEqual(await a.next(), { bytes: [0xff, 1], from: { host: '127.0.0.1', port: port.port } })
})

test('what matches no leg is dropped and counted: strangers, other ports, legs that are gone, closed ports', async t => {
  const { relay } = open(t)
  const [a, b, stranger] = [await peer(t), await peer(t), await peer(t)]
  const [pa, pb] = [await relay.open(62_100), await relay.open(62_101)]
  const legs = pairOf(a.endpoint, b.endpoint, pa.port, pb.port)
  await relay.connect(legs)
  const dropped = async (reason: string, count: number) => {
    while (((await relay.counters()).dropped[reason] ?? 0) < count) await new Promise(setImmediate)
    assert.deepEqual([a.got, b.got], [[], []])
  }
  stranger.send([1], pa.port)
  a.send([1], pa.port)
  await dropped('no leg', 2)
  await relay.disconnect(legs)
  a.send([1], pb.port)
  await dropped('no leg', 3)
  await relay.connect(legs)
  pa.close()
  a.send([1], pb.port)
  await dropped('port closed', 1)
  const again = await relay.open(62_100)
  assert.equal(again.port, 62_100)
  // of a port that is another's by now
  pa.close()
  a.send([2], pb.port)
  assert.deepEqual((await b.next()).bytes, [2])
})

test('a leg with the key of another replaces it, and starts to count again', async t => {
  const { relay } = open(t)
  const [a, b, c] = [await peer(t), await peer(t), await peer(t)]
  const [pa, pb] = [await relay.open(62_100), await relay.open(62_101)]
  const [leg] = pairOf(a.endpoint, b.endpoint, pa.port, pb.port)
  await relay.connect([leg])
  a.send([1], pb.port)
  await b.next()
  await relay.connect([leg])
  assert.equal((await relay.counters()).legs[0]!.packets, 1)
  await relay.connect([{ ...leg, to: c.endpoint }])
  a.send([2], pb.port)
  assert.deepEqual((await c.next()).bytes, [2])
  assert.deepEqual(b.got, [])
  const { legs } = await relay.counters()
  assert.deepEqual(
    legs.map(({ packets }) => packets),
    [1],
  )
})

test('a leg has so many packets at once, and more as time passes', async t => {
  const { relay, pass } = open(t, { limit: { rate: 10, burst: 3 } })
  const [a, b] = [await peer(t), await peer(t)]
  const [pa, pb] = [await relay.open(62_100), await relay.open(62_101)]
  await relay.connect(pairOf(a.endpoint, b.endpoint, pa.port, pb.port))
  const over = async (count: number) => {
    while (((await relay.counters()).dropped['over the limit'] ?? 0) < count) await new Promise(setImmediate)
  }
  for (let i = 0; i < 5; i++) a.send([i], pb.port)
  await over(2)
  pass(100)
  for (let i = 5; i < 7; i++) a.send([i], pb.port)
  await over(3)
  const came = [await b.next(), await b.next(), await b.next(), await b.next()]
  assert.deepEqual(
    came.map(({ bytes }) => bytes[0]),
    [0, 1, 2, 5],
  )
})

test('a port that is taken is the next one; a full range and too many legs are said', async t => {
  const blocker = await systemUdp.bind('0.0.0.0', 62_108, () => {})
  t.after(() => blocker.close())
  const { relay } = open(t, { range: { first: 62_107, last: 62_109 } })
  const ports = [await relay.open(62_107), await relay.open(62_107)]
  assert.deepEqual(
    ports.map(({ port }) => port),
    [62_107, 62_109],
  )
  await assert.rejects(relay.open(62_109), /no port of 62107-62109 is free/)
  ports[0]!.close()
  assert.equal((await relay.open(62_109)).port, 62_107)
  await assert.rejects(relay.open(7), TypeError)
  const many = Array.from({ length: mostLegs }, (_, i) => ({
    from: { host: `10.0.${i >> 8}.${i & 255}`, port: 7 },
    at: 62_107,
    to: { host: '10.1.0.1', port: 7 },
    via: 62_109,
  }))
  await relay.connect(many)
  await relay.connect(many.slice(0, 10))
  const one = { ...many[0]!, at: 62_109 }
  await assert.rejects(relay.connect([one]), /all the 65536 legs/)
  await relay.disconnect([many[0]!])
  await relay.connect([one])
})

test('control packets leave with another hop limit than the rest; a port in IPv4 alone is one', async t => {
  const limits: (number | undefined)[] = []
  const udp: Udp = {
    async bind(address, port, receive, options) {
      if (address === '::') throw Object.assign(new Error('made by the test'), { code: 'EAFNOSUPPORT' })
      const socket = await systemUdp.bind(address, port, receive, options)
      const limit = options?.hopLimit as (bytes: Uint8Array) => number
      return {
        ...socket,
        send(bytes, to) {
          limits.push(limit(bytes))
          socket.send(bytes, to)
        },
      }
    },
  }
  const { relay } = open(t, { udp })
  const [a, b] = [await peer(t), await peer(t)]
  const [pa, pb] = [await relay.open(62_100), await relay.open(62_101)]
  await relay.connect(pairOf(a.endpoint, b.endpoint, pa.port, pb.port))
  for (const bytes of [
    [1, 0],
    [0xff, 1],
    [4, 0],
  ]) {
    a.send(bytes, pb.port)
    assert.deepEqual((await b.next()).bytes, bytes)
  }
  assert.deepEqual(limits, [64, 65, 64])
  pa.send(Uint8Array.of(1), { host: '::1', port: 9 })
  assert.deepEqual((await relay.counters()).dropped, { 'not sent': 1 })
})
