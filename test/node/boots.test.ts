import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Address, type Endpoint, formatEndpoint } from '../../src/base/ip.ts'
import { createLogger } from '../../src/base/log.ts'
import { minute, second, type Time } from '../../src/base/time.ts'
import type { Pong } from '../../src/drivers/control/channel.ts'
import { type Boot, Boots } from '../../src/node/boots.ts'
import { PrivateKey } from '../../src/protocol/identity/key.ts'
import { Simulation } from '../../src/sim/simulation.ts'
import { runDrained } from '../sim/drained.ts'

const keys = [1, 2, 3].map(byte => new PrivateKey(new Uint8Array(32).fill(byte)).publicKey())
const [first, second_] = keys as [Boot['key'], Boot['key']]
/** What a PING without an answer takes. */
const timeout = 3 * second
const rtt = 20

/** Boot nodes at endpoints that answer or do not, asked on a simulated clock. */
function world() {
  const simulation = new Simulation(1)
  const alive = new Set<string>()
  const names = new Map<string, readonly Address[] | Error>()
  const asked: { at: Time; endpoint: string }[] = []
  const answers: { at: Time; endpoint: string }[] = []
  const warnings = new Map<string, string>()
  const wait = (time: Time) => new Promise<void>(done => simulation.at(simulation.now() + time, done))
  const boots = new Boots({
    clock: simulation,
    log: createLogger(() => {}),
    channel: {
      async ping(_key, endpoint): Promise<Pong | null> {
        const text = formatEndpoint(endpoint)
        asked.push({ at: simulation.now(), endpoint: text })
        const answers = alive.has(text)
        await wait(answers ? rtt : timeout)
        return answers ? { observed: endpoint, clock: 0, rtt, from: endpoint } : null
      },
    },
    async resolve(host) {
      const found = names.get(host) ?? []
      if (found instanceof Error) throw found
      return found
    },
    answered: ({ endpoint }) => answers.push({ at: simulation.now(), endpoint: formatEndpoint(endpoint) }),
    warn: (topic, message) => void (message === null ? warnings.delete(topic) : warnings.set(topic, message)),
  })
  const run = (time: Time, done?: () => boolean) => runDrained(simulation, simulation.now() + time, done)
  const times = () => asked.map(({ at }) => at)
  return { simulation, alive, names, asked, answers, warnings, boots, run, times }
}

const at = (host: string, port = 51_820): Endpoint => ({ host, port })

test('one that answers is asked once a minute', async () => {
  const { alive, boots, answers, warnings, run, times } = world()
  alive.add('192.0.2.1:51820')
  boots.set([{ key: first, endpoint: at('192.0.2.1') }])
  await run(3 * minute)
  assert.deepEqual(times(), [0, minute + rtt, 2 * (minute + rtt)])
  assert.equal(answers.length, 3)
  assert.deepEqual([...warnings], [])
})

test('one that is silent is asked after 1 s, 2 s, 4 s … 5 minutes, and said aloud', async () => {
  const { boots, warnings, run, times } = world()
  boots.set([{ key: first, endpoint: at('192.0.2.1') }])
  await run(60 * minute)
  const pauses = times()
    .slice(1)
    .map((time, i) => (time - times()[i]! - timeout) / second)
  assert.deepEqual(pauses.slice(0, 11), [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300])
  assert.deepEqual(
    [...warnings.values()],
    [`boot node ${first.slice(0, 10)}… at 192.0.2.1:51820 does not answer; trying again`],
  )
})

test('the warning goes when it answers, and the pauses begin at their shortest when it falls silent again', async () => {
  const { alive, boots, warnings, run, times, asked } = world()
  boots.set([{ key: first, endpoint: at('192.0.2.1') }])
  await run(100 * second)
  assert.equal(warnings.size, 1)
  alive.add('192.0.2.1:51820')
  await run(5 * minute, () => warnings.size === 0)
  assert.equal(warnings.size, 0)
  alive.clear()
  await run(2 * minute, () => warnings.size === 1)
  const before = asked.length
  await run(8 * second)
  assert.deepEqual(times()[before]! - (times()[before - 1]! + timeout), 1 * second)
})

