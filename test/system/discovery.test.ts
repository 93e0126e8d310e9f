// Discovery on real hosts: no endpoint in the file but the boot node's. Runs with wireguard-go, and by `npm run test:kernel` with the
// kernel's own WireGuard.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { createLab, noLab, notInGuest } from '../lab/lab.ts'
import { addWorker, createNet, discoveryConf, json, pings, status, statusUntil, up } from './discovery-net.ts'
import { assertClean, file, wh, whOk } from './mesh.ts'

const options = { skip: noLab, timeout: 300_000 }
const native = { ...options, skip: notInGuest }

test('members without endpoints find one another, and again when every boot node is dead', options, async () => {
  await using lab = await createLab()
  const { boots, members } = await createNet(lab, { members: ['a', 'b', 'c'] })
  const [a, b, c] = members as [(typeof members)[0], (typeof members)[0], (typeof members)[0]]
  await up([...boots, ...members])
  await pings(a.host, 'b.test')
  await pings(b.host, 'c.test')
  await pings(c.host, 'a.test')

  const found = await json(a.host, 'lookup', 'b.test')
  assert.ok(found.record.endpoints.some((it: { endpoint: string }) => it.endpoint.startsWith('192.0.2.2:')))
  const own = await status(a.host)
  assert.equal(own.nat, 'none')
  assert.ok(own.endpoints.some((it: { endpoint: string }) => it.endpoint.startsWith('192.0.2.1:')))

  for (const { host } of boots) await host.kill()
  for (const { host } of members) await whOk(host, 'down')
  await Promise.all(members.map(({ host }) => whOk(host, 'up', file)))
  await pings(a.host, 'b.test')
  await pings(b.host, 'c.test')
  await pings(c.host, 'a.test')
  // which one is dead is said, and how it goes on
  await statusUntil(a.host, it => it.warnings.some((line: string) => /boot node .* does not answer/.test(line)))

  for (const { host } of members) {
    await whOk(host, 'down')
    await assertClean(host)
    assert.doesNotMatch((await host.run(['nft', 'list', 'tables'])).out, /wh/)
  }
})

test('a member that moves to another address is found again, without a boot node', options, async () => {
  await using lab = await createLab()
  const { boots, members } = await createNet(lab, { members: ['a', 'b'] })
  const [a, b] = members as [(typeof members)[0], (typeof members)[0]]
  await up([...boots, ...members])
  await pings(a.host, 'b.test')
  for (const { host } of boots) await host.kill()
  await b.host.ip([
    'address del 192.0.2.2/24 dev eth0',
    'address del 2001:db8::2/64 dev eth0',
    'address add 192.0.2.77/24 dev eth0',
  ])
  await pings(a.host, 'b.test')
  const moved = await statusUntil(a.host, it =>
    it.members.some((m: { hostname: string; endpoint?: string }) => m.endpoint?.startsWith('192.0.2.77:')),
  )
  assert.equal(moved.members.length, 2)
})

test('two networks of one namespace share the DHT and nothing else', native, async () => {
  await using lab = await createLab()
  const { lan, boots, members } = await createNet(lab, { members: ['a', 'b'] })
  const others = [
    await addWorker(lab, lan, 'x', 21, ['workbit', '8']),
    await addWorker(lab, lan, 'y', 22, ['workbit', '8']),
  ] as const
  const text = discoveryConf(boots, others, { name: 'other', subnet: '10.0.77.0/24' })
  for (const { host } of others) await host.writeFile(file, text)
  await up([...boots, ...members, ...others])
  await pings(members[0]!.host, 'b.test')
  await pings(others[0].host, 'y.other')
  // whoever knows a key finds where it is; only the file makes a tunnel
  const found = await json(members[0]!.host, 'lookup', others[0].publicKey)
  assert.ok(found.record.endpoints.some((it: { endpoint: string }) => it.endpoint.startsWith('192.0.2.21:')))
  const answer = await json(members[0]!.host, 'ping', others[0].publicKey)
  assert.match(answer.answer.endpoint, /192\.0\.2\.21:|\[2001:db8::21\]:/)
  assert.equal((await status(members[0]!.host)).members.length, 2)
})

