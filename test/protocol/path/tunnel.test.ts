import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TunnelWatch } from '../../../src/protocol/path/tunnel.ts'

const wall = 1_800_000_000_000
const second = 1_000

/** Looks at a watch each 5 s; what grew in between comes in. */
function look(...growths: readonly { received?: number; sent?: number; handshake?: number }[]) {
  const watch = new TunnelWatch()
  const state = { received: 0, sent: 0 }
  return growths.map(({ received = 0, sent = 0, handshake }, i) => {
    state.received += received
    state.sent += sent
    const shaken = handshake === undefined ? {} : { latestHandshake: handshake }
    return watch.see({ wall: wall + i * 5 * second, ...state, ...shaken }, i * 5 * second)
  })
}

test('a session that is alive at the first look counts, one that is over does not', () => {
  assert.equal(look({ received: 92, handshake: wall - 100 * second })[0]!.answered, true)
  assert.equal(look({ received: 92, handshake: wall - 181 * second })[0]!.answered, false)
  assert.equal(look({})[0]!.answered, false)
})

const signs = [
  ['data', { received: 96 }, true, false],
  ['a keepalive from there', { received: 32 }, true, false],
  ['an initiation from there', { received: 148 }, false, false],
  ['two of them, answered by us', { received: 296, sent: 184 }, false, true],
  ['an initiation of ours', { sent: 148 }, false, true],
  ['a keepalive of ours', { sent: 32 }, false, false],
  ['a finished handshake', { received: 92, sent: 148, handshake: wall + 2 }, true, true],
  ['data of ours', { sent: 128 }, false, true],
  ['nothing', {}, false, false],
] as const

for (const [what, growth, answered, asked] of signs) {
  test(`${what}: ${answered ? 'an answer' : 'no answer'}, ${asked ? 'asked for one' : 'asked for none'}`, () => {
    const [, seen] = look({}, growth)
    assert.deepEqual([seen!.answered, seen!.asked], [answered, asked])
  })
}

const uses = [
  ['data of ours', [{ sent: 128 }], true],
  ['data from there', [{ received: 96 }], true],
  ['the smallest of them, a 20-byte packet', [{ received: 64, sent: 64 }], true],
  ['keepalives', [{ received: 32, sent: 32 }], false],
  ['a new session of ours with its keepalive', [{ sent: 148 + 32, received: 92, handshake: wall }], false],
  ['a new session of theirs', [{ received: 148 + 32, sent: 92, handshake: wall }], false],
  ['both at the same time, as after a common pause', [{ received: 240, sent: 240 + 32, handshake: wall }], false],
  ['an initiation that nothing answers', [{ sent: 148 }], true],
  ['a peer that calls and does not hear us', [{ received: 148, sent: 92 }], true],
  ['nothing', [{}], false],
] as const

for (const [what, growth, used] of uses) {
  test(`${what}: ${used ? 'somebody uses the tunnel' : 'nobody does'}`, () => {
    assert.equal(look({}, ...growth)[1]!.used, used)
  })
}

test('silence is counted from the first packet that nothing answered, and an answer ends it', () => {
  const seen = look({}, { sent: 128 }, { sent: 128 }, {}, { received: 96 }, {})
  assert.deepEqual(
    seen.map(({ unansweredFor }) => unansweredFor / second),
    [0, 5, 10, 15, 0, 0],
  )
})

test('counters that begin again are no sign of anything', () => {
  const watch = new TunnelWatch()
  watch.see({ wall, received: 1_000, sent: 1_000 }, 0)
  const seen = watch.see({ wall, received: 0, sent: 148 }, 5 * second)
  assert.deepEqual(seen, { first: true, answered: false, asked: false, used: false, moved: false, unansweredFor: 0 })
})

test('after a restart, what came before it is no news', () => {
  const watch = new TunnelWatch()
  watch.see({ wall, received: 0, sent: 0 }, 0)
  watch.restart()
  assert.equal(watch.see({ wall, received: 96, sent: 0 }, 5 * second).answered, false)
  assert.equal(watch.see({ wall, received: 192, sent: 0 }, 10 * second).answered, true)
})
