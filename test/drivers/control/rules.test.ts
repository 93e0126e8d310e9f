import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import {
  bindCommand,
  isTable,
  loadCommand,
  mayDropInput,
  readBound,
  readCounters,
  tableOf,
} from '../../../src/drivers/control/rules.ts'

test('the rules', () => {
  assert.deepEqual(loadCommand(51820, 40000).split('; add ').slice(3), [
    'map inet wh_40000 bout { type ipv4_addr . inet_service : inet_service; }',
    'map inet wh_40000 bin { type ipv4_addr . inet_service . inet_service : inet_service; }',
    'chain inet wh_40000 pre { type filter hook prerouting priority -50; policy accept; }',
    'chain inet wh_40000 inp { type filter hook input priority 300; policy accept; }',
    'chain inet wh_40000 out { type filter hook output priority -310; policy accept; }',
    'rule inet wh_40000 pre fib daddr type local udp dport 51820 @th,64,8 0xff counter name arrived',
    'rule inet wh_40000 inp udp dport 40000 drop',
    'rule inet wh_40000 inp udp dport 51820 @th,64,8 0xff counter name heard udp dport set 40000',
    'rule inet wh_40000 inp udp dport set ip saddr . udp sport . udp dport map @bin',
    'rule inet wh_40000 inp udp dport 51820 @th,64,8 0xff udp dport set 40000',
    'rule inet wh_40000 out udp sport 40000 ip ttl set 65',
    'rule inet wh_40000 out udp sport 40000 ip6 hoplimit set 65',
    'rule inet wh_40000 out udp sport 40000 udp sport set 51820',
    'rule inet wh_40000 out udp sport 51820 udp sport set ip daddr . udp dport map @bout',
  ])
  assert.match(loadCommand(51820, 40000), /^add table inet wh_40000 \{ flags owner; \}; /)
})

const to = { host: '192.0.2.2', port: 62096 }

test('what is bound is one transaction, and loaded with the rules', () => {
  const added = bindCommand(51820, 40000, { remove: [{ to, port: 40001 }], add: [{ to, port: 40002 }] })
  assert.deepEqual(added.split('; '), [
    'delete element inet wh_40000 bout { 192.0.2.2 . 62096 : 40001 }',
    'delete element inet wh_40000 bin { 192.0.2.2 . 62096 . 40001 : 51820 }',
    'add element inet wh_40000 bout { 192.0.2.2 . 62096 : 40002 }',
    'add element inet wh_40000 bin { 192.0.2.2 . 62096 . 40002 : 51820 }',
  ])
  const loaded = loadCommand(51820, 40000, [{ to, port: 40002 }])
  assert.equal(loaded, `${loadCommand(51820, 40000)}; ${added.split('; ').slice(2).join('; ')}`)
})

test('what nft lists is read', () => {
  // captured from nft 1.0.6; the first line names the program
  const listing = `table inet wh_40000 { # progname nft
	map bout {
		type ipv4_addr . inet_service : inet_service
		elements = { 192.0.2.2 . 62096 : 40002,
			     198.51.100.9 . 7 : 40003 }
	}
}
`
  assert.deepEqual(
    readBound(listing),
    new Map([
      ['192.0.2.2:62096', 40002],
      ['198.51.100.9:7', 40003],
    ]),
  )
  assert.deepEqual(
    readBound('table inet x {\n\tmap bout {\n\t\ttype ipv4_addr . inet_service : inet_service\n\t}\n}\n'),
    new Map(),
  )
  const counters = 'table inet x {\n\tcounter arrived {\n\t\tpackets 5 bytes 9\n\t}\n}\n'
  assert.equal(readBound(counters), null)
  assert.deepEqual(readCounters(counters), { arrived: 5 })
  assert.deepEqual(readCounters(listing), {})
})

test('our tables are known by their name, and nobody else’s', () => {
  assert.ok(isTable(tableOf(40000)))
  for (const name of ['wh', 'wh_', 'wh_relay', 'filter', 'xwh_1']) assert.ok(!isTable(name), name)
})

const table = 'add table inet t\n'
const input = (policy: string) =>
  `${table}add chain inet t in { type filter hook input priority 0; policy ${policy}; }\n`
const firewalls: [what: string, ruleset: string, may: boolean][] = [
  ['no rules', '', false],
  ['a policy of drop', input('drop'), true],
  ['a policy of accept', input('accept'), false],
  ['rules that accept', `${input('accept')}add rule inet t in udp dport 51820 accept`, false],
  ['a drop', `${input('accept')}add rule inet t in ct state invalid drop`, true],
  ['a reject', `${input('accept')}add rule inet t in reject`, true],
  [
    'a drop in a chain that is jumped to',
    `${input('accept')}add chain inet t u\nadd rule inet t u tcp dport 1 drop\nadd rule inet t in jump u`,
    true,
  ],
  [
    'a drop in forward',
    `${input('accept')}add chain inet t f { type filter hook forward priority 0; policy drop; }\nadd rule inet t f drop`,
    false,
  ],
  ['a table without input', `${table}add chain inet t u\nadd rule inet t u drop`, false],
  ['another daemon’s rules', loadCommand(51821, 40001).replace('flags owner; ', ''), false],
]
const inNamespace = process.geteuid?.() === 0 && spawnSync('unshare', ['-n', 'nft', 'list', 'tables']).status === 0
for (const [what, ruleset, may] of firewalls) {
  test(`${what}: ${may ? 'may drop' : 'does not drop'}`, { skip: !inNamespace && 'NO NETWORK NAMESPACE HERE' }, () => {
    const script = 'nft -f - && nft -t -j list ruleset'
    const { stdout, stderr } = spawnSync('unshare', ['-n', 'sh', '-c', script], { input: ruleset, encoding: 'utf8' })
    assert.equal(stderr, '')
    assert.equal(mayDropInput(stdout), may)
  })
}

test('a listing that is none is no reason to listen', () => {
  for (const listing of ['', '{', 'null', '[]', '{"nftables": 1}', '{"nftables": [{}, null]}']) {
    assert.equal(mayDropInput(listing), false, listing)
  }
})