test('lookup, ping, p2p, forget and inspect say what they find', native, async () => {
  await using lab = await createLab()
  const { boots, members } = await createNet(lab, { members: ['a', 'b'] })
  const [a, b] = members as [(typeof members)[0], (typeof members)[0]]
  await up([...boots, ...members])

  const tunnel = await json(a.host, 'p2p', 'b.test')
  assert.equal(tunnel.carries, true)
  assert.match(await whOk(a.host, 'lookup', 'b.test'), /had the record[\s\S]*b\.test: found in/)
  assert.match(await whOk(a.host, 'ping', 'b.test'), /^b\.test answers from \S+ in [\d.]+ ms; it sees us at \S+\n$/)
  assert.match(await whOk(a.host, 'forget', 'b.test'), /^b\.test: forgotten: /)
  await pings(a.host, 'b.test')

  const [inspected] = JSON.parse(await whOk(a.host, 'inspect', '--json'))
  const peer = inspected.peers.find((it: { hostname?: string }) => it.hostname === 'b.test')
  assert.ok(peer.candidates.length > 0)
  const secret = (await a.host.readFile('/etc/wirehub/private.key')).trim()
  assert.ok(!JSON.stringify(inspected).includes(secret.slice(0, 40)))

  await b.host.kill()
  const gone = await json(a.host, 'ping', 'b.test')
  assert.equal(gone.code, 1)
  assert.equal(gone.answer, null)
  const unknown = (await a.host.ok(['wg', 'pubkey'], { input: await a.host.ok(['wg', 'genkey']) })).trim()
  const nobody = await json(a.host, 'lookup', unknown)
  assert.equal(nobody.code, 1)
})

test(
  'where nft cannot be used, libpcap does it; where neither can, it is said, and the file’s endpoints work',
  native,
  async () => {
    await using lab = await createLab()
    const { boots, members, text } = await createNet(lab, { members: ['a', 'b'] })
    const [a, b] = members as [(typeof members)[0], (typeof members)[0]]
    const hide = (host: (typeof a)['host'], path: string) => host.ok(['mount', '--bind', '/dev/null', path])
    const nft = (await a.host.ok(['sh', '-c', 'readlink -f "$(command -v nft)"'])).trim()
    await up(boots)
    await hide(a.host, nft)
    await up([a])
    await up([b], 'capture', 'pcap')
    await pings(a.host, 'b.test')
    assert.equal((await status(a.host)).control.backend, 'pcap')
    assert.equal((await status(b.host)).control.backend, 'pcap')
    const { code, err } = await wh(a.host, 'up', file, 'capture', 'nft', 'interface', 'x')
    assert.notEqual(code, 0, err)

    await whOk(a.host, 'down')
    await hide(a.host, join(import.meta.dirname, '../../node_modules/pcap/build/Release/pcap_binding.node'))
    const { listenPort } = await status(b.host)
    await a.host.writeFile(file, text.replace(b.publicKey, `${b.publicKey} 192.0.2.2:${listenPort}`))
    await up([a])
    await pings(a.host, 'b.test')
    const without = await status(a.host)
    assert.equal(without.control, undefined)
    assert.match(without.warnings.join(), /members whose endpoint is not in the file cannot be found/)
    assert.match(await whOk(a.host, 'show'), /NO CONTROL PACKETS/)
    await whOk(a.host, 'down')
    const refused = await wh(a.host, 'up', file, 'capture', 'nft')
    assert.equal(refused.code, 1)
    assert.match(refused.err, /nft[\s\S]*apt install nftables/)
    await assertClean(a.host)
  },
)
