// Relayed paths, one machine: what relays are asked, when, and that a direct path is looked for as long as there is none.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import * as constants from '../../../src/protocol/path/constants.ts'
import type { Input } from '../../../src/protocol/path/events.ts'
import { around, at, Run } from './run.ts'

const second = 1_000
const minute = 60 * second
const [far, other] = ['203.0.113.7:51820', '198.51.100.4:40000']
const [relay, relay2] = ['192.0.2.100:61002', '192.0.2.200:61002']

const relays = (...endpoints: string[]): Input => ({
  kind: 'relays',
  endpoints: endpoints.map(text => ({ kind: 'relayed', endpoint: at(text) })),
})
const record = (...endpoints: string[]): Input => ({
  kind: 'record',
  endpoints: endpoints.map(text => ({ kind: 'reflexive', endpoint: at(text) })),
})

/** A machine with a doorbell that knows a peer and its relays, and looks for nobody. */
function knowing(...answering: [string, number][]): Run {
  const run = new Run()
  for (const [endpoint, rtt] of answering) run.answering.set(endpoint, rtt)
  run.noRecordAfter = 300
  run.give({ kind: 'doorbell', works: true }).give({ kind: 'far', reachable: true }).tunnel({})
  run
    .give(relays(relay, relay2))
    .give(record(far))
    .pass(2 * minute)
  return run
}

/** Data goes both ways for so long, and the counters are read each 2 s. */
function use(run: Run, time: number, step: () => void = () => {}): Run {
  for (const end = run.now + time; run.now < end; ) {
    const { endpoint } = run.peer.view()
    const where = endpoint ? { endpoint: `${endpoint.host}:${endpoint.port}` } : {}
    run.tunnel({ received: 1_000, sent: 1_000, ...where }).pass(2 * second)
    step()
  }
  return run
}

/** In use, through a relay. */
function relayed(...answering: [string, number][]): Run {
  const run = knowing(...answering)
  run.log.length = 0
  run.give({ kind: 'rung' }).pass(second)
  assert.equal(run.peer.view().relayed, true)
  return run
}

const isRelayProbe = (text: string) => text.startsWith('probe 192.0.2.')
const probesTo = (run: Run, endpoint: string) =>
  run.log.flatMap(([time, text]) => (text === `probe ${endpoint}` ? [time] : []))

test('a peer that nobody asks for is looked for without a relay, and rests without one', () => {
  const run = knowing()
  const { state } = run.peer.view()
  assert.equal(state, 'idle')
  assert.equal(run.log.filter(([, text]) => text === `probe ${far}`).length, 3 * 6)
  assert.ok(!run.log.some(([, text]) => isRelayProbe(text)))
  assert.equal(run.why(relay), 'not tried, nobody asks for the peer')
  run.log.length = 0
  for (let i = 0; i < 100; i++) run.pass(minute).give(relays(relay, `192.0.2.${i}:61000`))
  assert.deepEqual(run.actions(), [], 'news of relays begins nothing')
  assert.equal(run.peer.wakeAt, Number.POSITIVE_INFINITY)
})

test('somebody asks: relays are tried at once with the direct candidates, and say that they are relays', () => {
  const run = knowing([relay, 50], [relay2, 90])
  run.log.length = 0
  run.give({ kind: 'rung' })
  for (const endpoint of [far, relay, relay2]) assert.deepEqual(probesTo(run, endpoint), [run.now])
  run.pass(100)
  const actions = run.actions()
  assert.ok(actions.includes(`use ${relay}: answered first`) && actions.includes(`relayed ${relay} by pong`))
  const { state, relayed, kind } = run.peer.view()
  assert.deepEqual({ state, relayed, kind }, { state: 'direct', relayed: true, kind: 'relayed' })
})

test('without a doorbell nobody can tell who asks: relays are tried', () => {
  const run = new Run()
  run.answering.set(relay, 50)
  run.give(relays(relay)).give(record(far)).pass(second)
  assert.equal(run.peer.view().relayed, true)
})

