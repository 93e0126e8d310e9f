// Peers that nobody uses, where a doorbell tells of the first packet: what they cost, and how they wake.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pair } from './pair.ts'
import { around, at, Run } from './run.ts'

const [far, other] = ['203.0.113.7:51820', '198.51.100.4:40000']
const second = 1_000
const minute = 60 * second

/** A machine with a doorbell; WireGuard has just been asked, and knows nothing. */
function belled(): Run {
  const run = new Run()
  run.give({ kind: 'doorbell', works: true }).give({ kind: 'far', reachable: true }).tunnel({})
  assert.deepEqual(run.actions(), ['park'])
  return run
}

/** A peer that was found when the node started, and is used by nobody. */
function resting(): Run {
  const run = belled()
  run.answering.set(far, 20)
  run.give({ kind: 'cache', endpoints: [at(far)] }).pass(30)
  return run
}

test('a path that is proved while nobody uses the peer is remembered, and WireGuard stays at the doorbell', () => {
  const run = resting()
  assert.deepEqual(run.actions(), ['hunting', `probe ${far}`, 'offer', `direct ${far} by pong`])
  const { state, parked, inUse, held } = run.peer.view()
  assert.deepEqual({ state, parked, inUse, held }, { state: 'direct', parked: true, inUse: false, held: false })
})

test('it rests after a minute, and is neither asked nor called again, whatever others say of it', () => {
  const run = resting()
  run.log.length = 0
  for (let i = 1; i < 720; i++) {
    run.pass(5 * second).tunnel({})
    if (i < 24) continue
    if (i % 12 === 0)
      run.give({ kind: 'record', endpoints: [{ kind: 'host', endpoint: at(`203.0.113.${i % 250}:1`) }] })
    if (i % 12 === 6) run.give({ kind: 'announced', endpoint: at(`192.168.1.${i % 250}:1`) })
  }
  assert.deepEqual(run.actions(), [`idle ${far} by undefined`])
  assert.equal(run.why(far), 'answered, nobody uses the peer')
  assert.equal(run.peer.wakeAt, Number.POSITIVE_INFINITY)
})

test('rung within 20 s of its last answer: the endpoint is used at once, and asked', () => {
  const run = resting()
  run.pass(15 * second).log.length = 0
  run.give({ kind: 'rung' })
  assert.deepEqual(run.actions(), [`use ${far}: woken`, 'hold', `probe ${far}`])
  assert.equal(run.peer.view().parked, false)
})

test('rung later: all are asked, an OFFER goes out, and the first answer is used', () => {
  const run = resting()
  for (let i = 0; i < 20; i++) run.pass(5 * second).tunnel({})
  run.log.length = 0
  run.give({ kind: 'rung' })
  const done = new Set(run.log.map(([, text]) => text))
  assert.deepEqual([...done].sort(), ['ask urgent', 'hunting', 'offer', `probe ${far}`])
  run.log.length = 0
  run.pass(20)
  assert.deepEqual(run.actions().slice(0, 3), [`use ${far}: answered first`, `direct ${far} by pong`, 'hold'])
})

test('one that rings while it is looked for changes nothing but that nobody gives up', () => {
  const run = belled()
  run.give({ kind: 'cache', endpoints: [at(far)] })
  for (let i = 0; i < 120; i++)
    run
      .pass(5 * second)
      .give({ kind: 'rung' })
      .tunnel({})
  const log = run.done()
  const hunts = log.filter(([, text], i) => text === `probe ${far}` && log[i - 1]![1] !== text).length
  const probes = log.filter(([, text]) => text === `probe ${far}`).length
  assert.ok(hunts > 10 && probes < 6 * 45, `${probes} probes`)
  assert.equal(run.peer.view().state, 'hunting')
})

test('a peer that nobody asks for and that does not answer is tried three times, and then left alone', () => {
  const run = belled()
  run.noRecordAfter = 300
  run.give({ kind: 'cache', endpoints: [at(far)] })
  for (let i = 0; i < 720; i++) run.pass(5 * second).tunnel({})
  const log = run.done()
  assert.equal(log.filter(([, text]) => text.startsWith('probe')).length, 3 * 6)
  assert.equal(log.filter(([, text]) => text === 'offer').length, 3)
  assert.ok(log.filter(([, text]) => text === 'look up').length <= 8)
  assert.deepEqual(log.at(-1)![1], 'idle')
  assert.ok(log.at(-1)![0] < minute)
  assert.equal(run.peer.wakeAt, Number.POSITIVE_INFINITY)
})

