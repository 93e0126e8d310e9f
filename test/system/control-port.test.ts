// Control ports on real interfaces, beside WireGuard: with wireguard-go, and by `npm run test:kernel` with the kernel's own. Both
// backends pass the same tests; where nature forbids one something (docs/protocol/port.md), the test says that it does.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createLab, type Host, noLab, notInGuest } from '../lab/lab.ts'
import { addEnd, createTunnel, type End, firewall, node, Peer, port, traces, watchHopLimits } from './control-lab.ts'

const options = { skip: noLab, timeout: 300_000 }
const native = { ...options, skip: notInGuest }
const kernel = process.env.WG_KERNEL !== undefined
const backends = ['nft', 'pcap'] as const
const families = [4, 6] as const

/** Both ends ask each other over both families, and hear everything, from W. */
async function assertTalk(ends: readonly [End, End], peers: readonly [Peer, Peer], what: string): Promise<void> {
  for (const family of families) {
    // b first: its packets open its firewall
    for (const [i, j] of [
      [1, 0],
      [0, 1],
    ] as const) {
      const { sent, answered, seen } = await peers[i].ask({ host: ends[j].addresses[family], port }, { count: 50 })
      assert.equal(answered, sent, `${what}, IPv${family}, ${ends[i].host.name} asks: ${peers[i].program.err}`)
      const own = ends[i].addresses[family]
      assert.deepEqual(seen, [family === 4 ? `${own}:${port}` : `[${own}]:${port}`], what)
    }
  }
}

async function offload(host: Host, state: 'on' | 'off'): Promise<void> {
  await host.ok(['ethtool', '-K', 'eth0', 'rx', state, 'tx', state])
}

for (const capture of backends) {
  test(`${capture}: with and without a firewall, checksum offload on and off, IPv4 and IPv6`, options, async () => {
    await using lab = await createLab()
    const ends = await createTunnel(lab)
    const [a, b] = ends
    const peers: [Peer, Peer] = [await Peer.start(a.host, { capture }), await Peer.start(b.host, { capture })]
    assert.deepEqual(
      peers.map(peer => peer.backend),
      [capture, capture],
    )
    const stranger = (family: 4 | 6) => peers[0].knock({ host: b.addresses[family], port })

    const hopLimits = await watchHopLimits(a.host)
    await assertTalk(ends, peers, 'no firewall')
    assert.deepEqual(await hopLimits(), { right: 200, wrong: 0 })
    for (const family of families) assert.ok(await stranger(family), 'a stranger, no firewall')
    await firewall(b.host)
    await assertTalk(ends, peers, 'W closed')
    // a tap stands in front of the firewall, the input hook behind
    for (const family of families) assert.equal(await stranger(family), capture === 'pcap', 'a stranger, W closed')
    for (const { host } of ends) await offload(host, 'off')
    await assertTalk(ends, peers, 'offload off')
    for (const { host } of ends) await offload(host, 'on')
    await firewall(b.host, `udp dport ${port} accept`)
    await assertTalk(ends, peers, 'W open')
    for (const family of families) assert.ok(await stranger(family), 'a stranger, W open')
    for (const peer of peers) await peer.close()
    for (const { host } of ends) assert.equal(await traces(host), '')
  })

  test(`${capture}: behind a masquerade of the machine's own that picks ports at random`, options, async () => {
    await using lab = await createLab()
    const [a, b] = await createTunnel(lab)
    await firewall(b.host)
    await b.host.ok(['nft', '-f', '-'], {
      input: `table inet nat { chain post { type nat hook postrouting priority srcnat; udp sport ${port} masquerade random,fully-random; }\n }`,
    })
    const [peerA, peerB] = [await Peer.start(a.host, { capture }), await Peer.start(b.host, { capture })]
    for (const family of families) {
      const { answered, sent, seen } = await peerB.ask({ host: a.addresses[family], port })
      // the tap hears the port of the NAT, which is not W
      assert.equal(answered, capture === 'nft' ? sent : 0, `IPv${family}`)
      if (capture === 'nft') assert.doesNotMatch(seen.join(), new RegExp(`:${port}$`))
    }
    // and what WireGuard sends has the same fate as control packets: one mapping for both
    await b.host.ok(['ping', '-c', '1', '-W', '5', '10.0.42.1'])
    const { seen } = await peerB.ask({ host: a.addresses[4], port })
    const endpoint = (await a.host.ok(['wg', 'show', 'wg0', 'endpoints'])).trim().split('\t')[1]
    if (capture === 'nft') assert.deepEqual(seen, [endpoint])
    for (const peer of [peerA, peerB]) await peer.close()
  })

  test(`${capture}: tunnel and control packets on one port, idle and under load`, native, async (t: TestContext) => {
    await using lab = await createLab()
    const ends = await createTunnel(lab)
    const [a, b] = ends
    const peers: [Peer, Peer] = [await Peer.start(a.host, { capture }), await Peer.start(b.host, { capture })]
    const pings = b.host.spawn(['ping', '-i', '0.01', '-c', '100', '-W', '5', '10.0.42.1'])
    const calm = await peers[1].ask({ host: a.addresses[4], port }, { count: 1000 })
    assert.equal(calm.answered, calm.sent)
    assert.match((await pings.ended).out, / 0% packet loss/)

    const server = a.host.spawn(['iperf3', '-s', '-1', '--forceflush'])
    await server.says(/Server listening/)
    const load = b.host.spawn(['iperf3', '-c', '10.0.42.1', '-t', '4', '-J'])
    await b.host.until(['sh', '-c', 'wg show wg0 transfer'], it => Number(it.out.trim().split('\t')[2]) > 1e6)
    const busy = await peers[1].ask({ host: a.addresses[4], port }, { count: 1500, every: 2 })
    const result = JSON.parse((await load.ended).out)
    const rate = result.end.sum_received.bits_per_second / 1e6
    t.diagnostic(
      `${capture} beside ${rate.toFixed(0)} Mbit/s of ${kernel ? 'kernel WireGuard' : 'wireguard-go'}: ` +
        `${busy.sent - busy.answered} of ${busy.sent} round trips lost; p50 ${busy.p50.toFixed(2)} ms, p99 ` +
        `${busy.p99.toFixed(2)} ms (calm ${calm.p50.toFixed(2)}, ${calm.p99.toFixed(2)})`,
    )
    assert.ok(rate > 20, `no load: ${rate} Mbit/s`)
    assert.ok(busy.answered >= 0.99 * busy.sent, `${busy.answered} of ${busy.sent}`)
    for (const peer of peers) await peer.close()
  })
}

