import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Endpoint, formatEndpoint } from '../../src/base/ip.ts'
import { createLogger } from '../../src/base/log.ts'
import { second } from '../../src/base/time.ts'
import { Birthdays, type BirthdaysParts } from '../../src/node/birthday.ts'
import type { Spray } from '../../src/protocol/control/message.ts'
import type { RecordBody } from '../../src/protocol/directory/record-body.ts'
import { PrivateKey, type PublicKey } from '../../src/protocol/identity/key.ts'
import type { Side } from '../../src/protocol/nat/roles.ts'
import type { Step } from '../../src/protocol/nat/step.ts'
import { type NatHost, NatNet } from './nat-net.ts'

const keyOf = (byte: number) => new PrivateKey(new Uint8Array(32).fill(byte))

type Node = {
  readonly host: NatHost
  readonly birthdays: Birthdays
  readonly hits: { readonly endpoint: Endpoint; readonly at: number }[]
  readonly body: RecordBody
  readonly log: string[]
  direct: boolean
  enabled: boolean
}

/** A hard NAT, wherever. */
const hardView: Side = {
  ...{ nat: 'endpoint-dependent', filtering: 'address-and-port-dependent', keepsPort: false, address: null },
}

const overlays = [{ address: '10.0.42.0', length: 24, family: 4 }] as const

/** A hard node, an easy one, and a public one that both ask; OFFERs go straight from one to the other, after a while. */
function world(
  seed: number,
  hardPorts: (draw: (least: number, most: number) => number) => () => number,
  step: Step,
  port?: number,
) {
  const net = new NatNet(seed)
  const { simulation } = net
  const nodes = new Map<PublicKey, Node>()
  const draw = (least: number, most: number) => simulation.int(least, most)
  const helper = net.host(keyOf(9), { address: '192.0.2.9' })
  const node = (
    byte: number,
    side: Side,
    where: Parameters<NatNet['host']>[1],
    parts: Partial<BirthdaysParts> = {},
  ) => {
    const host: NatHost = net.host(keyOf(byte), where, {
      onPing: (key, from, via) => it.birthdays.heard(key, from, via),
    })
    const offer = (key: PublicKey, spray?: Spray) =>
      simulation.at(simulation.now() + 2 * net.delay, () => nodes.get(key)?.birthdays.offered(host.key, it.body, spray))
    const hits: Node['hits'] = []
    const log: string[] = []
    const it: Node = {
      ...{ host, hits, log, direct: false, enabled: true },
      body: {
        ...{ nat: side.nat, filtering: side.filtering, keepsPort: side.keepsPort, homes: [] },
        endpoints: [{ kind: 'reflexive', endpoint: { host: side.address!, port: 51_820 } }],
      },
      birthdays: new Birthdays({
        ...{ clock: simulation, random: simulation, channel: host.channel },
        log: createLogger((_, line) => log.push(line)),
        enabled: () => it.enabled,
        branches: () => host.branches,
        own: () => ({ ...side, step, ...(port !== undefined && { port }) }),
        surroundings: () => ({ overlays, own: [], port: 51_820 }),
        reflector: () => helper,
        direct: () => it.direct,
        tellSpray: offer,
        hit: (key, endpoint) => {
          hits.push({ endpoint, at: simulation.now() })
          it.direct = true
          it.birthdays.path(key, true)
        },
        called: key => key.slice(0, 8),
        ...parts,
      }),
    }
    nodes.set(host.key, it)
    return it
  }
  const [hardAddress, easyAddress] = ['198.51.100.1', '203.0.113.1']
  const hardSide: Side = {
    ...{ nat: 'endpoint-dependent', filtering: 'address-and-port-dependent', keepsPort: false, address: hardAddress },
  }
  const easySide: Side = {
    ...{ nat: 'endpoint-independent', filtering: 'address-and-port-dependent', keepsPort: true, address: easyAddress },
  }
  const hard = node(1, hardSide, { address: hardAddress, hard: true, ports: hardPorts(draw) })
  const easy = node(2, easySide, { address: easyAddress, hard: false })
  const cross = () => {
    easy.birthdays.offered(hard.host.key, hard.body)
    hard.birthdays.offered(easy.host.key, easy.body)
  }
  const stop = () => Promise.all([hard.birthdays.stop(), easy.birthdays.stop()])
  return { net, hard, easy, helper, cross, stop, node }
}

