import assert from 'node:assert/strict'
import { test } from 'node:test'
import { around, at, Run } from './run.ts'

const [far, near, other] = ['203.0.113.7:51820', '192.168.1.9:51820', '198.51.100.4:40000']
const second = 1_000

/** A peer found at `endpoint`, 10 s ago. */
function found(endpoint: string, rtt = 20): Run {
  const run = new Run()
  run.answering.set(endpoint, rtt)
  run.give({ kind: 'record', endpoints: [{ kind: 'reflexive', endpoint: at(endpoint) }] }).pass(10 * second)
  assert.equal(run.peer.view().state, 'direct')
  run.log.length = 0
  return run
}

test('a peer that nobody has said anything about does nothing, for ever', () => {
  const run = new Run()
  assert.equal(run.peer.wakeAt, Number.POSITIVE_INFINITY)
  assert.equal(run.peer.view().state, 'idle')
})

test('all candidates are probed at once, then as the ladder says, and the record is looked up after a moment', () => {
  const run = new Run()
  run.give({ kind: 'cache', endpoints: [at(far), at('[2001:db8:9::1]:51820')] }).until(4 * second)
  const six = [0, 100, 300, 700, 1_500, 3_100]
  assert.deepEqual(
    run.done().filter(([, text]) => text.startsWith('probe')),
    six.flatMap(time => [
      [time, `probe ${far}`],
      [time, `probe [2001:db8:9::1]:51820`],
    ]),
  )
})

test('the first PONG sets the endpoint, and nothing is looked up where it comes soon', () => {
  const run = new Run()
  run.answering.set(far, 30)
  run.give({ kind: 'cache', endpoints: [at(far)] }).until(60 * second)
  assert.deepEqual(run.done(), [
    [0, 'hunting'],
    [0, `probe ${far}`],
    [30, `use ${far}: answered first`],
    [30, `direct ${far} by pong`],
  ])
})

test('a peer of which only the name is known is looked up: 1 s, doubling, at most 5 minutes apart', () => {
  const run = new Run()
  run.give({ kind: 'wanted', urgent: false })
  const times: number[] = []
  for (let look = 0; look < 11; look++) {
    times.push(...run.done().flatMap(([time, text]) => (text === 'look up' ? [time / second] : [])))
    run.give({ kind: 'no record' }).until(run.peer.wakeAt)
  }
  assert.deepEqual(
    times.map((time, i) => time - (times[i - 1] ?? 0)),
    [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300],
  )
})

test('a look-up that never ends gives its place back, and its record is welcome all the same', () => {
  const run = new Run()
  run.give({ kind: 'wanted', urgent: false }).until(5 * second)
  assert.equal(run.log.at(-1)![1], 'done')
  run.answering.set(far, 5)
  run.give({ kind: 'record', endpoints: [{ kind: 'host', endpoint: at(far) }] }).pass(second)
  assert.equal(run.peer.view().state, 'direct')
})

test('hunts of candidates that never answer come 15 s apart, doubling, at most 5 minutes', () => {
  const run = new Run()
  run.noRecordAfter = 300
  run.give({ kind: 'cache', endpoints: [at(far)] }).until(3_600 * second)
  const starts = run.done().flatMap(([time, text]) => (text.startsWith('probe') ? [time] : []))
  const hunts = starts.filter((time, i) => time - (starts[i - 1] ?? -9_999) > 5 * second)
  const pauses = hunts.map((time, i) => Math.round((time - (hunts[i - 1] ?? 0)) / second))
  assert.deepEqual(pauses.slice(0, 8), [0, 19, 34, 64, 124, 244, 304, 304])
})

test('a place is asked for before anybody is disturbed', () => {
  const run = new Run({ grants: false })
  run.give({ kind: 'cache', endpoints: [at(far)] }).pass(3_600 * second)
  assert.deepEqual(run.log, [
    [0, 'hunting'],
    [0, 'ask known'],
  ])
  run.give({ kind: 'granted' }).pass(10 * second)
  assert.equal(run.log.filter(([, text]) => text === 'done').length, 1)
})

