// What a machine can be like: a bind-mounted hosts file, a full disk, systemd-resolved, named namespaces, no root, others in the way.

import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { createLab, type Host, noLab } from '../lab/lab.ts'
import { noResolved, startResolved } from '../lab/resolved.ts'
import { assertClean, bin, conf, createMesh, file, ping, wh, whOk } from './mesh.ts'

const options = { skip: noLab, timeout: 300_000 }

async function oneHost(lab: Awaited<ReturnType<typeof createLab>>): Promise<Host> {
  return (await createMesh(lab, ['a'])).nodes[0]!.host
}

test('a hosts file that cannot be renamed over is written in place', options, async () => {
  await using lab = await createLab()
  const host = await oneHost(lab)
  await host.ok(['cp', '/etc/hosts', '/run/hosts'])
  await host.ok(['mount', '--bind', '/run/hosts', '/etc/hosts'])
  const before = await host.ok(['cat', '/etc/hosts'])
  await whOk(host, 'up', file)
  assert.match(await host.ok(['cat', '/run/hosts']), /10\.0\.42\.2\ta\.test/)
  await whOk(host, 'down')
  assert.equal(await host.ok(['cat', '/etc/hosts']), before)
  await assertClean(host)
})

test('a disk that is full: nothing is lost, nothing is left, and it is said', options, async () => {
  await using lab = await createLab()
  const host = await oneHost(lab)
  await host.ok(['mkdir', '/run/small'])
  await host.ok(['mount', '-t', 'tmpfs', '-o', 'size=16k', 'small', '/run/small'])
  await host.run([
    'sh',
    '-c',
    'cp /etc/hosts /run/small/hosts; yes 10.9.9.9 filler | head -c 4000 >> /run/small/hosts; echo >> /run/small/hosts',
  ])
  await host.run(['sh', '-c', 'cat /dev/zero > /run/small/filler 2>/dev/null'])
  await host.ok(['mount', '--bind', '/run/small/hosts', '/etc/hosts'])
  const before = await host.ok(['md5sum', '/etc/hosts'])
  const { code, err } = await wh(host, 'up', file)
  assert.equal(code, 1)
  assert.match(err, /cannot write \/etc\/hosts: the disk is full; it is as it was/)
  assert.equal(await host.ok(['md5sum', '/etc/hosts']), before)
  await assertClean(host)
})

test('a disk that became full while the network was up: down removes its lines all the same', options, async () => {
  await using lab = await createLab()
  const host = await oneHost(lab)
  await host.ok(['mkdir', '/run/small'])
  await host.ok(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'small', '/run/small'])
  await host.ok(['cp', '/etc/hosts', '/run/small/hosts'])
  await host.ok(['ln', '-sf', '/run/small/hosts', '/etc/hosts'])
  const before = await host.ok(['cat', '/etc/hosts'])
  await whOk(host, 'up', file)
  assert.equal(await host.ok(['readlink', '/etc/hosts']), '/run/small/hosts\n')
  await host.run(['sh', '-c', 'cat /dev/zero > /run/small/filler 2>/dev/null'])
  await whOk(host, 'down')
  assert.equal(await host.ok(['cat', '/etc/hosts']), before)
  await assertClean(host)
})

test('bytes in the hosts file that are no UTF-8 stay as they are', options, async () => {
  await using lab = await createLab()
  const host = await oneHost(lab)
  await host.run(['sh', '-c', `printf '10.1.1.1 k\\366ln # \\377\\376\\n' >> /etc/hosts`])
  const before = await host.ok(['md5sum', '/etc/hosts'])
  await whOk(host, 'up', file)
  await whOk(host, 'down')
  assert.equal(await host.ok(['md5sum', '/etc/hosts']), before)
})

test('where systemd-resolved rules, it asks us, and the hosts file is not touched', options, async t => {
  const reason = await noResolved()
  if (reason) return t.skip(reason)
  await using lab = await createLab()
  const host = await oneHost(lab)
  await startResolved(host)
  const before = await host.ok(['cat', '/etc/hosts'])
  await whOk(host, 'up', file)
  const [status] = JSON.parse(await whOk(host, 'show', '--json'))
  assert.equal(status.names, 'systemd-resolved')
  assert.equal(await host.ok(['cat', '/etc/hosts']), before)
  assert.match(await host.ok(['getent', 'ahostsv4', 'a.test']), /^10\.0\.42\.2/)
  assert.match(await host.ok(['getent', 'hosts', '10.0.42.2']), /a\.test/)
  assert.notEqual((await host.run(['getent', 'hosts', 'nosuch.test'])).code, 0)
  await whOk(host, 'down')
  assert.notEqual((await host.run(['getent', 'hosts', 'a.test'])).code, 0)
  await assertClean(host)
})