test('a direct path is taken at once when one answers, however slow; no relay takes the place of one that lives', () => {
  const run = relayed([relay, 20])
  run.answering.set(far, 300)
  use(run, 12 * second)
  const { relayed: still, endpoint } = run.peer.view()
  assert.deepEqual([still, endpoint], [undefined, at(far)])
  assert.equal(run.why(relay), 'answered, another ranks better')
  run.log.length = 0
  use(run, 10 * minute, () => run.give(relays(relay, relay2)).give({ kind: 'heard', endpoint: at(relay) }))
  assert.ok(!run.log.some(([, text]) => text.startsWith('use')))
  assert.deepEqual(run.peer.view().endpoint, at(far))
})

test('while the direct path is in use and lives, relays are not asked', () => {
  const run = knowing([far, 30], [relay, 50])
  run.give({ kind: 'rung' }).pass(second).log.length = 0
  use(run, 10 * minute)
  assert.ok(!run.log.some(([, text]) => isRelayProbe(text)))
})

test('relayed and in use: direct candidates and an OFFER at once, then after 5, 10, 20, 30, 30 s', () => {
  const run = relayed([relay, 50])
  use(run, 4 * minute)
  const times = probesTo(run, far)
  const hunts = times.filter((time, i) => time - (times[i - 1] ?? -minute) > 4 * second)
  const pauses = hunts.map((time, i) => Math.round((time - (hunts[i - 1] ?? time)) / second))
  // each lasts 4 s
  assert.deepEqual(pauses.slice(0, 7), [0, 9, 14, 24, 34, 34, 34])
  const offers = run.log.filter(([, text]) => text === 'offer').map(([time]) => time)
  assert.equal(offers.length, constants.offerTimes.length + hunts.length - 1, 'four at first, then one with each')
  for (const hunt of hunts) assert.ok(offers.includes(hunt))
})

test('nobody uses it any more: no hunts, no relays, nothing', () => {
  const run = relayed([relay, 50], [relay2, 60])
  use(run, minute)
  run.pass(2 * minute).log.length = 0
  for (let i = 0; i < 100; i++) run.pass(minute)
  assert.deepEqual(run.done(), [])
  assert.equal(run.peer.wakeAt, Number.POSITIVE_INFINITY)
})

const elsewhere = { kind: 'network', surroundings: { ...around, own: [{ address: '192.0.2.1', length: 32 }] } } as const
const chances: [string, Input, string][] = [
  ['our network changes', elsewhere, far],
  ['our router opens a port', { kind: 'mapped' }, far],
  ['the peer calls', { kind: 'offered', endpoints: [{ kind: 'host', endpoint: at(other) }], answer: false }, other],
  [
    'the peer answers a call',
    { kind: 'offered', endpoints: [{ kind: 'host', endpoint: at(other) }], answer: true },
    other,
  ],
  ['a new record', record(far, other), other],
  ['an announcement', { kind: 'announced', endpoint: at('192.168.1.9:51820') }, '192.168.1.9:51820'],
  ['a person', { kind: 'wanted', urgent: true }, far],
]
for (const [what, input, endpoint] of chances) {
  test(`relayed: ${what}, and a direct path is tried at once`, () => {
    const run = relayed([relay, 50])
    use(run, 110 * second).log.length = 0
    run.give(input)
    assert.ok(probesTo(run, endpoint).includes(run.now), run.actions().join())
  })
}

test('a call of the peer is not answered by a call, and the relay is not doubted for it', () => {
  const run = relayed([relay, 50])
  use(run, 110 * second).log.length = 0
  const offered: Input = { kind: 'offered', endpoints: [{ kind: 'host', endpoint: at(far) }], answer: false }
  run.give(offered).pass(50)
  assert.ok(!run.actions().includes('offer'))
  assert.equal(run.peer.view().beatsMissed, 0)
})

test('the next best relay is asked within 8 s, one PING each time, and follows within 2 s when the one in use dies', () => {
  const run = relayed([relay, 50], [relay2, 90])
  use(run, 90 * second)
  const times = probesTo(run, relay2)
  const pauses = times.slice(1).map((time, i) => time - times[i]!)
  assert.ok(Math.max(...pauses) <= 8 * second && run.now - times.at(-1)! <= 8 * second, pauses.join())
  assert.ok(times.length <= 90 / 4, String(times.length))
  run.answering.delete(relay)
  const start = run.now
  run.log.length = 0
  use(run, 4 * second)
  const taken = run.log.find(([, text]) => text.startsWith(`use ${relay2}`))
  assert.ok(taken && taken[0] - start <= 2 * second, JSON.stringify(taken))
})

