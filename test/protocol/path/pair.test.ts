// Both ends of a path run the same machine: what comes of it on a net that loses, and when somebody moves or lies.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { heardBurst, heardPerSecond, probeBurst, probesPerSecond } from '../../../src/protocol/path/constants.ts'
import type { Input } from '../../../src/protocol/path/events.ts'
import { Pair } from './pair.ts'
import { around, at, Run } from './run.ts'

const second = 1_000
const minute = 60 * second
const seeds = Array.from({ length: 100 }, (_, i) => i + 1)

/** How long each seed's pair took until both had a path, sorted. */
function times(make: (seed: number) => Pair, limit: number): number[] {
  return seeds
    .map(seed => {
      const pair = make(seed)
      pair.until(limit, () => pair.a.direct && pair.b.direct)
      assert.ok(pair.a.direct && pair.b.direct, `seed ${seed}: no path within ${limit / second} s`)
      return pair.now
    })
    .sort((x, y) => x - y)
}

for (const percent of [0, 10, 30, 49]) {
  test(`where ${percent} % are lost, one that knows the other is enough for both to find the path`, () => {
    const all = times(seed => {
      const pair = new Pair({ seed, loss: percent / 100 })
      return pair.at(0, () => pair.introduce(pair.a))
    }, 10 * minute)
    if (percent <= 10) assert.ok(all[95]! < 2 * second, `p95 ${all[95]}`)
    if (percent === 49) assert.ok(all[95]! < 60 * second, `p95 ${all[95]}`)
  })

  test(`behind port-restricted NATs on both sides and ${percent} % lost, both find the path`, () => {
    const all = times(seed => {
      const pair = new Pair({ seed, loss: percent / 100, natted: true }).keepalives(10 * minute)
      pair.at(0, () => pair.introduce(pair.a))
      return pair.at(seed * 50, () => pair.introduce(pair.b))
    }, 10 * minute)
    if (percent <= 10) assert.ok(all[95]! < 20 * second, `p95 ${all[95]}`)
  })
}

test('the same seed gives the same story', () => {
  const story = (seed: number) => {
    const pair = new Pair({ seed, loss: 0.3 })
    pair.at(0, () => pair.introduce(pair.a)).traffic(second, 60 * second)
    pair.until(60 * second)
    return [pair.a.probes, pair.b.probes, pair.a.tunnel.received, pair.b.tunnel.received]
  }
  assert.deepEqual(story(7), story(7))
  assert.notDeepEqual(story(7), story(8))
})

// What others may do to a peer's machine: say where it is, and knock.
const place = fc.integer({ min: 0, max: 255 }).map(last => at(`203.0.113.${last}:4000`))
const word: fc.Arbitrary<Input> = fc.oneof(
  fc.record({ kind: fc.constant('heard' as const), endpoint: place }),
  fc.record({ kind: fc.constant('announced' as const), endpoint: place }),
  fc.record({ kind: fc.constant('cache' as const), endpoints: fc.array(place, { maxLength: 8 }) }),
  fc.record({
    kind: fc.constant('record' as const),
    endpoints: fc.array(fc.record({ kind: fc.constant('host' as const), endpoint: place }), { maxLength: 20 }),
  }),
  fc.record({ kind: fc.constant('wanted' as const), urgent: fc.boolean() }),
  fc.constant({ kind: 'no record' as const }),
  fc.constant({ kind: 'reset' as const }),
  fc.record({ kind: fc.constant('network' as const), surroundings: fc.constant(around), moved: fc.constant(true) }),
)
const story = fc.array(fc.tuple(word, fc.integer({ min: 0, max: 20 * second })), { maxLength: 150 })

test('whatever is said, when nobody answers: a bounded number of probes a minute, no endpoint, no wake in the past', () => {
  fc.assert(
    fc.property(story, words => {
      const run = new Run()
      for (const [input, pause] of words) run.give(input).pass(pause)
      run.pass(5 * minute)
      const times = run.log.flatMap(([time, text]) => (text.startsWith('probe') ? [time] : []))
      const most = probeBurst + 60 * probesPerSecond
      for (let i = 0; i + most < times.length; i++) assert.ok(times[i + most]! - times[i]! >= minute - 1)
      assert.ok(!run.log.some(([, text]) => text.startsWith('use')))
      const { state, hunt } = run.peer.view()
      assert.ok(state === 'idle' || hunt === 'waiting' || run.peer.wakeAt < Number.POSITIVE_INFINITY)
    }),
    { numRuns: 200 },
  )
})

test('every place that is asked for is given back', () => {
  fc.assert(
    fc.property(story, words => {
      const run = new Run({ grants: false })
      let [asked, granted] = [false, false]
      const follow = () => {
        for (const [, text] of run.log.splice(0)) {
          if (text.startsWith('ask')) asked = true
          if (text === 'done') [asked, granted] = [false, false]
        }
      }
      for (const [input, pause] of words) {
        run.give(input)
        follow()
        if (asked && !granted) {
          granted = true
          run.give({ kind: 'granted' })
        }
        run.pass(pause)
        follow()
      }
      run.pass(30 * second)
      follow()
      assert.equal(granted, false)
    }),
  )
})

test('a flood of PINGs from invented places moves nothing, and makes us send a few probes', () => {
  const run = new Run()
  run.answering.set('192.168.1.9:51820', 1)
  run.give({ kind: 'announced', endpoint: at('192.168.1.9:51820') }).pass(10 * second)
  run.log.length = 0
  for (let i = 0; i < 6_000; i++) {
    run.give({ kind: 'heard', endpoint: at(`203.0.${i >> 8}.${i & 255}:4000`) }).pass(10)
  }
  const actions = run.actions()
  assert.ok(actions.length <= heardBurst + 60 * heardPerSecond, String(actions.length))
  assert.ok(actions.every(text => text.startsWith('probe 203.0.')))
  assert.equal(run.peer.view().endpoint?.host, '192.168.1.9')
  assert.ok(run.peer.view().candidates.length <= 50)
})

test('an hour of nobody answering takes little of a processor', () => {
  const run = new Run()
  run.noRecordAfter = 300
  run.give({ kind: 'cache', endpoints: [at('203.0.113.1:1'), at('203.0.113.2:1')] }).pass(60 * minute)
  const probes = run.log.filter(([, text]) => text.startsWith('probe')).length
  const looks = run.log.filter(([, text]) => text === 'look up').length
  assert.ok(probes < 2 * 6 * 20 && looks < 25, `${probes} probes, ${looks} look-ups`)
})
