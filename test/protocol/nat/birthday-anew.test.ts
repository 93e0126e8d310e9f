// Birthday probing with a peer whose daemon is started again: it has forgotten all, and for a moment does not know where it is seen.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { second } from '../../../src/base/time.ts'
import type { Side } from '../../../src/protocol/nat/roles.ts'
import { Couple, easySide, hardSide, linux } from './couple.ts'

test('the peer does not know yet where it is seen, as after a restart: what was bound stays, and what is open', () => {
  for (const moment of [500, 20 * second]) {
    const couple = new Couple(1, linux)
    couple.cross()
    couple.run(moment, () => couple.met)
    const peer: Side = { ...easySide, nat: 'unknown', address: null }
    const crossed = { kind: 'crossed', own: hardSide, peer, target: null, regular: false, able: true } as const
    assert.deepEqual(couple.give(couple.hard, crossed), [], `${moment} ms`)
  }
})

test('the peer has begun anew: what failed while it was away is tried again without a minute of waiting', () => {
  const couple = new Couple(1, () => () => 1)
  couple.cross()
  couple.run(20 * second)
  const target = { host: easySide.address!, port: 1_234 }
  const crossed = { kind: 'crossed', own: hardSide, regular: false, able: true, target } as const
  const again = (peer: Side) => {
    couple.give(couple.hard, { ...crossed, peer })
    couple.run(5 * second)
    return couple.opened.length
  }
  assert.equal(again(easySide), 1)
  assert.equal(again({ ...easySide, nat: 'unknown' }), 2)
})
