import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changes } from '../../src/node/changes.ts'
import { desired as desiredOf, type Known, namesToLookUp, type Resolve, withPeer } from '../../src/node/desired.ts'
import { reportMembers } from '../../src/node/status.ts'
import { readPrivateKey } from '../../src/protocol/identity/key.ts'
import { members } from '../../src/protocol/network/members.ts'
import { parseNetworkFile } from '../../src/protocol/network/parse.ts'
import type { Network } from '../../src/protocol/network/types.ts'

const privateKey = readPrivateKey('kLfotsCIfB/7OcDGeLenptfy2Dzav9wmVZjVQ0Gvnk0=').ok!
const identity = { privateKey, publicKey: privateKey.publicKey() }
const choices = { interfaceName: 'wh-test', listenPort: 20000, portGiven: false, ipv6: true }
const desired = (file: Network, resolve: Resolve, known: Partial<Known> = {}) =>
  desiredOf(file, members(file), identity, choices, { resolve, ...known })
const nowhere: Resolve = () => undefined

function network(self: string, edit = (text: string) => text) {
  const text = edit(`name test
subnet 10.0.42.0/24
boot vps.test P17zMwXJFbBdJEn05RFIMADw9TX5_m2xgf31OgNKX3w vps.example.org
${self}
trust b.test KJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW4 192.0.2.2:51820
trust c.test eIix5ldvqDzOIrG9ViKTe9TSBlF4g9nUwKi20C06hFM c.example.org
trust d.test kKZzuIm11zkBSHL9ETRwEthIBbLTvz840F_k4mhI_Hs
`)
  const { network, problems } = parseNetworkFile(text, 'net.conf')
  assert.ok(network, JSON.stringify(problems))
  return network
}
const own = `trust a.test ${identity.publicKey}`

test('peers get both addresses, and an endpoint as soon as there is an address for it', () => {
  const wanted = desired(network(own), nowhere).interface!
  assert.deepEqual(
    wanted.peers.map(({ endpoint, keepalive, allowedIps }) => [allowedIps[0], endpoint?.host, keepalive]),
    [
      ['10.0.42.3/32', '192.0.2.2', 0],
      ['10.0.42.4/32', undefined, 0],
      ['10.0.42.5/32', undefined, 0],
    ],
  )
  const later = desired(network(own), name => (name === 'c.example.org' ? '192.0.2.3' : undefined)).interface!
  assert.deepEqual(later.peers[1]!.endpoint, { host: '192.0.2.3', port: 62096 })
})

test('mappings are kept towards members that somebody talks to, and by a node that needs them', () => {
  const held = () => true
  const keepalives = (self: string, known: Partial<Known>) =>
    desired(network(self), nowhere, known).interface!.peers.map(peer => peer.keepalive)
  assert.deepEqual(keepalives(own, {}), [0, 0, 0])
  assert.deepEqual(keepalives(own, { held }), [25, 25, 25])
  assert.deepEqual(keepalives(own, { held, keepalive: 80 }), [80, 80, 80])
  assert.deepEqual(keepalives(`${own} 192.0.2.1`, { held }), [0, 0, 0])
})

test('a member without any endpoint stands at the doorbell, until its path is found', () => {
  const doorbell = { host: '127.0.0.1', port: 4000 }
  const wanted = desired(network(own), nowhere, { doorbell })
  const hosts = ({ interface: it }: typeof wanted) => it!.peers.map(({ endpoint }) => endpoint?.host)
  assert.deepEqual(hosts(wanted), ['192.0.2.2', '127.0.0.1', '127.0.0.1'])
  const { key } = wanted.interface!.peers[2]!
  const found = withPeer(wanted, key, {
    ...{ resolve: nowhere, doorbell },
    chosen: each => (each === key ? { host: '198.51.100.7', port: 1 } : undefined),
  })
  assert.deepEqual(hosts(found), ['192.0.2.2', '127.0.0.1', '198.51.100.7'])
  assert.deepEqual(hosts(wanted), ['192.0.2.2', '127.0.0.1', '127.0.0.1'], 'the one before is as it was')
})

