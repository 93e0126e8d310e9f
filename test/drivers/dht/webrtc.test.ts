// Carriers by WebRTC between two nodes on this machine's loopback, which know each other by control packets. They are clients in the DHT: servers
// would make neighbours of each other, and keep a connection for that.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { cleanup } from 'node-datachannel'
import { Carrier } from '../../../src/drivers/carrier/carrier.ts'
import { systemClock } from '../../../src/os/clock.ts'
import type { PublicKey } from '../../../src/protocol/identity/key.ts'
import { type Node, until, World } from './world.ts'

const world = new World(4)
const ice = async () => ({ servers: [], from: '127.0.0.1' })
const came: { key: PublicKey; carrier: Carrier }[] = []
let member: Node
let caller: Node
const members = new Set<PublicKey>()

before(async () => {
  const exempt = (key: PublicKey) => members.has(key)
  member = await world.add({
    ...{ ice, exempt, server: false },
    carried(key, stream) {
      const carrier = new Carrier(stream, systemClock, {
        receive: (bytes, port) => carrier.send(bytes, port),
        closed() {},
      })
      came.push({ key, carrier })
    },
  })
  caller = await world.add({ ice, exempt, server: false })
})

after(async () => {
  await world.stop()
  // its threads would keep this process
  cleanup()
})

const call = (from = caller) =>
  from.directory.carry(member.publicKey, member.endpoint, 'webrtc', AbortSignal.timeout(10_000))

test('the member learns who has come, and datagrams go both ways, again and again', async () => {
  members.add(caller.publicKey).add(member.publicKey)
  for (let i = 0; i < 8; i++) {
    const stream = (await call())!
    const back: number[] = []
    const carrier = new Carrier(stream, systemClock, { receive: bytes => void back.push(bytes.length), closed() {} })
    carrier.send(new Uint8Array(1_452).fill(1), 1)
    carrier.send(new Uint8Array(1).fill(2), 1)
    await until(() => back.length === 2)
    assert.deepEqual(back, [1_452, 1])
    const { key, carrier: theirs } = came.at(-1)!
    assert.equal(key, caller.publicKey)
    carrier.close()
    await until(() => theirs.isClosed)
  }
  await until(() => member.directory.status().connections === 0)
})

test('a stranger who has done his work, and calls: he is not heard, and what he sends is not read', async () => {
  members.delete(caller.publicKey)
  await assert.rejects(call(), /reset|abort|closed|ended|EOF/i)
  members.add(caller.publicKey)
})

test('called off at any moment, it ends, and nothing of it is left', async () => {
  const before = came.length
  for (const after of [0, 5, 10, 20, 40, 60, 80, 100, 120, 140, 160, 200]) {
    const stop = new AbortController()
    const called = caller.directory.carry(member.publicKey, member.endpoint, 'webrtc', stop.signal)
    const end = called.then(
      stream => stream?.abort(),
      () => {},
    )
    systemClock.at(systemClock.now() + after, () => stop.abort(new Error('called off')))
    await end
  }
  for (const node of [caller, member]) await until(() => node.directory.status().connections === 0)
  const stream = (await call())!
  await until(() => came.length > before)
  stream.abort()
})

test('a member that has no WebRTC, and a node that has none itself', async () => {
  const without = await world.add({ exempt: key => members.has(key), server: false })
  members.add(without.publicKey)
  const asked = caller.directory.carry(without.publicKey, without.endpoint, 'webrtc', AbortSignal.timeout(10_000))
  await assert.rejects(asked, /protocol/i)
  assert.equal(await call(without), null)
})

test('a member that stops while it is called', async () => {
  const other = await world.add({ ice, exempt: key => members.has(key), server: false, carried() {} })
  members.add(other.publicKey)
  const called = caller.directory.carry(other.publicKey, other.endpoint, 'webrtc', AbortSignal.timeout(3_000))
  const ended = called.then(
    stream => stream?.abort(),
    () => {},
  )
  await until(() => other.directory.status().connections > 0)
  await other.directory.stop()
  await ended
  await until(() => caller.directory.status().connections === 0)
})
