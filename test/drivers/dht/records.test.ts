// Records that a holder must refuse, each of them counted: at the door of a real node, and in the rules themselves.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Record } from '@libp2p/kad-dht'
import { MemoryDatastore } from 'datastore-core'
import { guard, recordKey } from '../../../src/drivers/dht/store.ts'
import { keyOfPlace, limits, Values } from '../../../src/drivers/dht/values.ts'
import { systemClock } from '../../../src/os/clock.ts'
import { systemCrypto } from '../../../src/os/crypto.ts'
import { findAll, keyWith, knows, meet, type Node, recordOf, type Stranger, sequenceOf, until, World } from './world.ts'

const world = new World()
let holder: Node
let sender: Stranger
before(async () => {
  holder = await world.add()
  sender = await world.stranger()
  await meet(holder, sender)
})
after(() => world.stop())

const rejected = (reason: string) => holder.directory.status().rejected[reason] ?? 0

/** The holder refuses it, for this reason. */
async function refuses(id: Uint8Array, value: Uint8Array, reason: string): Promise<void> {
  const before = rejected(reason)
  assert.equal(await sender.put(holder, id, value), false)
  assert.equal(rejected(reason), before + 1, JSON.stringify(holder.directory.status().rejected))
}

const hour = 3600_000

test('a good record is taken, held, and given out', async () => {
  const { id, value } = recordOf(keyWith(0))
  assert.equal(await sender.put(holder, id, value), true)
  assert.deepEqual(await holder.directory.local(id), value)
  assert.equal(holder.directory.status().stored, 1)
})

test('forged: another key signed it, or a bit was changed', async () => {
  const { value } = recordOf(keyWith(0))
  await refuses(recordOf(keyWith(0)).id, value, 'record: signature')
  const { id, value: broken } = recordOf(keyWith(0))
  broken[40]! ^= 1
  await refuses(id, broken, 'record: signature')
  assert.equal(await holder.directory.local(id), null)
})

test('of another namespace', async () => {
  const key = keyWith(0)
  const { id } = recordOf(key)
  const { value } = recordOf(key, 1, { namespace: 'elsewhere' })
  await refuses(id, value, 'record: signature')
})

test('expired, or valid for too long', async () => {
  const late = recordOf(keyWith(0), 1, { expires: Date.now() - 1000 })
  await refuses(late.id, late.value, 'record: expired')
  const eternal = recordOf(keyWith(0), 1, { expires: Date.now() + 49 * hour })
  await refuses(eternal.id, eternal.value, 'record: too far ahead')
})

test('too large, too short, of no known version', async () => {
  const { id, value } = recordOf(keyWith(0))
  await refuses(id, new Uint8Array(769), 'record: too large')
  await refuses(id, value.subarray(0, 50), 'record: malformed')
  const other = Uint8Array.from(value)
  other[0] = 9
  await refuses(id, other, 'record: version')
})

test('replayed: an older record does not come back over a newer one', async () => {
  const key = keyWith(0)
  const old = recordOf(key, 1)
  const fresh = recordOf(key, 2)
  assert.equal(await sender.put(holder, old.id, old.value), true)
  assert.equal(await sender.put(holder, fresh.id, fresh.value), true)
  await refuses(old.id, old.value, 'record: older')
  assert.deepEqual(await holder.directory.local(old.id), fresh.value)
})

test('under a name that is none of ours', async () => {
  const before = rejected('record: not one of ours')
  const { value } = recordOf(keyWith(0))
  for (const name of ['/wh/abc', '/pk/abc', '/ipns/abc', '/', '/wh/../../x']) {
    const key = new TextEncoder().encode(name)
    const record = new Record(key, value, new Date()).serialize()
    const events = await sender.ask(holder, { type: 'PUT_VALUE', key, record })
    assert.ok(!events.some(({ name }) => name === 'PEER_RESPONSE'), name)
    await until(() => holder.directory.status().connections > 0)
  }
  assert.equal(rejected('record: not one of ours'), before + 5)
})

test('the name of the question is not the name of the record', async () => {
  const held = holder.directory.status().stored
  const a = recordOf(keyWith(0))
  const b = recordOf(keyWith(0))
  const record = new Record(keyOfPlace(b.id), a.value, new Date()).serialize()
  const events = await sender.ask(holder, { type: 'PUT_VALUE', key: keyOfPlace(a.id), record })
  assert.ok(!events.some(({ name }) => name === 'PEER_RESPONSE'))
  assert.equal(holder.directory.status().stored, held)
})

test('provider records are not kept', async () => {
  const { id } = recordOf(keyWith(0))
  const before = rejected('no provider records here')
  for (const type of ['ADD_PROVIDER', 'GET_PROVIDERS']) await sender.ask(holder, { type, key: id })
  await until(() => rejected('no provider records here') === before + 2)
})

test('one peer has room for a few places only', async () => {
  const other = await world.stranger()
  await meet(holder, other)
  let taken = 0
  for (let i = 0; i < limits.placesOfPeer + 3; i++) {
    const { id, value } = recordOf(keyWith(0))
    if (await other.put(holder, id, value)) taken++
  }
  assert.equal(taken, limits.placesOfPeer)
  assert.equal(rejected('record: too many of one peer'), 3)
})

