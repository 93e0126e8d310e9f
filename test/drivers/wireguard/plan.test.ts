import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ActualInterface, WantedInterface, WantedPeer } from '../../../src/drivers/wireguard/interface.ts'
import { bare, configure, formatStep, setEndpoint, setKeepalive } from '../../../src/drivers/wireguard/plan.ts'
import { type PublicKey, readPrivateKey } from '../../../src/protocol/identity/key.ts'

const privateKey = readPrivateKey('kLfotsCIfB/7OcDGeLenptfy2Dzav9wmVZjVQ0Gvnk0=').ok!
const b = 'KJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW4' as PublicKey
const c = 'kKZzuIm11zkBSHL9ETRwEthIBbLTvz840F_k4mhI_Hs' as PublicKey
const now = 1_800_000_000_000

const peerB: WantedPeer = {
  key: b,
  allowedIps: ['10.0.42.2/32', 'fd00::2/128'],
  endpoint: { host: '192.0.2.2', port: 51820 },
  keepalive: 25,
}
const wanted: WantedInterface = {
  name: 'wh-test',
  owner: 'wh test QlAUVENu',
  privateKey,
  listenPort: 20000,
  mtu: 1420,
  addresses: ['10.0.42.1/24', 'fd00::1/48'],
  peers: [peerB],
}
/** What `wg` and `ip` say after the plan from nothing was carried out. */
const done: ActualInterface = {
  name: 'wh-test',
  owner: wanted.owner,
  kind: 'wireguard',
  up: true,
  mtu: 1420,
  addresses: ['10.0.42.1/24', 'fd00::1/48'],
  publicKey: privateKey.publicKey(),
  listenPort: 20000,
  peers: [
    {
      key: b,
      allowedIps: ['fd00::2/128', '10.0.42.2/32'],
      endpoint: { host: '192.0.2.2', port: 51820 },
      received: 0,
      sent: 0,
      keepalive: 25,
    },
  ],
}
const lines = (w: WantedInterface, a: ActualInterface, given = new Map<PublicKey, string>()) =>
  configure(w, a, given, now).map(formatStep)

test('from nothing', () => {
  assert.deepEqual(lines(wanted, bare('wh-test')), [
    '[#] ip link set dev wh-test alias wh test QlAUVENu',
    `[#] wg addconf wh-test /dev/stdin <<END
[Interface]
PrivateKey = (hidden)
ListenPort = 20000

[Peer]
PublicKey = KJ7YGrBeqLLm/JJ1huIS26OnqAVFy57z5UJqjyMagW4=
AllowedIPs = 10.0.42.2/32, fd00::2/128
Endpoint = 192.0.2.2:51820
PersistentKeepalive = 25
END`,
    '[#] ip link set dev wh-test mtu 1420',
    '[#] ip link set dev wh-test up',
    '[#] ip address add 10.0.42.1/24 dev wh-test',
    '[#] ip address add fd00::1/48 dev wh-test nodad',
  ])
})

test('the private key is in no argument', () => {
  for (const step of configure(wanted, bare('wh-test'), new Map(), now)) {
    assert.ok(!step.argv.join(' ').includes(privateKey.reveal()))
    assert.ok(!formatStep(step).includes(privateKey.reveal()))
  }
})

test('nothing to do where everything is as wanted', () => assert.deepEqual(lines(wanted, done), []))

test('a new peer is added alone, and one that left is removed before', () => {
  const peerC: WantedPeer = { key: c, allowedIps: ['10.0.42.2/32'], keepalive: 0 }
  assert.deepEqual(lines({ ...wanted, peers: [peerC] }, done), [
    '[#] wg set wh-test peer KJ7YGrBeqLLm/JJ1huIS26OnqAVFy57z5UJqjyMagW4= remove',
    `[#] wg addconf wh-test /dev/stdin <<END
[Peer]
PublicKey = kKZzuIm11zkBSHL9ETRwEthIBbLTvz840F/k4mhI/Hs=
AllowedIPs = 10.0.42.2/32
PersistentKeepalive = off
END`,
  ])
})

const moved = (latestHandshake: number | undefined): ActualInterface => ({
  ...done,
  peers: [
    {
      ...done.peers[0]!,
      endpoint: { host: '198.51.100.9', port: 4242 },
      ...(latestHandshake === undefined ? {} : { latestHandshake }),
    },
  ],
})

