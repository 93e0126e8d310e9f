// What a ladder tells people: what was tried since UDP was last answered, and what came of it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger } from '../../src/base/log.ts'
import type { ByteStream } from '../../src/drivers/carrier/carrier.ts'
import type { Carriers } from '../../src/node/carriers.ts'
import { Ladder, type OpenStream } from '../../src/node/ladder.ts'
import { attemptTime, headStart } from '../../src/protocol/carrier/rungs.ts'
import type { PublicKey } from '../../src/protocol/identity/key.ts'
import { Simulation } from '../../src/sim/simulation.ts'
import { runDrained } from '../sim/drained.ts'

const place = { key: 'R'.repeat(43) as PublicKey, endpoint: { host: '192.0.2.1', port: 51_820 } }
const stream: ByteStream = {
  ...{ write: () => true, onData: () => {}, onDrain: () => {}, onClosed: () => {}, abort: () => {} },
}

/** @param open what becomes of an attempt by each rung */
function climber(open: OpenStream) {
  const clock = new Simulation(1)
  let isGuest = false
  const carriers = {
    leadsTo: () => isGuest,
    report: () => ({ own: [], guests: [], dropped: {} }),
    get isGuest() {
      return isGuest
    },
    open: () => {
      isGuest = true
    },
  } as unknown as Carriers
  const log = createLogger(() => {})
  const ladder = new Ladder({ clock, log, carriers, open, ask: async () => false, places: () => [place] })
  const results = () => Object.fromEntries(ladder.tried()[0]?.results.map(it => [it.rung, it.result]) ?? [])
  return { clock, ladder, results, run: (time: number) => runDrained(clock, clock.now() + time) }
}

/** Until it is called off, and then with words of its own. */
const never = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))

test('who is first, and who was still at it', async () => {
  const { ladder, results, run } = climber(async (_key, _endpoint, rung, signal) =>
    rung === 'wss' ? stream : never(signal),
  )
  ladder.begin(false)
  await run(2_000)
  assert.deepEqual(results(), { tcp: 'under way', wss: 'through' })
})

test('none: why, by the clock of the ladder or the word of the machine; what this machine lacks is not named', async () => {
  const { ladder, results, run } = climber(async (_key, _endpoint, rung, signal) => {
    if (rung === 'tcp') return never(signal)
    if (rung === 'proxy') return null
    throw new Error('connect ECONNREFUSED 192.0.2.1:443')
  })
  ladder.begin(false)
  await run(1_000)
  assert.deepEqual(results(), {}, 'nothing has come of it yet')
  await run(headStart + attemptTime)
  assert.deepEqual(results(), { tcp: 'no answer', wss: 'connect ECONNREFUSED 192.0.2.1:443' })
  ladder.answered()
  assert.deepEqual(ladder.tried(), [], 'UDP gets through: that is the past')
  ladder.stop()
})
