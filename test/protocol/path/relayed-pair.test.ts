// Two machines and relays between them: a relay while there is nothing better, a direct path as soon as there is one, and back.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatEndpoint } from '../../../src/base/ip.ts'
import { Pair, type PairOptions, type Side } from './pair.ts'
import { Relay } from './relay.ts'

const second = 1_000
const minute = 60 * second
const hosts = ['192.0.2.100', '192.0.2.200']

/** Two behind NATs that know one another and two relays; nothing gets through directly unless `open`. Somebody on a sends. */
function pairOf(
  options: PairOptions & { open?: boolean; from?: number; until?: number; delays?: readonly number[] },
): Pair {
  const relays = (options.delays ?? [20, 60]).map((delay, i) => new Relay(hosts[i]!, delay))
  const pair = new Pair({ home: true, natted: true, doorbell: true, relays, ...options })
  pair.open = options.open ?? false
  for (const side of [pair.a, pair.b]) {
    pair.at(0, () => {
      pair.poll(side)
      pair.tellRelays(side)
      pair.introduce(side)
    })
  }
  // not in the same moment: two whose packets always cross would swap their relays with each
  const until = options.until ?? 5 * minute
  const from = options.from ?? second
  if (from > second) pair.polls(5 * second, from, 5 * second)
  return pair.traffic(from, until, [pair.a]).traffic(from + 380, until, [pair.b])
}

const sides = ({ a, b }: Pair) => [a, b]
const areRelayed = (pair: Pair) => sides(pair).every(side => side.relayed)
const areDirect = (pair: Pair) => sides(pair).every(side => side.direct && !side.relayed)
const where = (side: Side) => formatEndpoint(side.peer.view().endpoint!).split(':')[0]

/** How long it takes from now, ms. */
function wait(pair: Pair, done: (pair: Pair) => boolean, limit: number): number {
  const start = pair.now
  pair.until(start + limit, () => done(pair))
  assert.ok(done(pair), `not within ${limit / second} s`)
  return pair.now - start
}

const sorted = (times: number[]) => times.sort((x, y) => x - y)
const p95 = (times: number[]) => times[Math.floor(times.length * 0.95)]!

for (const percent of [0, 10, 30]) {
  test(`no direct path, ${percent} % lost each way: both are on a relay soon after the first packet, and data goes through`, () => {
    const all = sorted(
      Array.from({ length: 40 }, (_, seed) => {
        // nobody has used it for ten minutes
        const pair = pairOf({ seed, loss: percent / 100, from: 10 * minute, until: 11 * minute })
        pair.until(10 * minute - 1)
        for (const { binds, carried } of pair.relays) assert.deepEqual([binds, carried], [0, 0], `seed ${seed}`)
        const took = wait(pair, areRelayed, minute)
        pair.until(pair.now + 30 * second)
        for (const side of sides(pair))
          assert.ok(side.tunnel.arrived.length > 0, `seed ${seed}: no data at ${side.name}`)
        return took
      }),
    )
    if (percent === 0) assert.ok(all.at(-1)! <= second, String(all))
    if (percent === 10) assert.ok(p95(all) <= 2 * second, String(all))
    if (percent === 30) assert.ok(p95(all) <= 10 * second, String(all))
  })
}

test('a direct path opens while the relay is used: both are on it with the next hunt, and the relay carries nothing more', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const pair = pairOf({ seed })
    pair.until(30 * second + seed * 777)
    assert.ok(areRelayed(pair), `seed ${seed}`)
    pair.open = true
    const took = wait(pair, areDirect, minute)
    // the pause, what is left of the hunt before it, and the way there
    assert.ok(took <= 36 * second, `seed ${seed}: ${took}`)
    pair.until(pair.now + 10 * second)
    const carried = pair.relays.map(relay => relay.carried)
    pair.until(pair.now + minute)
    assert.deepEqual(
      pair.relays.map(relay => relay.carried),
      carried,
      `seed ${seed}`,
    )
  }
})

test('much data both ways: WireGuard is not led back to the relay by what is still on its way', () => {
  for (let seed = 1; seed <= 5; seed++) {
    const pair = pairOf({ seed })
    pair.traffic(second, 45 * second, sides(pair), 20)
    pair.until(15 * second)
    pair.open = true
    wait(pair, areDirect, 36 * second)
    const [relay, arrived] = [pair.relays[0]!, pair.b.tunnel.arrived.length]
    pair.until(pair.now + 3 * second)
    const { carried } = relay
    pair.until(pair.now + 5 * second)
    assert.equal(relay.carried, carried, `seed ${seed}`)
    assert.deepEqual([pair.a.kernel, pair.b.kernel], [pair.b.place, pair.a.place])
    // 50 a second: a round trip through the relay is the most that may be lost
    assert.ok(pair.b.tunnel.arrived.length - arrived >= 8 * 51 - 10, `${pair.b.tunnel.arrived.length - arrived}`)
  }
})

