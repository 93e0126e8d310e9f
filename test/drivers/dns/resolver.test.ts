import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePrefix } from '../../../src/base/ip.ts'
import { createLogger } from '../../../src/base/log.ts'
import { createResolver, type Names, routedDomains } from '../../../src/drivers/dns/resolver.ts'
import type { PublicKey } from '../../../src/protocol/identity/key.ts'
import { createZone } from '../../../src/protocol/naming/zone.ts'
import { type MachineOptions, machineDouble } from '../../machine-double.ts'

const key = 'KJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW4' as PublicKey
const member = (hostname: string) => ({ role: 'trust' as const, key, hostname, ipv6: 'fd92:8b20:3669::2' })
const zone = createZone('test', [member('a.test'), member('b.example.com')], [parsePrefix('10.0.42.0/24')!])
const names: Names = {
  zone,
  networkName: 'test',
  blockId: 'test AAAA',
  hostLines: ['10.0.42.2\ta.test'],
  endpointNames: new Set(),
  servers: ['10.0.42.2'],
}
const hosts = '127.0.0.1 localhost\n'

function on(machine: MachineOptions) {
  const os = machineDouble({
    programs: ['resolvectl'],
    files: { '/etc/hosts': hosts, '/etc/resolv.conf': 'nameserver 192.0.2.53\n' },
    ...machine,
  })
  return {
    os,
    resolver: createResolver(
      os,
      '/run/wirehub/hosts.lock',
      createLogger(() => {}),
    ),
  }
}

const resolved = { links: { '/etc/resolv.conf': '../run/systemd/resolve/stub-resolv.conf' } }
const stub = { files: { '/etc/resolv.conf': 'options edns0\nnameserver 127.0.0.53\n' } }
const table: [string, MachineOptions, string][] = [
  ['resolv.conf is a link to resolved', resolved, 'systemd-resolved'],
  ['resolv.conf names the stub', stub, 'systemd-resolved'],
  ['resolv.conf names another server', {}, 'hosts file'],
  ['no resolv.conf', { files: {} }, 'hosts file'],
  ['no resolvectl', { ...resolved, programs: [] }, 'hosts file'],
  ['we are in another namespace than resolved', { ...resolved, namespace: { id: '4026', name: null } }, 'hosts file'],
  ['resolved does not answer', { ...resolved, run: () => ({ code: 1 }) }, 'hosts file'],
]
for (const [when, machine, mechanism] of table) {
  test(`${when}: ${mechanism}`, async () => assert.equal(await on(machine).resolver.choose(['10.0.42.2']), mechanism))
}

test('without a responder of ours, resolved has nobody to ask', async () => {
  assert.equal(await on(resolved).resolver.choose([]), 'hosts file')
})

test('resolved gets our domains and no others', async () => {
  const { os, resolver } = on(resolved)
  await resolver.set('systemd-resolved', 'wh-test', names)
  assert.deepEqual(os.ran, [
    'resolvectl dns wh-test 10.0.42.2',
    'resolvectl domain wh-test ~test ~b.example.com ~42.0.10.in-addr.arpa',
    'resolvectl default-route wh-test no',
    'resolvectl llmnr wh-test no',
    'resolvectl mdns wh-test no',
    'resolvectl dnssec wh-test no',
  ])
  assert.equal(os.at.get('/etc/hosts'), hosts)
})

test('a public domain is never routed for the sake of one host in it', () => {
  assert.ok(!routedDomains('test', zone, new Set()).includes('example.com'))
})

test('the hosts file gets the block and loses it again', async () => {
  const { os, resolver } = on({})
  await resolver.set('hosts file', 'wh-test', names)
  assert.equal(os.at.get('/etc/hosts'), `${hosts}# BEGIN wh test AAAA\n10.0.42.2\ta.test\n# END wh test AAAA\n`)
  await resolver.clear('test AAAA')
  assert.equal(os.at.get('/etc/hosts'), hosts)
})

test('in a named namespace its own hosts file is made from the machine’s, and removed again', async () => {
  const { os, resolver } = on({ namespace: { id: '4026', name: 'blue' } })
  await resolver.set('hosts file', 'wh-test', names)
  assert.match(os.at.get('/etc/netns/blue/hosts')!, /^# made by wh .*\n127\.0\.0\.1 localhost\n# BEGIN wh test AAAA\n/)
  await resolver.clear('test AAAA')
  assert.equal(os.at.has('/etc/netns/blue/hosts'), false)
})

test('a namespace’s own hosts file keeps what is in it', async () => {
  const { os, resolver } = on({
    namespace: { id: '4026', name: 'blue' },
    files: { '/etc/hosts': hosts, '/etc/netns/blue/hosts': '10.9.9.9 x\n' },
  })
  await resolver.set('hosts file', 'wh-test', names)
  assert.match(os.at.get('/etc/netns/blue/hosts')!, /^10\.9\.9\.9 x\n# BEGIN wh test AAAA\n/)
  await resolver.clear('test AAAA')
  assert.equal(os.at.get('/etc/netns/blue/hosts'), '10.9.9.9 x\n')
})

test('a full disk is said, with the file as it was', async () => {
  const { os, resolver } = on({ writeErrors: { '/etc/hosts': 'ENOSPC' } })
  await assert.rejects(resolver.set('hosts file', 'wh-test', names), {
    message: 'cannot write /etc/hosts: the disk is full; it is as it was',
  })
  assert.equal(os.at.get('/etc/hosts'), hosts)
})
