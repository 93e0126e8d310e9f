// The window on a path that holds what it cannot carry: it must fill the path, and not the path's queue.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { stalledAfter, Window } from '../../../src/protocol/carrier/window.ts'

type Path = {
  readonly delay: number
  readonly bytesPerMs: number
  /** How much later than that the n-th answer comes. */
  readonly late?: (n: number) => number
}

/** Offers a datagram each `every` ms for a while. @returns of the second half: bytes a ms that came, and how long the slowest one took */
function run({ delay, bytesPerMs, late = () => 0 }: Path, every: number, time: number) {
  const window = new Window()
  const size = 1_400
  const arrivals: { at: number; sentAt: number }[] = []
  let freeAt = 0
  let total = 0
  let [came, slowest, dropped, n] = [0, 0, 0, 0]
  for (let now = 0, offerAt = 0; now < time; now += 0.25) {
    while (arrivals[0] && arrivals[0].at + delay <= now) {
      const { at, sentAt } = arrivals.shift()!
      total = (total + size) % 2 ** 32
      window.came(total, now)
      if (now < time / 2) continue
      came += size
      slowest = Math.max(slowest, at - sentAt)
    }
    for (; offerAt <= now; offerAt += every) {
      if (!window.take(size, now)) {
        dropped++
        continue
      }
      freeAt = Math.max(freeAt, now) + size / bytesPerMs
      // in order, so one that is late holds up those behind it
      const at = freeAt + delay + late(n++)
      arrivals.push({ at: Math.max(at, arrivals.at(-1)?.at ?? 0), sentAt: now })
    }
  }
  return { rate: came / (time / 2), slowest, dropped, limit: window.limit }
}

for (const path of [
  { delay: 5, bytesPerMs: 1_250 },
  { delay: 40, bytesPerMs: 1_250 },
  { delay: 100, bytesPerMs: 250 },
  { delay: 10, bytesPerMs: 25_000 },
]) {
  test(`${path.bytesPerMs * 8} kbit/s, ${path.delay} ms one way, ten times as much offered: full, and nothing waits long`, () => {
    const { rate, slowest, dropped } = run(path, 140 / path.bytesPerMs, 20_000)
    assert.ok(rate >= 0.7 * path.bytesPerMs, `rate ${rate}`)
    assert.ok(slowest <= path.delay + 250, `slowest ${slowest}`)
    assert.ok(dropped > 0)
  })
}

test('a machine that is busy for moments is no queue that stands', () => {
  const path = { delay: 10, bytesPerMs: 5_000, late: (n: number) => (n % 40 === 0 ? 90 : 0) }
  const { rate } = run(path, 0.1, 20_000)
  // each 40th holds up the rest for 90 ms, in which 16 kB could pass; what can be had is about 40 datagrams each 100 ms
  assert.ok(rate >= 400, `rate ${rate}`)
})

test('less than the path carries: nothing is dropped', () => {
  assert.equal(run({ delay: 40, bytesPerMs: 1_250 }, 2, 10_000).dropped, 0)
})

test('an answer that cannot be is ignored, and totals go round', () => {
  const window = new Window()
  assert.ok(window.take(1_000, 0))
  window.came(2_000, 1)
  assert.equal(window.underWay, 1_000)
  window.came(1_000, 1)
  assert.equal(window.underWay, 0)
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(5_000), fc.nat(2 ** 32 - 1)), { maxLength: 50 }), steps => {
      const it = new Window()
      for (const [i, [bytes, total]] of steps.entries()) {
        it.take(bytes + 1, i)
        it.came(total, i)
        assert.ok(it.underWay >= 0 && it.underWay <= it.limit + 5_001)
      }
    }),
  )
})

test('it counts as dead when nothing of what is under way has come for seconds, and not when nothing is', () => {
  const window = new Window()
  assert.equal(window.stalledAt, Number.POSITIVE_INFINITY)
  window.take(100, 1_000)
  assert.equal(window.stalledAt, 1_000 + stalledAfter)
  window.take(100, 3_000)
  window.came(100, 3_500)
  assert.equal(window.stalledAt, 3_500 + stalledAfter)
  window.came(200, 4_000)
  assert.equal(window.stalledAt, Number.POSITIVE_INFINITY)
})
