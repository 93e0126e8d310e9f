// When a mapping is asked for, kept and removed. The router is in memory, the clock is simulated.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatEndpoint } from '../../src/base/ip.ts'
import { createLogger } from '../../src/base/log.ts'
import { hour, minute, second, type Time } from '../../src/base/time.ts'
import { Mapping } from '../../src/node/mapping.ts'
import { own, Router } from '../drivers/portmap/router.ts'
import { runDrained } from '../sim/drained.ts'

const port = 51_820

function world() {
  const router = new Router()
  const { simulation } = router
  const told: string[] = []
  const lines: string[] = []
  const mapping = new Mapping({
    clock: simulation,
    log: createLogger((_level, line) => lines.push(line)),
    mapper: router.mapper(),
    changed: () => told.push(mapping.endpoints().map(formatEndpoint).join() || 'none'),
  })
  const run = (time: Time, done?: () => boolean) => runDrained(simulation, simulation.now() + time, done)
  const stop = async () => {
    let stopped = false
    void mapping.stop().then(() => {
      stopped = true
    })
    const began = simulation.now()
    await run(10 * second, () => stopped)
    return { stopped, took: simulation.now() - began }
  }
  return { router, simulation, mapping, told, lines, run, stop }
}

test('off until it is wanted, then mapped and told once, then removed', async () => {
  const { router, mapping, told, lines, run, stop } = world()
  assert.equal(mapping.report().state, 'off')
  await run(minute)
  assert.deepEqual(router.seen, [])
  mapping.set({ port, needed: true })
  assert.equal(mapping.report().state, 'asking')
  await run(second)
  assert.deepEqual(mapping.endpoints(), [{ host: router.external, port }])
  assert.equal(mapping.report().state, 'mapped')
  mapping.set({ port, needed: true })
  await run(3 * hour)
  assert.deepEqual(told, [`203.0.113.7:${port}`])
  assert.deepEqual(await stop(), { stopped: true, took: 4 })
  assert.equal(router.mappings.size, 0)
  assert.deepEqual(told, [`203.0.113.7:${port}`, 'none'])
  assert.equal(lines.filter(line => line.includes('port mapped')).length, 1)
})

test('made to last longer at half of its life, by one packet each', async () => {
  const { router, mapping, run } = world()
  router.speaks = new Set(['pcp'])
  mapping.set({ port, needed: true })
  await run(second)
  const before = router.seen.length
  await run(hour)
  assert.equal(router.seen.length - before, 6)
  assert.equal(router.mappings.size, 1)
})

test('a router that gives little is asked accordingly, but not more often than every 15 s', async () => {
  for (const [seconds, expected] of [
    [120, 60],
    [4, 240],
  ] as const) {
    const { router, mapping, run } = world()
    router.speaks = new Set(['pcp'])
    router.longest = seconds
    mapping.set({ port, needed: true })
    await run(second)
    const before = router.seen.length
    await run(hour)
    assert.equal(router.seen.length - before, expected)
  }
})

test('a router that has none is asked with growing pauses, and said in the report alone', async () => {
  const { router, mapping, run, told, lines } = world()
  router.speaks.clear()
  mapping.set({ port, needed: true })
  await run(2 * second)
  assert.deepEqual(mapping.report(), {
    gateway: '192.168.1.1',
    protocols: { pcp: 'no answer', 'nat-pmp': 'no answer', upnp: 'no answer' },
    state: 'none',
    problem: 'no answer',
    at: mapping.report().at,
  })
  const asked = () => router.seen.filter(({ bytes }) => bytes[0] === 0).length / 3
  const counts: number[] = []
  for (const until of [minute + 5 * second, 4 * minute, 16 * minute, 24 * hour]) {
    await run(until)
    counts.push(asked())
  }
  // at 0; 1 minute later; 2, 4, 8, 16, 32 and then 60 minutes later
  assert.deepEqual(counts.slice(0, 3), [2, 3, 5])
  assert.ok(counts[3]! < 32, `${counts[3]} questions in a day`)
  assert.deepEqual(told, [])
  assert.deepEqual(
    lines.filter(line => !line.startsWith('debug')),
    [],
  )
})

test('while a path is looked for, a router that has none is asked every 10 s; one that has is not', async () => {
  const { router, mapping, run } = world()
  router.speaks.clear()
  mapping.set({ port, needed: true })
  await run(2 * second)
  assert.equal(mapping.report().state, 'none')
  router.seen.length = 0
  mapping.seek()
  await run(1 * second)
  assert.equal(router.seen.length, 0, 'it has only just said so')
  router.speaks = new Set(['pcp'])
  await run(10 * second)
  mapping.seek()
  await run(5 * second, () => mapping.endpoints().length > 0)
  assert.equal(mapping.endpoints().length, 1)
  await run(20 * second)
  router.seen.length = 0
  mapping.seek()
  await run(2 * second)
  assert.equal(router.seen.length, 0)
})

test('a lease that cannot be renewed is told until it ends, and no longer; then the router is asked again', async () => {
  const { router, simulation, mapping, run, told } = world()
  mapping.set({ port, needed: true })
  await run(second)
  router.speaks.clear()
  await run(19 * minute)
  assert.equal(mapping.endpoints().length, 1)
  await run(2 * minute, () => mapping.endpoints().length === 0)
  assert.ok(Math.abs(simulation.now() - 20 * minute) < 15 * second, `ended after ${simulation.now()} ms`)
  router.speaks.add('nat-pmp')
  await run(2 * minute)
  assert.equal(told.length, 3)
  assert.equal(mapping.report().mapped?.protocol, 'nat-pmp')
})