test('of several addresses of a name all are tried at once, and the first that answers is where it is', async () => {
  const { alive, names, boots, asked, answers, run } = world()
  names.set('boot.example', ['2001:db8::1', '192.0.2.1', '192.0.2.2'])
  alive.add('192.0.2.2:51820')
  boots.set([{ key: first, endpoint: at('boot.example') }])
  await run(1 * second)
  assert.deepEqual(
    asked.map(each => each.endpoint),
    ['[2001:db8::1]:51820', '192.0.2.1:51820', '192.0.2.2:51820'],
  )
  assert.ok(asked.every(each => each.at === 0))
  assert.deepEqual(
    answers.map(({ endpoint }) => endpoint),
    ['192.0.2.2:51820'],
  )
  assert.deepEqual(boots.endpoints(), [{ key: first, endpoint: at('192.0.2.2') }])
})

test('a name that gets another address is followed, and keeps its last one while it has none', async () => {
  const { alive, names, boots, run } = world()
  names.set('boot.example', ['192.0.2.1'])
  alive.add('192.0.2.1:51820').add('192.0.2.9:51820')
  boots.set([{ key: first, endpoint: at('boot.example') }])
  await run(1 * second)
  names.set('boot.example', ['192.0.2.9'])
  await run(1 * minute)
  assert.deepEqual(boots.endpoints(), [{ key: first, endpoint: at('192.0.2.9') }])
  names.delete('boot.example')
  await run(5 * minute)
  assert.deepEqual(boots.endpoints(), [{ key: first, endpoint: at('192.0.2.9') }])
})

for (const [what, found] of [
  ['has no address', []],
  ['has only addresses with a zone', ['fe80::1%eth0']],
  ['makes the resolver fail', new Error('EAI_FAIL')],
] as const) {
  test(`a name that ${what} is said aloud and tried again`, async () => {
    const { alive, names, boots, answers, warnings, run } = world()
    names.set('boot.example', found)
    boots.set([{ key: first, endpoint: at('boot.example') }])
    await run(30 * second)
    assert.deepEqual(
      [...warnings.values()],
      [`boot node ${first.slice(0, 10)}… at boot.example:51820 cannot be resolved; trying again`],
    )
    assert.deepEqual(boots.endpoints(), [])
    names.set('boot.example', ['192.0.2.1'])
    alive.add('192.0.2.1:51820')
    await run(1 * minute, () => answers.length > 0)
    assert.equal(answers.length, 1)
    assert.equal(warnings.size, 0)
  })
}

test('one that the file loses while it is asked is heard no more, and warned of no more', async () => {
  const { alive, boots, answers, asked, warnings, run } = world()
  alive.add('192.0.2.1:51820')
  boots.set([
    { key: first, endpoint: at('192.0.2.1') },
    { key: second_, endpoint: at('192.0.2.2') },
  ])
  await run(1)
  boots.set([])
  await run(10 * minute)
  assert.deepEqual([answers, boots.endpoints(), [...warnings]], [[], [], []])
  assert.equal(asked.length, 2)
})

test('a warning goes with its boot node', async () => {
  const { boots, warnings, run } = world()
  boots.set([{ key: first, endpoint: at('192.0.2.1') }])
  await run(5 * second)
  assert.equal(warnings.size, 1)
  boots.set([{ key: first, endpoint: at('192.0.2.2') }])
  assert.equal(warnings.size, 0)
})

test('one that stays in the file is not asked again for a change of others', async () => {
  const { alive, boots, asked, run } = world()
  alive.add('192.0.2.1:51820').add('192.0.2.2:51820')
  const kept = { key: first, endpoint: at('192.0.2.1') }
  boots.set([kept])
  await run(1 * second)
  boots.set([{ ...kept }, { key: second_, endpoint: at('192.0.2.2') }])
  await run(1 * second)
  assert.deepEqual(
    asked.map(({ endpoint }) => endpoint),
    ['192.0.2.1:51820', '192.0.2.2:51820'],
  )
})

test('asked again when our addresses change, however often and whatever is under way, it still has one timer', async () => {
  const { alive, boots, asked, answers, run } = world()
  boots.set([{ key: first, endpoint: at('192.0.2.1') }])
  for (let i = 0; i < 10; i++) {
    await run(100)
    boots.again()
  }
  alive.add('192.0.2.1:51820')
  boots.again()
  await run(1 * second)
  assert.equal(answers.length, 1, 'only the last question counts')
  const before = asked.length
  await run(10 * minute)
  assert.equal(asked.length - before, 10, 'one question a minute')
})

test('nothing is asked after the end', async () => {
  const { boots, asked, warnings, run } = world()
  boots.set([{ key: first, endpoint: at('192.0.2.1') }])
  await run(1 * second)
  boots.stop()
  await run(10 * minute)
  assert.equal(asked.length, 1)
  assert.equal(warnings.size, 0)
})