test('one of which only the name is known is looked up six times', () => {
  const run = belled()
  run.noRecordAfter = 300
  run.give({ kind: 'wanted', urgent: false }).pass(60 * minute)
  const looks = run.done().flatMap(([time, text]) => (text === 'look up' ? [Math.round(time / second)] : []))
  assert.deepEqual(looks, [0, 1, 4, 8, 16, 33])
  assert.equal(run.peer.view().state, 'idle')
})

const wakers = [
  ['a ring', { kind: 'rung' }],
  ['an OFFER', { kind: 'offered', endpoints: [{ kind: 'host', endpoint: at(other) }], answer: false }],
  ['a PING of its own', { kind: 'heard', endpoint: at(other) }],
  ['a new endpoint', { kind: 'record', endpoints: [{ kind: 'host', endpoint: at(other) }] }],
  ['a person', { kind: 'wanted', urgent: true }],
] as const
for (const [what, input] of wakers) {
  test(`given up, it is looked for again after ${what}`, () => {
    const run = belled()
    run.give({ kind: 'cache', endpoints: [at(far)] }).pass(60 * minute)
    assert.equal(run.peer.view().state, 'idle')
    run.log.length = 0
    run.answering.set(far, 30).set(other, 30)
    run.give(input).pass(second)
    assert.equal(run.peer.view().state, 'direct')
  })
}

test('the session is over and nobody has used it for a minute: WireGuard goes back to the doorbell, not before', () => {
  const run = resting()
  run.give({ kind: 'rung' })
  run.pass(5 * second).tunnel({ received: 92, sent: 276, handshake: run.now, endpoint: far })
  const handshake = run.now
  run.log.length = 0
  for (let i = 0; i < 100; i++)
    run.pass(5 * second).tunnel({ ...(!run.peer.view().parked && { endpoint: far }), handshake })
  const log = run.done().filter(([, text]) => !text.startsWith('probe'))
  assert.deepEqual(
    log.map(([, text]) => text),
    ['let go', 'park', `idle ${far} by undefined`],
  )
  assert.ok(log[0]![0] - handshake >= 50 * second && log[0]![0] - handshake <= 65 * second)
  assert.ok(log[1]![0] - handshake >= 180 * second, 'a session is alive so long, and its packets must not be lost')
})

test('keepalives of the peer keep the session where it is', () => {
  const run = resting()
  run.give({ kind: 'rung' })
  for (let i = 0; i < 100; i++) {
    const handshake = run.now - (run.now % (120 * second))
    run.pass(5 * second).tunnel({ received: i % 5 === 0 ? 32 : 0, endpoint: far, handshake })
  }
  assert.ok(!run.actions().includes('park'))
})

test('a session that outlived the node is not parked, and one that the peer begins is use', () => {
  const run = new Run()
  run.give({ kind: 'doorbell', works: true })
  run.tunnel({ received: 500, sent: 500, endpoint: far, handshake: -60 * second })
  // what it says may be long ago, and the way that it went may be gone
  assert.deepEqual(run.actions(), [`probe ${far}`])
  run.tunnel({ received: 32, sent: 0, endpoint: far, handshake: -60 * second })
  assert.deepEqual(run.actions(), [`direct ${far} by tunnel`, 'hold'])
  const parked = belled()
  parked.pass(10 * second)
  parked.tunnel({ received: 148 + 128, sent: 92, endpoint: far, handshake: parked.now })
  assert.deepEqual(parked.actions(), [`direct ${far} by tunnel`, 'hold', `probe ${far}`])
})

test('the peer sends by WireGuard and we have no session: one is begun at once, and not more often than WireGuard can', () => {
  const run = new Run().give({ kind: 'doorbell', works: true }).give({ kind: 'far', reachable: true })
  run.answering.set(far, 20)
  const inUse = { kind: 'heard', endpoint: at(far), inUse: true } as const
  // until WireGuard was asked, it may have one that outlived us
  for (let i = 0; i < 5; i++) run.give(inUse).pass(300)
  assert.ok(!run.actions().includes('shake'))
  run.tunnel({})
  run.log.length = 0
  for (let i = 0; i < 30; i++) run.give(inUse).pass(300)
  const texts = run.done().map(([, text]) => text)
  assert.equal(texts.filter(text => text === 'shake').length, 2)
  assert.ok(texts.indexOf(`use ${far}: woken`) < texts.indexOf('shake') && texts.includes('hold'))
  run.tunnel({ received: 92, sent: 148, endpoint: far, handshake: run.now })
  run.log.length = 0
  for (let i = 0; i < 30; i++) run.give(inUse).pass(300)
  assert.ok(!run.actions().includes('shake'))
})

