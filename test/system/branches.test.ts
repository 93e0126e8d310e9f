// Branches behind a router whose NAT gives each destination another port, at random: with wireguard-go, and by `npm run test:kernel` with
// the kernel's own WireGuard. Both hosts drop what they have not asked for.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Endpoint } from '../../src/base/ip.ts'
import { createLab, type Host, type Lab, noLab, notInGuest } from '../lab/lab.ts'
import { connect, type End, firewall, Peer, port, traces } from './control-lab.ts'

const options = { skip: noLab, timeout: 300_000 }
const native = { ...options, skip: notInGuest }
const slow = process.env.WG_KERNEL === 'uml'

const nat = `
table inet fw {
  chain input { type filter hook input priority 0; policy drop; iifname { "lo", "eth0" } accept; ct state established,related accept; }
  chain forward { type filter hook forward priority 0; policy drop; iifname "eth0" accept; ct state established,related accept; }
}
table ip nat {
  chain post { type nat hook postrouting priority srcnat; oifname "eth1" masquerade random,fully-random; }
}
`

/** `a` at home, behind that NAT, and `b` on the internet. */
async function world(lab: Lab): Promise<{ ends: [End, End]; router: Host }> {
  const [home, internet] = [await lab.switch('home'), await lab.switch('internet')]
  const [a, b, router] = [await lab.host('a'), await lab.host('b'), await lab.host('router')]
  await lab.link(a, home, { addresses: ['192.168.1.2/24'], gateways: ['192.168.1.1'] })
  await lab.link(b, internet, { addresses: ['192.0.2.2/24'] })
  await lab.link(router, home, { addresses: ['192.168.1.1/24'] })
  await lab.link(router, internet, { addresses: ['192.0.2.1/24'] })
  await router.ok(['sh', '-ec', 'echo 1 >/proc/sys/net/ipv4/ip_forward; nft -f -'], { input: nat })
  const ends: [End, End] = [
    { host: a, addresses: { 4: '192.168.1.2', 6: '::' } },
    { host: b, addresses: { 4: '192.0.2.2', 6: '::' } },
  ]
  await connect(ends)
  for (const { host } of ends) await firewall(host)
  return { ends, router }
}

const b: Endpoint = { host: '192.0.2.2', port }
const endpointOf = async (host: Host) => (await host.ok(['wg', 'show', 'wg0', 'endpoints'])).trim().split('\t')[1]!
const parse = (text: string): Endpoint => ({ host: text.split(':')[0]!, port: Number(text.split(':')[1]) })

/** Makes WireGuard forget its session. */
async function point(host: Host, endpoint: string, allowedIps: string): Promise<void> {
  const peer = ['peer', (await host.ok(['wg', 'show', 'wg0', 'peers'])).trim()]
  await host.ok(['wg', 'set', 'wg0', ...peer, 'remove', ...peer, 'endpoint', endpoint, 'allowed-ips', allowedIps])
}

/** The rule table's maps, without what stays the same. */
async function bound(host: Host): Promise<string[]> {
  const [table] = (await host.ok(['nft', 'list', 'tables'])).match(/wh_\d+/)!
  const text = await host.ok(['nft', 'list', 'table', 'inet', table])
  return [...text.matchAll(/[\d.]+ \. \d+( \. \d+)? : \d+/g)].map(([it]) => it)
}

test(
  'a bound branch is W for one endpoint: control packets and WireGuard, both ways',
  options,
  async (t: TestContext) => {
    await using lab = await createLab()
    const { ends } = await world(lab)
    const [hostA, hostB] = ends.map(({ host }) => host) as [Host, Host]
    const [peerA, peerB] = [await Peer.start(hostA), await Peer.start(hostB)]
    const ports = await peerA.branches(4)
    const heard = await peerA.spray(b)
    assert.deepEqual(heard.map(it => it.port).sort(), [...ports].sort(), 'each branch has its answer')
    const outside = new Map(heard.map(({ port, seen }) => [port, seen]))
    const seenOf = async () => {
      const { answered, sent, seen } = await peerA.ask(b, { count: 20 })
      assert.equal(answered, sent)
      return seen
    }
    const before = await seenOf()
    assert.equal(before.length, 1)
    assert.equal(new Set([...outside.values(), ...before]).size, 5, 'every socket has a mapping of its own')
    assert.deepEqual(await bound(hostA), [])

    const [, k] = ports as [number, number]
    assert.deepEqual(await peerA.bind(b, k), { bound: true })
    assert.deepEqual((await bound(hostA)).sort(), [
      `${b.host} . ${port} . ${k} : ${port}`,
      `${b.host} . ${port} : ${k}`,
    ])
    const mapped = outside.get(k)!
    assert.deepEqual(await seenOf(), [mapped], 'control packets leave from the branch')
    const back = await peerB.ask(parse(mapped), { count: 20 })
    assert.equal(back.answered, back.sent, 'and come back through it')

    for (const first of ['a', 'b'] as const) {
      await point(hostA, `${b.host}:${port}`, '10.0.42.2/32')
      await point(hostB, mapped, '10.0.42.1/32')
      const [host, to] = first === 'a' ? [hostA, '10.0.42.2'] : [hostB, '10.0.42.1']
      const { out } = await host.run(['ping', '-c', '5', '-i', '0.2', '-W', '5', to])
      assert.match(out, /5 received, 0% packet loss/, `${first} begins`)
      assert.equal(await endpointOf(hostB), mapped)
      assert.equal(await endpointOf(hostA), `${b.host}:${port}`)
    }
    for (const reverse of [[], ['-R']]) {
      const server = hostB.spawn(['iperf3', '-s', '-1', '--forceflush'])
      await server.says(/Server listening/)
      const result = JSON.parse(await hostA.ok(['iperf3', '-c', '10.0.42.2', '-t', '2', '-J', ...reverse]))
      const rate = result.end.sum_received.bits_per_second / 1e6
      t.diagnostic(`through the branch, ${reverse.length ? 'b to a' : 'a to b'}: ${rate.toFixed(0)} Mbit/s`)
      assert.ok(rate > (slow ? 1 : 20), `${rate} Mbit/s`)
    }
    assert.deepEqual(await seenOf(), [mapped])

    assert.deepEqual(await peerA.bind(b, null), { bound: true })
    assert.deepEqual(await seenOf(), before, 'W again')
    assert.deepEqual(await bound(hostA), [])
    await peerA.closeBranches()
    for (const peer of [peerA, peerB]) await peer.close()
    assert.equal(await traces(hostA), '')
  },
)

