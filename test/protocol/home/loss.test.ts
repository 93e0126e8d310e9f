// Homes over a bad network: what a thousand seeds of loss and of homes that die do to a node that needs them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { minute, second, type Time } from '../../../src/base/time.ts'
import { chances, type Server, World } from './world.ts'

const seeds = 1_000

/** The most times that one home was asked in a window of that length. */
function mostAsked(world: World, window: Time): number {
  const times = new Map<string, Time[]>()
  for (const { key, at } of world.asks) times.set(key, [...(times.get(key) ?? []), at])
  return Math.max(
    ...[...times.values()].map(all =>
      Math.max(...all.map((at, i) => all.slice(i).filter(b => b < at + window).length)),
    ),
  )
}

function quantiles(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => (sorted[Math.floor(share * (sorted.length - 1))]! / second).toFixed(1)
  return `p50 ${at(0.5)} s, p95 ${at(0.95)} s, most ${at(1)} s`
}

function run(seed: number, loss: number, deaths: boolean) {
  const chance = chances(seed)
  const world = new World(seed)
  world.loss = loss
  const servers: Server[] = Array.from({ length: 6 }, (_, i) =>
    world.server(i + 1, i < 2, 5 + Math.floor(chance() * 300)),
  )
  world.know(...servers)
  world.input({ kind: 'needed', needed: true })
  world.pass(30 * second)
  const start = world.now
  /** From a home's death until three others are there. */
  const recoveries: Time[] = []
  let alone: Time = 0
  for (let i = 0; i < 4; i++) {
    const used = servers.filter(({ key, up }) => up && world.keys().includes(key))
    const victim = used[Math.floor(chance() * used.length)]
    if (deaths && victim && i < 3) {
      world.pass(Math.floor(chance() * 25) * second)
      victim.up = false
      const died = world.now
      const whole = () => world.keys().length === 3 && !world.keys().includes(victim.key)
      while (!whole() && world.now < died + 3 * minute) world.pass(100)
      recoveries.push(world.now - died)
    }
    for (let s = 0; s < 60; s++) {
      world.pass(second)
      const homes = world.homes.current()
      assert.ok(homes.length <= 3)
      assert.equal(new Set(homes.map(({ key }) => key)).size, homes.length)
      if (homes.length === 0) alone += second
    }
  }
  return { world, recoveries, alone, lasted: world.now - start }
}

test('without loss, each home that dies is replaced within 33 s', t => {
  const recoveries: Time[] = []
  for (let seed = 0; seed < seeds; seed++) {
    const result = run(seed, 0, true)
    recoveries.push(...result.recoveries)
    assert.equal(result.alone, 0, `seed ${seed}: without any home`)
    assert.ok(Math.max(...result.recoveries) <= 33 * second, `seed ${seed}: ${result.recoveries}`)
    assert.ok(mostAsked(result.world, second) <= 3 && mostAsked(result.world, minute) <= 10, `seed ${seed}`)
  }
  t.diagnostic(`replaced after ${quantiles(recoveries)}, of ${recoveries.length}`)
})

for (const loss of [0.1, 0.3]) {
  test(`${loss * 100} % loss each way: homes change seldom, and there is always one`, t => {
    let [changes, lasted, alone] = [0, 0, 0]
    for (let seed = 0; seed < seeds / 2; seed++) {
      const { world, lasted: time, alone: none } = run(seed, loss, false)
      // the first three come and are told of
      changes += world.changes.filter(({ at }) => at > 130 * second).length
      lasted += time
      alone += none
      assert.ok(mostAsked(world, second) <= 3 && mostAsked(world, minute) <= 12, `seed ${seed}`)
    }
    const each = changes / (lasted / minute)
    t.diagnostic(
      `${each.toFixed(3)} changes a minute, without a home ${((alone / lasted) * 100).toFixed(3)} % of the time`,
    )
    assert.ok(alone / lasted < 0.001)
    assert.ok(each < (loss < 0.2 ? 0.01 : 0.2), `${each} changes a minute`)
  })
}

test('with loss, each home that dies is replaced', t => {
  const recoveries: Time[] = []
  for (let seed = 0; seed < seeds / 2; seed++) {
    const result = run(seed, 0.1, true)
    recoveries.push(...result.recoveries)
    assert.ok(Math.max(...result.recoveries) < 3 * minute, `seed ${seed}: ${result.recoveries}`)
  }
  t.diagnostic(`10 % loss each way: replaced after ${quantiles(recoveries)}, of ${recoveries.length}`)
})