/** Owns W in WireGuard's place, and prints the first byte of what it gets. */
const owner = `require('dgram').createSocket('udp4').bind(${port}, () => console.log('up')).on('message', it => console.log('got', it[0]))`
const send = (...bytes: number[]) => [
  '-e',
  `const s = require('dgram').createSocket('udp4'); s.send(Buffer.from([${bytes}]), +process.argv[1], process.argv[2], () => s.close())`,
]

for (const capture of backends) {
  test(`${capture}: what the owner of W gets to see`, native, async () => {
    await using lab = await createLab()
    const lan = await lab.switch('lan')
    const [a, b] = [await addEnd(lab, lan, 'a', 1), await addEnd(lab, lan, 'b', 2)]
    const wireguard = b.host.spawn([node, '-e', owner])
    await wireguard.says(/up/)
    const peer = await Peer.start(b.host, { capture })
    const to = [String(port), b.addresses[4]]
    for (const first of [0xff, 1, 4]) await a.host.ok([node, ...send(first, 0), ...to])
    await wireguard.says(/got 4/)
    assert.equal(wireguard.out, capture === 'nft' ? 'up\ngot 1\ngot 4\n' : 'up\ngot 255\ngot 1\ngot 4\n')
    assert.deepEqual(await peer.counters(), { received: 1, sent: 0, dropped: {} })

    if (capture === 'nft') {
      const [table] = (await b.host.ok(['nft', 'list', 'tables'])).match(/wh_\d+/)!
      await a.host.ok([node, ...send(0xff, 1), table.slice(3), b.addresses[4]])
      await a.host.ok([node, ...send(0xff, 2), ...to])
      const { received } = await peer.counters()
      assert.equal(received, 2, 'nobody reaches the private port directly')
    }
    await peer.close()
    await a.host.ok([node, ...send(0xff, 3), ...to])
    await wireguard.says(capture === 'nft' ? /got 255/ : /got 255[\s\S]*got 255/)
    wireguard.kill()
    await wireguard.ended
    assert.equal(await traces(b.host), '')
  })
}

test('auto hears a stranger though W is closed, and every datagram once', native, async () => {
  await using lab = await createLab()
  const ends = await createTunnel(lab)
  const [a, b] = ends
  await firewall(b.host)
  const peers: [Peer, Peer] = [await Peer.start(a.host), await Peer.start(b.host)]
  assert.deepEqual([peers[0].backend, peers[1].backend], ['nft', 'nft'])
  for (const family of families) assert.ok(await peers[0].knock({ host: b.addresses[family], port }), `IPv${family}`)
  await assertTalk(ends, peers, 'W closed')
  const { received, dropped } = await peers[1].counters()
  assert.equal(received, 2 + 4 * 50, JSON.stringify(dropped))
  for (const peer of peers) await peer.close()
  for (const { host } of ends) assert.equal(await traces(host), '')
})

test('auto notices a firewall that comes later, of whatever make', native, async () => {
  await using lab = await createLab()
  const lan = await lab.switch('lan')
  const [a, b] = [await addEnd(lab, lan, 'a', 1), await addEnd(lab, lan, 'b', 2)]
  const peers = [await Peer.start(a.host), await Peer.start(b.host)]
  assert.ok(await peers[0]!.knock({ host: b.addresses[4], port }))
  assert.equal(peers[1]!.program.err, '')
  await firewall(b.host)
  const heard = () => peers[0]!.knock({ host: b.addresses[4], port })
  for (const end = performance.now() + 30_000; !(await heard()); ) assert.ok(performance.now() < end, 'never heard')
  assert.match(peers[1]!.program.err, /listening in front of the firewall.*arrived and were dropped/)
  for (const peer of peers) await peer.close()
})