const random = (draw: (least: number, most: number) => number) => () => draw(1_024, 65_536)
const unknown: Step = { kind: 'unknown' }

for (const seed of [1, 2, 3]) {
  test(`hard and port-restricted, ${seed}: both have a path that works from W, and nothing else stays open`, async () => {
    const { net, hard, easy, cross, stop } = world(seed, random, unknown)
    cross()
    await net.run(20 * second, () => hard.direct && easy.direct)
    assert.deepEqual(
      hard.hits.map(({ endpoint }) => formatEndpoint(endpoint)),
      ['203.0.113.1:51820'],
    )
    const place = easy.hits[0]!.endpoint
    assert.equal(place.host, '198.51.100.1')
    await net.run(5 * second)
    assert.deepEqual([hard.host.open, hard.host.bound], [1, ['203.0.113.1:51820']])
    assert.equal(hard.birthdays.isBound(easy.host.endpoint), true)
    assert.equal(easy.birthdays.isBound(place), false)
    // both ways, as long as it is in use, from W to W
    const there = await Promise.all([
      hard.host.channel.ping(easy.host.key, easy.host.endpoint),
      easy.host.channel.ping(hard.host.key, place),
      net.run(1 * second),
    ])
    assert.equal(there[0]?.observed.port, place.port)
    assert.equal(there[0]?.via, undefined)
    assert.ok(there[1])
    assert.ok(easy.host.sent.length < 1_020)
    hard.birthdays.released(easy.host.key)
    assert.equal(hard.birthdays.isBound(easy.host.endpoint), false)
    await net.run(1)
    assert.deepEqual([hard.host.open, hard.host.bound], [0, []])
    await stop()
  })
}

test('a counter: one reflector tells where it is now, 16 branches do, and few probes', async () => {
  // others behind the same NAT have moved it on since it was seen
  const counter = (draw: (least: number, most: number) => number) => {
    let port = draw(20_000, 30_000)
    return () => (port += 2)
  }
  const { net, hard, easy, cross, stop } = world(4, counter, { kind: 'regular', step: 2, last: 1_500 })
  cross()
  await net.run(20 * second, () => hard.direct && easy.direct)
  assert.ok(hard.direct && easy.direct)
  assert.equal(hard.birthdays.view(easy.host.key)?.sockets, 16)
  assert.ok(easy.birthdays.view(hard.host.key)!.probes <= 20)
  await stop()
  assert.deepEqual([hard.host.open, hard.host.bound], [0, []])
})

test('a counter that nobody knows yet to be one: the ports beside the one that was seen are among the first', async () => {
  let port = 20_100
  const { net, hard, easy, cross, stop } = world(5, () => () => (port += 2), unknown, 20_000)
  cross()
  await net.run(20 * second, () => hard.direct && easy.direct)
  assert.ok(hard.direct && easy.direct)
  assert.equal(hard.birthdays.view(easy.host.key)?.sockets, 256)
  // every third probe goes there, to either side in turns: the 51st behind it is the 306th at most
  assert.ok(easy.birthdays.view(hard.host.key)!.probes <= 310)
  await stop()
})

test('no reflector answers: the last port that is known has to do', async () => {
  let port = 20_000
  const { net, hard, easy, cross, helper, stop } = world(4, () => () => ++port, {
    kind: 'regular',
    step: 1,
    last: 19_990,
  })
  net.passes = (_, to) => to.host !== helper.address
  cross()
  await net.run(20 * second, () => hard.direct && easy.direct)
  assert.ok(hard.direct && easy.direct)
  assert.equal(hard.birthdays.view(easy.host.key)?.sockets, 16)
  await stop()
})

test('a prediction that fails: the rest is opened, 256 in all', async () => {
  const { net, hard, easy, cross, stop } = world(5, random, { kind: 'regular', step: 1, last: 30_000 })
  let most = 0
  cross()
  await net.run(20 * second, () => {
    most = Math.max(most, hard.host.open)
    return hard.direct && easy.direct
  })
  assert.ok(hard.direct && easy.direct)
  assert.ok(most >= 256 && most <= 257, `${most}`)
  await stop()
})

