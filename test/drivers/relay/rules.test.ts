import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { Placement } from '../../../src/drivers/relay/placement.ts'
import type { Leg } from '../../../src/drivers/relay/relay.ts'
import {
  addCommands,
  deleteCommands,
  loadCommands,
  mostWays,
  type Placed,
  readCounters,
  readLegs,
  readVersion,
  versionCommands,
  type Way,
} from '../../../src/drivers/relay/rules.ts'
import { parseSurroundings, parseWays } from '../../../src/drivers/relay/ways.ts'
import { noLab } from '../../lab/lab.ts'

const options = {
  listenPort: 51820,
  range: { first: 61_000, last: 65_000 },
  limit: { rate: 1_000, burst: 200 },
  bindsToListenPort: true,
}
const a = { host: '198.51.100.2', port: 7 }
const b = { host: '203.0.113.9', port: 4_000 }
const a6 = { host: '2001:db8::2', port: 7 }
const b6 = { host: '2001:db8:1::9', port: 4_000 }
const leg: Leg = { from: a, at: 61_002, to: b, via: 61_001 }
const leg6: Leg = { from: a6, at: 61_002, to: b6, via: 61_001 }
const way: Way = { source: '192.0.2.1', hop: '192.0.2.254', device: 'eth0.7' }
const way6: Way = { source: '2001:db8::1', hop: 'fe80::1', device: 'eth0.7' }
const placed: Placed[] = [
  { leg, number: 5, way: 1 },
  { leg: leg6, number: 6, way: 2 },
]
const ways = new Map([
  [1, way],
  [2, way6],
])

test('the rules: ours to W, then what has a leg, and that only if whole, plain, and to an address of ours', () => {
  const all = loadCommands(options, 3, [{ index: 4, name: 'eth0.7' }], ['192.0.2.1', '2001:db8::1'])
  assert.deepEqual(all.slice(0, 5), [
    'add table netdev wh_relay_51820',
    'delete table netdev wh_relay_51820',
    'add table netdev wh_relay_51820',
    'add set netdev wh_relay_51820 version { type mark; }',
    'add element netdev wh_relay_51820 version { 3 }',
  ])
  const rules = all.filter(it => it.startsWith('add rule')).map(it => it.replace('add rule netdev wh_relay_51820 ', ''))
  assert.deepEqual(rules, [
    'relay udp dport != 61000-65000 return',
    'out4 ip daddr set meta mark map @da4 ip saddr set meta mark & 0xfff00000 map @sa4 udp sport set meta mark map @sp udp dport set meta mark map @dp fwd ip to meta mark & 0xfff00000 map @hop4 device meta mark & 0xfff00000 map @dev',
    'out4 drop',
    'relay @th,64,16 0xff04 ip daddr @here4 udp dport set 51820 return',
    'relay ip daddr @here4 ip frag-off & 0x3fff 0 udp checksum != 0 meta mark set ip saddr . udp sport . udp dport map @leg4 goto out4',
    'out6 ip6 daddr set meta mark map @da6 ip6 saddr set meta mark & 0xfff00000 map @sa6 udp sport set meta mark map @sp udp dport set meta mark map @dp fwd ip6 to meta mark & 0xfff00000 map @hop6 device meta mark & 0xfff00000 map @dev',
    'out6 drop',
    'relay @th,64,16 0xff04 ip6 daddr @here6 udp dport set 51820 return',
    'relay ip6 daddr @here6 ip6 nexthdr udp meta mark set ip6 saddr . udp sport . udp dport map @leg6 goto out6',
    'dev_4 jump relay',
  ])
  const toSockets = loadCommands({ ...options, bindsToListenPort: false }, 3, [], [])
  assert.ok(toSockets.includes('add rule netdev wh_relay_51820 relay @th,64,16 0xff04 ip daddr @here4 return'))
})

test('legs come last and go first, so that none leads nowhere', () => {
  assert.deepEqual(
    addCommands(51820, ways, placed).map(it => it.replace('add element netdev wh_relay_51820 ', '')),
    [
      'sa4 { 0x00100000 : 192.0.2.1 }',
      'hop4 { 0x00100000 : 192.0.2.254 }',
      'dev { 0x00100000 : "eth0.7", 0x00200000 : "eth0.7" }',
      'sa6 { 0x00200000 : 2001:db8::1 }',
      'hop6 { 0x00200000 : fe80::1 }',
      'da4 { 0x00100005 : 203.0.113.9 }',
      'dp { 0x00100005 : 4000, 0x00200006 : 4000 }',
      'sp { 0x00100005 : 61001, 0x00200006 : 61001 }',
      'da6 { 0x00200006 : 2001:db8:1::9 }',
      'leg4 { 198.51.100.2 . 7 . 61002 : 0x00100005 }',
      'leg6 { 2001:db8::2 . 7 . 61002 : 0x00200006 }',
    ],
  )
  assert.deepEqual(
    deleteCommands(51820, placed.slice(0, 1)).map(it => it.replace('delete element netdev wh_relay_51820 ', '')),
    ['leg4 { 198.51.100.2 . 7 . 61002 }', 'da4 { 0x00100005 }', 'dp { 0x00100005 }', 'sp { 0x00100005 }'],
  )
})

