// OFFERs as the machine sees them: when one is sent, and what one of the peer brings about.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { offeredBurst, offeredPerSecond, probeBurst, probesPerSecond } from '../../../src/protocol/path/constants.ts'
import type { Input } from '../../../src/protocol/path/events.ts'
import { at, Run } from './run.ts'

const [far, near, other] = ['203.0.113.7:51820', '192.168.1.9:51820', '198.51.100.4:40000']
const second = 1_000

function reachable(): Run {
  const run = new Run()
  run.noRecordAfter = 300
  return run.give({ kind: 'far', reachable: true })
}

const offers = (run: Run) => run.done().flatMap(([time, text]) => (text === 'offer' ? [time] : []))
const offered = (answer: boolean, ...endpoints: string[]): Input => ({
  kind: 'offered',
  answer,
  endpoints: endpoints.map(text => ({ kind: 'reflexive', endpoint: at(text) })),
})

test('a hunt that nobody answers: OFFERs at 0, 300, 1000 and 3000 ms', () => {
  const run = reachable()
    .give({ kind: 'cache', endpoints: [at(far)] })
    .pass(10 * second)
  assert.deepEqual(offers(run), [0, 300, 1_000, 3_000])
  const { offersSent, lastOfferedAt, offersAnswered } = run.peer.view()
  assert.deepEqual(
    { offersSent, lastOfferedAt, offersAnswered },
    { offersSent: 4, lastOfferedAt: 3_000, offersAnswered: 0 },
  )
})

test('it ends them as soon as there is a path', () => {
  const run = reachable()
  run.answering.set(far, 500)
  run.give({ kind: 'cache', endpoints: [at(far)] }).pass(10 * second)
  assert.deepEqual(offers(run), [0, 300])
})

test('none where there is no way for them, and a whole round once there is', () => {
  const run = new Run()
  run.give({ kind: 'cache', endpoints: [at(far)] }).pass(500)
  assert.deepEqual(offers(run), [])
  run.give({ kind: 'far', reachable: true }).pass(10 * second)
  assert.deepEqual(offers(run), [500, 800, 1_500, 3_500])
})

test('a port that our router opens meanwhile is told at once, and to nobody who needs not know', () => {
  const run = reachable()
    .give({ kind: 'mapped' })
    .give({ kind: 'cache', endpoints: [at(far)] })
    .pass(1_800)
    .give({ kind: 'mapped' })
    .pass(10 * second)
  assert.deepEqual(offers(run), [0, 300, 1_000, 1_800, 2_100, 2_800, 4_800])
  run.answering.set(far, 20)
  run.give({ kind: 'wanted', urgent: true }).pass(10 * second).log.length = 0
  run.give({ kind: 'mapped' }).pass(10 * second)
  assert.deepEqual(offers(run), [])
})

test('none for a peer that is on our own link only', () => {
  const run = reachable()
    .give({ kind: 'announced', endpoint: at(near) })
    .pass(10 * second)
  assert.deepEqual(offers(run), [])
})

test('an hour of hunting somebody asks for: no more than 16 at once, and one in 2 s', () => {
  const run = reachable().give({ kind: 'cache', endpoints: [at(far)] })
  for (let i = 0; i < 1_800; i++) run.give({ kind: 'wanted', urgent: true }).pass(2 * second)
  const times = offers(run)
  assert.ok(times.length > 1_700 && times.length <= 16 + 1_800, String(times.length))
  for (let i = 0; i + 17 < times.length; i++) assert.ok(times[i + 17]! - times[i]! >= 2 * second)
})

test('the end of a path in use is told at once, not when it is certain', () => {
  const run = reachable()
  run.answering.set(far, 20)
  run.give({ kind: 'cache', endpoints: [at(far)] }).pass(10 * second)
  run.tunnel({ received: 1_000, sent: 1_000, endpoint: far }).pass(second)
  for (let i = 0; i < 5; i++) run.tunnel({ received: 1_000, sent: 1_000, endpoint: far }).pass(second)
  run.log.length = 0
  run.answering.clear()
  const start = run.now
  run.pass(2 * second)
  const log = run.done()
  const first = log.find(([, text]) => text === 'offer')![0]
  const end = log.find(([, text]) => text === 'hunting')![0]
  assert.ok(first - start <= 700 && end - start <= 2_200, `${first - start}, ${end - start}`)
})

