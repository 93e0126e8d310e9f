// Whatever comes to a relay's desk: its tables are bounded, and what it wants done agrees with who is bound to whom.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Endpoint, formatEndpoint } from '../../../src/base/ip.ts'
import { second, type Time } from '../../../src/base/time.ts'
import type { PublicKey } from '../../../src/protocol/identity/key.ts'
import * as limits from '../../../src/protocol/relay/constants.ts'
import type { Legs, RelayOutput } from '../../../src/protocol/relay/desk.ts'
import { at, keyOf, Relay } from './guests.ts'

/** What a driver has that did what it was told: ports and legs. */
class Driver {
  readonly ports = new Set<number>()
  readonly legs = new Map<string, Legs>()

  act(outputs: readonly RelayOutput[]): void {
    for (const output of outputs) {
      if (output.kind === 'open') {
        assert.ok(!this.ports.has(output.port), 'opened twice')
        this.ports.add(output.port)
      } else if (output.kind === 'close') {
        assert.ok(this.ports.delete(output.port), 'closed, and was not open')
        for (const [a, b] of this.legs.values()) assert.ok(a.at !== output.port && b.at !== output.port, 'still used')
      } else if (output.kind === 'connect') {
        const [a, b] = output.legs
        assert.deepEqual([a.to, a.via, b.to, b.via], [b.from, b.at, a.from, a.at], 'there and back')
        assert.ok(this.ports.has(a.at) && this.ports.has(b.at) && a.at !== b.at)
        assert.ok(!this.legs.has(JSON.stringify(output.legs)), 'connected twice')
        this.legs.set(JSON.stringify(output.legs), output.legs)
        const matches = [...this.legs.values()].flat().map(({ from, at }) => `${formatEndpoint(from)} ${at}`)
        assert.equal(new Set(matches).size, matches.length, 'a packet matches one leg at most')
      } else {
        assert.ok(this.legs.delete(JSON.stringify(output.legs)), 'disconnected, and was not connected')
      }
    }
  }
}

type Bound = { source: Endpoint; until: Time }

/** The rules, in the slowest and plainest way. */
class Model {
  readonly ports = new Map<PublicKey, { port: number; until: Time }>()
  readonly bindings = new Map<string, Bound & { key: PublicKey; port: number }>()

  expire(now: Time): void {
    for (const [name, { until }] of this.bindings) if (until <= now) this.bindings.delete(name)
    for (const [key, { port, until }] of this.ports) {
      if (until > now) continue
      this.ports.delete(key)
      for (const [name, binding] of this.bindings)
        if (binding.key === key || binding.port === port) this.bindings.delete(name)
    }
  }

  bind(key: PublicKey, source: Endpoint, port: number, now: Time): void {
    for (const [name, other] of this.bindings)
      if (other.port === port && formatEndpoint(other.source) === formatEndpoint(source)) this.bindings.delete(name)
    this.bindings.set(`${key} ${port}`, { key, port, source, until: now + 60 * second })
  }

  /** Sources and ports of all pairs that are bound both ways, each side as `source port`. */
  pairs(): string[] {
    const found: string[] = []
    for (const { key, port, source } of this.bindings.values()) {
      const owner = [...this.ports].find(([, given]) => given.port === port)?.[0]
      const own = this.ports.get(key)?.port
      const other = owner === undefined ? undefined : this.bindings.get(`${owner} ${own}`)
      if (other) found.push(`${formatEndpoint(source)} ${port} > ${formatEndpoint(other.source)} ${other.port}`)
    }
    return found.sort()
  }
}

const who = fc.integer({ min: 1, max: 4 }).map(keyOf)
const place = fc.integer({ min: 1, max: 4 }).map(i => at(`192.0.2.${i}`))
const wait = fc.oneof({ weight: 20, arbitrary: fc.nat(2_000) }, fc.nat(30_000), fc.nat(100_000))
const mostly = fc.integer({ min: 1, max: 8 }).map(i => i > 1)
const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ does: fc.constant('lease' as const), who, wait }) },
  {
    weight: 6,
    arbitrary: fc.record({ does: fc.constant('join' as const), who, to: who, place, wait, honest: mostly }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('lose' as const), who, wait }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('tick' as const), wait }) },
)