test('nft takes all of it, and what it lists is read back', { skip: noLab }, () => {
  const devices = [{ index: 1, name: 'lo' }]
  const onLo = new Map([...ways].map(([number, it]) => [number, { ...it, device: 'lo' }]))
  const list = 'list table netdev wh_relay_51820'
  const load = loadCommands(options, 1, devices, ['192.0.2.1', '2001:db8::1'])
  const lines = [
    [...load, ...addCommands(51820, onLo, placed)],
    versionCommands(51820, 1, 2),
    [list],
    [...versionCommands(51820, 2, 3), ...deleteCommands(51820, placed)],
    // in place of it all
    [...loadCommands(options, 7, devices, []), ...addCommands(51820, onLo, placed.slice(1))],
    [list],
  ]
  const { stdout, stderr } = spawnSync('unshare', ['--net', 'nft', '-i'], {
    input: lines.map(line => `${line.join('; ')}\n`).join(''),
    encoding: 'utf8',
    env: { ...process.env, HOME: '/dev/null' },
  })
  assert.equal(stderr, '')
  const [, first, second] = stdout.split(/^table /m) as [string, string, string]
  assert.deepEqual([readVersion(first), readVersion(second)], [2, 7])
  assert.deepEqual([readLegs(first), readLegs(second)], [[leg, leg6], [leg6]])
  assert.deepEqual([...readCounters(first).keys()], [5, 6])
})

// captured from nft 1.0.6
const listing = `table netdev wh_relay_51820 { # progname nft
	set version {
		type mark
		elements = { 0x0000001f }
	}

	map dp {
		type mark : inet_service
		size 65536
		elements = { 0x00100005 : 4000, 0x00200006 : 4001,
			     0x00100007 : 9 }
	}

	map sp {
		type mark : inet_service
		size 65536
		elements = { 0x00100005 : 61001, 0x00200006 : 61003 }
	}

	map leg4 {
		type ipv4_addr . inet_service . inet_service : mark
		size 65536
		elements = { 198.51.100.2 . 7 . 61002 : 0x00100005,
			     198.51.100.3 . 7 . 61002 : 0x00100007 }
	}

	map da4 {
		type mark : ipv4_addr
		size 65536
		limit rate 1000/second burst 200 packets counter
		elements = { 0x00100005 limit rate 1000/second burst 200 packets counter packets 12 bytes 3400 : 203.0.113.9,
			     0x00100007 limit rate 1000/second burst 200 packets counter packets 0 bytes 0 : 203.0.113.8 }
	}

	map leg6 {
		type ipv6_addr . inet_service . inet_service : mark
		size 65536
		elements = { 2001:db8::2 . 7 . 61002 : 0x00200006 }
	}

	map da6 {
		type mark : ipv6_addr
		size 65536
		limit rate 1000/second burst 200 packets counter
		elements = { 0x00200006 limit rate 1000/second burst 200 packets counter packets 1 bytes 90 : 2001:db8:1::9 }
	}
}
`

test('what nft lists is read: whole legs, and what each has carried', () => {
  assert.deepEqual(readLegs(listing), [leg, { ...leg6, to: { ...b6, port: 4_001 }, via: 61_003 }])
  assert.deepEqual(
    readCounters(listing),
    new Map([
      [5, { packets: 12, bytes: 3_400 }],
      [7, { packets: 0, bytes: 0 }],
      [6, { packets: 1, bytes: 90 }],
    ]),
  )
  assert.equal(readVersion(listing), 31)
  for (const nothing of ['', 'table netdev wh_relay_51820 {\n}\n']) {
    assert.deepEqual([readLegs(nothing), readCounters(nothing).size, readVersion(nothing)], [[], 0, null])
  }
})