for (const state of ['idle', 'hunting'] as const) {
  test(`an OFFER of the peer while ${state}: all that it names is tried at once, without a place among the hunts`, () => {
    const run = new Run({ grants: false })
    if (state === 'hunting') run.give({ kind: 'cache', endpoints: [at(near)] })
    run.log.length = 0
    run.give(offered(false, far, other)).pass(4 * second)
    const six = [0, 100, 300, 700, 1_500, 3_100]
    const probes = run.log.filter(([, text]) => text.startsWith('probe'))
    assert.deepEqual(
      probes,
      six.flatMap(time => [
        [time, `probe ${far}`],
        [time, `probe ${other}`],
      ]),
    )
    assert.ok(run.log.some(([, text]) => text === 'ask urgent'))
    assert.deepEqual([run.peer.view().offersAnswered, run.peer.view().peerOfferedAt], [0, 0])
  })
}

test('the next one begins their ladders anew, and what it does not name any more is gone', () => {
  const run = new Run({ grants: false })
  run.give(offered(false, far, other)).pass(2 * second).log.length = 0
  run.give(offered(true, far)).pass(4 * second)
  assert.equal(run.log.filter(([, text]) => text === `probe ${far}`).length, 6)
  assert.deepEqual(
    run.peer.view().candidates.map(({ endpoint }) => endpoint),
    [at(far)],
  )
  assert.equal(run.peer.view().offersAnswered, 1)
})

test('while there is a path: what ranks no worse is tried, and the endpoint in use is asked', () => {
  const run = new Run()
  run.answering.set(near, 1).set(far, 20)
  run.give({ kind: 'announced', endpoint: at(near) }).pass(10 * second).log.length = 0
  run.give(offered(false, far, '192.168.1.10:51820')).pass(10 * second)
  const actions = run.actions()
  assert.deepEqual([...new Set(actions)].sort(), [`probe 192.168.1.10:51820`, `probe ${near}`])
  assert.equal(run.peer.view().endpoint?.host, '192.168.1.9')
})

test('a peer that has lost us is followed to where it says it is, within 2 s, and faster while the path is in use', () => {
  for (const used of [false, true]) {
    const run = new Run()
    run.answering.set(far, 20)
    run.give({ kind: 'cache', endpoints: [at(far)] }).pass(10 * second)
    run.tunnel({ endpoint: far }).pass(second)
    if (used) run.tunnel({ received: 1_000, sent: 1_000, endpoint: far }).pass(10 * second)
    run.answering.clear()
    run.answering.set(other, 40)
    const start = run.now
    run.give(offered(false, other)).pass(5 * second)
    const use = run.done().find(([, text]) => text === `use ${other}: the one before stopped answering`)
    assert.ok(use && use[0] - start <= (used ? 500 : 2_000), String(use))
  }
})

test('OFFERs played again and again, of 16 places each time: the endpoint stays, and the probes are bounded', () => {
  const run = new Run()
  run.answering.set(far, 20)
  run.give({ kind: 'cache', endpoints: [at(far)] }).pass(10 * second).log.length = 0
  const minute = 60
  for (let i = 0; i < minute * 20; i++) {
    const places = Array.from({ length: 16 }, (_, j) => `203.0.${i % 250}.${j + 1}:4000`)
    run.give(offered(i % 2 === 0, ...places)).pass(50)
  }
  const probes = run.done().filter(([, text]) => text.startsWith('probe'))
  assert.ok(probes.length <= probeBurst + minute * probesPerSecond, String(probes.length))
  const heard = run.peer.view().candidates.filter(({ sources }) => sources.includes('offer'))
  assert.ok(heard.length <= 16)
  assert.equal(run.peer.view().endpoint?.host, '203.0.113.7')
})

test('of many OFFERs, those are heard that the allowance lets through', () => {
  const run = new Run({ grants: false })
  for (let i = 0; i < 600; i++) run.give(offered(false, `203.0.${i >> 8}.${i & 255}:4000`)).pass(100)
  const places = new Set(run.done().flatMap(([, text]) => (text.startsWith('probe') ? [text] : [])))
  assert.ok(places.size <= offeredBurst + 60 * offeredPerSecond, String(places.size))
})

test('a sprayed PING that was answered is a path, of the kind that NATs hold open', () => {
  const run = new Run()
  run.answering.set(far, 30)
  run.give({ kind: 'hit', endpoint: at(far), rtt: 30 })
  assert.deepEqual(run.actions(), [`use ${far}: answered first`, `direct ${far} by pong`])
  assert.equal(run.peer.view().kind, 'punched')
  run.answering.set(near, 1)
  run.give({ kind: 'announced', endpoint: at(near) }).pass(second)
  assert.equal(run.peer.view().endpoint?.host, '192.168.1.9')
})
