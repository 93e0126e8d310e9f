// A megabyte arrives byte for byte, whatever the path does to it. A seed that fails is in the message, and repeats.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { minute } from '../../../src/base/time.ts'
import type { LinkOptions } from '../../sim/link.ts'
import { StreamPair } from '../../sim/stream-pair.ts'

const megabyte = Buffer.alloc(1 << 20)
for (let i = 0, state = 1; i < megabyte.length; i++) {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
  megabyte[i] = state >>> 16
}

/** Sends `data` one way and an end the other way; the simulated milliseconds until all was there. */
function transfer(seed: number, path: LinkOptions, data = megabyte): number {
  const pair = new StreamPair(seed, path)
  pair.onServer = server => server.end()
  pair.client.writeAll(data)
  pair.run(10 * minute, () => pair.server?.ended === true || pair.client.closed !== null)
  const where = `seed ${seed} ${JSON.stringify(path)}`
  assert.equal(pair.server?.length, data.length, `${where}: ${pair.client.closed}`)
  assert.ok(pair.server?.bytes.equals(data), where)
  const took = pair.simulation.now()
  pair.run(took + minute, () => pair.client.closed !== null && pair.server?.closed !== null)
  assert.deepEqual([pair.client.closed, pair.server?.closed], ['finished', 'finished'], where)
  return took
}

const rate = (time: number) => (8 * megabyte.length) / time / 1000
const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!

/** Name, path, seeds, and the Mbit/s that the median seed has to reach. */
const paths: [string, LinkOptions, number, number][] = [
  ['a good path', { delay: 10 }, 1, 50],
  ['5 % lost', { delay: 10, loss: 0.05 }, 40, 12],
  ['20 % lost', { delay: 10, loss: 0.2 }, 40, 2],
  ['packets overtake one another', { delay: 10, jitter: 30 }, 40, 6],
  ['every third packet comes twice', { delay: 10, duplicates: 0.33 }, 20, 50],
  ['an RTT of one second', { delay: 500 }, 2, 1],
  ['an RTT of one second, 2 % lost', { delay: 500, loss: 0.02 }, 20, 0.4],
  ['10 Mbit/s with a short queue', { delay: 20, bandwidth: 1250, queue: 20_000 }, 20, 7],
  ['10 Mbit/s with a long queue, 1 % lost', { delay: 20, bandwidth: 1250, queue: 200_000, loss: 0.01 }, 20, 6],
  ['256 kbit/s', { delay: 30, bandwidth: 32, queue: 30_000 }, 3, 0.2],
  ['all of it at once', { delay: 40, jitter: 40, loss: 0.1, duplicates: 0.1, bandwidth: 2500 }, 40, 0.3],
]

for (const [name, path, seeds, least] of paths) {
  test(`${name}: a megabyte arrives, at ${least} Mbit/s or more`, () => {
    const times = Array.from({ length: seeds }, (_, seed) => transfer(seed, path))
    assert.ok(rate(median(times)) >= least, `${rate(median(times)).toFixed(2)} Mbit/s`)
  })
}

test('both directions at once', () => {
  for (let seed = 0; seed < 20; seed++) {
    const pair = new StreamPair(seed, { delay: 10, loss: 0.05, jitter: 5 })
    const data = megabyte.subarray(0, 200_000)
    pair.onServer = server => server.writeAll(data)
    pair.client.writeAll(data)
    pair.run(minute, () => pair.client.closed !== null && pair.server?.closed !== null)
    assert.ok(pair.client.bytes.equals(data) && pair.server?.bytes.equals(data), `seed ${seed}`)
    assert.deepEqual([pair.client.closed, pair.server?.closed], ['finished', 'finished'], `seed ${seed}`)
  }
})

test('request and answer, one after the other: under 5 % loss the worst of a hundred waits two probes', () => {
  const times: number[] = []
  for (let seed = 0; seed < 10; seed++) {
    const pair = new StreamPair(seed, { delay: 10, loss: 0.05 })
    pair.onServer = server => {
      let asked = 0
      server.onData = bytes => {
        for (asked += bytes.length; asked >= 300; asked -= 300) server.connection.write(new Uint8Array(1000))
      }
    }
    for (let i = 1; i <= 100; i++) {
      const start = pair.simulation.now()
      pair.client.write(new Uint8Array(300))
      pair.run(start + minute, () => pair.client.length === 1000 * i)
      if (i > 1) times.push(pair.simulation.now() - start)
    }
  }
  times.sort((a, b) => a - b)
  const at = (quantile: number) => times[Math.floor(quantile * times.length)]!
  assert.ok(at(0.5) <= 20.1 && at(0.95) <= 55 && at(0.99) <= 110, [0.5, 0.95, 0.99].map(at).join())
})
