// A session that does not begin, though the path answers PINGs: WireGuard would try again after 5 s only.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Run } from './run.ts'

const second = 1_000
const far = '203.0.113.9:51820'

/** A path that answers, somebody who sends, and no session. Looks at the counters are answered with what `received` says. */
function waiting(received: () => number, options: { rtt?: number; handshake?: () => number | undefined } = {}): Run {
  const run = new Run()
  run.answering.set(far, options.rtt ?? 20)
  run.onLook = () => {
    const handshake = options.handshake?.()
    run.tunnel({ received: received(), ...(handshake === undefined ? {} : { handshake }) })
  }
  run
    .tunnel({})
    .give({ kind: 'record', endpoints: [{ kind: 'reflexive', endpoint: { host: '203.0.113.9', port: 51_820 } }] })
  run.give({ kind: 'rung' }).pass(2 * (options.rtt ?? 20))
  assert.equal(run.peer.view().state, 'direct')
  return run
}

const times = (run: Run, kind: string) => run.done().flatMap(([at, text]) => (text === kind ? [at] : []))

test('nothing has come for a second: the handshake begins anew, ten times at most', () => {
  const run = waiting(() => 0)
  const anew = times(run.pass(14 * second), 'anew')
  assert.equal(anew.length, 10)
  assert.ok(anew[0]! >= second && anew[0]! < 1.6 * second, String(anew))
  for (const [i, at] of anew.slice(1).entries()) assert.ok(at - anew[i]! >= second, String(anew))
})

test('a handshake has three round trips', () => {
  const run = waiting(() => 0, { rtt: 600 })
  run.pass(1_000)
  assert.deepEqual(times(run, 'anew'), [])
  run.pass(1_500)
  assert.equal(times(run, 'anew').length, 1)
})

test("the peer's initiation came: our response may be on its way, and is not spoilt", () => {
  const run = waiting(() => 148)
  assert.deepEqual(times(run.pass(10 * second), 'anew'), [])
})

test('a session that there is has nothing begun anew', () => {
  const run = waiting(() => 92, { handshake: () => 0 })
  const kinds = run.pass(10 * second).done()
  assert.deepEqual(
    kinds.filter(([, text]) => text === 'anew' || text === 'shake'),
    [],
  )
})

test('what begins after that is confirmed four times: the other side may use an older session until it hears of it', () => {
  let handshake: number | undefined
  const run = waiting(() => (handshake === undefined ? 0 : 92), { handshake: () => handshake })
  run.pass(1_500)
  assert.equal(times(run, 'anew').length, 1)
  handshake = run.now
  const shakes = times(run.pass(10 * second), 'shake')
  assert.equal(shakes.length, 4)
  for (const [i, at] of shakes.slice(1).entries()) assert.equal(at - shakes[i]!, second)
})
