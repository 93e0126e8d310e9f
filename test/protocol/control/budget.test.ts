import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Budget, sourceOf } from '../../../src/protocol/control/budget.ts'
import { provenFor, tables } from '../../../src/protocol/control/constants.ts'

const rates = {
  source: { rate: 10, burst: 20 },
  strangers: { rate: 100, burst: 200 },
  peer: { rate: 50, burst: 100 },
}

/** How many of `count` datagrams from there pass at one time. */
function passed(budget: Budget, host: string, count: number, now = 0, port = 1): number {
  let passed = 0
  for (let i = 0; i < count; i++) if (budget.take({ host, port }, now) === null) passed++
  return passed
}

test('one source gets its burst, then its rate', () => {
  const budget = new Budget(rates)
  assert.equal(passed(budget, '192.0.2.1', 500), 20)
  assert.equal(budget.take({ host: '192.0.2.1', port: 9 }, 0), 'source budget')
  assert.equal(passed(budget, '192.0.2.1', 500, 1_000), 10)
  assert.equal(passed(budget, '192.0.2.1', 500, 60_000), 20)
})

test('one source that floods does not stop another', () => {
  const budget = new Budget(rates)
  for (let now = 0; now < 60_000; now += 10) {
    passed(budget, '192.0.2.1', 100, now)
    if (now % 200 === 0) assert.equal(budget.take({ host: '198.51.100.7', port: 7 }, now), null, `at ${now}`)
  }
})

test('all strangers together get no more than theirs', () => {
  const budget = new Budget(rates)
  let all = 0
  for (let i = 0; i < 10_000; i++) all += passed(budget, `10.1.${i >> 8}.${i & 255}`, 1)
  assert.equal(all, 200)
  assert.equal(budget.take({ host: '198.51.100.7', port: 7 }, 0), 'strangers budget')
})

test('a flood from everywhere does not stop an endpoint that answered us', () => {
  const budget = new Budget(rates)
  const peer = { host: '198.51.100.7', port: 7 }
  budget.prove(peer, 0)
  for (let i = 0; i < 10_000; i++) passed(budget, `10.1.${i >> 8}.${i & 255}`, 1, 100)
  assert.equal(budget.take(peer, 100), null)
  // another port of the same address has answered nothing
  assert.equal(budget.take({ ...peer, port: 8 }, 100), 'strangers budget')
})

test('an endpoint that answered us has bounds too, and its answer grows old', () => {
  const budget = new Budget(rates)
  const peer = { host: '198.51.100.7', port: 7 }
  budget.prove(peer, 0)
  assert.equal(passed(budget, peer.host, 500, 0, peer.port), 100)
  assert.equal(budget.take(peer, 0), 'peer budget')
  // proving again is not a way to a full bucket
  budget.prove(peer, 0)
  assert.equal(budget.take(peer, 0), 'peer budget')
  assert.equal(passed(budget, peer.host, 500, provenFor - 1, peer.port), 100)
  assert.equal(passed(budget, peer.host, 500, provenFor, peer.port), 20)
})

test('what counts as one source', () => {
  assert.equal(sourceOf('192.0.2.1'), '192.0.2.1')
  assert.equal(sourceOf('2001:db8::1'), sourceOf('2001:db8::ffff:0:0:2'))
  assert.notEqual(sourceOf('2001:db8::1'), sourceOf('2001:db8:0:1::1'))
})

test('in no second do more pass than rate and burst, whatever comes from wherever', () => {
  const arrival = fc.record({ host: fc.nat(300), wait: fc.nat(40) })
  fc.assert(
    fc.property(fc.array(arrival, { minLength: 100, maxLength: 1_000 }), arrivals => {
      const budget = new Budget(rates)
      let now = 0
      const times: number[] = []
      for (const { host, wait } of arrivals) {
        now += wait / 10
        if (budget.take({ host: `10.0.${host >> 8}.${host & 255}`, port: 1 }, now) === null) times.push(now)
      }
      for (let i = 200; i < times.length; i++) {
        const { rate, burst } = rates.strangers
        assert.ok(i + 1 <= burst + (rate * times[i]!) / 1_000 + 1e-6)
      }
    }),
    { numRuns: 50 },
  )
})

test('the tables have an end', () => {
  const budget = new Budget()
  for (let i = 0; i < 3 * tables.sources; i++) {
    const host = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`
    budget.take({ host, port: 1 }, i)
    budget.prove({ host, port: 1 }, i)
  }
  assert.equal(budget.size, tables.sources + tables.peers)
})