test('a PING that says nothing of the kind begins no session', () => {
  const run = belled()
  run.answering.set(far, 20)
  run.tunnel({})
  for (let i = 0; i < 30; i++) run.give({ kind: 'heard', endpoint: at(far) }).pass(300)
  assert.ok(!run.actions().includes('shake'))
})

test('packets that go to the doorbell without a ring are seen by their bytes', () => {
  for (const sent of [128, 148]) {
    const run = resting()
    run.pass(10 * second).log.length = 0
    run.tunnel({ sent })
    assert.deepEqual(run.actions(), [`use ${far}: woken`, 'hold', `probe ${far}`])
  }
})

test('a doorbell that works no more: WireGuard gets the endpoint that we remember, and all are looked for', () => {
  const run = resting()
  for (let i = 0; i < 20; i++) run.pass(5 * second).tunnel({})
  run.log.length = 0
  run.give({ kind: 'doorbell', works: false }).pass(second)
  const actions = run.actions()
  assert.equal(actions[0], `use ${far}: once more`)
  assert.ok(actions.includes(`direct ${far} by pong`))
  for (let i = 0; i < 100; i++) run.pass(5 * second).tunnel({ endpoint: far })
  assert.ok(!run.actions().includes('park'))
})

test('what a person wrote is used when somebody wants the peer, and not before', () => {
  const run = belled()
  run
    .give({ kind: 'file', endpoints: [at(far)] })
    .pass(10 * minute)
    .tunnel({})
  assert.ok(!run.actions().some(text => text.startsWith('use')))
  run.give({ kind: 'rung' })
  assert.ok(run.actions().includes(`use ${far}: the file says so`))
})

test('without a doorbell WireGuard keeps the endpoint, and a peer that is gone is looked for as long as it takes', () => {
  const run = new Run()
  run.noRecordAfter = 300
  run.tunnel({}).give({ kind: 'cache', endpoints: [at(far)] })
  for (let i = 0; i < 720; i++) run.pass(5 * second).tunnel({})
  const log = run.actions()
  assert.ok(!log.includes('park') && log.filter(text => text.startsWith('probe')).length > 60)
})

test('our network changes: not a packet to a peer that rests', () => {
  const run = resting()
  for (let i = 0; i < 20; i++) run.pass(5 * second).tunnel({})
  run.log.length = 0
  run.give({ kind: 'network', surroundings: { ...around, own: [{ address: '192.0.2.1', length: 24 }] } }).pass(minute)
  assert.deepEqual(run.actions(), [])
})

/** Two nodes that know one another, and have not been used since they started, an hour ago. */
function sleeping(seed: number, natted: boolean): Pair {
  const pair = new Pair({ seed, natted, home: true, doorbell: true })
  pair.polls(0, 5 * second, 5 * second)
  pair.at(1, () => pair.introduce(pair.a)).at(2, () => pair.introduce(pair.b))
  pair.polls(5 * second, 65 * minute, 5 * second).until(5 * minute)
  const before = [pair.a.packets, pair.b.packets]
  pair.until(60 * minute)
  assert.deepEqual([pair.a.packets, pair.b.packets], before, 'not one packet in 55 minutes')
  assert.deepEqual([pair.a.kernel, pair.b.kernel], ['doorbell', 'doorbell'])
  return pair
}

for (const [natted, roundTrips] of [
  [false, 1.5],
  [true, 3],
] as const) {
  test(`two that slept ${natted ? 'behind port-restricted NATs' : 'at public addresses'}: the first packet wakes the path within ${roundTrips} round trips, and is not lost`, () => {
    for (let seed = 1; seed <= 20; seed++) {
      const pair = sleeping(seed, natted)
      const start = pair.now
      pair.at(start, () => pair.data(pair.a, 1_000)).until(start + 5 * second, () => pair.a.direct)
      // a round trip of 2 × 20 ms, each way up to a quarter longer
      assert.ok(pair.now - start <= roundTrips * 50, `seed ${seed}: ${pair.now - start} ms`)
      pair.until(start + 10 * second)
      assert.deepEqual(
        pair.b.tunnel.arrived.map(([, size]) => size),
        [1_000],
        `seed ${seed}`,
      )
      assert.ok(pair.b.direct && pair.a.tunnel.lost === 0)
    }
  })
}