test('an idle peer costs nothing, however long', () => {
  const run = found(far)
  assert.equal(run.peer.wakeAt, Number.POSITIVE_INFINITY)
  for (let minute = 0; minute < 10; minute++) run.pass(60 * second).tunnel({ endpoint: far })
  assert.deepEqual(run.done(), [])
})

test('a tunnel that carries packets is asked three times a second whether its path lives, and its NATs are held open', () => {
  const run = found(far)
  run.tunnel({ received: 1_000, sent: 1_000, endpoint: far, handshake: 0 })
  for (let i = 0; i < 50; i++)
    run.pass(2 * second).tunnel({ received: 1_000, sent: 1_000, endpoint: far, handshake: 0 })
  const actions = run.actions()
  assert.equal(actions[0], 'hold')
  const beats = actions.slice(1)
  assert.deepEqual([...new Set(beats)], [`probe ${far}`])
  assert.ok(beats.length >= 320 && beats.length <= 330, String(beats.length))
  const { inUse, held, beatsSent, beatsMissed } = run.peer.view()
  assert.deepEqual(
    { inUse, held, beatsSent, beatsMissed },
    { inUse: true, held: true, beatsSent: beats.length, beatsMissed: 0 },
  )
})

test('nobody uses it any more: no beats after 15 s, no keepalives after 60 s, and then nothing for ever', () => {
  const run = found(far)
  run.tunnel({ received: 1_000, sent: 1_000, endpoint: far, handshake: 0 }).pass(2 * second)
  run.tunnel({ received: 1_000, sent: 1_000, endpoint: far, handshake: 0 })
  const start = run.now
  run.until(start + 3_600 * second)
  const log = run.done()
  const last = log.findLast(([, text]) => text.startsWith('probe'))!
  assert.ok(last[0] - start < 15 * second, String(last))
  assert.deepEqual(log.at(-1), [start + 60 * second, 'let go'])
  assert.equal(run.peer.wakeAt, Number.POSITIVE_INFINITY)
})

test('keepalives alone ask for no answer', () => {
  const run = found(far)
  run.tunnel({ received: 500, sent: 500, endpoint: far, handshake: 0 })
  for (let i = 0; i < 100; i++) run.pass(25 * second).tunnel({ sent: 32, endpoint: far, handshake: 0 })
  assert.deepEqual(run.done(), [])
})

test('what is sent without an answer has the endpoint asked; where that answers, it stays', () => {
  const run = found(far)
  run.tunnel({ received: 500, sent: 500, endpoint: far, handshake: 0 })
  for (let i = 0; i < 4; i++) run.pass(2 * second).tunnel({ sent: 500, endpoint: far, handshake: 0 })
  // it is in use, and asked as such
  const actions = run.actions()
  assert.deepEqual([...new Set(actions)], ['hold', `probe ${far}`])
  assert.ok(actions.length <= 24, String(actions.length))
  assert.equal(run.peer.view().state, 'direct')
})

test('where it does not answer either, all is tried again within 5 s of the first unanswered packet', () => {
  const run = found(far)
  run.tunnel({ received: 500, sent: 500, endpoint: far })
  run.answering.clear()
  const start = run.now
  for (let i = 0; i < 4; i++) run.pass(2 * second).tunnel({ sent: 500, endpoint: far })
  const hunting = run.done().find(([, text]) => text === 'hunting')
  assert.ok(hunting && hunting[0] - start <= 5 * second, String(hunting))
  assert.ok(run.peer.view().candidates.length > 0)
})

