import assert from 'node:assert/strict'
import { test } from 'node:test'
import { minute, second } from '../../../src/base/time.ts'
import { Guesses } from '../../../src/protocol/nat/guesses.ts'
import { rolesOf, type Side } from '../../../src/protocol/nat/roles.ts'
import { Simulation } from '../../../src/sim/simulation.ts'
import {
  block,
  Couple,
  counter,
  easyEndpoint,
  easySide,
  hardSide,
  linux,
  type Ports,
  uniform,
  upper,
} from './couple.ts'

const seeds = 2_000

/** Many couples: how many met, and how long that took. */
function measure(ports: Ports, prepare: (couple: Couple) => void = () => {}) {
  const times: number[] = []
  let probes = 0
  for (let seed = 1; seed <= seeds; seed++) {
    const couple = new Couple(seed, ports)
    prepare(couple)
    couple.cross()
    couple.run(30 * second, () => couple.met)
    if (couple.met) times.push(Math.max(couple.metAt.hard!, couple.metAt.easy!))
    probes = Math.max(probes, couple.probed.length)
  }
  times.sort((a, b) => a - b)
  // of all couples: who never met counts as the slowest
  const at = (share: number) => times[Math.ceil(seeds * share) - 1] ?? Number.POSITIVE_INFINITY
  return { met: times.length / seeds, p50: at(0.5), p95: at(0.95), probes }
}

const kinds: readonly [string, Ports, (couple: Couple) => void, met: number][] = [
  ['each port as likely', uniform, () => {}, 0.975],
  ['as Linux draws', linux, () => {}, 0.99],
  ['a block of 1024', block, () => {}, 0.999],
  ['the upper half', upper, () => {}, 0.97],
  ['a counter', counter(1, 0), couple => Object.assign(couple, { regular: true }), 0.999],
  ['a busy counter', counter(1, 3), couple => Object.assign(couple, { regular: true }), 0.999],
  ['a counter by twos', counter(2, 1), couple => Object.assign(couple, { regular: true, base: { step: 2 } }), 0.999],
  ['a counter that is none', uniform, couple => Object.assign(couple, { regular: true }), 0.975],
]
for (const [name, ports, prepare, least] of kinds) {
  test(`${name}: they meet`, t => {
    const { met, p50, p95, probes } = measure(ports, prepare)
    t.diagnostic(`${(100 * met).toFixed(2)} %, p50 ${Math.round(p50)} ms, p95 ${Math.round(p95)} ms, 20 ms one way`)
    assert.ok(met >= least, `${met}`)
    // a wrong prediction costs 1.5 s
    const late = name === 'a counter that is none' ? 1.5 * second : 0
    assert.ok(p50 <= 3 * second + late && p95 <= 8 * second + late, `${p50} ${p95}`)
    assert.ok(probes <= 1_000)
  })
}

test('10 % of all packets lost: fewer meet, and most still do', t => {
  const { met, p50, p95 } = measure(linux, couple => Object.assign(couple, { loss: 0.1 }))
  t.diagnostic(`${(100 * met).toFixed(2)} %, p50 ${Math.round(p50)} ms, p95 ${Math.round(p95)} ms`)
  assert.ok(met >= 0.95)
})

/** A couple that never meets. */
function strangers(seed = 1, sides: { hard?: Side; easy?: Side } = {}): Couple {
  const couple = new Couple(seed, () => () => 1, sides)
  couple.cross()
  return couple
}

test('no port twice, all of them high ones, 100 a second, 1000 in all, then silence', () => {
  const couple = strangers().run(1 * minute)
  assert.equal(couple.probed.length, 1_000)
  assert.equal(new Set(couple.probed.map(({ endpoint }) => endpoint.port)).size, 1_000)
  assert.ok(couple.probed.every(({ endpoint: { host, port } }) => host === hardSide.address && port >= 1_024))
  for (let i = 100; i < 1_000; i++) assert.ok(couple.probed[i]!.at - couple.probed[i - 100]!.at >= 1 * second)
  assert.deepEqual(couple.opened, [256])
  assert.equal(couple.easy.machine.view().why, 'no answer')
  assert.equal(couple.hard.machine.view().why, 'no answer')
  assert.equal(couple.hard.machine.wakeAt, Number.POSITIVE_INFINITY)
  assert.equal(couple.easy.machine.wakeAt, Number.POSITIVE_INFINITY)
})

test('a timer that is late makes up for 100 ms, and after a sleep for nothing', () => {
  const couple = strangers().run(1 * second)
  const { machine } = couple.easy
  const probes = (now: number) => machine.handle({ kind: 'timer' }, now).filter(({ kind }) => kind === 'probe').length
  const now = couple.simulation.now()
  probes(now)
  assert.equal(probes(now + 50), 5)
  assert.ok(probes(now + 60 * second) <= 1)
})