test('between relays the faster one is taken, by a margin', () => {
  for (const [rtt, moves] of [
    [95, false],
    [60, true],
  ] as const) {
    const run = relayed([relay, 100])
    run.answering.set(relay2, rtt)
    use(run, minute)
    assert.equal(run.peer.view().endpoint!.host === at(relay2).host, moves)
  }
})

test('a direct path dies: the relay is asked at the first doubt, and in use within 2 s', () => {
  const run = knowing([far, 30], [relay, 50])
  run.give({ kind: 'rung' }).pass(second)
  use(run, minute).answering.delete(far)
  const start = run.now
  run.log.length = 0
  use(run, 4 * second)
  const asked = probesTo(run, relay)[0]!
  const taken = run.log.find(([, text]) => text.startsWith(`use ${relay}`))
  assert.ok(asked - start <= second && taken![0] - start <= 2 * second, `${asked - start}, ${taken}`)
  assert.ok(
    probesTo(run, far).some(time => time >= taken![0]),
    'the direct one is looked for on',
  )
})

test('whatever else names it, a relay is a relay: a packet, WireGuard, the cache, an announcement', () => {
  const words: Input[] = [
    { kind: 'heard', endpoint: at(relay) },
    { kind: 'cache', endpoints: [at(relay)] },
    { kind: 'announced', endpoint: at(relay) },
    { kind: 'file', endpoints: [at(relay)] },
    record(relay),
  ]
  for (const relaysFirst of [true, false]) {
    for (const word of words) {
      const run = new Run()
      run.answering.set(relay, 20).set(far, 200)
      for (const input of relaysFirst ? [relays(relay), word] : [word, relays(relay)]) run.give(input).pass(second)
      const view = run.peer.view().candidates.find(({ endpoint }) => endpoint.host === at(relay).host)!
      assert.equal(view.kind, 'relayed', JSON.stringify(word))
      run.give(record(far)).pass(6 * second)
      assert.deepEqual(run.peer.view().endpoint, at(far), JSON.stringify(word))
    }
  }
})

test('WireGuard follows the peer to the relay: that is the relayed candidate, and a direct path that lives is kept', () => {
  const run = knowing([far, 30], [relay, 50])
  run.give({ kind: 'rung' }).pass(second)
  use(run, 10 * second)
  for (let i = 0; i < 10; i++) run.tunnel({ received: 1_000, sent: 1_000, endpoint: relay }).pass(2 * second)
  assert.deepEqual(run.peer.view().endpoint, at(far))
  const seen = run.peer.view().candidates.find(({ endpoint }) => endpoint.host === at(relay).host)!
  assert.deepEqual([seen.kind, seen.sources], ['relayed', ['relay']])
})

test('a session through a relay, before the relay is known as one: told again, and a direct path is looked for', () => {
  const run = new Run()
  run.answering.set(relay, 50)
  run.give({ kind: 'cache', endpoints: [at(far)] }).pass(5 * second)
  run.tunnel({})
  run.tunnel({ received: 1_000, sent: 1_000, handshake: run.now, endpoint: relay }).pass(second)
  assert.ok(run.actions().includes(`direct ${relay} by tunnel`))
  run.give(relays(relay))
  assert.ok(run.actions().includes(`relayed ${relay} by pong`))
  use(run, 40 * second)
  assert.ok(probesTo(run, far).length >= 6)
})

test('a relay that is withdrawn while it is in use stays one, and is not remembered once it is left', () => {
  const run = relayed([relay, 50])
  use(run, 10 * second)
  run.give(relays())
  assert.equal(run.peer.view().relayed, true)
  run.answering.set(far, 30)
  use(run, 40 * second)
  assert.deepEqual(run.peer.view().endpoint, at(far))
  assert.ok(!run.peer.view().candidates.some(({ endpoint }) => endpoint.host === at(relay).host))
})

