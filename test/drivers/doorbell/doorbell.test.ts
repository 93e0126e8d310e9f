// Who rings and who does not, on a socket made by the test. With a real WireGuard: test/system/doorbell.test.ts.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Endpoint } from '../../../src/base/ip.ts'
import { Doorbell, isDoorbell } from '../../../src/drivers/doorbell/doorbell.ts'
import { systemClock } from '../../../src/os/clock.ts'
import { systemUdp } from '../../../src/os/udp.ts'
import type { PublicKey } from '../../../src/protocol/identity/key.ts'
import { mac1Key, mac1Of } from '../../../src/protocol/wireguard/mac1.ts'

const w: Endpoint = { host: '127.0.0.1', port: 51_820 }
const keyOf = (i: number) => `${String(i).padStart(42, 'A')}A` as PublicKey

function initiationFor(key: PublicKey, sender = 1): Uint8Array {
  const bytes = new Uint8Array(148)
  bytes.set([1, 0, 0, 0, sender])
  bytes.set(mac1Of(bytes, mac1Key(key)), 116)
  return bytes
}

/** A doorbell whose socket and clock the test has. */
async function bell(keys: readonly PublicKey[]) {
  let now = 0
  let receive = (_bytes: Uint8Array, _from: Endpoint) => {}
  let open = 0
  const timers: (() => void)[] = []
  const rung: PublicKey[] = []
  const doorbell = await Doorbell.open(
    {
      async bind(address, port, call) {
        assert.deepEqual([address, port], ['127.0.0.1', 0])
        receive = call
        open++
        return { port: 40_404, send() {}, close: () => void open-- }
      },
    },
    w.port,
    {
      clock: {
        now: () => now,
        wall: () => 0,
        at(_, call) {
          timers.push(call)
          return { cancel: () => void timers.splice(timers.indexOf(call), 1) }
        },
      },
      ring: key => rung.push(key),
    },
  )
  doorbell.know(keys)
  return {
    doorbell,
    rung,
    timers,
    open: () => open,
    hear: (bytes: Uint8Array, from = w) => receive(bytes, from),
    pass: (time: number) => {
      now += time
    },
  }
}

test('an initiation rings for the peer that it is for, each time', async () => {
  const it = await bell([1, 2, 3].map(keyOf))
  assert.deepEqual(it.doorbell.endpoint, { host: '127.0.0.1', port: 40_404 })
  assert.ok(isDoorbell(it.doorbell.endpoint))
  assert.ok(!isDoorbell({ host: '192.0.2.1', port: 40_404 }))
  for (const i of [2, 2, 3, 1]) it.hear(initiationFor(keyOf(i)))
  assert.deepEqual(it.rung, [2, 2, 3, 1].map(keyOf))
  assert.deepEqual(it.doorbell.counters, { rung: 4, dropped: {} })
})

test('nothing else rings', async () => {
  const it = await bell([keyOf(1)])
  const good = initiationFor(keyOf(1))
  it.hear(good, { host: '127.0.0.1', port: 4 })
  it.hear(good, { host: '127.0.0.2', port: w.port })
  it.hear(initiationFor(keyOf(9)))
  it.hear(Uint8Array.of())
  it.hear(good.subarray(0, 147))
  const data = Uint8Array.from(good)
  data[0] = 4
  it.hear(data)
  assert.deepEqual(it.rung, [])
  assert.deepEqual(it.doorbell.counters.dropped, { 'not from W': 2, 'for nobody': 1, 'no initiation': 3 })
})

test('who is not known any more does not ring', async () => {
  const it = await bell([1, 2].map(keyOf))
  it.doorbell.know([2, 3].map(keyOf))
  for (const i of [1, 2, 3]) it.hear(initiationFor(keyOf(i)))
  assert.deepEqual(it.rung, [2, 3].map(keyOf))
})

test('rings are budgeted: 400 at once, 200 a second', async () => {
  const it = await bell([keyOf(1)])
  const ring = (count: number) => {
    for (let i = 0; i < count; i++) it.hear(initiationFor(keyOf(1)))
  }
  ring(500)
  assert.equal(it.rung.length, 400)
  it.pass(1_000)
  ring(500)
  assert.equal(it.rung.length, 600)
  assert.deepEqual(it.doorbell.counters.dropped, { 'too many': 400 })
})

test('a scan of 10 000 peers does not take the processor, and who rang before is found all the same', async (t: TestContext) => {
  const keys = Array.from({ length: 10_000 }, (_, i) => keyOf(i))
  const it = await bell(keys)
  const last = keyOf(9_999)
  it.hear(initiationFor(last))
  assert.deepEqual(it.rung, [last])
  const scan = keys.slice(9_000, 9_100).map(key => initiationFor(key))
  const start = performance.now()
  for (const bytes of scan) it.hear(bytes)
  t.diagnostic(`${(performance.now() - start).toFixed(0)} ms for all that a scan gets at once, ${it.rung.length} rings`)
  assert.ok(it.rung.length < 12, `${it.rung.length}`)
  it.pass(20)
  it.hear(initiationFor(last))
  assert.equal(it.rung.at(-1), last, 'six searches are enough for it, and 157 are not there')
})

test('what a ring costs', async (t: TestContext) => {
  for (const count of [100, 1_000, 10_000]) {
    const keys = Array.from({ length: count }, (_, i) => keyOf(i))
    const it = await bell(keys)
    const times: number[] = []
    for (let i = 0; i < 20; i++) {
      it.pass(10_000)
      // the last one is looked for longest
      const bytes = initiationFor(keyOf(count - 1 - i))
      const start = performance.now()
      it.hear(bytes)
      times.push(performance.now() - start)
    }
    assert.equal(it.rung.length, 20)
    times.sort((a, b) => a - b)
    t.diagnostic(`${count} peers, the last of them: p50 ${times[10]!.toFixed(2)} ms`)
  }
})

test('the test packet is heard, or not; it does not ring', async () => {
  const it = await bell([])
  const works = it.doorbell.check((bytes, to) => {
    assert.deepEqual(to, it.doorbell.endpoint)
    it.hear(bytes)
  })
  assert.equal(await works, true)
  assert.equal(it.timers.length, 0)
  const lost = it.doorbell.check(() => {})
  it.timers[0]!()
  assert.equal(await lost, false)
  assert.deepEqual(it.doorbell.counters, { rung: 0, dropped: {} })
})

test('on a real socket, from another port than W: nothing', async t => {
  const rung: PublicKey[] = []
  const heard = Promise.withResolvers<void>()
  const other = await systemUdp.bind('127.0.0.1', 0, () => {})
  const doorbell = await Doorbell.open(systemUdp, other.port, {
    clock: systemClock,
    ring(key) {
      rung.push(key)
      heard.resolve()
    },
  })
  doorbell.know([keyOf(1)])
  const stranger = await systemUdp.bind('127.0.0.1', 0, () => {})
  t.after(() => {
    for (const socket of [doorbell, other, stranger]) socket.close()
  })
  stranger.send(initiationFor(keyOf(1)), doorbell.endpoint)
  other.send(initiationFor(keyOf(1)), doorbell.endpoint)
  await heard.promise
  assert.deepEqual(doorbell.counters, { rung: 1, dropped: { 'not from W': 1 } })
  assert.equal(await doorbell.check((bytes, to) => other.send(bytes, to)), true)
})

test('closed, it hears nothing more', async () => {
  const it = await bell([keyOf(1)])
  it.doorbell.close()
  it.hear(initiationFor(keyOf(1)))
  assert.deepEqual([it.rung, it.open()], [[], 0])
})
