// Killed at any moment, started twice, in the way of others: afterwards `wh up` works, and `wh down` leaves nothing.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLab, type Host, noLab, notInGuest } from '../lab/lab.ts'
import { assertClean, bin, conf, createMesh, daemonPid, file, keyFile, ping, traces, wh, whOk } from './mesh.ts'

const options = { skip: noLab, timeout: 300_000 }
const native = { ...options, skip: notInGuest }

test('kill -9: the tunnel goes on, up takes it over without loss, down leaves nothing', options, async () => {
  await using lab = await createLab()
  const { nodes } = await createMesh(lab, ['a', 'b'])
  const [a, b] = nodes.map(({ host }) => host) as [Host, Host]
  for (const { host } of nodes) await whOk(host, 'up', file)
  await ping(b, 'a.test')

  await a.ok(['kill', '-9', await daemonPid(a)])
  await ping(b, 'a.test')
  const shown = await wh(a, 'show')
  assert.equal(shown.code, 4)
  assert.match(shown.err, /the daemon of test is not running; it ended without cleaning up/)

  const running = b.spawn(['ping', '-i', '0.02', '-c', '100', '-W', '5', '10.0.42.2'])
  await whOk(a, 'up', file)
  assert.match((await running.ended).out, / 0% packet loss/)
  const [status] = JSON.parse(await whOk(a, 'show', '--json'))
  assert.equal(status.members[1].state, 'direct', 'the session is the same')

  await a.ok(['kill', '-9', await daemonPid(a)])
  assert.match(await whOk(a, 'down'), /was not running any more; what it had left is removed/)
  await assertClean(a)
  assert.equal((await wh(a, 'down')).code, 4)
})

test('a hanging daemon is ended by down', native, async () => {
  await using lab = await createLab()
  const { nodes } = await createMesh(lab, ['a'])
  const { host } = nodes[0]!
  await whOk(host, 'up', file)
  await host.ok(['kill', '-STOP', await daemonPid(host)])
  assert.match(await whOk(host, 'down'), /did not answer/)
  await assertClean(host)
})

test('an interface that was deleted is made again by a reload, names and all', options, async () => {
  await using lab = await createLab()
  const { nodes } = await createMesh(lab, ['a', 'b'])
  const [a, b] = nodes.map(({ host }) => host) as [Host, Host]
  for (const { host } of nodes) await whOk(host, 'up', file)
  await a.ok(['ip', 'link', 'delete', 'dev', 'wh-test'])
  assert.match(await whOk(a, 'show'), /wh-test, GONE/)
  await whOk(a, 'reload')
  await ping(a, 'b.test')
  assert.equal(await a.ok(['dig', '+short', '@10.0.42.2', 'b.test']), '10.0.42.3\n')
  assert.ok(b.alive)
  await whOk(a, 'down')
  await assertClean(a)
})

test('wireguard-go killed: reload starts another, down leaves nothing of either', options, async t => {
  if (process.env.WG_KERNEL) return t.skip('the kernel cannot be killed')
  await using lab = await createLab()
  const { nodes } = await createMesh(lab, ['a', 'b'])
  const a = nodes[0]!.host
  for (const { host } of nodes) await whOk(host, 'up', file)
  for (const mend of [() => whOk(a, 'reload'), () => whOk(a, 'down').then(() => whOk(a, 'up', file))]) {
    await a.ok(['pkill', '-9', 'wireguard-go'])
    await a.until(['ip', '-br', 'link', 'show', 'dev', 'wh-test'], ({ code }) => code !== 0)
    await mend()
    await ping(a, 'b.test')
  }
  await whOk(a, 'down')
  await assertClean(a)
})

test('killed while it writes: the next one removes what was beside the file', native, async () => {
  await using lab = await createLab()
  const { nodes } = await createMesh(lab, ['a'])
  const { host } = nodes[0]!
  await host.writeFile('/etc/hosts.wh-new', 'half')
  await host.ok(['mkdir', '-m', '700', '/run/wirehub'])
  await host.writeFile('/run/wirehub/test.json.wh-new', 'half')
  await whOk(host, 'up', file)
  await whOk(host, 'down')
  await assertClean(host)
  assert.equal((await host.run(['ls', '/etc/hosts.wh-new'])).code, 2)

  // and so does down, where nothing was written yet
  await whOk(host, 'up', file)
  await host.ok(['kill', '-9', await daemonPid(host)])
  await host.ok(['sed', '-i', '/BEGIN wh/,/END wh/d', '/etc/hosts'])
  await host.writeFile('/etc/hosts.wh-new', 'half')
  await whOk(host, 'down')
  await assertClean(host)
  assert.equal((await host.run(['ls', '/etc/hosts.wh-new'])).code, 2)
})