test('a branch that is heard is asked, also one heard a moment before; 16 times at most', () => {
  const couple = strangers()
  const heard = (port: number, host = hardSide.address!) =>
    couple.give(couple.easy, { kind: 'heard', endpoint: { host, port } })
  assert.deepEqual(heard(7_001), [])
  couple.run(1 * second)
  assert.ok(couple.probed.length > 10)
  assert.equal(couple.probed[0]!.endpoint.port, 7_001)
  assert.deepEqual(heard(7_002), [{ kind: 'probe', endpoint: { host: hardSide.address, port: 7_002 } }])
  assert.deepEqual(heard(7_002, '192.0.2.66'), [])
  for (let i = 0; i < 100; i++) heard(8_000 + i)
  couple.run(1 * minute)
  assert.equal(couple.probed.length, 1_000)
  assert.equal(couple.probed.filter(({ endpoint: { port } }) => port >= 8_000 && port < 8_100).length >= 14, true)
  assert.ok(heard(9_000).length === 0)
})

test('a failure is repeated after a minute, and then after a time that is four times as long each time', () => {
  const couple = strangers().run(1 * minute)
  const begun = [-1]
  for (let i = 0; i < 12 * 60; i++) {
    couple.cross()
    couple.run(10 * second)
    if (couple.opened.length > begun.length) begun.push(i / 6)
  }
  const gaps = begun.slice(1).map((at, i) => at - begun[i]!)
  // minutes; an attempt takes 14 s
  for (const [i, gap] of [1, 4, 16, 60].entries()) assert.ok(gaps[i]! >= gap && gaps[i]! < gap + 1.5, `${gaps}`)
  assert.deepEqual([begun.length, couple.probed.length], [5, 5_000])
})

test('another network of ours is another chance, but not more than six at once and one in 2 minutes', () => {
  const couple = strangers().run(1 * minute)
  for (let i = 0; i < 10; i++) {
    couple.give(couple.hard, { kind: 'moved' })
    couple.give(couple.easy, { kind: 'moved' })
    couple.cross()
    couple.run(30 * second)
  }
  assert.ok(couple.opened.length >= 6 && couple.opened.length <= 9, `${couple.opened}`)
  assert.match(couple.hard.machine.view().why, /too often/)
})

test('a peer that says it is somewhere else each time gets no more probes than that', () => {
  const couple = strangers()
  for (let i = 0; i < 100; i++) {
    const spray = { host: `192.0.2.${i}`, sockets: 256 }
    couple.give(couple.easy, { kind: 'sprayed', own: easySide, spray })
    couple.run(12 * second)
  }
  // 20 minutes: six at once, and ten more
  assert.ok(couple.probed.length <= 16_000, `${couple.probed.length}`)
})

test('a repeated spray begins nothing anew', () => {
  const couple = strangers()
  const spray = { host: hardSide.address!, sockets: 256 }
  for (let i = 0; i < 40; i++) {
    couple.give(couple.easy, { kind: 'sprayed', own: easySide, spray })
    couple.run(1 * second)
  }
  assert.equal(couple.probed.length, 1_000)
})

test('it begins 150 ms after the OFFERs crossed where nothing else can work, 400 ms where that is likely, else after 1.5 s', () => {
  for (const [easy, begins] of [
    [easySide, 150],
    [{ ...easySide, filtering: 'unknown' }, 400],
    [{ ...easySide, filtering: 'address-dependent' }, 1_500],
    [{ ...easySide, nat: 'none', filtering: 'none' }, 1_500],
    [{ ...easySide, nat: 'unknown' }, 1_500],
  ] as const) {
    const couple = strangers(1, { easy })
    couple.run(2 * couple.delay + begins - 1)
    assert.deepEqual(couple.opened, [], `${easy.nat} ${easy.filtering}`)
    couple.run(1)
    assert.deepEqual(couple.opened, [256], `${easy.nat} ${easy.filtering}`)
  }
})

test('more OFFERs do not put it off', () => {
  const couple = strangers(1, { easy: { ...easySide, filtering: 'address-dependent' } })
  for (let i = 0; i < 4; i++) {
    couple.run(400)
    couple.cross()
  }
  assert.deepEqual(couple.opened, [256])
})

test('a path that is found by simpler means ends it: nothing is sent any more, and it is no failure', () => {
  const couple = strangers().run(1 * second)
  assert.ok(couple.probed.length > 10)
  const closed = couple.give(couple.hard, { kind: 'path', direct: true })
  assert.deepEqual(closed, [{ kind: 'close', bound: false }, { kind: 'done' }])
  assert.deepEqual(couple.give(couple.easy, { kind: 'path', direct: true }), [{ kind: 'done' }])
  const before = couple.probed.length
  couple.run(1 * minute)
  assert.equal(couple.probed.length, before)
  for (const end of [couple.hard, couple.easy]) couple.give(end, { kind: 'path', direct: false })
  couple.cross()
  couple.run(1 * second)
  assert.deepEqual(couple.opened, [256, 256])
})