test('another external address is told', async () => {
  const { router, mapping, run, told } = world()
  mapping.set({ port, needed: true })
  await run(second)
  router.external = '203.0.113.99'
  await run(10 * minute)
  assert.deepEqual(told, [`203.0.113.7:${port}`, `203.0.113.99:${port}`])
})

test('a router that lost its mappings and says so is asked at once', async () => {
  const { router, mapping, run } = world()
  mapping.set({ port, needed: true })
  await run(second)
  router.mappings.clear()
  router.announce('192.168.1.66')
  await run(second)
  assert.equal(router.mappings.size, 0, 'somebody else has no say')
  router.announce()
  await run(second)
  assert.equal(router.mappings.size, 1)
})

test('who floods the link with announcements makes us ask twice a minute', async () => {
  const { router, simulation, mapping, run } = world()
  router.speaks = new Set(['pcp'])
  mapping.set({ port, needed: true })
  await run(second)
  const before = router.seen.length
  const until = simulation.now() + 10 * minute
  while (simulation.now() < until) {
    router.announce()
    await run(second)
  }
  assert.ok(router.seen.length - before <= 2 + 20 + 1, `${router.seen.length - before} questions`)
})

test('in another network the old mapping is told no more from that moment', async () => {
  const { router, mapping, run, told } = world()
  mapping.set({ port, needed: true })
  await run(second)
  router.addresses = ['192.168.1.11']
  router.external = '198.51.100.4'
  router.mappings.clear()
  mapping.moved()
  assert.deepEqual(mapping.endpoints(), [])
  await run(second)
  assert.deepEqual(told, [`203.0.113.7:${port}`, 'none', `198.51.100.4:${port}`])
})

test('a network that looks the same and does not answer ends the mapping, too', async () => {
  const { router, mapping, run, told } = world()
  mapping.set({ port, needed: true })
  await run(second)
  router.speaks.clear()
  mapping.moved()
  await run(5 * second)
  assert.deepEqual(told, [`203.0.113.7:${port}`, 'none'])
})

test('another port: the old mapping is removed first', async () => {
  const { router, mapping, run, told } = world()
  mapping.set({ port, needed: true })
  await run(second)
  mapping.set({ port: 40_000, needed: true })
  await run(second)
  assert.deepEqual([...router.mappings.keys()], [40_000])
  assert.deepEqual(told, [`203.0.113.7:${port}`, 'none', '203.0.113.7:40000'])
})

test('off and on again: removed, and then there again, though the first packets are lost', async () => {
  for (const protocol of ['pcp', 'nat-pmp', 'upnp']) {
    const { router, mapping, run, told } = world()
    router.speaks = new Set([protocol])
    mapping.set({ port, needed: true })
    await run(2 * second)
    // PCP's and NAT-PMP's lifetime of 0
    let lost = 0
    router.loses = bytes =>
      bytes[1] === 1 &&
      !bytes
        .slice(bytes[0] === 2 ? 4 : 8)
        .slice(0, 4)
        .some(Boolean) &&
      lost++ < 2
    mapping.set({ port, needed: false })
    mapping.set({ port, needed: true })
    await run(2 * second)
    assert.deepEqual([...router.mappings.keys()], [port], protocol)
    assert.deepEqual(told, [`203.0.113.7:${port}`, 'none', `203.0.113.7:${port}`])
  }
})

test('the end waits for nothing that was begun before it', async () => {
  const { router, mapping, run, stop } = world()
  router.speaks = new Set(['nat-pmp'])
  mapping.set({ port, needed: true })
  await run(2 * second)
  router.speaks.clear()
  mapping.set({ port: 40_000, needed: true })
  const { stopped, took } = await stop()
  assert.ok(stopped && took < second, `${took} ms`)
})

test('switched off while it asks: nothing is left', async () => {
  for (const protocol of ['pcp', 'nat-pmp', 'upnp']) {
    const { router, mapping, run, told } = world()
    router.speaks = new Set([protocol])
    mapping.set({ port, needed: true })
    await run(minute, () => router.mappings.size > 0)
    assert.deepEqual(mapping.endpoints(), [])
    mapping.set({ port, needed: false })
    await run(5 * second)
    assert.equal(router.mappings.size, 0, protocol)
    assert.deepEqual(told, [])
    assert.equal(mapping.report().state, 'off')
  }
})

test('the end takes less than a second, though the router is dead', async () => {
  for (const protocol of ['pcp', 'nat-pmp', 'upnp']) {
    const { router, mapping, run, stop } = world()
    router.speaks = new Set([protocol])
    mapping.set({ port, needed: true })
    await run(2 * second)
    assert.equal(mapping.report().mapped?.internal.host, own)
    router.speaks.clear()
    const { stopped, took } = await stop()
    assert.ok(stopped && took < second, `${took} ms`)
    // and that is all
    const sent = router.seen.length
    await run(2 * hour)
    assert.equal(router.seen.length, sent)
  }
})