test('a peer found dead is looked up again, and its new record leads to it', () => {
  const run = found(far)
  run.tunnel({ received: 500, sent: 500, endpoint: far })
  run.answering.clear()
  run.answering.set(other, 40)
  for (let i = 0; i < 4; i++) run.pass(2 * second).tunnel({ sent: 500, endpoint: far })
  assert.ok(run.actions().includes('look up'))
  run.give({ kind: 'record', endpoints: [{ kind: 'reflexive', endpoint: at(other) }] }).pass(second)
  const actions = run.actions()
  assert.deepEqual(actions.slice(0, 3), [`probe ${other}`, `use ${other}: answered first`, `direct ${other} by pong`])
})

test('initiations that come in while our responses are lost are no sign of life', () => {
  const run = found(far)
  run.tunnel({ received: 500, sent: 500, endpoint: far })
  run.answering.clear()
  for (let i = 0; i < 4; i++) run.pass(2 * second).tunnel({ received: 148, sent: 92, endpoint: far })
  assert.equal(run.peer.view().state, 'hunting')
})

test('a better path that answers takes over; one that is merely as good does not', () => {
  const run = found(far)
  run.answering.set(near, 1).set(other, 19)
  run.give({ kind: 'record', endpoints: [far, other].map(text => ({ kind: 'reflexive', endpoint: at(text) })) })
  run.pass(5 * second)
  assert.equal(run.actions().filter(text => text.startsWith('use')).length, 0)
  assert.equal(run.why(other), 'answered, another is as good')
  run.give({ kind: 'announced', endpoint: at(near) }).pass(second)
  assert.deepEqual(run.actions().slice(-2), [`use ${near}: ranks better`, `direct ${near} by pong`])
  assert.equal(run.why(far), 'answered, another ranks better')
})

test('one of the same rank takes over where it is faster by more than chance', () => {
  const run = found(far, 80)
  run.answering.set(other, 30)
  run.give({ kind: 'record', endpoints: [far, other].map(text => ({ kind: 'reflexive', endpoint: at(text) })) })
  run.pass(5 * second)
  assert.equal(run.peer.view().endpoint?.host, '198.51.100.4')
})

test('what ranks worse is not tried while something better answers, and says so', () => {
  const run = new Run()
  run.answering.set(near, 1)
  run.give({ kind: 'announced', endpoint: at(near) }).pass(5 * second)
  run.log.length = 0
  run.give({ kind: 'record', endpoints: [{ kind: 'reflexive', endpoint: at(far) }] }).pass(60 * second)
  assert.deepEqual(run.actions(), [])
  assert.equal(run.why(far), 'not tried, one that ranks better answers')
})

test('a PONG that comes from elsewhere adopts nothing: the place is asked by itself', () => {
  const run = new Run()
  run.give({ kind: 'cache', endpoints: [at(far)] }).pass(50)
  run.log.length = 0
  run.give({ kind: 'pong', endpoint: at(other), candidate: run.id(far), rtt: 50 })
  assert.deepEqual(run.actions(), [`probe ${other}`])
  assert.equal(run.peer.view().state, 'hunting')
})

test('a PONG with an id of nobody is nothing', () => {
  const run = new Run()
  run.give({ kind: 'cache', endpoints: [at(far)] })
  run.log.length = 0
  run.give({ kind: 'pong', endpoint: at(far), candidate: 9_999, rtt: 50 })
  assert.deepEqual(run.actions(), [])
})

test('a PING heard from a new place changes nothing but for one probe', () => {
  const run = found(far)
  run.give({ kind: 'heard', endpoint: at(other) }).pass(60 * second)
  assert.deepEqual(run.actions(), [`probe ${other}`])
  assert.equal(run.peer.view().endpoint?.host, '203.0.113.7')
})

test('a peer that moves while idle is followed within 2 s of its first PING', () => {
  const run = found(near, 1)
  run.answering.delete(near)
  run.answering.set(other, 50)
  const start = run.now
  run.give({ kind: 'heard', endpoint: at(other) }).pass(5 * second)
  const use = run.done().find(([, text]) => text.startsWith(`use ${other}`))
  assert.deepEqual(use?.[1], `use ${other}: the one before stopped answering`)
  assert.ok(use![0] - start < 2 * second)
})

