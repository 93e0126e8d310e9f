// The main job on real hosts: keys, a file, `wh up`, names that ping. Runs with wireguard-go, and by `npm run test:kernel` with the
// kernel's own WireGuard.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLab, noLab } from '../lab/lab.ts'
import { addNode, assertClean, conf, createMesh, file, keyFile, ping, wh, whOk } from './mesh.ts'

const options = { skip: noLab, timeout: 300_000 }
const kernel = process.env.WG_KERNEL !== undefined

test('three hosts with nothing but keys and one file ping each other by name', options, async () => {
  await using lab = await createLab()
  const { nodes } = await createMesh(lab, ['a', 'b', 'c'])
  const [a, b, c] = nodes.map(node => node.host) as [
    (typeof nodes)[0]['host'],
    (typeof nodes)[0]['host'],
    (typeof nodes)[0]['host'],
  ]
  for (const { host } of nodes) await whOk(host, 'up', file)

  await ping(a, 'b.test')
  await ping(a, 'b.test', '-6')
  await ping(b, 'c.test', '-4')
  await ping(c, '10.0.42.2')

  assert.match(await a.ok(['getent', 'hosts', '10.0.42.3']), /^10\.0\.42\.3\s+b\.test$/m)
  assert.equal(await a.ok(['dig', '+short', '@10.0.42.2', 'b.test']), '10.0.42.3\n')
  assert.equal(await a.ok(['dig', '+short', '+tcp', '@10.0.42.2', '-x', '10.0.42.3']), 'b.test.\n')
  assert.equal(await b.ok(['dig', '+short', '@10.0.42.2', 'c.test']), '10.0.42.4\n', 'a member may ask, too')
  assert.match(await a.ok(['dig', '@10.0.42.2', 'nosuch.test']), /status: NXDOMAIN/)
  assert.match(await a.ok(['dig', '@10.0.42.2', 'example.org']), /status: REFUSED/)
  const ipv6 = (await whOk(a, 'resolve', 'b.test')).split('\n')[1]!
  assert.equal(
    await a.ok(['dig', '+short', `@${(await whOk(a, 'resolve', 'a.test')).split('\n')[1]}`, '-x', ipv6]),
    'b.test.\n',
  )

  const [status] = JSON.parse(await whOk(a, 'show', '--json'))
  assert.equal(status.backend, kernel ? 'kernel' : 'wireguard-go')
  assert.equal(status.listenPort, 51820)
  assert.deepEqual(
    status.members.map((m: { hostname: string; state: string }) => [m.hostname, m.state]),
    [
      ['a.test', 'self'],
      ['b.test', 'direct'],
      ['c.test', 'direct'],
    ],
  )
  assert.match(await whOk(a, 'show'), /● direct\s+b\.test\s+10\.0\.42\.3/)

  for (const { host } of nodes) {
    await whOk(host, 'down')
    await assertClean(host)
    assert.equal(await host.ok(['cat', '/etc/hosts']), await host.ok(['sed', '/wh test/,/wh test/d', '/etc/hosts']))
  }
})

test('a reload under a running ping loses nothing, and brings a new member in', options, async () => {
  await using lab = await createLab()
  const { nodes, lan } = await createMesh(lab, ['a', 'b'])
  const [a, b] = nodes.map(node => node.host)
  for (const { host } of nodes) await whOk(host, 'up', file)
  await ping(a!, 'b.test')

  const d = await addNode(lab, lan, 'd', 9)
  const text = `# ours\n${conf([...nodes, d])}`
  const running = a!.spawn(['ping', '-i', '0.02', '-c', kernel ? '400' : '150', '-W', '5', 'b.test'])
  for (const { host } of [...nodes, d]) await host.writeFile(file, text)
  for (const { host } of nodes) await whOk(host, 'reload')
  await whOk(d.host, 'up', file)
  await ping(d.host, 'a.test')
  await ping(b!, 'd.test')
  const { out } = await running.ended
  assert.match(out, / 0% packet loss/, out)

  // what the file did not change is not touched
  assert.match(await whOk(a!, 'reload', '-v'), /no change/)
  // a file with errors changes nothing
  await a!.writeFile(file, `${text}trust nonsense\n`)
  const { code, err } = await wh(a!, 'reload')
  assert.equal(code, 1)
  assert.match(err, /trust without a key/)
  await ping(a!, 'd.test')
  // a member that left the file is a member no more
  await a!.writeFile(file, conf(nodes))
  await whOk(a!, 'reload')
  assert.equal((await a!.run(['ping', '-c', '1', '-W', '1', '10.0.42.4'])).code === 0, false)
  assert.doesNotMatch(await a!.ok(['cat', '/etc/hosts']), /d\.test/)
})

test('a second network beside the first, with names of its own', options, async () => {
  await using lab = await createLab()
  const { nodes } = await createMesh(lab, ['a', 'b'])
  const other = conf(nodes, { name: 'home', subnet: '10.0.43.0/24', port: 51821 })
  for (const { host } of nodes) {
    await host.writeFile('/etc/wirehub/home.conf', other)
    await whOk(host, 'up', file)
    await whOk(host, 'up', '/etc/wirehub/home.conf', 'private-key', keyFile)
  }
  const [a] = nodes.map(node => node.host)
  await ping(a!, 'b.test')
  await ping(a!, 'b.home')
  await ping(a!, 'b.home', '-6')
  const { code, err } = await wh(a!, 'down')
  assert.equal(code, 2)
  assert.match(err, /several networks are up: home, test/)
  await whOk(a!, 'down', 'home')
  await ping(a!, 'b.test')
  await whOk(a!, 'down', 'all')
  await assertClean(a!)
})