test('the legs that stand are those of the pairs that are bound both ways, at any time', () => {
  let connected = 0
  fc.assert(
    fc.property(fc.array(step, { minLength: 30, maxLength: 80 }), steps => {
      const relay = new Relay({ range: { first: 61_000, last: 61_007 } })
      const [driver, model] = [new Driver(), new Model()]
      const leases = [1, 2, 3, 4].map(i => ({ does: 'lease' as const, who: keyOf(i), wait: 0 }))
      for (const step of [...leases, ...steps]) {
        relay.now += step.wait
        model.expire(relay.now)
        if (step.does === 'tick') relay.pass(0)
        else if (step.does === 'lease') {
          const port = relay.lease(step.who)
          if (port === null) assert.ok(!model.ports.has(step.who))
          else model.ports.set(step.who, { port, until: relay.now + 90 * second })
        } else if (step.does === 'lose') {
          const port = model.ports.get(step.who)?.port
          if (port === undefined) continue
          relay.outputs.push(...relay.desk.lose(port, relay.now))
          model.ports.set(step.who, { port, until: relay.now })
          model.expire(relay.now)
        } else {
          const port = model.ports.get(step.to)?.port ?? 61_002
          const { state } = step.honest
            ? relay.join(step.who, step.place, port)
            : relay.bind(step.who, step.place, port, relay.tokens.token(step.to, at('192.0.2.77'), relay.now))
          if (!step.honest) assert.equal(state, 'prove')
          else if (!model.ports.has(step.who) || ![...model.ports.values()].some(given => given.port === port))
            assert.equal(state, 'absent')
          else if (model.ports.get(step.who)?.port === port) assert.equal(state, 'refused')
          else {
            model.bind(step.who, step.place, port, relay.now)
            const mine = ` ${port} > `
            const paired = model.pairs().some(pair => pair.startsWith(`${formatEndpoint(step.place)}${mine}`))
            assert.equal(state, paired ? 'bound' : 'waiting')
          }
        }
        const outputs = relay.done()
        connected += outputs.filter(({ kind }) => kind === 'connect').length
        driver.act(outputs)
        const legs = [...driver.legs.values()].flat()
        const standing = legs.map(
          ({ from, at, to, via }) => `${formatEndpoint(from)} ${at} > ${formatEndpoint(to)} ${via}`,
        )
        assert.deepEqual(standing.sort(), model.pairs())
        assert.deepEqual(relay.desk.counts, { ports: model.ports.size, bindings: model.bindings.size })
        assert.equal(driver.ports.size, model.ports.size)
        const ends = [...model.ports.values(), ...model.bindings.values()].map(({ until }) => until)
        assert.equal(relay.desk.wakeAt, Math.min(Number.POSITIVE_INFINITY, ...ends))
      }
      driver.act(relay.desk.close())
      assert.deepEqual([driver.ports.size, driver.legs.size], [0, 0], 'every connect is ended')
    }),
    { numRuns: 500 },
  )
  assert.ok(connected > 500, `it is about something: ${connected} connects`)
})

test('nobody fills the tables: 1024 guests that bind everybody, from everywhere, without end', () => {
  // strangers with their 16, and members with their 64, which are more than there is room for
  const isMember = (i: number) => i % 2 === 0
  const keys = Array.from({ length: limits.portsAtOnce }, (_, i) => keyOf(i))
  const members = new Set(keys.filter((_, i) => isMember(i)))
  const relay = new Relay({ rank: key => (members.has(key) ? 'member' : 'stranger') })
  const driver = new Driver()
  // the driver of this test is slow where legs are many, so it looks at ports and counts only
  const live = new Map<string, Legs>()
  const act = () => {
    for (const output of relay.done()) {
      if (output.kind === 'open' || output.kind === 'close') driver.act([output])
      else if (output.kind === 'connect') live.set(JSON.stringify(output.legs), output.legs)
      else assert.ok(live.delete(JSON.stringify(output.legs)))
    }
  }
  const ports = keys.map((key, i) => relay.lease(key, at(`10.${i >> 8}.${i & 255}.1`))!)
  const states = new Map<string, number>()
  for (const [i, key] of keys.entries()) {
    for (let j = 1; j <= 70; j++) {
      const from = at(`10.${i >> 8}.${i & 255}.1`, 1_000 + j)
      const port = ports[(i + keys.length + (j % 2 === 0 ? j : -1 - j) / 2) % keys.length]!
      // with the token that it has from its HOME
      const { state } = relay.bind(key, from, port, relay.tokens.token(key, from, relay.now))
      states.set(state, (states.get(state) ?? 0) + 1)
      assert.ok(relay.desk.counts.bindings <= limits.bindingsAtOnce)
    }
    act()
  }
  assert.equal(relay.desk.counts.bindings, limits.bindingsAtOnce)
  assert.ok(states.get('full')! > 10_000 && states.get('bound')! > 1_000, JSON.stringify([...states]))
  assert.ok(live.size <= limits.bindingsAtOnce / 2)
  relay.pass(60 * second)
  act()
  assert.deepEqual([live.size, relay.desk.counts.bindings], [0, 0])
  relay.pass(30 * second)
  act()
  assert.deepEqual([driver.ports.size, relay.desk.counts.ports], [0, 0])
})

test('when all bindings are taken, a member gets that of the stranger not heard for longest, a stranger none', () => {
  const members = new Set(Array.from({ length: 400 }, (_, i) => keyOf(10_000 + i)))
  const relay = new Relay({ rank: key => (members.has(key) ? 'member' : 'stranger') })
  const strangers = Array.from({ length: 20 }, (_, i) => keyOf(i))
  const all = [...strangers, ...members]
  const ports = all.map((key, i) => relay.lease(key, at(`10.0.${i >> 8}.${i & 255}`))!)
  const join = (i: number, port: number) => relay.join(all[i]!, at(`10.0.${i >> 8}.${i & 255}`, 7), port).state
  // strangers first, with two others each
  for (let i = 0; i < 20; i++) for (let j = 1; j <= 2; j++) assert.equal(join(i, ports[i + 20 + j]!), 'waiting')
  let bindings = 40
  for (let i = 20; bindings < limits.bindingsAtOnce; i++)
    for (let j = 1; j <= 64 && bindings < limits.bindingsAtOnce; j++, bindings++)
      assert.notEqual(join(i, ports[20 + ((i + 100 + j) % 400)]!), 'full')
  assert.equal(join(0, ports[300]!), 'full')
  assert.equal(join(0, ports[21]!), 'waiting', 'what stands is refreshed')
  const member = all.length - 1
  // the first of the first stranger was refreshed just now, so his second one goes
  assert.notEqual(join(member, ports[50]!), 'full')
  assert.equal(relay.desk.counts.bindings, limits.bindingsAtOnce)
  assert.equal(join(0, ports[22]!), 'full', 'his second one went')
  for (let j = 1; j < 40; j++) assert.notEqual(join(member, ports[50 + j]!), 'full')
  assert.equal(join(member, ports[100]!), 'full', 'no stranger is left')
  assert.equal(relay.desk.counts.bindings, limits.bindingsAtOnce)
})