test('devices with an address are listened on, and not the loopback one', () => {
  const shown = JSON.stringify([
    { ifindex: 1, ifname: 'lo', flags: ['LOOPBACK', 'UP'], addr_info: [{ local: '127.0.0.1' }] },
    { ifindex: 3, ifname: 'bare', flags: ['UP'], addr_info: [] },
    { ifindex: 5, ifname: 'a"b', flags: ['UP'], addr_info: [{ local: '192.0.2.9' }] },
    { ifindex: 4, ifname: 'eth0', flags: ['UP'], addr_info: [{ local: '192.0.2.1' }, { local: 'fe80::1' }] },
    { ifindex: 2, ifname: 'six', flags: ['UP'], addr_info: [{ local: '2001:db8::1' }, { local: '192.0.2.1' }, {}] },
  ])
  assert.deepEqual(parseSurroundings(`${shown}\n`), {
    devices: [
      { index: 2, name: 'six' },
      { index: 4, name: 'eth0' },
    ],
    here: ['192.0.2.1', '2001:db8::1'],
  })
  assert.deepEqual(parseSurroundings('nonsense'), { devices: [], here: [] })
})

test('ways lead to other machines: through a router, or straight', () => {
  // captured from iproute2 6.1, one array for each address
  const text = `[{"dst":"203.0.113.9","gateway":"192.0.2.254","dev":"eth0","prefsrc":"192.0.2.1","flags":[],"uid":0,"cache":[]}]
[{"dst":"192.0.2.7","dev":"eth0","prefsrc":"192.0.2.1","flags":[],"uid":0,"cache":[]}]
[{"type":"local","dst":"127.0.0.1","dev":"lo","prefsrc":"127.0.0.1","flags":[],"uid":0,"cache":["local"]}]
[{"dst":"2001:db8:1::9","from":"::","gateway":"fe80::1","dev":"eth0","prefsrc":"2001:db8::1","metric":1024,"flags":[],"pref":"medium"}]
[{"dst":"203.0.113.10","via":{"family":"inet6","host":"fe80::1"},"dev":"eth0","prefsrc":"192.0.2.1","flags":[]}]
`
  assert.deepEqual(
    parseWays(text),
    new Map([
      ['203.0.113.9', { source: '192.0.2.1', hop: '192.0.2.254', device: 'eth0' }],
      ['192.0.2.7', { source: '192.0.2.1', hop: '192.0.2.7', device: 'eth0' }],
      ['2001:db8:1::9', { source: '2001:db8::1', hop: 'fe80::1', device: 'eth0' }],
    ]),
  )
})

const key = '198.51.100.2:7 61002'
const known = new Map([[b.host, way]])

test('a leg is placed once, again when it or its way changes, and taken away', () => {
  const placement = new Placement()
  const first = placement.difference([key], () => leg, known)
  assert.deepEqual(first, { remove: [], ways: new Map([[1, way]]), add: [{ leg, number: 1, way: 1 }], full: false })
  placement.apply(first)
  assert.ok(placement.isAs([leg], known))
  const moved = placement.difference([key], () => leg, new Map([[b.host, { ...way, hop: '192.0.2.253' }]]))
  assert.deepEqual(moved.remove, first.add)
  assert.deepEqual(moved.add, [{ leg, number: 2, way: 2 }])
  const changed = placement.difference([key], () => ({ ...leg, via: 61_009 }), known)
  assert.deepEqual(changed.ways, new Map())
  assert.deepEqual(changed.add[0]!.number, 2)
  placement.apply(changed)
  assert.ok(placement.isWasteful === false || placement.all.size === 1)
  const without = placement.difference([key], () => leg, new Map())
  assert.deepEqual([without.remove, without.add], [changed.add, []])
  const gone = placement.difference([key], () => undefined, known)
  placement.apply(gone)
  assert.deepEqual([...placement.all], [])
})

test('from one family to the other there is no leg in the kernel', () => {
  const mixed: Leg = { ...leg, to: b6 }
  const { add, ways: none } = new Placement().difference([key], () => mixed, new Map([[b6.host, way6]]))
  assert.deepEqual([add, none.size], [[], 0])
})

test('more ways than there are numbers: the rest is left out, and said', () => {
  const placement = new Placement()
  const legs = Array.from({ length: mostWays + 1 }, (_, i) => {
    const host = `10.0.${i >> 8}.${i & 255}`
    return { ...leg, from: { host, port: 7 }, to: { host, port: 7 } }
  })
  const byKey = new Map(legs.map(it => [it.from.host, it]))
  const own = new Map(legs.map(it => [it.to.host, { ...way, hop: it.to.host }]))
  const difference = placement.difference([...byKey.keys()], it => byKey.get(it), own)
  assert.equal(difference.add.length, mostWays)
  assert.ok(difference.full)
  placement.apply(difference)
  assert.equal(placement.isWasteful, false)
  placement.apply({ remove: difference.add.slice(0, 1), ways: new Map(), add: [] })
  assert.ok(placement.isWasteful)
})
