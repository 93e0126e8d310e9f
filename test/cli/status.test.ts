import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import type { Status } from '../../src/api/schema.ts'
import { formatAge, formatBytes, printStatus } from '../../src/cli/print/status.ts'

const now = 1_800_000_000_000
const status: Status = {
  network: 'test',
  namespace: 'public',
  workbit: 8,
  file: '/etc/wirehub/test.conf',
  pid: 1,
  startedAt: now,
  hostname: 'a.test',
  key: 'KJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW4',
  ownWorkbit: 8,
  ipv4: '10.0.42.2',
  ipv6: 'fd92::2',
  interface: 'wh-test',
  backend: 'kernel',
  listenPort: 20000,
  names: 'hosts file',
  dns: ['10.0.42.2'],
  directory: { mode: 'server', reason: 'it is reachable', peers: 3, connections: 4, stored: 1, rejected: {} },
  control: { backend: 'nft', received: 1, sent: 2, dropped: {} },
  nat: 'none',
  filtering: 'none',
  homes: [],
  endpoints: [{ kind: 'host', endpoint: '192.0.2.1:20000' }],
  carriers: { own: [], tried: [] },
  members: [
    {
      hostname: 'a.test',
      key: 'K',
      role: 'trust',
      state: 'self',
      ipv4: '10.0.42.2',
      ipv6: 'fd92::2',
      received: 0,
      sent: 0,
    },
    {
      hostname: 'b.test',
      key: 'K',
      role: 'trust',
      state: 'direct',
      ipv4: '10.0.42.3',
      ipv6: 'fd92::3',
      endpoint: '192.0.2.2:51820',
      latestHandshake: now - 5000,
      received: 1536,
      sent: 100,
    },
    {
      hostname: 'd.test',
      key: 'K',
      role: 'trust',
      state: 'idle',
      ipv4: '10.0.42.4',
      ipv6: 'fd92::5',
      latestHandshake: now - 240_000,
      received: 10,
      sent: 10,
    },
    {
      key: 'eIix5ldvqDzOIrG9ViKTe9TSBlF4g9nUwKi20C06hFM',
      role: 'trust',
      state: 'never seen',
      ipv6: 'fd92::4',
      received: 0,
      sent: 0,
    },
  ],
  warnings: ['c.example.org: cannot be resolved now'],
}

test('a network in one look', () => {
  assert.equal(
    stripVTControlCharacters(printStatus(status, now)),
    `network test
  node       a.test  10.0.42.2  fd92::2
  key        KJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW4 (8 workbits)
  interface  wh-test, UDP port 20000, kernel WireGuard
  reached    192.0.2.1:20000; no NAT; control packets by nft
  directory  server (it is reachable), 3 neighbours, 1 record
  names      hosts file; DNS on 10.0.42.2
  file       /etc/wirehub/test.conf
  warning    c.example.org: cannot be resolved now

                NAME         IPV4       IPV6     ENDPOINT         HANDSHAKE  TRAFFIC
  • self        a.test       10.0.42.2  fd92::2
  ● direct      b.test       10.0.42.3  fd92::3  192.0.2.2:51820  5 s ago    1.5 KiB in, 100 B out
  ◐ idle        d.test       10.0.42.4  fd92::5                   4 min ago  10 B in, 10 B out
    never seen  eIix5ldvqD…             fd92::4`,
  )
})

const line = (more: Partial<Status>, name: string) =>
  stripVTControlCharacters(printStatus({ ...status, ...more }, now))
    .split('\n')
    .find(each => each.trim().startsWith(name))
    ?.trim()

test('homes, by name or key, and what is before the node', () => {
  const homes = [
    { key: status.key, hostname: 'r.test', endpoint: '192.0.2.9:51820' },
    { key: 'eIix5ldvqDzOIrG9ViKTe9TSBlF4g9nUwKi20C06hFM' },
  ]
  assert.equal(line({ homes }, 'homes'), 'homes      r.test at 192.0.2.9:51820, eIix5ldvqD…')
  assert.match(line({ filtering: 'address-and-port-dependent' }, 'reached')!, /; no NAT, but a firewall;/)
  assert.match(line({ nat: 'endpoint-dependent' }, 'reached')!, /; hard NAT;/)
})

test('a relayed member has its own symbol, and the relay as its endpoint', () => {
  const [, b] = status.members
  const members = [{ ...b!, state: 'relayed' as const, endpoint: '192.0.2.100:61002' }]
  assert.match(line({ members }, '○')!, /^○ relayed +b\.test .* 192\.0\.2\.100:61002 /)
})

const r1 = { key: 'eIix5ldvqDzOIrG9ViKTe9TSBlF4g9nUwKi20C06hFM', endpoint: '192.0.2.9:51820' }
const counters = { sent: 3, received: 2, dropped: 0 }

test('where UDP does not get out: by what it does, and members that are reached so', () => {
  const [, b] = status.members
  const own = [{ ...r1, rung: 'wss' as const, ...counters }]
  const members = [{ ...b!, state: 'relayed' as const, endpoint: '192.0.2.9:61002', by: 'wss' as const }]
  const carried = { members, carriers: { own, tried: [] } }
  assert.equal(
    line(carried, 'carried'),
    'carried    by a WebSocket on TCP port 443 through eIix5ldvqD…; UDP does not get out',
  )
  assert.match(line(carried, '○')!, /^○ relayed +b\.test .* 192\.0\.2\.9:61002 by wss +5 s ago/)
  assert.equal(line({}, 'carried'), undefined)
})

test('no way out at all', () => {
  const results = [{ rung: 'tcp' as const, result: 'no answer' }]
  const of = (tried: Status['carriers']['tried']) => line({ carriers: { own: [], tried } }, 'carried')
  assert.match(of([{ ...r1, results }])!, /^carried +by nothing: no answer by UDP, and no carrier is through;/)
  // it has only begun
  assert.equal(of([{ ...r1, results: [] }]), undefined)
})

test('a member that has come by a carrier has no address to be told', () => {
  const [, b] = status.members
  const members = [{ ...b!, endpoint: '[3fff:fff::1]:1', by: 'guest' as const }]
  assert.match(line({ members }, '●')!, /^● direct +b\.test .* by a carrier \(TCP, WebSocket or WebRTC\) +5 s ago/)
})

test('bytes and ages', () => {
  assert.deepEqual([0, 1023, 1024, 5 * 2 ** 30].map(formatBytes), ['0 B', '1023 B', '1.0 KiB', '5.0 GiB'])
  assert.deepEqual([-5, 59_000, 61_000, 7_200_000, 260_000_000].map(formatAge), [
    '0 s ago',
    '59 s ago',
    '1 min ago',
    '2 h ago',
    '3 d ago',
  ])
})