test('the direct path dies and comes back, again and again: to a relay within 2.5 s, and back within 36 s', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const pair = pairOf({ seed, open: true, until: 10 * minute })
    wait(pair, areDirect, 20 * second)
    for (let round = 1; round <= 4; round++) {
      pair.until(pair.now + 20 * second + seed * 333)
      pair.open = false
      const there = wait(pair, areRelayed, minute)
      assert.ok(there <= 2.5 * second, `seed ${seed}, round ${round}: ${there} ms to the relay`)
      pair.until(pair.now + 20 * second + seed * 555)
      pair.open = true
      const back = wait(pair, areDirect, minute)
      assert.ok(back <= 36 * second, `seed ${seed}, round ${round}: ${back} ms back`)
    }
  }
})

test('the relay in use dies: the warm one follows within 2 s on both sides, and data goes on', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const pair = pairOf({ seed })
    pair.until(30 * second + seed * 333)
    assert.deepEqual(sides(pair).map(where), [hosts[0], hosts[0]])
    pair.relays[0]!.up = false
    const took = wait(pair, both => sides(both).every(side => side.relayed && where(side) === hosts[1]), minute)
    assert.ok(took <= 2 * second, `seed ${seed}: ${took}`)
    const arrived = pair.b.tunnel.arrived.length
    pair.until(pair.now + 10 * second)
    assert.ok(pair.b.tunnel.arrived.length >= arrived + 9, `seed ${seed}`)
  }
})

test('two relays that are as good: both sides come to the same one, and stay there', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const pair = pairOf({ seed, delays: [30, 32], until: 11 * minute })
    pair.until(minute)
    const [used] = sides(pair).map(where)
    assert.deepEqual(sides(pair).map(where), [used, used], `seed ${seed}`)
    for (const side of sides(pair)) side.uses.length = 0
    pair.until(11 * minute)
    assert.deepEqual(
      sides(pair).flatMap(side => side.uses),
      [],
      `seed ${seed}`,
    )
  }
})

for (const percent of [0, 10, 30]) {
  // 10 % and 30 % of the packets each way: of the PINGs, 19 and 51 %
  test(`ten minutes through a relay at ${percent} % lost each way, with a second one: no endpoint changes, no path ends`, () => {
    let changes = 0
    for (let seed = 1; seed <= 10; seed++) {
      const pair = pairOf({ seed, loss: percent / 100, until: 11 * minute })
      pair.until(minute)
      for (const side of sides(pair)) side.uses.length = side.probes = side.relayProbes = side.offers = 0
      pair.until(11 * minute)
      for (const side of sides(pair)) {
        changes += side.uses.length
        assert.ok(side.relayed, `seed ${seed}`)
        // beats, and the warm one; a hunt of one candidate in 35 s on each side, and one for each suspicion
        assert.ok(side.relayProbes < 600 * 6, `seed ${seed}: ${side.relayProbes} through relays`)
        assert.ok(side.probes - side.relayProbes < 800, `seed ${seed}: ${side.probes - side.relayProbes} direct`)
        assert.ok(side.offers < 200, `seed ${seed}: ${side.offers} OFFERs`)
      }
    }
    assert.equal(changes, 0)
  })
}

test('two that nobody uses, and that look for one another: nothing ever goes to a relay', () => {
  const relays = hosts.map(host => new Relay(host))
  const pair = new Pair({ seed: 1, natted: true, home: true, doorbell: true, relays })
  pair.open = false
  pair.polls(0, 30 * minute, 5 * second)
  for (const side of sides(pair)) pair.at(1, () => pair.tellRelays(side)).at(1, () => pair.introduce(side))
  pair.until(30 * minute)
  assert.ok(pair.a.offers > 0 && pair.a.probes > 0)
  assert.deepEqual(
    relays.flatMap(({ carried, binds }) => [carried, binds]),
    [0, 0, 0, 0],
  )
})

test('two that rested behind a relay: the first packet wakes them, and is not lost', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const pair = pairOf({ seed, until: 20 * second })
    pair.polls(20 * second, 30 * minute, 5 * second).until(20 * minute)
    assert.deepEqual([pair.a.kernel, pair.b.kernel], ['doorbell', 'doorbell'], `seed ${seed}`)
    const arrived = pair.b.tunnel.arrived.length
    const start = pair.now
    pair.at(start, () => pair.data(pair.a, 1_000)).until(start + 10 * second)
    assert.ok(pair.b.tunnel.arrived.length > arrived, `seed ${seed}`)
    const [at] = pair.b.tunnel.arrived[arrived]!
    assert.ok(at - start <= second, `seed ${seed}: ${at - start}`)
    assert.equal(pair.a.tunnel.lost, 0)
  }
})