test('a peer with two places that both live stays where it is better', () => {
  const run = found(near, 1)
  run.answering.set(other, 50)
  run.give({ kind: 'heard', endpoint: at(other) }).pass(5 * second)
  assert.deepEqual(run.actions(), [`probe ${other}`, `probe ${near}`])
  assert.equal(run.why(other), 'answered, another ranks better')
})

const elsewhere = { kind: 'network', surroundings: { ...around, own: [{ address: '192.0.2.1', length: 24 }] } } as const

/** Somebody begins to use it. */
function use(run: Run, endpoint: string): void {
  run.tunnel({ received: 1_000, sent: 1_000, endpoint }).pass(second)
  run.tunnel({ received: 1_000, sent: 1_000, endpoint }).pass(second)
}

test('when our own network changes while the path is in use, the endpoint is set again at once, asked, and all are tried', () => {
  const run = found(far)
  run.give({ kind: 'far', reachable: true })
  use(run, far)
  run.give({ kind: 'cache', endpoints: [at(other)] }).pass(10 * second)
  run.log.length = 0
  run.give(elsewhere)
  const actions = run.actions()
  assert.deepEqual(actions.sort(), ['offer', `probe ${far}`, `probe ${other}`, `use ${far}: once more`].sort())
  run.pass(60 * second)
  assert.ok(!run.actions().some(text => /use|offer/.test(text)), 'it answers: no other OFFER, no other endpoint')
  assert.equal(run.peer.view().state, 'direct')
})

test('when it changes while nobody uses the path, nothing is sent, and WireGuard forgets the address that it sent from', () => {
  const run = found(far)
  run.give({ kind: 'doorbell', works: true })
  run.give(elsewhere).pass(600 * second)
  assert.deepEqual(run.actions(), [`use ${far}: once more`])
})

test('without a doorbell, whoever needs it would not know that it is another one: it is asked, and told', () => {
  const run = found(far)
  run.give(elsewhere).pass(2 * second)
  assert.equal(run.actions()[0], `use ${far}: once more`)
  assert.ok(run.peer.view().candidates[0]!.probes > 1, run.actions().join())
})

test('when it changes so that the endpoint leads nowhere, another one is found', () => {
  const run = found(near, 1)
  run.give({ kind: 'record', endpoints: [near, far].map(text => ({ kind: 'reflexive', endpoint: at(text) })) })
  run.answering.delete(near)
  use(run, near)
  run.answering.set(far, 30)
  run.give(elsewhere)
  run.pass(2 * second)
  assert.equal(run.peer.view().endpoint?.host, '203.0.113.7')
})

test('what a person wrote is used unproved where nothing answers, and left alone once WireGuard has a session', () => {
  const run = new Run()
  run.give({ kind: 'file', endpoints: [at(far)] }).pass(60 * second)
  assert.equal(run.actions().filter(text => text === `use ${far}: the file says so`).length, 1)
  run.tunnel({ endpoint: far })
  run.tunnel({ received: 92, sent: 148, endpoint: other, handshake: run.now })
  assert.deepEqual(run.actions(), [`direct ${other} by tunnel`, 'hold', `probe ${other}`])
  run.pass(60 * second)
  assert.ok(!run.actions().some(text => text.startsWith('use')))
  assert.equal(run.peer.view().state, 'direct', 'it need not answer PINGs')
})

test('where WireGuard follows the peer to a place that ranks no worse and answers, we follow', () => {
  const run = found(far)
  run.answering.set(other, 30)
  run.tunnel({ received: 500, sent: 500, endpoint: far }).pass(5 * second)
  run.tunnel({ received: 500, sent: 500, endpoint: other }).pass(second)
  const actions = run.actions()
  assert.ok(actions.includes(`probe ${other}`) && actions.includes(`direct ${other} by pong`))
  assert.ok(!actions.some(text => text.startsWith('use')))
})

