import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatConf } from '../../../src/protocol/network/format.ts'
import { parseNetworkFile } from '../../../src/protocol/network/parse.ts'
import { formatProblems } from '../../../src/protocol/network/problem.ts'
import { importWgQuick, type Wanted } from '../../../src/protocol/wg-quick/network.ts'
import { client, hub, keys, known, psk, secret } from './samples.ts'

const wanted = { network: 'test', machine: 'server' }
const resultOf = (text: string, more: Partial<Wanted> = {}) => {
  const { imported, problems } = importWgQuick(text, { ...wanted, ...more })
  assert.ok(imported, formatProblems(problems, 'wg0.conf', text))
  return imported
}
const fileOf = (text: string, more: Partial<Wanted> = {}) => formatConf(resultOf(text, more).document)
/** Line, severity and message of each problem. */
const said = (text: string, more: Partial<Wanted> = {}) =>
  importWgQuick(text, { ...wanted, ...more }).problems.map(p => `${p.line} ${p.severity}: ${p.message}`)
/** A peer with these lines. */
const peer = (number: number, ...lines: string[]) => ['[Peer]', `PublicKey = ${known[number]}`, ...lines].join('\n')
const own = (...lines: string[]) => ['[Interface]', `PrivateKey = ${secret[0]}`, ...lines].join('\n')

test('a hub and its clients become members, with their names, addresses and endpoints', () => {
  assert.equal(
    fileOf(hub, { endpoint: 'vpn.example.org' }),
    `name test
subnet 10.8.0.0/24
workbit 0  # the least that the imported keys have

trust server.test     10.8.0.1 ${keys[0]} vpn.example.org:51820
trust alice.test      10.8.0.2 ${keys[1]}
trust bobs-phone.test 10.8.0.3 ${keys[2]} bob.example.org:4000
trust peer3.test               ${keys[3]}
`,
  )
})

test('the result means what was imported, in canonical form, and without a warning', () => {
  for (const text of [hub, client]) {
    const { network, document } = resultOf(text)
    const written = formatConf(document)
    const read = parseNetworkFile(written, 'a.conf')
    assert.deepEqual([read.network, read.problems, formatConf(read.document)], [network, [], written])
  }
})

test('what is not carried over is named, once for each kind, with all lines', () => {
  assert.deepEqual(said(hub), [
    '3 warning: IPv6 addresses of the tunnel are not carried over: with wh they follow from the keys (also on line 14)',
    '4 note: ListenPort 51820 is not carried over: the file does not say where this machine is',
    '5 note: workbit 0: these keys were made without a proof of work, so strangers in the DHT need none either',
    '6 warning: MTU is not carried over: the interface of wh has 1420',
    '7 note: SaveConfig is not carried over: wh never writes the network file',
    '8 warning: PostUp is not carried over: wh runs no commands',
    '13 warning: PresharedKey is not carried over: wh has no preshared keys (also on line 19)',
    '15 note: PersistentKeepalive is not carried over: wh keeps paths open where a NAT needs it',
    '20 warning: the route to 192.168.7.0/24 is not carried over: wh reaches members, and nothing behind them',
    '23 warning: no address of peer3.test in the subnet is known: it gets 10.8.0.4',
  ])
})

test('of a client: the hub alone, and where the others are named', () => {
  const { network } = resultOf(client, { machine: 'laptop' })
  assert.deepEqual(
    network.nodes.map(({ hostname, address, endpoint }) => [hostname, address, endpoint?.host]),
    [
      ['laptop.test', '10.8.0.2', undefined],
      ['peer1.test', undefined, 'vpn.example.org'],
    ],
  )
  assert.deepEqual(said(client), [
    '3 note: workbit 0: these keys were made without a proof of work, so strangers in the DHT need none either',
    '4 warning: DNS is not carried over: wh gives the members names, and leaves other names to this machine',
    '6 warning: a client: it names this peer, and not the other members',
    '6 warning: no address of peer1.test in the subnet is known: it gets 10.8.0.3',
    '8 warning: the way to the Internet through this peer is not carried over: wh has no exit nodes',
  ])
})

test('what says no more than its absence is not named', () => {
  const text = own(
    'Address = 10.8.0.1/24',
    'MTU = 1420',
    'Table = auto',
    'FwMark = off',
    'SaveConfig = false',
    'ListenPort = 0',
    peer(1, 'AllowedIPs = 10.8.0.2/32', 'PersistentKeepalive = off', 'Endpoint = 192.0.2.2:1'),
  )
  assert.deepEqual(said(text), [
    '2 note: workbit 0: these keys were made without a proof of work, so strangers in the DHT need none either',
  ])
})

