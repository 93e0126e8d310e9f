// The choice between the three protocols, and what a router or a stranger on the link can make of it. The router is in memory; the
// real one is in test/system/portmap.test.ts.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { minute, second } from '../../../src/base/time.ts'
import { isOutside, type Mapped, type PortMapper } from '../../../src/drivers/portmap/mapper.ts'
import { runDrained } from '../../sim/drained.ts'
import { gateway, own, Router } from './router.ts'

const port = 51_820
const lifetime = 20 * minute

/** Until the promise is settled; the time that passes is the simulation's. */
async function settled<T>(router: Router, promise: Promise<T>): Promise<T> {
  let done = false
  void promise.finally(() => {
    done = true
  })
  await runDrained(router.simulation, router.simulation.now() + minute, () => done)
  return promise
}

const never = () => new AbortController().signal
const map = (router: Router, mapper: PortMapper, before: Mapped | null = null, signal = never()) =>
  settled(router, mapper.map(port, lifetime, before, signal))
const only = (...protocols: string[]) => {
  const router = new Router()
  router.speaks = new Set(protocols)
  return router
}

for (const protocol of ['pcp', 'nat-pmp', 'upnp'] as const) {
  test(`${protocol}: mapped, made to last longer, removed`, async () => {
    const router = only(protocol)
    const mapper = router.mapper()
    const { ok: mapped } = await map(router, mapper)
    assert.deepEqual(mapped, {
      protocol,
      gateway,
      internal: { host: own, port },
      external: { host: router.external, port },
      lifetime,
    })
    assert.deepEqual([...router.mappings.keys()], [port])
    const asked = router.seen.length
    assert.deepEqual((await map(router, mapper, mapped)).ok, mapped)
    // by the same protocol, without looking for others
    assert.ok(router.seen.length - asked <= 2)
    assert.equal(await settled(router, mapper.unmap(mapped!, never())), true)
    assert.equal(router.mappings.size, 0)
  })
}

test('the best of what is there, without waiting for the rest; what else there is comes later', async () => {
  const router = new Router()
  const mapper = router.mapper()
  assert.equal((await map(router, mapper)).ok?.protocol, 'pcp')
  assert.ok(router.simulation.now() < 50)
  await runDrained(router.simulation, 5 * second)
  assert.deepEqual(mapper.findings(), { gateway, protocols: { pcp: 'mapped', 'nat-pmp': 'present', upnp: 'present' } })
})

test('UPnP alone is found in a second', async () => {
  const router = only('upnp')
  assert.equal((await map(router, router.mapper())).ok?.protocol, 'upnp')
  assert.ok(router.simulation.now() < second)
})

test('a protocol that refuses gives way to the next', async () => {
  const router = new Router()
  router.pcpResult = 2
  router.natPmpResult = 2
  const mapper = router.mapper()
  assert.equal((await map(router, mapper)).ok?.protocol, 'upnp')
  assert.equal(mapper.findings().protocols.pcp, 'refused: not authorized')
  assert.equal(mapper.findings().protocols['nat-pmp'], 'refused: not authorized')
})

test('why there is none: nobody answers, all refuse, there is no router, the address is public', async () => {
  const problemOf = async (router: Router) => (await map(router, router.mapper())).problem
  assert.equal(await problemOf(only()), 'no answer')
  const refusing = new Router()
  refusing.pcpResult = 2
  refusing.natPmpResult = 4
  refusing.upnpErrors = [606]
  assert.equal(await problemOf(refusing), 'refused: not authorized')
  const alone = new Router()
  alone.gateways = []
  assert.match((await problemOf(alone))!, /no router/)
  const publicly = new Router()
  publicly.addresses = ['203.0.113.9']
  assert.match((await problemOf(publicly))!, /not asked: 203\.0\.113\.9 is not a private address/)
  assert.deepEqual(publicly.seen, [])
})

test('an external address that is private is said, and nothing is left of the question', async () => {
  for (const protocol of ['pcp', 'nat-pmp', 'upnp']) {
    const router = only(protocol)
    router.external = '100.64.3.2'
    const { problem } = await map(router, router.mapper())
    assert.equal(problem, `another NAT outside: the external address of ${gateway} is 100.64.3.2, which is private`)
    assert.equal(router.mappings.size, 0)
  }
})

test('what no router can have outside', () => {
  for (const inside of [
    '10.1.2.3',
    '172.31.0.1',
    '192.168.0.1',
    '100.127.0.1',
    '127.0.0.1',
    '169.254.1.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '192.0.0.4',
  ]) {
    assert.equal(isOutside(inside), false, inside)
  }
  for (const outside of ['8.8.8.8', '172.32.0.1', '100.128.0.1', '203.0.113.7'])
    assert.equal(isOutside(outside), true, outside)
})