test('the interface has both overlay addresses, with the length of their networks', () => {
  const wanted = desired(network(own), nowhere).interface!
  assert.equal(wanted.addresses[0], '10.0.42.2/24')
  assert.match(wanted.addresses[1]!, /^fd[0-9a-f:]+\/48$/)
  assert.equal(wanted.owner, 'wh test QlAUVENu')
})

test('a key in nobody’s file has no interface; so has an alias', () => {
  assert.equal(desired(network(''), nowhere).interface, null)
  assert.equal(desired(network(`alias a.test ${identity.publicKey}`), nowhere).interface, null)
})

test('only names are looked up, and not our own', () => {
  const { members, self } = desired(network(`${own} me.example.org`), nowhere)
  assert.deepEqual(namesToLookUp(members, self), ['c.example.org'])
})

test('states follow the age of the handshake', () => {
  const now = 1_800_000_000_000
  const wanted = desired(network(own), nowhere)
  const peer = { allowedIps: [], received: 1, sent: 2, keepalive: 0 }
  const keys = wanted.interface!.peers.map(({ key }) => key)
  const report = reportMembers(
    wanted,
    {
      ...{ name: 'wh-test', owner: '', kind: '', up: true, mtu: 1420, addresses: [], listenPort: 1 },
      peers: [
        { ...peer, key: keys[0]!, latestHandshake: now - 179_000, endpoint: { host: '192.0.2.2', port: 51820 } },
        { ...peer, key: keys[1]!, latestHandshake: now - 181_000 },
        { ...peer, key: keys[2]! },
      ],
    },
    now,
  )
  assert.deepEqual(
    report.map(({ state, endpoint }) => [state, endpoint]),
    [
      ['self', undefined],
      ['direct', '192.0.2.2:51820'],
      ['silent', undefined],
      ['never seen', undefined],
    ],
  )
})

test('what a reload changed is said in words', () => {
  const at = (conf: Parameters<typeof network>[0], edit = (text: string) => text) =>
    desired(network(conf, edit), nowhere)
  const before = at(own)
  assert.deepEqual(changes(before, at(own)), [])
  const edited = at(own, text =>
    text
      .replace('trust b.test', 'trust bb.test')
      .replace(/^trust c\.test.*\n/m, '')
      .replace('kKZzuIm11zkBSHL9ETRwEthIBbLTvz840F_k4mhI_Hs', 'kKZzuIm11zkBSHL9ETRwEthIBbLTvz840F_k4mhI_Hs 192.0.2.4')
      .concat('trust e.test kMjaQQRM57yWOoXqDKxjOahOkEkOa1JF7WBpLye9dDA\n'),
  )
  assert.deepEqual(changes(before, edited), [
    'removed c.test',
    'changed bb.test: name b.test → bb.test',
    'changed d.test: address 10.0.42.5 → 10.0.42.4, endpoint none → 192.0.2.4:62096',
    'added e.test',
  ])
})

test('the port follows the file, unless it was said on the command line', () => {
  const file = network(`${own} 192.0.2.1:4000`)
  const port = (portGiven: boolean) =>
    desiredOf(file, members(file), identity, { ...choices, portGiven }, { resolve: nowhere }).interface!.listenPort
  assert.equal(port(false), 4000)
  assert.equal(port(true), 20000)
  assert.equal(desired(network(own), nowhere).interface!.listenPort, 20000)
})

test('where IPv6 is off, none is set', () => {
  const file = network(own)
  const wanted = desiredOf(file, members(file), identity, { ...choices, ipv6: false }, { resolve: nowhere }).interface!
  assert.deepEqual(wanted.addresses, ['10.0.42.2/24'])
})