test('switched off on either side: nothing is opened, nothing is sent', async () => {
  for (const which of ['hard', 'easy'] as const) {
    const parties = world(6, random, unknown)
    const { net, hard, easy, cross, stop } = parties
    parties[which].enabled = false
    cross()
    await net.run(30 * second)
    assert.equal(easy.host.sentTo({ host: '198.51.100.1', port: 1_024 }), 0)
    assert.equal(easy.host.sent.length, 0)
    if (which === 'hard') assert.equal(hard.host.sent.length, 0)
    assert.equal(hard.host.open, 0)
    await stop()
  }
})

test('no nftables on the hard side: nothing, and it says why', async () => {
  const { net, hard, easy, node, stop } = world(7, random, unknown)
  const poor = node(
    3,
    { ...hardView, address: '198.51.100.3' },
    { address: '198.51.100.3', hard: true },
    { branches: () => null },
  )
  poor.birthdays.offered(easy.host.key, easy.body)
  await net.run(5 * second)
  assert.equal(poor.host.sent.length, 0)
  assert.match(poor.birthdays.view(easy.host.key)!.why, /nftables/)
  await stop()
  assert.equal(hard.host.open, 0)
})
test('a machine without sockets, one that cannot bind: it is said, and nothing stays open', async () => {
  const { net, easy, node, stop } = world(8, random, unknown)
  const address = '198.51.100.3'
  const poor = node(
    3,
    { ...hardView, address },
    { address, hard: true, ports: () => 1_024 + Math.floor(net.simulation.chance() * 1_024) },
    {
      branches: () => ({
        open: async () => {
          throw new Error('EMFILE')
        },
        bind: async () => {},
      }),
    },
  )
  poor.birthdays.offered(easy.host.key, easy.body)
  await net.run(5 * second)
  assert.match(poor.birthdays.view(easy.host.key)!.why, /EMFILE/)
  const stuck: ReturnType<typeof node> = node(
    4,
    { ...hardView, address: '198.51.100.4' },
    { address: '198.51.100.4', hard: true, ports: () => 1_024 + Math.floor(net.simulation.chance() * 1_024) },
    {
      branches: () => ({
        open: (count, receive) => stuck.host.branches.open(count, receive),
        bind: async (_, branch) => {
          if (branch) throw new Error('nft: refused')
        },
      }),
    },
  )
  stuck.birthdays.offered(easy.host.key, easy.body)
  await net.run(4 * second, () => /not proved/.test(stuck.birthdays.view(easy.host.key)!.why))
  assert.match(stuck.birthdays.view(easy.host.key)!.why, /not proved/)
  assert.ok(stuck.log.some(line => line.includes('nft: refused')))
  await net.run(1)
  assert.equal(stuck.host.open, 0)
  await Promise.all([poor.birthdays.stop(), stuck.birthdays.stop(), stop()])
})

test('bound, but the proof does not come: unbound and closed within 3 s', async () => {
  const { net, hard, easy, cross, stop } = world(9, random, unknown)
  cross()
  await net.run(20 * second, () => hard.host.bound.length > 0)
  net.passes = () => false
  await net.run(2 * second)
  assert.equal(hard.host.bound.length, 1)
  await net.run(1_100)
  assert.deepEqual([hard.host.open, hard.host.bound, hard.hits], [0, [], []])
  assert.match(hard.birthdays.view(easy.host.key)!.why, /not proved/)
  await stop()
})

test('our network changes while branches are open, and while one is bound: all is closed', async () => {
  for (const seed of [10, 11]) {
    const { net, hard, easy, cross, stop } = world(seed, random, unknown)
    cross()
    if (seed === 10) await net.run(600)
    else await net.run(20 * second, () => hard.direct && easy.direct)
    assert.equal(hard.host.open, seed === 10 ? 256 : 1)
    hard.birthdays.moved(false)
    await net.run(1)
    assert.deepEqual([hard.host.open, hard.host.bound], [0, []])
    await stop()
  }
})