test('a peer that asks without end is not answered any more', async () => {
  const curious = await world.stranger()
  await meet(holder, curious)
  const { id } = recordOf(keyWith(0))
  let answers = 0
  for (let i = 0; i < 300 && rejected('too many questions') === 0; i++) {
    const events = await curious.ask(holder, { type: 'GET_VALUE', key: keyOfPlace(id) })
    if (events.some(({ name }) => name === 'PEER_RESPONSE')) answers++
  }
  assert.ok(rejected('too many questions') > 0)
  assert.ok(answers >= 200 && answers < 300, `${answers}`)
})

test('a question of 1 MB is cut off', async () => {
  const loud = await world.stranger()
  await meet(holder, loud)
  const before = rejected('too many bytes')
  await loud.ask(holder, { type: 'GET_VALUE', key: new Uint8Array(1_000_000) })
  await until(() => rejected('too many bytes') > before)
})

test('our own record is not published unless it is good', async () => {
  const { id, value } = recordOf(holder.key)
  value[50]! ^= 1
  await assert.rejects(holder.directory.publish(id, value), /record: signature/)
  assert.equal(await holder.directory.local(id), null)
})

test('a liar that answers with an old record, and takes no better one, spoils no look-up', async () => {
  const liars = new World()
  try {
    await liars.grow(6)
    const key = keyWith(0)
    const old = recordOf(key, 1)
    const fresh = recordOf(key, 2)
    const liar = await liars.stranger()
    await liar.hold(old.id, old.value)
    // it refuses the correction that plain `get` would send
    liar.parts.rpc.handleMessage = (original => async (peer, message) => {
      if (message.type === 'PUT_VALUE') throw new Error('no')
      return original(peer, message)
    })(liar.parts.rpc.handleMessage.bind(liar.parts.rpc))
    for (const node of liars.nodes) await meet(node, liar)
    const [first, , , asking] = liars.nodes
    await until(() => knows(asking!, liar))
    const { stored } = await first!.directory.publish(fresh.id, fresh.value)
    assert.ok(stored > 0)
    const values = await findAll(asking!.directory, fresh.id)
    assert.ok(values.length > 1)
    assert.equal(Math.max(...values.map(sequenceOf)), 2)
  } finally {
    await liars.stop()
  }
})

// the rules themselves, where a whole node would take too long

function rules(places: number, clock = systemClock) {
  const counts: string[] = []
  const ourId = new Uint8Array(32)
  const values = new Values({ clock, crypto: systemCrypto, ourId, count: reason => counts.push(reason), places })
  const store = guard(new MemoryDatastore(), values)
  const put = async ({ id, value }: { id: Uint8Array; value: Uint8Array }) => {
    const key = keyOfPlace(id)
    values.validate(key, value)
    await store.put(recordKey(key), new Record(key, value, new Date()).serialize())
  }
  const holds = ({ id }: { id: Uint8Array }) => store.has(recordKey(keyOfPlace(id)))
  return { values, store, put, holds, counts }
}

const distance = async (id: Uint8Array) =>
  Buffer.from(await crypto.subtle.digest('SHA-256', Uint8Array.from(keyOfPlace(id)))).toString('hex')

test('a full store keeps the places that are nearest, and never gives up its own', async () => {
  const { put, holds, values, counts } = rules(4)
  const own = recordOf(keyWith(0))
  values.adopt(own.id, own.value)
  await put(own)
  const all = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const record = recordOf(keyWith(0))
      return { ...record, distance: await distance(record.id) }
    }),
  )
  for (const record of all) await put(record).catch(() => {})
  all.sort((a, b) => (a.distance < b.distance ? -1 : 1))
  const held = await Promise.all(all.map(holds))
  assert.deepEqual(held, [true, true, true, false, false, false, false, false])
  assert.ok(await holds(own))
  assert.equal(values.size, 3)
  assert.ok(counts.every(reason => reason === 'record: no room'))
})

test('what has expired makes room first, and is not given out', async () => {
  let wall = Date.now()
  const { put, holds, store } = rules(2, { ...systemClock, wall: () => wall })
  const short = recordOf(keyWith(0), 1, { expires: wall + hour })
  await put(short)
  await put(recordOf(keyWith(0)))
  wall += 2 * hour
  await assert.rejects(async () => store.get(recordKey(keyOfPlace(short.id))), { name: 'NotFoundError' })
  const next = recordOf(keyWith(0))
  await put(next)
  assert.ok(await holds(next))
  assert.ok(!(await holds(short)))
})

test('what no validator has seen does not get into the store', async () => {
  const { store } = rules(4)
  const { id, value } = recordOf(keyWith(0))
  const key = keyOfPlace(id)
  await assert.rejects(
    async () => store.put(recordKey(key), new Record(key, value, new Date()).serialize()),
    /not checked/,
  )
})

test('the best of several records is the newest', () => {
  const key = keyWith(0)
  const records = [2, 5, 3].map(sequence => recordOf(key, sequence).value)
  assert.equal(rules(4).values.select(new Uint8Array(0), records), 1)
})