test(
  'named namespaces on one machine: three nodes share its files and do not disturb one another',
  options,
  async () => {
    await using lab = await createLab()
    const host = await lab.host('machine')
    await host.ok(['mkdir', '-p', '/etc/wirehub'])
    const names = ['red', 'green', 'blue']
    const ip = (words: string) => host.ok(['ip', ...words.split(' ')])
    await ip('link add dev br0 type bridge')
    await ip('link set dev br0 up')
    const nodes = []
    for (const [i, name] of names.entries()) {
      await ip(`netns add ${name}`)
      await ip(`link add dev v${i} type veth peer name eth0 netns ${name}`)
      await ip(`link set dev v${i} master br0 up`)
      await ip(`-n ${name} address add 192.0.2.${i + 1}/24 dev eth0`)
      await ip(`-n ${name} link set dev eth0 up`)
      await ip(`-n ${name} link set dev lo up`)
      const key = await host.ok(['wg', 'genkey'])
      await host.writeFile(`/etc/wirehub/${name}.key`, key, { mode: 0o600 })
      nodes.push({
        host,
        name,
        underlay: `192.0.2.${i + 1}`,
        publicKey: (await host.ok(['wg', 'pubkey'], { input: key })).trim(),
      })
    }
    await host.writeFile(file, conf(nodes))
    const within = (name: string, ...argv: string[]) =>
      host.ok(['ip', 'netns', 'exec', name, ...argv], { timeout: 60_000 })
    const hosts = await host.ok(['cat', '/etc/hosts'])
    // all at once: each must see what the others have taken
    await Promise.all(names.map(name => within(name, bin, 'up', file, 'private-key', `/etc/wirehub/${name}.key`)))
    await within('red', 'ping', '-c', '1', '-W', '5', 'blue.test')
    await within('blue', 'ping', '-c', '1', '-W', '5', '-6', 'green.test')
    assert.match(await within('green', bin, 'show'), /node\s+green\.test/)
    await Promise.all(names.map(name => within(name, bin, 'down')))
    assert.equal(await host.ok(['cat', '/etc/hosts']), hosts)
    assert.equal((await host.run(['find', '/etc/netns', '-type', 'f'])).out, '')
    await assertClean(host)
  },
)

test('without root each command says so, and nothing happens', options, async () => {
  await using lab = await createLab()
  const host = await oneHost(lab)
  await host.ok(['cp', file, '/run/net.conf'])
  // the checkout may stand where only root can go
  await host.ok(['mkdir', '/run/checkout'])
  await host.ok(['mount', '--bind', dirname(dirname(bin)), '/run/checkout'])
  const nobody = (...args: string[]) =>
    host.run(['setpriv', '--reuid=65534', '--clear-groups', '/run/checkout/bin/wh', ...args])
  for (const args of [['up', '/run/net.conf'], ['down'], ['reload']]) {
    const { code, err } = await nobody(...args)
    assert.equal(code, 3, err)
    assert.match(err, /needs root/)
  }
  await whOk(host, 'up', file)
  for (const args of [['show'], ['resolve', 'a.test']]) {
    const { code, err } = await nobody(...args)
    assert.equal(code, 3, err)
    assert.match(err, /only root may ask/)
  }
  assert.equal(
    await host.ok(['stat', '-c', '%a', '/run/wirehub', '/run/wirehub/test.sock', '/run/wirehub/test.json']),
    '700\n600\n600\n',
  )
})

test('a node in nobody’s file is a helper: no interface, said aloud', options, async () => {
  await using lab = await createLab()
  const host = await oneHost(lab)
  await host.writeFile('/etc/wirehub/other.conf', 'name other\nworkbit 0\n')
  const { code, out, err } = await wh(host, 'up', '/etc/wirehub/other.conf')
  assert.equal(code, 0, err)
  assert.match(err, /is not in \/etc\/wirehub\/other\.conf: running as a helper, without an interface/)
  assert.equal(out, 'other is up as a helper\n')
  assert.match(await whOk(host, 'show'), /none: a helper/)
  await whOk(host, 'down', 'other')
  await assertClean(host)
})