test('a peer that rests behind a relay: remembered as relayed, not cached as a place of its own', () => {
  const run = relayed([relay, 50])
  run.log.length = 0
  for (let i = 0; i < 60; i++) run.pass(5 * second).tunnel({})
  const { state, relayed: still, candidates } = run.peer.view()
  assert.deepEqual([state, still], ['idle', true])
  const sources = candidates.find(({ kind }) => kind === 'relayed')!.sources
  assert.deepEqual(sources, ['relay'])
  run.give({ kind: 'reset' })
  assert.ok(!run.peer.view().candidates.some(({ kind }) => kind === 'relayed'))
})

// The invariant: in use and relayed, a direct path is tried at least each minute, whatever happens.

const place = fc.integer({ min: 1, max: 9 }).map(last => `203.0.113.${last}:4000`)
const relayPlace = fc.constantFrom(relay, relay2, '192.0.2.150:61002', '192.0.2.151:61002')
const events: fc.Arbitrary<Input> = fc.oneof(
  fc.array(relayPlace, { maxLength: 6 }).map(places => relays(...places)),
  fc.array(place, { maxLength: 16 }).map(places => record(far, ...places)),
  fc.record({ kind: fc.constant('heard' as const), endpoint: fc.oneof(place, relayPlace).map(at) }),
  fc.record({ kind: fc.constant('announced' as const), endpoint: fc.oneof(place, relayPlace).map(at) }),
  fc.record({
    kind: fc.constant('cache' as const),
    endpoints: fc.array(fc.oneof(place, relayPlace).map(at), { maxLength: 4 }),
  }),
  fc.record({
    kind: fc.constant('offered' as const),
    endpoints: fc.array(
      place.map(text => ({ kind: 'host' as const, endpoint: at(text) })),
      { maxLength: 16 },
    ),
    answer: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('wanted' as const), urgent: fc.boolean() }),
  fc.record({ kind: fc.constant('far' as const), reachable: fc.boolean() }),
  fc.record({ kind: fc.constant('doorbell' as const), works: fc.boolean() }),
  fc.record({ kind: fc.constant('network' as const), surroundings: fc.constant(around), moved: fc.constant(true) }),
  fc.constantFrom<Input>({ kind: 'mapped' }, { kind: 'rung' }, { kind: 'no record' }),
)
type Step = { readonly input: Input; readonly pause: number; readonly up: readonly boolean[] }
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    input: events,
    pause: fc.integer({ min: 0, max: 40 }),
    // which relays answer
    up: fc.array(fc.boolean(), { minLength: 2, maxLength: 2 }),
  }),
  { maxLength: 40 },
)

test('whatever happens: relayed and in use, never a minute without a direct probe; and relays get what their purse allows', () => {
  let relayedFor = 0
  fc.assert(
    fc.property(steps, all => {
      const run = new Run()
      run.noRecordAfter = 700
      run.give({ kind: 'doorbell', works: true }).give({ kind: 'far', reachable: true }).tunnel({})
      run.answering.set(relay, 50)
      run.give(relays(relay)).give(record(far)).give({ kind: 'rung' }).pass(second)
      let since: number | null = null
      const look = () => {
        const { relayed: is, inUse } = run.peer.view()
        since = is && inUse ? (since ?? run.now) : null
        const last = run.log.findLast(([, text]) => text.startsWith('probe') && !isRelayProbe(text))?.[0] ?? -minute
        if (since === null) return
        relayedFor += 2 * second
        assert.ok(
          run.now - Math.max(since, last) <= minute,
          `at ${run.now}: direct last at ${last}, relayed since ${since}`,
        )
      }
      for (const { input, pause, up } of all) {
        for (const [i, endpoint] of [relay, relay2].entries()) {
          if (up[i]) run.answering.set(endpoint, 50 + i)
          else run.answering.delete(endpoint)
        }
        run.give(input)
        use(run, 2 * second * Math.ceil(pause / 2), look)
      }
      run.answering.set(relay, 50)
      use(run, 5 * minute, look)
      const most = constants.relayProbeBurst + 60 * constants.relayProbesPerSecond
      const beats = 60 / 0.3 + 60 / 0.1
      const times = run.log.flatMap(([time, text]) => (isRelayProbe(text) ? [time] : []))
      for (let i = 0; i + most + beats < times.length; i++)
        assert.ok(times[i + most + beats]! - times[i]! >= minute - 1)
    }),
    { numRuns: 100 },
  )
  assert.ok(relayedFor > 100 * 4 * minute, `relayed for ${relayedFor / minute} min`)
})