test('an interface of another that took the name of ours while we run is refused and stays', native, async () => {
  await using lab = await createLab()
  const { nodes } = await createMesh(lab, ['a'])
  const { host } = nodes[0]!
  await whOk(host, 'up', file)
  await host.ok(['ip', 'link', 'delete', 'dev', 'wh-test'])
  await host.ok(['ip', 'tuntap', 'add', 'dev', 'wh-test', 'mode', 'tun'])
  const { code, err } = await wh(host, 'reload')
  assert.equal(code, 1)
  assert.match(err, /interface wh-test exists and is not ours/)
  await whOk(host, 'down')
  assert.doesNotMatch(await host.ok(['ip', '-d', 'link', 'show', 'dev', 'wh-test']), /alias/)
})

test('a journal that is lost or garbage: down finds the network by its mark', native, async () => {
  await using lab = await createLab()
  const { nodes } = await createMesh(lab, ['a'])
  const { host } = nodes[0]!
  await whOk(host, 'up', file)
  await host.writeFile('/run/wirehub/test.json', 'garbage')
  await whOk(host, 'down')
  await assertClean(host)
  await whOk(host, 'up', file)
  await host.ok(['kill', '-9', await daemonPid(host)])
  await host.ok(['rm', '-r', '/run/wirehub'])
  await whOk(host, 'down')
  await assertClean(host)
})

test('somebody who is connected to the socket and says nothing does not hold down', native, async () => {
  await using lab = await createLab()
  const { nodes } = await createMesh(lab, ['a'])
  const { host } = nodes[0]!
  await whOk(host, 'up', file)
  const silent = host.spawn([
    'python3',
    '-c',
    'import socket,time;s=socket.socket(socket.AF_UNIX);s.connect("/run/wirehub/test.sock");print("connected",flush=True);time.sleep(600)',
  ])
  await silent.says(/connected/, 10_000)
  assert.equal(await whOk(host, 'down'), 'test is down\n')
  await assertClean(host)
})

test('an interface of another that took the name of ours after a crash stays', native, async () => {
  await using lab = await createLab()
  const { nodes } = await createMesh(lab, ['a'])
  const { host } = nodes[0]!
  await whOk(host, 'up', file, 'interface', 'tun7')
  await host.ok(['kill', '-9', await daemonPid(host)])
  await host.ok(['ip', 'link', 'delete', 'dev', 'tun7'])
  await host.ok(['ip', 'tuntap', 'add', 'dev', 'tun7', 'mode', 'tun'])
  await whOk(host, 'down')
  await host.ok(['ip', 'link', 'show', 'dev', 'tun7'])
})

test('down all goes on where one cannot be taken down', native, async () => {
  await using lab = await createLab()
  const { nodes } = await createMesh(lab, ['a'])
  const { host } = nodes[0]!
  // a network may have a name that we use ourselves for locks
  const others = ['hosts', 'start'].map((name, i) =>
    conf(nodes, { name, subnet: `10.0.${50 + i}.0/24`, port: 4000 + i }),
  )
  for (const [i, text] of others.entries()) {
    await host.writeFile(`/etc/wirehub/${i}.conf`, text)
    await whOk(host, 'up', `/etc/wirehub/${i}.conf`)
  }
  await host.ok(['cp', '/etc/hosts', '/run/held'])
  await host.ok(['mount', '--bind', '/run/held', '/etc/hosts'])
  await host.ok(['mount', '-o', 'remount,ro,bind', '/etc/hosts'])
  const { code, err } = await wh(host, 'down', 'all')
  assert.equal(code, 1)
  assert.match(err, /cannot write \/etc\/hosts/)
  assert.equal((await host.ok(['ip', '-br', 'link'])).match(/wh-/g), null, 'both interfaces are gone')
  await host.ok(['mount', '-o', 'remount,rw,bind', '/etc/hosts'])
  await whOk(host, 'down', 'all')
  await assertClean(host)
})

test('killed at any moment of up or down: up works again, and down leaves nothing', native, async () => {
  await using lab = await createLab()
  const { nodes } = await createMesh(lab, ['a'])
  const { host } = nodes[0]!
  // the moments: each time that the daemon starts another program, in its order; strace would tell them too, a PATH does it without.
  // Two programs may start at once, so a moment is a folder, which only one of them can make.
  const moment = '/run/moments/'
  const wrapper = [
    '#!/bin/sh',
    'n=1',
    `while ! mkdir ${moment}$n 2>/dev/null; do n=$((n+1)); done`,
    '[ $n = "$(cat /run/fatal)" ] && kill -9 $PPID',
    'exec /usr/bin/env PATH=/usr/sbin:/usr/bin:/sbin:/bin "$(basename "$0")" "$@"\n',
  ].join('\n')
  await host.ok(['mkdir', '-p', '/run/bin'])
  for (const name of ['ip', 'wg', 'wireguard-go']) await host.writeFile(`/run/bin/${name}`, wrapper, { mode: 0o755 })
  const env = { PATH: '/run/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' }
  let moments = 0
  for (let fatal = 1; ; fatal++) {
    await host.writeFile('/run/fatal', String(fatal))
    await host.ok(['rm', '-rf', moment])
    await host.ok(['mkdir', moment])
    const up = await host.run([bin, 'up', file], { env, timeout: 60_000 })
    if (up.code === 0) await host.run([bin, 'down'], { env, timeout: 60_000 })
    // a command killed in `wh down` itself, or nothing killed at all: the end of the list
    const count = (await host.ok(['ls', moment])).split('\n').length - 1
    await host.writeFile('/run/fatal', '0')
    if (fatal % 2 === 0) {
      await wh(host, 'down')
    } else {
      // where `wh down` itself was killed, the network is up
      const again = await wh(host, 'up', file)
      assert.ok(again.code === 0 || /is up already/.test(again.err), again.err)
      await whOk(host, 'down')
    }
    await assertClean(host)
    moments = fatal
    if (count < fatal) break
  }
  assert.ok(moments > 8, `only ${moments} moments`)
})

