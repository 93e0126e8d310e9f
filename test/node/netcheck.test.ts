// What a node finds out about its own network: real channels, through the NATs of the simulated internet.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { type Endpoint, formatEndpoint, parseEndpoint } from '../../src/base/ip.ts'
import { createLogger } from '../../src/base/log.ts'
import { Channel, type Way } from '../../src/drivers/control/channel.ts'
import type { Branch, ControlPort } from '../../src/drivers/control/port.ts'
import { Netcheck, type NetcheckParts } from '../../src/node/netcheck.ts'
import type { Place } from '../../src/node/offers.ts'
import { systemCrypto } from '../../src/os/crypto.ts'
import { Desk } from '../../src/protocol/home/desk.ts'
import { Nat } from '../../src/sim/nat.ts'
import { Simulation } from '../../src/sim/simulation.ts'
import type { NatSpec } from '../../src/sim/world.ts'
import { keyWithWork, namespace } from '../protocol/control/nodes.ts'

const at = (text: string) => parseEndpoint(text)!
const W = 51_820
const inside = '192.168.1.2'
const outside = '198.51.100.9'
type Behind = Partial<NatSpec> | 'no NAT' | 'firewall' | 'blocked'

/** One node behind something, and reflectors outside. */
class World {
  readonly simulation = new Simulation(1)
  readonly #listening = new Map<string, (bytes: Uint8Array, from: Endpoint) => void>()
  readonly #nat: Nat | null
  readonly #behind: Behind
  /** Datagrams that are longer are lost. */
  mtu = 1_500
  loss = 0
  readonly own: string
  readonly channel: Channel
  readonly netcheck: Netcheck
  readonly reflectors: Place[] = []
  readonly spoken: string[] = []
  readonly sent: { to: string; length: number }[] = []
  readonly seen: string[] = []
  changes = 0
  tcp = false

  constructor(behind: Behind) {
    this.#behind = behind
    this.own = behind === 'no NAT' || behind === 'firewall' ? outside : inside
    const spec = { mapping: 'endpoint-independent', filtering: 'address-and-port-dependent', hairpin: false } as const
    const usual: NatSpec = { ...spec, allocation: { kind: 'random' }, lifetime: 60_000, maxMappings: 1_000 }
    this.#nat =
      behind === 'no NAT' ? null : new Nat({ ...usual, ...(typeof behind === 'object' && behind) }, this.simulation)
    const port = this.#port()
    this.channel = this.#channel(port, keyWithWork(0))
    this.listen(`${this.own}:${W}`, this.channel.receive)
    const parts: NetcheckParts = {
      ...{ clock: this.simulation, random: this.simulation, channel: this.channel, log: createLogger(() => {}) },
      port: () => port,
      around: () => ({ overlays: [], own: [{ address: this.own, length: 24 }], port: W }),
      reflectors: () => this.reflectors,
      record: () => null,
      spoken: () => this.spoken,
      seenFromOtherPort: (_key, from) => this.seen.push(`other ${formatEndpoint(from)}`),
      seen: (_key, from, { observed }) => this.seen.push(`${formatEndpoint(from)} ${formatEndpoint(observed)}`),
      changed: () => this.changes++,
      overTcp: () => this.tcp,
      ...{ lifetime: () => null, portMapping: () => null, firewall: () => null },
    }
    this.netcheck = new Netcheck(parts)
  }

  listen(place: string, receive: (bytes: Uint8Array, from: Endpoint) => void): void {
    this.#listening.set(place, receive)
  }