test('who is reached already is not tried', () => {
  const couple = strangers()
  couple.give(couple.hard, { kind: 'path', direct: true })
  couple.run(1 * minute)
  assert.deepEqual([couple.opened, couple.probed], [[], []])
})

test('the path is lost a moment after the OFFERs crossed: it begins without another one', () => {
  const couple = strangers()
  couple.give(couple.hard, { kind: 'path', direct: true })
  couple.run(1 * second)
  couple.give(couple.hard, { kind: 'path', direct: false })
  couple.run(1 * second)
  assert.deepEqual(couple.opened, [256])
})

test('after a success it begins at once, when what was bound is given up', () => {
  const couple = new Couple(1, linux)
  couple.cross()
  couple.run(20 * second, () => couple.met)
  assert.ok(couple.met)
  for (const end of [couple.hard, couple.easy]) couple.give(end, { kind: 'path', direct: false })
  assert.deepEqual(couple.give(couple.hard, { kind: 'released' }), [{ kind: 'close', bound: true }])
  couple.run(1 * minute)
  couple.cross()
  couple.run(2 * couple.delay + 1)
  assert.deepEqual(couple.opened, [256, 256])
})

test('nobody on the hard side looks for the peer any more: its branches wait for the peer all the same', () => {
  const couple = new Couple(1, linux)
  couple.cross()
  couple.run(500)
  assert.deepEqual(couple.opened, [256])
  assert.deepEqual(couple.give(couple.hard, { kind: 'released' }), [])
  couple.run(20 * second, () => couple.met)
  assert.ok(couple.met)
})

test('the peer is no member any more: all is closed at once', () => {
  const couple = new Couple(1, linux)
  couple.cross()
  couple.run(500)
  const outputs = couple.give(couple.hard, { kind: 'forgotten' })
  assert.deepEqual(outputs, [{ kind: 'close', bound: false }, { kind: 'done' }])
})

test('what is bound gets 0.4 s to work again before it is given up for a new one', () => {
  const couple = new Couple(1, linux)
  couple.cross()
  couple.run(20 * second, () => couple.met)
  couple.run(1 * minute)
  for (const end of [couple.hard, couple.easy]) couple.give(end, { kind: 'path', direct: false })
  couple.cross()
  couple.run(2 * couple.delay + 300)
  assert.deepEqual(couple.opened, [256])
  couple.run(200)
  assert.deepEqual(couple.opened, [256, 256])
})

test('the peer is elsewhere: what was bound to its old endpoint is released at once', () => {
  const couple = new Couple(1, linux)
  couple.cross()
  couple.run(20 * second, () => couple.met)
  const target = { host: '203.0.113.77', port: 1_234 }
  const crossed = { kind: 'crossed', own: hardSide, peer: easySide, target, regular: false, able: true } as const
  assert.deepEqual(couple.give(couple.hard, crossed)[0], { kind: 'close', bound: true })
})

test('the peer moves while our branches are open: they close, and others knock where it is now', () => {
  const couple = new Couple(1, linux)
  couple.cross()
  couple.run(500)
  const target = { host: '203.0.113.77', port: 1_234 }
  const crossed = { kind: 'crossed', own: hardSide, peer: easySide, target, regular: false, able: true } as const
  assert.deepEqual(couple.give(couple.hard, crossed), [{ kind: 'close', bound: false }, { kind: 'done' }])
  couple.run(1 * second)
  assert.deepEqual(couple.opened, [256, 256])
})

test('our network is another one: what is bound is released', () => {
  const couple = new Couple(1, linux)
  couple.cross()
  couple.run(20 * second, () => couple.met)
  assert.deepEqual(couple.give(couple.hard, { kind: 'slept' }), [], 'it may still work')
  assert.deepEqual(couple.give(couple.hard, { kind: 'moved' }), [{ kind: 'close', bound: true }])
})

test('a meeting whose path is not proved is undone, and the easy side goes on with the probes that are left', () => {
  const couple = new Couple(3, linux)
  couple.proves = false
  couple.cross()
  couple.run(20 * second, () => couple.hard.machine.view().state === 'proving')
  const before = couple.probed.length
  couple.run(1 * second)
  assert.match(couple.hard.machine.view().why, /not proved/)
  assert.equal(couple.probed.length - before <= 5, true)
  couple.run(1 * minute)
  assert.equal(couple.probed.length, 1_000)
})