test('somebody else on the link who answers instead of the router is not heard', async () => {
  const router = new Router()
  router.answersFrom = '192.168.1.66'
  assert.equal((await map(router, router.mapper())).problem, 'no answer')
})

test('who leads elsewhere by SSDP is not followed', async () => {
  const router = only('upnp')
  router.location = 'http://192.168.1.66:5000/root.xml'
  assert.equal((await map(router, router.mapper())).problem, 'no answer')
  assert.deepEqual(router.actions, [])
})

test('an answer longer than any is not read', async () => {
  const router = only('nat-pmp')
  router.padding = 1_100
  assert.equal((await map(router, router.mapper())).problem, 'no answer')
  router.padding = 1_000
  assert.equal((await map(router, router.mapper())).ok?.protocol, 'nat-pmp')
})

test('a description without end is not read', async () => {
  const router = only('upnp')
  router.description += ' '.repeat(100_000)
  assert.equal((await map(router, router.mapper())).problem, 'found, but its description cannot be had')
})

test('only the router and the group of SSDP are sent to', async () => {
  const router = only()
  await map(router, router.mapper())
  const places = new Set(router.seen.map(({ to }) => `${to.host}:${to.port}`))
  assert.deepEqual([...places].sort(), [`${gateway}:1900`, `${gateway}:5351`, '239.255.255.250:1900'].sort())
  assert.ok(router.seen.length <= 20, `${router.seen.length} packets to a router that does not answer`)
})

test('UPnP: a port that is taken, and a router that knows but leases for ever', async () => {
  const router = only('upnp')
  router.upnpErrors = [718, 725]
  const mapper = router.mapper()
  const { ok } = await map(router, mapper)
  assert.notEqual(ok?.external.port, port)
  assert.equal(router.mappings.get(ok!.external.port)?.seconds, 0)
  // and that is remembered
  const adds = () => router.actions.filter(action => action === 'AddPortMapping').length
  const before = adds()
  router.upnpErrors = []
  assert.equal((await map(router, mapper, ok)).ok?.external.port, ok!.external.port)
  assert.equal(adds() - before, 1)
  assert.equal(router.mappings.get(ok!.external.port)?.seconds, 0)
})

test('UPnP: what a crashed run of ours left goes, and nobody else’s', async () => {
  const router = only('upnp')
  await map(router, router.mapper())
  const { name } = router.mappings.get(port)!
  assert.match(name, /^wirehub [0-9a-f]{8}$/)
  router.mappings.clear()
  const entry = { by: 'upnp', internal: 1_111, client: own, name, seconds: 0 }
  router.mappings.set(1_111, entry)
  router.mappings.set(2_222, { ...entry, client: '192.168.1.77' })
  router.mappings.set(3_333, { ...entry, name: 'wirehub 00000000' })
  await map(router, router.mapper())
  await runDrained(router.simulation, router.simulation.now() + 5 * second)
  assert.deepEqual([...router.mappings.keys()].sort(), [2_222, 3_333, port].sort())
})

test('PCP: a node that comes again finds its mapping, another one does not', async () => {
  const router = only('pcp')
  await map(router, router.mapper(7))
  assert.equal((await map(router, router.mapper(7))).ok?.external.port, port)
  assert.equal(router.mappings.size, 1)
  assert.equal((await map(router, router.mapper(8))).ok?.external.port, port + 1)
})

test('what is given up is given up, and what it may have made is removed', async () => {
  for (const protocol of ['pcp', 'nat-pmp', 'upnp']) {
    const router = only(protocol)
    const mapper = router.mapper()
    const giveUp = new AbortController()
    const asked = mapper.map(port, lifetime, null, giveUp.signal)
    await runDrained(router.simulation, minute, () => router.mappings.size > 0)
    giveUp.abort()
    assert.equal((await settled(router, asked)).ok, undefined)
    assert.equal(router.mappings.size, 1, 'the router has made it')
    await settled(router, mapper.forget(port, never()))
    assert.equal(router.mappings.size, 0, protocol)
  }
})

test('a mapping of another network is left alone', async () => {
  const router = new Router()
  const mapper = router.mapper()
  const { ok: mapped } = await map(router, mapper)
  router.addresses = ['192.168.1.11']
  assert.equal(mapper.isHere(mapped!), false)
  assert.equal(await settled(router, mapper.unmap(mapped!, never())), false)
})