test('in the foreground it tells systemd that it is ready, and SIGTERM is a clean down', options, async t => {
  await using lab = await createLab()
  const host = await oneHost(lab)
  if ((await host.run(['sh', '-c', 'command -v systemd-notify'])).code !== 0)
    return t.skip('NO systemd-notify HERE: NOT TESTED')
  const listen =
    'import os,socket;s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM);s.bind("/run/notify");print("bound",flush=True)\nwhile True: print(s.recv(999).decode(),flush=True)'
  const systemd = host.spawn(['python3', '-c', listen])
  await systemd.says(/bound/, 10_000)
  const program = host.spawn([bin, 'up', file, 'foreground'], { env: { NOTIFY_SOCKET: '/run/notify' } })
  await systemd.says(/READY=1/, 30_000)
  await whOk(host, 'show')
  await host.ok(['kill', '-TERM', (await host.ok(['pgrep', '-f', 'cli/main.* up '])).trim()])
  assert.equal((await program.ended).code, 0)
  await assertClean(host)
})

test('a port that another has, a subnet that another has', options, async () => {
  await using lab = await createLab()
  const host = await oneHost(lab)
  const other = host.spawn([
    'python3',
    '-c',
    'import socket,time;s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);s.bind(("0.0.0.0",51820));print("bound",flush=True);time.sleep(600)',
  ])
  await other.says(/bound/, 10_000)
  assert.match((await wh(host, 'up', file)).err, /UDP port 51820 is taken by another program/)
  await other.kill('SIGKILL')
  await host.ok(['ip', 'address', 'add', '10.0.42.77/16', 'dev', 'eth0'])
  assert.match(
    (await wh(host, 'up', file)).err,
    /subnet 10\.0\.42\.0\/24 of test overlaps 10\.0\.42\.77\/16 on interface eth0/,
  )
  await assertClean(host)
})

test('an endpoint may be a name that appears later', options, async () => {
  await using lab = await createLab()
  const { nodes, text } = await createMesh(lab, ['a', 'b'])
  const b = nodes[1]!
  for (const { host } of nodes) await host.writeFile(file, text.replace('192.0.2.1:', 'a.outside:'))
  for (const { host } of nodes) await whOk(host, 'up', file)
  const [status] = JSON.parse(await whOk(b.host, 'show', '--json'))
  assert.match(status.warnings.join(), /a\.outside: cannot be resolved now/)
  await b.host.run(['sh', '-c', 'sed -i "1i 192.0.2.1 a.outside" /etc/hosts'])
  await whOk(b.host, 'reload')
  await b.host.until([bin, 'show'], ({ out }) => !out.includes('cannot be resolved now'))
  // which of its addresses is used is the path machine's affair
  await b.host.until(
    ['wg', 'show', 'wh-test', 'endpoints'],
    ({ out }) => out.endsWith('1:51820\n') || out.endsWith('1]:51820\n'),
  )
  await ping(b.host, 'a.test')
})

test('a machine with IPv6 switched off takes part by IPv4', options, async () => {
  await using lab = await createLab()
  const { nodes } = await createMesh(lab, ['a', 'b'])
  const [a, b] = nodes.map(({ host }) => host) as [Host, Host]
  await a.run(['sh', '-c', 'for i in all default; do echo 1 > /proc/sys/net/ipv6/conf/$i/disable_ipv6; done'])
  const { code, err } = await wh(a, 'up', file)
  assert.equal(code, 0, err)
  assert.match(err, /IPv6 is switched off on this machine/)
  await whOk(b, 'up', file)
  await ping(a, 'b.test')
  await ping(b, 'a.test', '-4')
  await whOk(a, 'down')
  await assertClean(a)
})

test('a reload moves the port of this node to where the file says it is', options, async () => {
  await using lab = await createLab()
  const { nodes, text } = await createMesh(lab, ['a', 'b'])
  const [a, b] = nodes.map(({ host }) => host) as [Host, Host]
  for (const { host } of nodes) await whOk(host, 'up', file)
  await ping(b, 'a.test')
  for (const { host } of nodes) {
    await host.writeFile(file, text.replace('192.0.2.1:51820', '192.0.2.1:4000'))
    await whOk(host, 'reload')
  }
  assert.equal(await a.ok(['wg', 'show', 'wh-test', 'listen-port']), '4000\n')
  await b.until(['wg', 'show', 'wh-test', 'endpoints'], ({ out }) => out.endsWith(':4000\n'))
  await ping(b, 'a.test')
})

