import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { peerOf } from '../../../src/drivers/dht/gate.ts'
import { keyOfPlace } from '../../../src/drivers/dht/values.ts'
import { findAll, keyWith, meet, type Node, recordOf, sequenceOf, until, World } from './world.ts'

const world = new World()
before(async () => {
  await world.grow(12)
  // what each speaks is told after it is met
  await until(() => world.nodes.every(({ directory }) => directory.status().peers >= 3))
})
after(() => world.stop())

test('what one publishes, every other finds', async () => {
  const [a, ...others] = world.nodes
  const { id, value } = recordOf(a!.key)
  const { stored } = await a!.directory.publish(id, value)
  assert.ok(stored >= 3, `${stored}`)
  for (const node of others.slice(0, 5)) {
    const values = await findAll(node.directory, id)
    assert.ok(values.length > 0)
    assert.deepEqual(values[0], value)
  }
})

test('a newer record replaces the older one', async () => {
  const [a, b] = world.nodes
  const old = recordOf(a!.key, 5)
  await a!.directory.publish(old.id, old.value)
  const fresh = recordOf(a!.key, 6)
  await a!.directory.publish(fresh.id, fresh.value)
  const values = await findAll(b!.directory, fresh.id)
  assert.equal(Math.max(...values.map(sequenceOf)), 6)
})

test('the steps of a walk are told', async () => {
  const [a, b] = world.nodes
  const { id, value } = recordOf(a!.key, 7)
  await a!.directory.publish(id, value)
  const steps: string[] = []
  for await (const _ of b!.directory.find(id, { onStep: step => steps.push(`${step.answered} ${step.endpoint}`) }));
  assert.ok(
    steps.some(step => /^value 10\.\d+\.\d+\.\d+:51820$/.test(step)),
    steps.join('\n'),
  )
})

test('a walk ends when its signal aborts, or its reader leaves', async () => {
  const [a, b] = world.nodes
  const { id, value } = recordOf(a!.key, 8)
  await a!.directory.publish(id, value)
  assert.deepEqual(await findAll(b!.directory, id, AbortSignal.abort()), [])
  for await (const _ of b!.directory.find(id)) break
})

test('a walk goes on to nodes that only answers name', async () => {
  const late = await world.add({ server: false })
  const [known, ...others] = world.nodes
  const id = await placeNearer(others, known!)
  const asked = new Set<string>()
  const walk = (async () => {
    for await (const _ of late.directory.find(id, { onStep: ({ key }) => asked.add(key) }));
  })()
  // the walk begins with the first neighbour, which is the only one then
  await meet(late, known!)
  await walk
  assert.ok(asked.size >= 3, `${asked.size}`)
})

const kadId = async (bytes: Uint8Array) =>
  BigInt(`0x${Buffer.from(await crypto.subtle.digest('SHA-256', Uint8Array.from(bytes))).toString('hex')}`)

/** A place that is nearer to some of the others than to this node: each is asked only for what is nearer than who named it. */
async function placeNearer(others: Node[], node: Node): Promise<Uint8Array> {
  const idOf = ({ publicKey }: Node) => kadId(peerOf(publicKey).toMultihash().bytes)
  const ids = await Promise.all(others.map(idOf))
  const own = await idOf(node)
  for (;;) {
    const { id } = recordOf(keyWith(0))
    const target = await kadId(keyOfPlace(id))
    if (ids.filter(other => (other ^ target) < (own ^ target)).length >= 6) return id
  }
}