test('a peer that moved and is alive is left where WireGuard found it', () => {
  assert.deepEqual(lines(wanted, moved(now - 10_000), new Map([[b, '192.0.2.2:51820']])), [])
})

test('a silent peer gets the word of the file again', () => {
  assert.match(lines(wanted, moved(now - 181_000)).join(), /Endpoint = 192.0.2.2:51820/)
  assert.match(lines(wanted, moved(undefined)).join(), /Endpoint = 192.0.2.2:51820/)
})

test('a changed file wins over a living session', () => {
  const changed = { ...wanted, peers: [{ ...peerB, endpoint: { host: '192.0.2.77', port: 51820 } }] }
  assert.match(
    lines(changed, moved(now - 10_000), new Map([[b, '192.0.2.2:51820']])).join(),
    /Endpoint = 192.0.2.77:51820/,
  )
})

test('a peer without an endpoint keeps the one that WireGuard has learnt', () => {
  const { endpoint: _, ...silent } = peerB
  assert.deepEqual(lines({ ...wanted, peers: [silent] }, moved(now - 500_000)), [])
})

test('a changed address is deleted and added', () => {
  assert.deepEqual(lines({ ...wanted, addresses: ['10.0.42.9/24', 'fd00::1/48'] }, done), [
    '[#] ip address delete 10.0.42.1/24 dev wh-test',
    '[#] ip address add 10.0.42.9/24 dev wh-test',
  ])
})

test('another port does not touch the key', () => {
  assert.deepEqual(lines({ ...wanted, listenPort: 20001 }, done), [
    '[#] wg addconf wh-test /dev/stdin <<END\n[Interface]\nListenPort = 20001\nEND',
  ])
})

test('ten thousand peers that leave stay within the length of an argument list', () => {
  const many = Array.from({ length: 10_000 }, (_, i) => ({
    ...done.peers[0]!,
    key: `${String(i).padStart(42, 'A')}A` as PublicKey,
  }))
  const steps = configure({ ...wanted, peers: [] }, { ...done, peers: many }, new Map(), now)
  assert.equal(steps.length, 20)
  for (const { argv } of steps) assert.ok(argv.join(' ').length < 128 * 1024)
})

test('a peer is pointed elsewhere, or made anew so that its handshake does not wait', () => {
  const peer = { ...peerB, endpoint: { host: '2001:db8::9', port: 7 } }
  const line = (anew: boolean) => setEndpoint('wh-test', peer, anew).map(formatStep)
  const key = 'KJ7YGrBeqLLm/JJ1huIS26OnqAVFy57z5UJqjyMagW4='
  assert.deepEqual(line(false), [`[#] wg set wh-test peer ${key} endpoint [2001:db8::9]:7 persistent-keepalive 25`])
  assert.deepEqual(line(true), [
    `[#] wg set wh-test peer ${key} remove peer ${key} endpoint [2001:db8::9]:7 allowed-ips 10.0.42.2/32,fd00::2/128 persistent-keepalive 25`,
  ])
})

const bell = { host: '127.0.0.1', port: 40_404 }
const parked: WantedInterface = { ...wanted, peers: [{ ...peerB, endpoint: bell, keepalive: 25 }] }

test('a peer that stands at the doorbell is left there, and a silent one goes there', () => {
  const there = { ...done, peers: [{ ...done.peers[0]!, endpoint: bell }] }
  assert.deepEqual(lines(parked, there, new Map([[b, '127.0.0.1:40404']])), [])
  assert.match(
    lines(parked, moved(now - 181_000), new Map([[b, '192.0.2.2:51820']])).join(),
    /Endpoint = 127.0.0.1:40404/,
  )
})

test('a living session is never led to the doorbell, whatever was given before', () => {
  for (const before of ['192.0.2.2:51820', '127.0.0.1:40404', '127.0.0.1:39999']) {
    assert.deepEqual(lines(parked, moved(now - 10_000), new Map([[b, before]])), [], before)
  }
})

test('the keepalive alone', () => {
  const key = 'KJ7YGrBeqLLm/JJ1huIS26OnqAVFy57z5UJqjyMagW4='
  const line = (seconds: number) => setKeepalive('wh-test', b, seconds).map(formatStep)
  assert.deepEqual(line(0), [`[#] wg set wh-test peer ${key} persistent-keepalive off`])
  assert.deepEqual(line(110), [`[#] wg set wh-test peer ${key} persistent-keepalive 110`])
})