test('where it leaves a better path that still answers, it is told so, with growing patience', () => {
  const run = found(near, 1)
  run.answering.set(other, 30)
  for (let i = 0; i < 300; i++) run.pass(2 * second).tunnel({ received: 500, sent: 500, endpoint: other })
  const times = run.done().flatMap(([time, text]) => (text === `use ${near}: once more` ? [time] : []))
  assert.ok(times.length >= 3 && times.length <= 6, String(times))
})

test('a plain WireGuard peer, which answers no PING, is left alone while its tunnel works', () => {
  const run = new Run()
  run.give({ kind: 'file', endpoints: [at(far)] }).pass(second)
  run.tunnel({ endpoint: far })
  run.tunnel({ received: 92, sent: 180, endpoint: far, handshake: run.now }).pass(30 * second)
  run.log.length = 0
  // one-way: WireGuard's own keepalive comes back after 10 s of silence
  for (let i = 1; i < 60; i++) {
    run.pass(2 * second).tunnel({ sent: 500, received: i % 5 === 0 ? 32 : 0, endpoint: far, handshake: 0 })
  }
  assert.ok(!run.actions().some(text => /use|probe/.test(text)))
  assert.equal(run.peer.view().state, 'direct')
})

test('a session that is there before any PONG: who has never spoken is left alone, who has is asked now and then until it answers', () => {
  const run = new Run()
  run.tunnel({ received: 500, sent: 500, endpoint: far, handshake: 0 }).pass(10 * second).log.length = 0
  const use = () => run.tunnel({ received: 1_000, sent: 1_000, endpoint: far, handshake: 0 }).pass(2 * second)
  for (let i = 0; i < 10; i++) use()
  assert.ok(!run.actions().some(text => text.startsWith('probe')))
  run.give({ kind: 'heard', endpoint: at(far) })
  for (let i = 0; i < 10; i++) use()
  const actions = run.actions()
  assert.ok(
    actions.length >= 20 && actions.length <= 21 && actions.every(text => text === `probe ${far}`),
    String(actions),
  )
  run.answering.set(far, 20)
  for (let i = 0; i < 4; i++) use()
  assert.equal(run.peer.view().proof, 'pong')
})

test('a person who waits has a stuck hunt begin again', () => {
  const run = new Run()
  run.give({ kind: 'cache', endpoints: [at(far)] }).pass(1_000 * second)
  run.log.length = 0
  run.give({ kind: 'wanted', urgent: true })
  assert.deepEqual(
    run.log.map(([, text]) => text),
    ['ask urgent', `probe ${far}`],
  )
})

test('somebody who sends makes the long pauses short', () => {
  const run = new Run()
  run.give({ kind: 'file', endpoints: [at(far)] }).pass(1_000 * second)
  run.tunnel({ endpoint: far }).done()
  run.tunnel({ sent: 148, endpoint: far }).pass(15 * second)
  assert.ok(run.log.some(([, text]) => text === 'ask urgent'))
})

test('forgotten: what was learnt is gone, what a person wrote stays', () => {
  const run = found(far)
  run.give({ kind: 'file', endpoints: [at(other)] }).pass(10 * second)
  run.log.length = 0
  run.give({ kind: 'reset' })
  const view = run.peer.view()
  assert.equal(view.state, 'idle')
  assert.deepEqual(
    view.candidates.map(({ endpoint }) => endpoint),
    [at(other)],
  )
  assert.equal(run.peer.wakeAt, Number.POSITIVE_INFINITY)
})

test('a family that this machine does not have is not tried, and says so', () => {
  const run = new Run({ around: { ...around, own: [{ address: '192.0.2.1', length: 24 }] } })
  run.give({ kind: 'cache', endpoints: [at('[2001:db8:9::1]:51820')] }).pass(60 * second)
  assert.ok(!run.actions().some(text => text.startsWith('probe')))
  assert.equal(run.why('[2001:db8:9::1]:51820'), 'no IPv6 here')
})