test('16 branches first where the ports are regular, all of them when that brings nothing in 1.5 s', () => {
  const couple = new Couple(1, () => () => 1)
  couple.regular = true
  couple.cross()
  couple.run(2 * couple.delay + 150 + 5 + 1_499)
  assert.deepEqual(couple.opened, [16])
  couple.run(2)
  assert.deepEqual(couple.opened, [16, 256])
  couple.run(1 * minute)
  assert.equal(couple.probed.length, 1_000)
})

test('without nftables, without an address, with no branches to open: nothing, and it is said why', () => {
  const crossed = { kind: 'crossed', own: hardSide, peer: easySide, target: easyEndpoint, regular: false } as const
  const none = new Couple(1, uniform)
  none.give(none.hard, { ...crossed, able: false })
  none.run(1 * minute)
  assert.match(none.hard.machine.view().why, /nftables/)
  const nowhere = new Couple(1, uniform)
  nowhere.give(nowhere.hard, { ...crossed, own: { ...hardSide, address: null }, able: true })
  nowhere.run(1 * minute)
  assert.match(nowhere.hard.machine.view().why, /not known/)
  assert.deepEqual([none.opened, nowhere.opened], [[], []])
  const poor = new Couple(1, uniform)
  poor.give(poor.hard, { ...crossed, able: true })
  poor.run(150)
  poor.give(poor.hard, { kind: 'not opened', problem: 'EMFILE' })
  assert.deepEqual([poor.hard.machine.view().state, poor.hard.machine.view().why], ['rest', 'EMFILE'])
})

test('a hard NAT of our own makes no use of a spray', () => {
  const couple = strangers()
  const spray = { host: '192.0.2.1', sockets: 256 }
  assert.deepEqual(couple.give(couple.hard, { kind: 'sprayed', own: hardSide, spray }), [])
  assert.equal(couple.hard.machine.view().why, 'both are hard')
})

test('a spray that waits too long for its turn is given up', () => {
  const couple = strangers()
  const { machine } = couple.easy
  machine.handle({ kind: 'sprayed', own: easySide, spray: { host: '192.0.2.1', sockets: 256 } }, 0)
  assert.deepEqual(machine.handle({ kind: 'granted' }, 6 * second), [{ kind: 'done' }])
  assert.equal(machine.view().why, 'its turn came too late')
})

const unknown: Side = { nat: 'unknown', filtering: 'unknown', keepsPort: false, address: '198.51.100.1' }
const keeps: Side = { ...unknown, keepsPort: true }
const roles: readonly [string, Side, Side, string, string][] = [
  ['hard and easy', hardSide, easySide, 'hard', 'easy'],
  ['two hard ones', hardSide, hardSide, 'both are hard', 'both are hard'],
  ['two easy ones', easySide, easySide, 'neither is hard', 'neither is hard'],
  ['hard and unknown', hardSide, unknown, 'hard', 'easy'],
  ['hard and one that keeps its port', hardSide, keeps, 'hard', 'easy'],
  ['unknown and easy', unknown, easySide, 'hard', 'easy'],
  ['unknown and one that keeps its port', unknown, keeps, 'hard', 'easy'],
  ['unknown both', unknown, unknown, 'neither is known', 'neither is known'],
  ['both keep their ports', keeps, keeps, 'neither is hard', 'neither is hard'],
]
for (const [name, a, b, ofA, ofB] of roles) {
  test(`roles, ${name}: both sides come to the same`, () => {
    const role = (own: Side, peer: Side) => {
      const found = rolesOf(own, peer)
      return typeof found === 'string' ? found : found.own
    }
    assert.deepEqual([role(a, b), role(b, a)], [ofA, ofB])
  })
}

test('guesses: of a few branches only those that are predicted, and after the next word none of them again', () => {
  const guesses = new Guesses({ host: '192.0.2.1', base: 40_000, step: 1, sockets: 16 }, () => 0.5)
  const ports = Array.from({ length: 65 }, () => guesses.next())
  assert.deepEqual([ports[0], ports[63], ports[64]], [40_001, 40_064, null])
  guesses.aim({ host: '192.0.2.1', base: 40_000, step: 1, sockets: 256 })
  assert.deepEqual([guesses.next(), guesses.next()], [40_065, 1_536])
})

test('guesses: predicted ports first, others between them, and all ports in the end, none twice', () => {
  const simulation = new Simulation(1)
  const guesses = new Guesses({ host: '192.0.2.1', base: 65_530, step: 2, sockets: 256 }, () => simulation.chance())
  const first = Array.from({ length: 12 }, () => guesses.next()!)
  assert.deepEqual(
    first.filter((_, i) => i % 2 === 0),
    // a counter begins again at its end
    [65_532, 65_534, 1_024, 1_026, 1_028, 1_030],
  )
  const all = new Set(first)
  for (let port = guesses.next(); port !== null; port = guesses.next()) {
    assert.ok(!all.has(port) && port >= 1_024 && port <= 65_535)
    all.add(port)
  }
  assert.equal(all.size, 64_512)
})