test('a PING of the member from another endpoint, or of another member, or at no branch of ours, meets nobody', async () => {
  const { net, hard, easy, cross, helper, stop } = world(16, random, unknown)
  cross()
  await net.run(400)
  assert.equal(hard.host.open, 256)
  const branch = hard.host.branchesMade[77]!
  // such a PING may be a replay: it has the right key, and any source
  assert.equal(hard.birthdays.heard(easy.host.key, { host: '203.0.113.1', port: 4_444 }, branch), true)
  assert.equal(hard.birthdays.heard(helper.key, easy.host.endpoint, branch), true)
  assert.equal(hard.birthdays.heard(easy.host.key, easy.host.endpoint, { send() {} }), false)
  assert.equal(hard.birthdays.heard(easy.host.key, easy.host.endpoint, undefined), false)
  await net.run(10)
  assert.deepEqual([hard.host.open, hard.host.bound], [256, []])
  hard.birthdays.heard(easy.host.key, easy.host.endpoint, branch)
  await net.run(10)
  assert.deepEqual([hard.host.open, hard.host.bound], [1, ['203.0.113.1:51820']])
  // a replay from the right endpoint at the wrong branch: no proof, so it does not stay
  net.passes = () => false
  await net.run(3_100)
  assert.deepEqual([hard.host.open, hard.host.bound], [0, []])
  await stop()
})

test('two members behind one address, and a NAT that lets in all that comes from there: a branch serves whom it hears', async () => {
  const { net, hard, easy, node, stop } = world(17, random, unknown)
  const address = '203.0.113.7'
  const side = {
    nat: 'endpoint-independent',
    filtering: 'address-and-port-dependent',
    keepsPort: true,
    address,
  } as const
  const other = node(7, side, { address, hard: false })
  for (const it of [easy, other]) hard.birthdays.offered(it.host.key, it.body)
  await net.run(400)
  assert.equal(hard.host.open, 512)
  // one of those that were opened for the first
  const branch = hard.host.branchesMade[77]!
  assert.equal(hard.birthdays.heard(other.host.key, other.host.endpoint, branch), true)
  await net.run(10)
  assert.deepEqual([hard.host.open, hard.host.bound], [256, ['203.0.113.7:51820']])
  await Promise.all([other.birthdays.stop(), stop()])
})

test('a member cannot aim our probes into our own machine or network', async () => {
  const { net, hard, easy, stop } = world(13, random, unknown)
  for (const host of ['127.0.0.1', '10.0.42.7', '224.0.0.1', '169.254.1.1', '2001:db8::1']) {
    easy.birthdays.offered(hard.host.key, hard.body, { host, sockets: 256 })
    await net.run(1 * second)
    assert.equal(easy.host.sent.length, 0, host)
  }
  await stop()
})

test('two at work at once; the others wait for their turn, and get it', async () => {
  const { net, easy, node, stop } = world(14, random, unknown)
  const many = [3, 4, 5, 6].map(byte => {
    const address = `198.51.100.${byte}`
    return node(byte, { ...hardView, address }, { address, hard: true, ports: () => 1 })
  })
  const states = () => many.map(({ host }) => easy.birthdays.view(host.key)!.state)
  for (const { host, body } of many) easy.birthdays.offered(host.key, body, { host: host.address, sockets: 256 })
  await net.run(1 * second)
  assert.deepEqual(states(), ['spraying', 'spraying', 'waiting', 'waiting'])
  // not more than 100 a second for each
  assert.ok(easy.host.sent.length <= 2 * 101)
  easy.birthdays.path(many[0]!.host.key, true)
  easy.birthdays.forget(many[1]!.host.key)
  assert.equal(easy.birthdays.view(many[2]!.host.key)!.state, 'spraying')
  assert.equal(easy.birthdays.view(many[3]!.host.key)!.state, 'spraying')
  await Promise.all([...many.map(({ birthdays }) => birthdays.stop()), stop()])
})

test('stopped in the middle: nothing is open, nothing is sent any more', async () => {
  const { net, hard, easy, cross, stop } = world(15, random, unknown)
  cross()
  await net.run(800)
  await stop()
  const before = [hard.host.sent.length, easy.host.sent.length]
  await net.run(20 * second)
  assert.deepEqual([hard.host.sent.length, easy.host.sent.length], before)
  assert.deepEqual([hard.host.open, hard.host.bound], [0, []])
})