  /** A node that anybody reaches. @param more its other port, and its other address */
  reflector(address: string, more: { port?: number; address?: string } = {}, clockAhead = 0): Place {
    const ways = [`${address}:${W}`, `${address}:${more.port}`, `${more.address}:${W}`].map(
      (text): Way => ({ send: (bytes, to) => this.#carry(at(text.replace('undefined', '192.0.2.255')), to, bytes) }),
    )
    const [way, otherPort, otherAddress] = ways as [Way, Way, Way]
    const key = keyWithWork(0)
    const channel = this.#channel(way, key, clockAhead)
    channel.desk = new Desk(systemCrypto, new Uint8Array(32), () => 'stranger')
    channel.reflect = {
      otherPort: () => (more.port === undefined ? null : otherPort),
      otherAddress: () => (more.address === undefined ? null : otherAddress),
      other: () => more,
    }
    this.listen(`${address}:${W}`, channel.receive)
    if (more.port) this.listen(`${address}:${more.port}`, (bytes, from) => channel.receive(bytes, from, otherPort))
    const place = { key: channel.publicKey, endpoint: { host: address, port: W } }
    this.reflectors.push(place)
    return place
  }

  async until<T>(result: Promise<T>): Promise<T> {
    let done = false
    result.then(
      () => (done = true),
      () => (done = true),
    )
    while (!done) {
      await setImmediate()
      this.simulation.run(this.simulation.now() + 5)
    }
    return await result
  }

  async pass(time: number): Promise<void> {
    const end = this.simulation.now() + time
    while (this.simulation.now() < end) {
      await setImmediate()
      this.simulation.run(Math.min(end, this.simulation.now() + 5))
    }
  }

  #channel(port: Way, privateKey: ReturnType<typeof keyWithWork>, clockAhead = 0): Channel {
    const { simulation } = this
    const clock = {
      now: () => simulation.now(),
      wall: () => simulation.wall() + clockAhead,
      at: (time: number, call: () => void) => simulation.at(time, call),
    }
    return new Channel({
      os: { clock, random: simulation, crypto: systemCrypto },
      port,
      privateKey,
      namespace,
      workbit: 0,
    })
  }

  #port(): ControlPort {
    let last = 40_000
    const open: NonNullable<ControlPort['branches']>['open'] = async (count, receive) =>
      Array.from({ length: count }, () => {
        const port = ++last
        const branch: Branch = {
          port,
          send: (bytes, to) => this.#leave(port, to, bytes),
          close: () => this.#listening.delete(`${inside}:${port}`),
        }
        this.listen(`${this.own}:${port}`, (bytes, from) => receive(bytes, from, branch))
        return branch
      })
    return {
      ...{ backend: 'nft', counters: { received: 0, sent: 0, dropped: {} }, close: async () => {} },
      send: (bytes, to) => this.#leave(W, to, bytes),
      branches: { open, bind: async () => {} },
    }
  }