const subnets: [string, string, string | undefined][] = [
  ['Address = 10.8.0.1/24', 'AllowedIPs = 10.8.0.2/32', '10.8.0.0/24'],
  ['Address = 10.8.0.1', 'AllowedIPs = 10.8.0.2/32', '10.8.0.0/24'],
  ['Address = 10.8.0.2/32', 'AllowedIPs = 10.8.0.0/20, 192.168.0.0/16', '10.8.0.0/20'],
  ['Address = 10.8.0.2/32', 'AllowedIPs = 0.0.0.0/0', '10.8.0.0/24'],
  ['Address = 10.8.0.1/24', 'AllowedIPs = 10.8.1.2/32', '10.8.0.0/23'],
  ['Address = 10.8.0.1/24', 'AllowedIPs = 192.168.1.2/32', '10.8.0.0/24'],
  ['Address = 192.0.2.1/24\nAddress = 10.8.0.1/24', 'AllowedIPs = 10.8.0.2/32', '10.8.0.0/24'],
  ['Address = 10.8.0.1/24', 'AllowedIPs = 10.8.0.255/32', '10.8.0.0/23'],
  ['Address = 10.8.0.2/30', 'AllowedIPs = 0.0.0.0/0', '10.8.0.0/29'],
  ['Address = 10.8.0.1/30', 'AllowedIPs = 10.8.0.2/32', '10.8.0.0/30'],
  ['Address = fd42::1/64', 'AllowedIPs = fd42::2/128', undefined],
  ['Address = 127.0.0.1/8', 'AllowedIPs = 10.8.0.2/32', undefined],
  ['', 'AllowedIPs = 10.8.0.2/32', undefined],
]
for (const [address, allowed, subnet] of subnets) {
  test(`${address}, ${allowed}: the subnet is ${subnet}`, () => {
    const { network } = resultOf(own(address, peer(1, allowed)))
    assert.equal(network.subnet && `${network.subnet.address}/${network.subnet.length}`, subnet)
  })
}

test('an address that two peers list is that of the last, as in WireGuard', () => {
  const text = own('Address = 10.8.0.1/24', peer(1, 'AllowedIPs = 10.8.0.2/32'), peer(2, 'AllowedIPs = 10.8.0.2/32'))
  assert.deepEqual(
    resultOf(text).network.nodes.map(({ address }) => address),
    ['10.8.0.1', undefined, '10.8.0.2'],
  )
})

test('a peer with the own key is left out', () => {
  const text = own(peer(0), peer(1))
  assert.equal(resultOf(text).network.nodes.length, 2)
  assert.match(said(text).find(line => line.startsWith('3'))!, /^3 warning: this peer is left out/)
})

const endpoints: [string, string | undefined][] = [
  ['192.0.2.1:51820', '192.0.2.1:51820'],
  ['[2001:db8::1]:51820', '[2001:db8::1]:51820'],
  // wg takes what stands behind the last colon for the port
  ['2001:db8::1:51820', '[2001:db8::1]:51820'],
  ['vpn.example.org : 62096', 'vpn.example.org'],
  ['under_score.example.org:1', undefined],
  ['0.0.0.0:1', undefined],
]
for (const [written, read] of endpoints) {
  test(`Endpoint = ${written}: ${read}`, () => {
    const last = fileOf(own(peer(1, `Endpoint = ${written}`)))
      .trimEnd()
      .split(' ')
      .at(-1)
    assert.equal(last, read ?? keys[1])
  })
}

const names: [string, string][] = [
  ['# alice\n[Peer]', 'alice'],
  ['[Peer]\n# alice', 'alice'],
  ['[Peer] # alice', 'alice'],
  ['# END_PEER bob\n# BEGIN_PEER alice\n[Peer]', 'alice'],
  ['### begin alice ###\n[Peer]', 'alice'],
  ['# Client: Alice (0c1b-22)\n[Peer]', 'alice'],
  ['[Peer]\n# friendly_name = Alice Müller', 'alice-muller'],
  ['[Peer]\n# Name: alice.test', 'alice'],
  ["# Alice's laptop\n[Peer]", 'alices-laptop'],
  ['# Peer 7\n[Peer]', 'peer-7'],
  ['# 7\n[Peer]', '7'],
  ['# PersistentKeepalive = 25\n[Peer]', 'peer1'],
  ['# this one is not to be removed\n[Peer]', 'peer1'],
  ['# alice\n\n[Peer]', 'peer1'],
  ['# -----\n[Peer]', 'peer1'],
  [`# ${'x'.repeat(80)}\n[Peer]`, 'x'.repeat(40)],
]
for (const [header, name] of names) {
  test(`${JSON.stringify(header)} is called ${name}`, () => {
    const text = `${own()}\n\n${header}\nPublicKey = ${known[1]}\n`
    assert.equal(resultOf(text).network.nodes[1]!.hostname, `${name}.test`)
  })
}