test('bound anew, bound twice, closed while bound, refused', options, async () => {
  await using lab = await createLab()
  const { ends } = await world(lab)
  const [hostA, hostB] = ends.map(({ host }) => host) as [Host, Host]
  const [peerA, peerB] = [await Peer.start(hostA), await Peer.start(hostB)]
  const [k, l] = (await peerA.branches(2)) as [number, number]
  const outside = new Map((await peerA.spray(b)).map(({ port, seen }) => [port, seen]))
  const seen = async () => (await peerA.ask(b, { count: 3 })).seen
  for (const at of [k, l, l, k]) {
    assert.deepEqual(await peerA.bind(b, at), { bound: true })
    assert.deepEqual(await seen(), [outside.get(at)])
  }
  const other = { host: '192.0.2.77', port: 7 }
  assert.deepEqual(await peerA.bind(other, k), { bound: true })
  assert.equal((await bound(hostA)).length, 4)
  assert.match((await peerA.bind({ host: '2001:db8::1', port: 7 }, k)).problem!, /is for IPv4/)
  assert.match((await peerA.bind({ host: '192.0.2.78', port: 0x10000 }, k)).problem!, /nft does not bind .*Error/)
  assert.equal((await bound(hostA)).length, 4)
  await peerA.closeBranches()
  assert.deepEqual(await bound(hostA), [])
  const {
    seen: [after],
  } = await peerA.ask(b, { count: 3 })
  assert.ok(after !== outside.get(k) && after !== outside.get(l))
  for (const peer of [peerA, peerB]) await peer.close()
})

test('what is bound comes back when the process that holds the rules is killed', options, async () => {
  await using lab = await createLab()
  const { ends } = await world(lab)
  const [hostA, hostB] = ends.map(({ host }) => host) as [Host, Host]
  const [peerA, peerB] = [await Peer.start(hostA), await Peer.start(hostB)]
  const [k] = (await peerA.branches(1)) as [number]
  const mapped = (await peerA.spray(b))[0]!.seen
  await peerA.bind(b, k)
  const holder = (await hostA.ok(['pgrep', '-x', 'nft'])).trim()
  await hostA.ok(['kill', '-9', holder])
  await hostA.until(['nft', 'list', 'ruleset'], it => it.out.includes(`: ${k}`))
  assert.deepEqual((await peerA.ask(b, { count: 5 })).seen, [mapped])
  assert.deepEqual(await peerA.bind(b, null), { bound: true })
  assert.deepEqual(await bound(hostA), [])
  for (const peer of [peerA, peerB]) await peer.close()
})

test('256 branches, opened and closed 20 times, leave nothing', native, async () => {
  await using lab = await createLab()
  const host = await lab.host('a')
  const peer = await Peer.start(host)
  await peer.branches(1)
  const { files } = await peer.closeBranches()
  for (let round = 0; round < 20; round++) {
    const ports = await peer.branches(256)
    assert.equal(new Set(ports).size, 256)
    assert.deepEqual(await peer.bind({ host: '192.0.2.9', port: 9 + round }, ports[round]!), { bound: true })
    assert.deepEqual(await peer.closeBranches(), { files })
  }
  assert.deepEqual(await bound(host), [])
  await peer.close()
  assert.equal(await traces(host), '')
})

test('only control packets come to a branch that is not bound, and the rest is counted', native, async () => {
  await using lab = await createLab()
  const lan = await lab.switch('lan')
  const [a, other] = [await lab.host('a'), await lab.host('other')]
  await lab.link(a, lan, { addresses: ['192.0.2.1/24'] })
  await lab.link(other, lan, { addresses: ['192.0.2.2/24'] })
  const peer = await Peer.start(a)
  const [k] = (await peer.branches(1)) as [number]
  const to = `${k}, '192.0.2.1'`
  const script = `const s = require('dgram').createSocket('udp4')
    s.send(Buffer.from([1, 1]), ${to}, () => s.send(Buffer.from([0xff, 1]), ${to}, () => s.close()))`
  await other.ok([process.execPath, '-e', script])
  const end = performance.now() + 5_000
  while ((await peer.counters()).received === 0) assert.ok(performance.now() < end)
  assert.deepEqual(await peer.counters(), { received: 1, sent: 0, dropped: { 'not control': 1 } })
  await peer.close()
})