  /** From the node, through what is before it. */
  #leave(port: number, to: Endpoint, bytes: Uint8Array): void {
    this.sent.push({ to: formatEndpoint(to), length: bytes.length })
    if (this.#behind === 'blocked' || bytes.length > this.mtu || this.simulation.chance() < this.loss) return
    const mapped = this.#nat?.outbound({ host: this.own, port }, to, this.simulation.now()) ?? port
    const from = { host: outside, port: this.#behind === 'firewall' ? port : mapped }
    if (to.host === outside && this.#nat && !this.#nat.spec.hairpin) return
    this.#carry(from, to, bytes)
  }

  #carry(from: Endpoint, to: Endpoint, bytes: Uint8Array): void {
    if (this.simulation.chance() < this.loss) return
    this.simulation.at(this.simulation.now() + 10, () => {
      let there: Endpoint | string = to
      if (to.host === outside && this.#nat) {
        const port =
          this.#behind === 'firewall'
            ? (this.#nat.outbound({ host: this.own, port: to.port }, at('192.0.2.255:1'), 0) ?? 0)
            : to.port
        there = this.#nat.inbound(port, from, this.simulation.now())
      }
      if (typeof there !== 'string') this.#listening.get(formatEndpoint(there))?.(Uint8Array.from(bytes), from)
    })
  }
}

async function check(behind: Behind, reflectors: readonly Parameters<World['reflector']>[]) {
  const world = new World(behind)
  for (const reflector of reflectors) world.reflector(...reflector)
  const report = await world.until(world.netcheck.check())
  return { world, report, v4: report.families[0]! }
}
const one: Parameters<World['reflector']> = ['203.0.113.1', { port: 40_001, address: '203.0.113.101' }]
const two: Parameters<World['reflector']> = ['203.0.113.2']

const kinds: [string, Behind, string, string][] = [
  ['no NAT', 'no NAT', 'none', 'none'],
  ['a firewall and no NAT', 'firewall', 'none', 'address-and-port-dependent'],
  ['full cone', { filtering: 'endpoint-independent' }, 'endpoint-independent', 'endpoint-independent'],
  ['address restricted', { filtering: 'address-dependent' }, 'endpoint-independent', 'address-dependent'],
  ['port restricted', {}, 'endpoint-independent', 'address-and-port-dependent'],
  ['symmetric', { mapping: 'address-and-port-dependent' }, 'address-and-port-dependent', 'address-and-port-dependent'],
  [
    'by address',
    { mapping: 'address-dependent', filtering: 'address-dependent' },
    'address-dependent',
    'address-dependent',
  ],
]
for (const [what, behind, mapping, filtering] of kinds) {
  test(`two reflectors, one with a second port and address: ${what}`, async () => {
    const { v4, world } = await check(behind, [one, two])
    assert.deepEqual([v4.udp, v4.mapping, v4.filter], ['works', mapping, { filtering, certain: true }])
    assert.equal(world.netcheck.facts().filtering, filtering)
  })
}

test('one reflector with a second port tells that a mapping depends on it', async () => {
  const { v4 } = await check({ mapping: 'address-and-port-dependent' }, [one])
  assert.deepEqual([v4.mapping, v4.reflections.length], ['address-and-port-dependent', 2])
})

test('reflectors without a second port tell nothing of the filter', async () => {
  const { v4 } = await check({}, [two, ['203.0.113.3']])
  assert.deepEqual([v4.mapping, v4.filter.filtering], ['endpoint-independent', 'unknown'])
})

test('asked again, the filter is not open for its own question: the second answer is the first', async () => {
  const { world, v4 } = await check({}, [one])
  assert.deepEqual(v4.filter, { filtering: 'address-and-port-dependent', certain: true })
  assert.match(world.seen.join(), /other/, 'the other port was written to, since one reflector cannot tell the mapping')
  const again = (await world.until(world.netcheck.check())).families[0]!
  assert.deepEqual(again.filter, v4.filter)
})

test('an address that members have is no test of the filter: we may have written to it', async () => {
  const world = new World({ filtering: 'address-dependent' })
  world.reflector(...one)
  world.reflector(...two)
  world.spoken.push('203.0.113.101')
  const report = await world.until(world.netcheck.check())
  assert.deepEqual(report.families[0]!.filter, { filtering: 'address-dependent', certain: false })
})

test('ports: kept, in steps', async () => {
  const kept = await check({ allocation: { kind: 'preserving' } }, [one, two])
  assert.deepEqual([kept.v4.keepsPort, kept.v4.step.kind], [true, 'preserving'])
  const steps = await check({ mapping: 'address-and-port-dependent', allocation: { kind: 'sequential', step: 2 } }, [
    one,
    two,
  ])
  assert.deepEqual([steps.v4.keepsPort, steps.v4.step.kind], [false, 'regular'])
})

test('hairpin: through a NAT that has it, and not through one that has not', async () => {
  assert.equal((await check({ hairpin: true }, [one, two])).report.hairpins, true)
  assert.equal((await check({ hairpin: true, filtering: 'endpoint-independent' }, [one, two])).report.hairpins, true)
  assert.equal((await check({}, [one, two])).report.hairpins, false)
  assert.equal((await check('no NAT', [one, two])).report.hairpins, null)
})

test('MTU: what passes, found within 8 bytes; 1400 at once', async () => {
  const world = new World({})
  world.reflector(...one)
  world.mtu = 1_232
  const narrow = (await world.until(world.netcheck.check())).families[0]!.mtu!
  assert.ok(narrow <= 1_232 && narrow > 1_232 - 8, String(narrow))
  assert.equal((await check({}, [one, two])).v4.mtu, 1_400)
})

test('UDP blocked, told from reflectors that are down by TCP', async () => {
  const blocked = new World('blocked')
  blocked.reflector(...one)
  blocked.tcp = true
  assert.equal((await blocked.until(blocked.netcheck.check())).families[0]!.udp, 'blocked')
  assert.equal(blocked.netcheck.facts().udp, 'blocked')
  assert.equal((await check('blocked', [one])).v4.udp, 'no answer')
  assert.equal((await check('no NAT', [])).v4.udp, 'nobody to ask')
  assert.equal((await check('no NAT', [])).report.families[1]!.udp, 'no address')
})

test('the clock, by most reflectors', async () => {
  const hour = 3_600_000
  const { report } = await check({}, [[...one, -2 * hour] as never, ['203.0.113.2', {}, -2 * hour], ['203.0.113.3']])
  assert.ok(Math.abs(report.clockAhead! + 2 * hour) < 2_000, String(report.clockAhead))
})

test('a third of all packets lost: the same kinds', async () => {
  for (const [, behind, mapping, filtering] of kinds.slice(2, 6)) {
    const world = new World(behind)
    world.loss = 0.18
    for (const n of [1, 2, 3]) world.reflector(`203.0.113.${n}`, { port: 40_001, address: `203.0.113.10${n}` })
    const { mapping: found, filter } = (await world.until(world.netcheck.check())).families[0]!
    assert.deepEqual([found, filter.filtering], [mapping, filtering])
  }
})

test('by itself: once a reflector has answered; again after a move; then it is quiet', async () => {
  const world = new World({})
  const place = world.reflector(...one)
  world.reflector(...two)
  assert.equal(world.netcheck.facts().udp, null)
  world.netcheck.heard(place.endpoint)
  await world.pass(10_000)
  assert.deepEqual(
    [world.netcheck.facts().filtering, world.changes],
    ['address-and-port-dependent', 2],
    'filter, then hairpin',
  )
  const before = world.sent.length
  world.netcheck.heard(place.endpoint)
  for (let i = 10; i < 200; i++) world.netcheck.heard({ host: `203.0.113.${i}`, port: W })
  await world.pass(60_000)
  assert.equal(world.sent.length, before, 'all is known')
  world.netcheck.moved()
  assert.equal(world.netcheck.facts().filtering, 'unknown')
  world.netcheck.heard(place.endpoint)
  await world.pass(10_000)
  assert.equal(world.netcheck.facts().filtering, 'address-and-port-dependent')
})

test('what the other port of a reflector sees is no place where the reflector is', async () => {
  const { world } = await check({ mapping: 'address-and-port-dependent' }, [one])
  assert.match(world.seen.join('\n'), /^203\.0\.113\.1:51820 198\.51\.100\.9:\d+\nother 203\.0\.113\.1:40001$/)
})

test('nobody answers after the start: that is found out, too, and once somebody does, all of it', async () => {
  const world = new World({})
  world.reflectors.push({ ...world.reflector(...one), endpoint: at('203.0.113.77:51820') })
  world.reflectors.splice(0, 1)
  world.netcheck.start()
  await world.pass(10_000)
  assert.deepEqual([world.netcheck.facts().udp, world.changes], ['no answer', 1])
  const place = world.reflector(...two)
  world.netcheck.heard(place.endpoint)
  await world.pass(10_000)
  assert.equal(world.netcheck.facts().udp, 'works')
})

test('a look that was begun in another network says nothing of this one', async () => {
  const world = new World({})
  const place = world.reflector(...one)
  world.netcheck.heard(place.endpoint)
  await world.pass(400)
  world.netcheck.moved()
  await world.pass(4_000)
  assert.deepEqual([world.netcheck.facts().udp, world.changes], [null, 0])
})

test('what nobody can tell is asked a few times, and no more', async () => {
  const world = new World({})
  for (let i = 1; i < 200; i++) {
    world.reflectors.splice(0)
    world.netcheck.heard(world.reflector(`203.0.113.${i}`).endpoint)
    await world.pass(6_000)
  }
  assert.ok(world.sent.length < 6 * 20, String(world.sent.length))
})