test('a slip of the fingers leaves no daemon, though one was loading already', native, async () => {
  await using lab = await createLab()
  const { nodes } = await createMesh(lab, ['a'])
  const { host } = nodes[0]!
  for (const args of [[], [file, 'listen-port', '0'], [file, '--nope']]) {
    assert.equal((await wh(host, 'up', ...args)).code, 2)
    await assertClean(host)
  }
})

test('two at once: one brings it up, the other says that it is', native, async () => {
  await using lab = await createLab()
  const { nodes } = await createMesh(lab, ['a'])
  const { host } = nodes[0]!
  const both = await Promise.all([wh(host, 'up', file), wh(host, 'up', file)])
  assert.deepEqual(both.map(({ code }) => code).sort(), [0, 1], JSON.stringify(both))
  assert.match(both.map(({ err }) => err).join(), /the network test is up already/)
  await whOk(host, 'show')
  const downs = await Promise.all([wh(host, 'down'), wh(host, 'down')])
  assert.ok(downs.some(({ code }) => code === 0))
  await assertClean(host)
})

test('what is not ours stays: interfaces, hosts lines, processes', options, async () => {
  await using lab = await createLab()
  const { nodes } = await createMesh(lab, ['a'])
  const { host } = nodes[0]!
  await host.ip(['link add dev wh-test type veth peer name other', 'address add 10.77.0.1/24 dev other'])
  await host.run(['sh', '-c', 'printf "10.1.1.1 mine # comment\\n\\n\\t10.1.1.2  x" >> /etc/hosts'])
  const before = await host.ok(['cat', '/etc/hosts'])
  await whOk(host, 'up', file)
  const [status] = JSON.parse(await whOk(host, 'show', '--json'))
  assert.equal(status.interface, 'wh-test-2')
  await whOk(host, 'down')
  assert.equal(await host.ok(['cat', '/etc/hosts']), before)
  assert.match((await wh(host, 'up', file, 'interface', 'wh-test')).err, /interface wh-test exists and is not ours/)
  assert.deepEqual(
    (await traces(host)).map(line => line.split('@')[0]),
    ['wh-test'],
  )
})

test('after a crash, up with another key or interface name takes the place of what was left', native, async () => {
  await using lab = await createLab()
  const { nodes } = await createMesh(lab, ['a', 'b'])
  const [a, b] = nodes.map(({ host }) => host) as [Host, Host]
  await a.writeFile('/run/b.key', await b.ok(['cat', keyFile]), { mode: 0o600 })
  for (const args of [['interface', 'wg-mine'], ['private-key', '/run/b.key'], []]) {
    await whOk(a, 'up', file)
    await a.ok(['kill', '-9', await daemonPid(a)])
    await whOk(a, 'up', file, ...args)
    const links = (await a.ok(['ip', '-br', 'link'])).split('\n').filter(line => /^w[hg]/.test(line))
    assert.deepEqual(
      links.map(line => line.split(' ')[0]),
      [args[0] === 'interface' ? 'wg-mine' : 'wh-test'],
    )
    assert.equal((await a.ok(['grep', '-c', 'BEGIN wh', '/etc/hosts'])).trim(), '1')
    await whOk(a, 'down')
    await assertClean(a)
  }
})

test('Ctrl-C while it comes up, and SIGTERM to a daemon that is not ready: nothing is left', native, async () => {
  await using lab = await createLab()
  const { nodes } = await createMesh(lab, ['a'])
  const { host } = nodes[0]!
  const slow =
    '#!/bin/sh\ntouch /run/here; while [ ! -e /run/go ]; do sleep 0.02; done\nexec /usr/bin/env PATH=/usr/sbin:/usr/bin:/sbin:/bin wg "$@"\n'
  await host.ok(['mkdir', '-p', '/run/bin'])
  await host.writeFile('/run/bin/wg', slow, { mode: 0o755 })
  const env = { PATH: '/run/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' }
  const up = host.spawn([bin, 'up', file], { env })
  await host.until(['test', '-e', '/run/here'], ({ code }) => code === 0)
  await up.kill('SIGINT')
  await host.writeFile('/run/go', '')
  const { code, err } = await up.ended
  assert.deepEqual([code, err], [130, 'wh up: interrupted; nothing is left\n'])
  await assertClean(host)
})