for (const [what, put, why] of [
  ['there is no nft', '/dev/null', /nft is not installed/],
  ['nft does not work', '/bin/false', /nft ended with status 1/],
] as const) {
  test(`auto is pcap where ${what}`, native, async () => {
    await using lab = await createLab()
    const ends = await createTunnel(lab)
    const nft = (await ends[0].host.ok(['sh', '-c', 'command -v nft'])).trim()
    const peers: [Peer, Peer] = [await Peer.start(ends[0].host), await Peer.start(ends[1].host)]
    await peers[0].close()
    await ends[0].host.ok(['mount', '--bind', put, nft])
    peers[0] = await Peer.start(ends[0].host)
    assert.equal(peers[0].backend, 'pcap')
    assert.match(peers[0].program.err, why)
    await assertTalk(ends, peers, what)
    for (const peer of peers) await peer.close()
  })
}

test('kill -9 leaves nothing', native, async () => {
  for (const capture of backends) {
    await using lab = await createLab()
    const host = await lab.host('a')
    const peer = await Peer.start(host, { capture })
    if (capture === 'nft') assert.match(await traces(host), /table inet wh_\d+/)
    peer.program.kill('SIGKILL')
    await peer.program.ended
    const end = performance.now() + 10_000
    for (let left = await traces(host); left !== ''; left = await traces(host)) assert.ok(performance.now() < end, left)
  }
})

test('the rules outlast a foreign flush, and come back when their holder is killed', native, async () => {
  await using lab = await createLab()
  const ends = await createTunnel(lab)
  const [{ host }] = ends
  const peers: [Peer, Peer] = [await Peer.start(ends[0].host), await Peer.start(ends[1].host)]
  await host.ok(['nft', 'flush', 'ruleset'])
  await assertTalk(ends, peers, 'after nft flush ruleset')
  const [table] = (await traces(host)).match(/wh_\d+/)!
  assert.notEqual((await host.run(['nft', 'delete', 'table', 'inet', table])).code, 0)

  const holder = (await host.ok(['pgrep', '-x', 'nft'])).trim()
  await host.ok(['kill', '-9', holder])
  await host.until(['pgrep', '-x', 'nft'], it => it.code === 0 && it.out.trim() !== holder)
  await host.until(['nft', 'list', 'tables'], it => it.out.includes(table))
  await assertTalk(ends, peers, 'after the death of the holder')
  for (const peer of peers) await peer.close()
  assert.equal(await traces(host), '')
})

test('a helper without WireGuard has W itself', native, async () => {
  await using lab = await createLab()
  const [a] = await createTunnel(lab)
  const lan = await lab.switch('other')
  const b = await addEnd(lab, lan, 'helper', 9)
  await lab.link(a.host, lan, { addresses: ['192.0.3.1/24', '2001:db8:3::1/64'] })
  await lab.link(b.host, lan, { addresses: ['192.0.3.9/24', '2001:db8:3::9/64'] })
  const ends: [End, End] = [
    { host: a.host, addresses: { 4: '192.0.3.1', 6: '2001:db8:3::1' } },
    { host: b.host, addresses: { 4: '192.0.3.9', 6: '2001:db8:3::9' } },
  ]
  const peers: [Peer, Peer] = [await Peer.start(a.host), await Peer.start(b.host, { owner: 'nobody' })]
  assert.equal(peers[1].backend, 'socket')
  const hopLimits = await watchHopLimits(a.host)
  await assertTalk(ends, peers, 'helper')
  assert.deepEqual(await hopLimits(), { right: 200, wrong: 0 })
  for (const peer of peers) await peer.close()
  assert.equal(await traces(b.host), '')
})

test('two networks of one machine do not hear each other', native, async () => {
  await using lab = await createLab()
  const lan = await lab.switch('lan')
  const [a, b] = [await addEnd(lab, lan, 'a', 1), await addEnd(lab, lan, 'b', 2)]
  const asker = await Peer.start(a.host, { owner: 'nobody' })
  const [first, second] = [await Peer.start(b.host), await Peer.start(b.host, { listenPort: port + 1 })]
  const told = await asker.ask({ host: b.addresses[4], port }, { count: 5 })
  const other = await asker.ask({ host: b.addresses[4], port: port + 1 }, { count: 7 })
  assert.deepEqual([told.answered, other.answered], [5, 7])
  assert.deepEqual([(await first.counters()).received, (await second.counters()).received], [5, 7])
  await first.close()
  assert.equal((await asker.ask({ host: b.addresses[4], port: port + 1 }, { count: 3 })).answered, 3)
  for (const peer of [asker, second]) await peer.close()
})