test('the DNS responder does not hear a neighbour who is no member', options, async () => {
  await using lab = await createLab()
  const { nodes, lan } = await createMesh(lab, ['a'])
  const { host } = nodes[0]!
  await whOk(host, 'up', file)
  const stranger = await lab.host('stranger')
  await lab.link(stranger, lan, { addresses: ['192.0.2.66/24'], routes: ['10.0.42.0/24 via 192.0.2.1'] })
  await stranger.ok(['ping', '-c', '1', '-W', '5', '10.0.42.2'])
  for (const how of ['+notcp', '+tcp']) {
    const { code } = await stranger.run(['dig', how, '+tries=1', '+time=1', '@10.0.42.2', 'a.test'])
    assert.equal(code, 9, 'no answer')
  }
  assert.equal(await host.ok(['dig', '+short', '@10.0.42.2', 'a.test']), '10.0.42.2\n')
})

test('a reload that cannot be is refused as up would refuse it, and what runs goes on', options, async () => {
  await using lab = await createLab()
  const { nodes, text } = await createMesh(lab, ['a', 'b'])
  const [a, b] = nodes.map(({ host }) => host) as [Host, Host]
  for (const { host } of nodes) await whOk(host, 'up', file)
  const other = a.spawn([
    'python3',
    '-c',
    'import socket,time;s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);s.bind(("0.0.0.0",7777));print("bound",flush=True);time.sleep(600)',
  ])
  await other.says(/bound/, 10_000)
  const refused: [string, RegExp][] = [
    [text.replace('192.0.2.1:51820', '192.0.2.1:7777'), /UDP port 7777 is taken by another program/],
    [
      text.replace('10.0.42.0/24', '192.0.2.0/25'),
      /subnet 192\.0\.2\.0\/25 of test overlaps 192\.0\.2\.1\/24 on interface eth0/,
    ],
  ]
  for (const [changed, reason] of refused) {
    await a.writeFile(file, changed.replace('b.test', 'bb.test'))
    const { code, err } = await wh(a, 'reload')
    assert.equal(code, 1)
    assert.match(err, reason)
    assert.match(await whOk(a, 'show'), /UDP port 51820/)
    assert.match(await whOk(a, 'resolve', 'b.test'), /10\.0\.42\.3/)
    await ping(a, 'b.test')
  }
  assert.ok(b.alive)
})

test('a member may have the name under which it is found outside', options, async () => {
  await using lab = await createLab()
  const { nodes, text } = await createMesh(lab, ['a', 'b'])
  const [a, b] = nodes.map(({ host }) => host) as [Host, Host]
  // DNS outside: a name server that each machine asks
  for (const host of [a, b]) {
    await host.writeFile(file, text.replace('trust b.test', 'trust b.outside').replace('192.0.2.2:', 'b.outside:'))
    await host.run(['sh', '-c', 'echo nameserver 127.0.0.1 > /etc/resolv.conf'])
    const ns = host.spawn([
      'node',
      `${dirname(dirname(bin))}/test/lab/nameserver.ts`,
      '127.0.0.1',
      'b.outside=192.0.2.2',
    ])
    await ns.says(/ready/, 20_000)
    await whOk(host, 'up', file)
  }
  const outside = /\t(192\.0\.2\.2|\[2001:db8::2\]):51820\n/
  await a.until(['wg', 'show', 'wh-test', 'endpoints'], ({ out }) => outside.test(out))
  await ping(a, 'b.outside')
  assert.match(await a.ok(['getent', 'ahostsv4', 'b.outside']), /^10\.0\.42\.3/)
  await whOk(a, 'reload')
  assert.match(await a.ok(['wg', 'show', 'wh-test', 'endpoints']), outside)
})

test('in a named namespace a killed daemon’s lines are removed from the machine’s file, too', options, async () => {
  await using lab = await createLab()
  const { nodes } = await createMesh(lab, ['a'])
  const { host } = nodes[0]!
  const hosts = await host.ok(['cat', '/etc/hosts'])
  await host.ok(['ip', 'netns', 'add', 'red'])
  const within = (...argv: string[]) => host.ok(['ip', 'netns', 'exec', 'red', ...argv], { timeout: 60_000 })
  for (const again of [false, true]) {
    await within(bin, 'up', file)
    await host.ok(['pkill', '-9', '-f', 'daemon/main'])
    if (again) await within(bin, 'up', file)
    await within(bin, 'down')
    assert.equal(await host.ok(['cat', '/etc/hosts']), hosts)
    assert.equal((await host.run(['find', '/etc/netns', '-mindepth', '1'])).out, '')
    await assertClean(host)
  }
})