test('no name is given twice, and no hostname is only digits', () => {
  const text = own(`# alice\n${peer(1)}`, `# alice\n${peer(2)}`, `# 7\n${peer(3)}`)
  const namesIn = (network: string) =>
    resultOf(text, { network, machine: 'alice' }).network.nodes.map(({ hostname }) => hostname)
  assert.deepEqual(namesIn('test'), ['alice.test', 'alice-2.test', 'alice-3.test', '7.test'])
  assert.deepEqual(namesIn('20_24'), ['alice.20-24', 'alice-2.20-24', 'alice-3.20-24', '7.20-24'])
  assert.deepEqual(namesIn('2024')[3], 'peer3.2024')
})

test('this machine is called as it was asked, else by a comment, else by its own name', () => {
  const called = (text: string, more: Partial<Wanted>) => resultOf(text, more).network.nodes[0]!.hostname
  assert.equal(called(hub, {}), 'server.test')
  assert.equal(called(own('# Name: berlin'), {}), 'berlin.test')
  assert.equal(called(own('# Name: berlin'), { hostname: 'Rome' }), 'rome.test')
  assert.equal(called(hub, { hostname: 'vpn.example.org' }), 'vpn.example.org')
  assert.equal(called(hub, { machine: '???' }), 'node.test')
})

const wrong: [string, string[]][] = [
  ['', ['1 error: not a wg-quick file: it has no [Interface]']],
  [own(own()), ['3 error: [Interface] stands already on line 1']],
  ['[Interface]', ['1 error: [Interface] without PrivateKey']],
  [own('[Peer]'), ['3 error: [Peer] without PublicKey']],
  [own('[Pear]'), ['3 error: unknown section "[Pear]"']],
  [own('Adress = 10.8.0.1/24'), ['3 error: unknown key "Adress" in [Interface]']],
  [own(peer(1, 'Address = 10.8.0.1/24')), ['5 error: unknown key "Address" in [Peer]']],
  [own('hello'), ['3 error: neither a section nor `Key = value`']],
  [own('ListenPort = 70000'), ['3 error: ListenPort is not a port from 0 to 65535: "70000"']],
  [own(peer(1, 'Endpoint = vpn')), ['5 error: Endpoint is not a host, a colon and a port: "vpn"']],
  [own(peer(1, 'Endpoint =')), ['5 error: Endpoint is not a host, a colon and a port: ""']],
  [own(peer(1), peer(1)), ['5 error: the peer of this key stands already on line 3']],
  [own(`PrivateKey = ${secret[1]}`), ['3 error: PrivateKey stands already on line 2']],
  [
    own('Address = 10.8.0.1/33', peer(1, 'AllowedIPs = 10.8.0.256/32')),
    [
      '3 error: Address is not an IP address with a length behind a slash: "10.8.0.1/33"',
      '6 error: AllowedIPs is not an IP address with a length behind a slash: "10.8.0.256/32"',
    ],
  ],
]
for (const [text, problems] of wrong) {
  test(`refused: ${problems[0]}`, () => {
    assert.equal(importWgQuick(text, wanted).imported, null)
    assert.deepEqual(said(text), problems)
  })
}

test('a network file, and a misspelt word, are told what to write', () => {
  const hints = (text: string) => importWgQuick(text, wanted).problems.map(({ hint }) => hint)
  assert.deepEqual(hints('name test\ntrust x\n'), ['a network file is imported already: `wh check` reads it'])
  assert.deepEqual(hints(`ListenPort = 1\n${own()}`), ['write [Interface] above what this machine has'])
  assert.deepEqual(hints('[interfac]\n')[0], 'write: [Interface]')
  assert.deepEqual(hints(own('Adress = 10.8.0.1/24')), ['write: Address = …'])
  assert.deepEqual(hints(own(peer(1, 'MTU = 1280'))), ['MTU stands in [Interface]'])
})

test('no secret is shown, however its line is misspelt', () => {
  for (const text of [
    hub,
    hub.replaceAll('PrivateKey', 'PrivatKey').replaceAll('PresharedKey', 'PresharedKy'),
    hub.replaceAll('PrivateKey =', 'PrivateKey').replaceAll('PresharedKey =', ''),
    hub.replace('[Interface]', '[Interfac]'),
    hub.replaceAll(psk, psk.slice(1)).replaceAll(secret[0]!, secret[0]!.slice(1)),
    hub.replaceAll('[Peer]', '[Interface]'),
  ]) {
    const { problems } = importWgQuick(text, wanted)
    const shown = formatProblems(problems, 'wg0.conf', text) + JSON.stringify(problems)
    for (const word of [psk, secret[0]!]) assert.ok(!shown.includes(word.slice(5, -5)), shown)
  }
})
