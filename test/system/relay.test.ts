// Two homes that find no direct path, and a machine between them that relays: ip_forward is 0, its firewall forwards nothing and lets in W
// alone. WireGuard's packets pass through the kernel (or the process), and through no tunnel of ours.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLab, type Host, noLab } from '../lab/lab.ts'
import type { Nat } from '../lab/nat/home.ts'
import {
  bind,
  closeRelayHost,
  pa,
  pairOf,
  pb,
  RelayServer,
  say,
  throughput,
  tunnel,
  type World,
  w,
  world,
} from './relay-lab.ts'

const options = { skip: noLab, timeout: 300_000 }

/** Tables, processes, sockets. */
async function traces(host: Host): Promise<string> {
  const tables = await host.ok(['sh', '-c', 'nft list tables | grep wh_ || true'])
  const processes = await host.ok(['sh', '-c', 'ps -C nft -o stat=,args= | grep -v ^Z || true'])
  const sockets = await host.ok(['sh', '-c', 'ss -Hnlp --udp | grep -E "61[0-9]{3}" || true'])
  return tables + processes + sockets
}

const ping = async (host: Host, to = '10.0.42.2', count = 5) =>
  (await host.run(['ping', '-c', String(count), '-i', '0.2', '-W', '5', to])).out

const isCut = async (host: Host, to = '10.0.42.2') =>
  / 0 received/.test((await host.run(['ping', '-c', '2', '-i', '0.2', '-W', '1', to])).out)

async function bindBoth({ a, b, relay }: World, server: RelayServer, at: number | null = w) {
  assert.equal(await server.open(pa), pa)
  assert.equal(await server.open(pb), pb)
  const boundA = await bind(a, server, relay.address, pb)
  const boundB = await bind(b, server, relay.address, pa)
  assert.deepEqual([boundA.at, boundB.at], at === null ? [pb, pa] : [at, at])
  return pairOf(boundA.source, boundB.source)
}

for (const nats of [
  ['port-restricted', 'port-restricted'],
  ['symmetric', 'symmetric'],
] as const satisfies readonly (readonly [Nat, Nat])[]) {
  test(`the kernel relays WireGuard between ${nats.join(' and ')}`, options, async t => {
    await using lab = await createLab()
    const it = await world(lab, nats)
    const { a, b, relay } = it
    await closeRelayHost(relay.host)
    const server = await RelayServer.start(relay.host)
    assert.equal(server.backend, 'netdev')
    const legs = await bindBoth(it, server)
    await server.connect(legs)
    await tunnel(it, { a: relay.address, b: relay.address })
    assert.match(await ping(a), /5 received, 0% packet loss/)
    assert.match(await ping(b, '10.0.42.1'), /5 received, 0% packet loss/)
    const endpoint = await a.ok(['wg', 'show', 'wg0', 'endpoints'])
    assert.match(endpoint, new RegExp(`\t${relay.address}:${pb}\n$`), 'seen from the port of the other')
    const rate = await throughput(it)
    t.diagnostic(`${rate.toFixed(0)} Mbit/s`)
    assert.ok(rate > 20)
    const counters = await server.counters()
    assert.equal(counters.legs.length, 2)
    for (const { packets, bytes } of counters.legs) assert.ok(packets > 10 && bytes > 1_000, `${packets}, ${bytes}`)
    assert.deepEqual(counters.dropped, {})
    // the answers to what bound them have made entries
    await relay.host.run(['conntrack', '-F'])
    await ping(a)
    assert.equal((await relay.host.run(['conntrack', '-L', '-p', 'udp'])).out, '')

    assert.equal(await say(b, 40_000, { host: relay.address, port: pa }, [1, 2, 3, 4]), '', 'a stranger is not heard')
    await server.disconnect(legs)
    assert.ok(await isCut(a))
    await server.connect(legs)
    assert.match(await ping(a), /5 received/)
    await server.close()
    assert.ok(await isCut(a))
    assert.equal(await traces(relay.host), '')
  })
}

test('so does the process, with the ports open in its firewall', options, async t => {
  await using lab = await createLab()
  const it = await world(lab, ['symmetric', 'port-restricted'])
  const { a, b, relay } = it
  await closeRelayHost(relay.host, 'udp dport 61000-65000 accept')
  const server = await RelayServer.start(relay.host, { mode: 'process' })
  assert.equal(server.backend, 'process')
  const legs = await bindBoth(it, server, null)
  await server.connect(legs)
  await tunnel(it, { a: relay.address, b: relay.address })
  assert.match(await ping(a), /5 received, 0% packet loss/)
  const rate = await throughput(it)
  t.diagnostic(`${rate.toFixed(0)} Mbit/s`)
  assert.equal(await say(b, 40_000, { host: relay.address, port: pa }, [1, 2, 3, 4]), '')
  const { legs: carried, dropped } = await server.counters()
  assert.equal(carried.length, 2)
  assert.equal(dropped['no leg'], 1)
  await server.disconnect(legs)
  assert.ok(await isCut(a))
  await server.close()
  assert.equal(await traces(relay.host), '')
})

test('flows go on when the program is killed; the next one takes them over', options, async () => {
  await using lab = await createLab()
  const it = await world(lab, ['symmetric', 'symmetric'])
  const { a, relay } = it
  await closeRelayHost(relay.host)
  const first = await RelayServer.start(relay.host)
  const legs = await bindBoth(it, first)
  await first.connect(legs)
  await tunnel(it, { a: relay.address, b: relay.address })
  assert.match(await ping(a), /5 received/)
  await first.kill()
  assert.match(await ping(a), /5 received, 0% packet loss/)
  const pinging = ping(a, '10.0.42.2', 20)
  const second = await RelayServer.start(relay.host)
  assert.equal((await pinging).match(/(\d+) received/)![1], '20', 'nothing is lost while they are taken over')
  const key = (leg: { from: { port: number }; at: number }) => `${leg.from.port} ${leg.at}`
  const sorted = (all: readonly (typeof legs)[0][]) => [...all].sort((x, y) => key(x).localeCompare(key(y)))
  assert.deepEqual(sorted(await second.leftover()), sorted(legs))
  await second.connect([legs[0]!])
  assert.deepEqual(await second.leftover(), [legs[1]])
  // what nobody claims
  await second.disconnect(await second.leftover())
  assert.deepEqual(await second.leftover(), [])
  assert.ok(await isCut(a))
  await second.open(pa)
  await second.open(pb)
  await second.connect(legs)
  assert.match(await ping(a), /5 received/)
  // left behind on purpose
  await second.close(true)
  assert.match(await ping(a), /5 received, 0% packet loss/)
  const third = await RelayServer.start(relay.host)
  await third.close()
  assert.equal(await traces(relay.host), '')
})

test('IPv6; and from IPv4 to IPv6 through the process', options, async () => {
  await using lab = await createLab()
  const it = await world(lab, ['port-restricted', 'port-restricted'], { ipv6: true })
  const { a, b, relay } = it
  await closeRelayHost(relay.host)
  const server = await RelayServer.start(relay.host)
  await server.open(pa)
  await server.open(pb)
  const [address6] = (await relay.host.ok(['ip', '-6', 'address', 'show', 'dev', 'eth0'])).match(/2001:db8:[^/]+/)!
  const [a6, b6] = [await bind(a, server, address6, pb), await bind(b, server, address6, pa)]
  await server.connect(pairOf(a6.source, b6.source))
  await tunnel(it, { a: address6, b: address6 })
  assert.match(await ping(a), /5 received, 0% packet loss/)
  let { legs } = await server.counters()
  assert.equal(legs.length, 2)
  assert.ok((await relay.host.ok(['nft', 'list', 'map', 'netdev', `wh_relay_${w}`, 'leg6'])).includes(`: 0x`))

  for (const host of [a, b]) await host.ok(['sh', '-c', 'ip link del wg0; sleep 0.3'])
  const a4 = await bind(a, server, relay.address, pb)
  await server.disconnect(pairOf(a6.source, b6.source))
  await server.connect(pairOf(a4.source, b6.source))
  await tunnel(it, { a: relay.address, b: address6 })
  assert.match(await ping(a), /5 received, 0% packet loss/)
  legs = (await server.counters()).legs
  assert.equal(legs.length, 2)
  assert.ok(!(await relay.host.ok(['nft', 'list', 'map', 'netdev', `wh_relay_${w}`, 'leg4'])).includes(`: 0x`))
  await server.close()
  assert.equal(await traces(relay.host), '')
})

test('what the kernel leaves: fragments and datagrams without a checksum go through the process', options, async () => {
  await using lab = await createLab()
  const it = await world(lab, ['public', 'public'])
  const { a, b, relay } = it
  for (const host of [a, b]) await host.ok(['nft', 'flush', 'ruleset'])
  const server = await RelayServer.start(relay.host)
  await server.connect(await bindBoth(it, server))
  const listener = b.spawn([
    process.execPath,
    '-e',
    `const s = require('dgram').createSocket('udp4'); s.on('message', (bytes, from) => console.log(bytes.length, bytes[0], from.port)).bind(${w}, () => console.log('bound'))`,
  ])
  await listener.says(/bound/)
  const send = (length: number) => say(a, w, { host: relay.address, port: pb }, [7, ...Array(length - 1).fill(0)])
  await send(100)
  await listener.says(new RegExp(`100 7 ${pa}\n`))
  const sockets = async () => (await relay.host.ok(['ss', '-Hnu', '-a', 'sport', '=', `:${pb}`])).trim()
  assert.ok(await sockets())
  await send(3_000)
  await listener.says(new RegExp(`3000 7 ${pa}\n`))
  // SO_NO_CHECK
  const script = `import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(1, 11, 1)
s.bind(('', ${w})); s.sendto(b'\\x08' * 50, ('${relay.address}', ${pb}))`
  await a.ok(['python3', '-c', script])
  await listener.says(new RegExp(`50 8 ${pa}\n`))
  const { legs } = await server.counters()
  assert.equal(
    legs.reduce((sum, { packets }) => sum + packets, 0),
    3,
  )
  listener.killGroup()
  await server.close()
})

test('control packets keep another hop limit than the rest, either way', options, async () => {
  await using lab = await createLab()
  const it = await world(lab, ['public', 'public'])
  const { a, b, relay } = it
  for (const host of [a, b]) await host.ok(['nft', 'flush', 'ruleset'])
  const chain = `chain in { type filter hook prerouting priority -400
    udp dport ${w} @th,64,8 0xff ip ttl 64 counter
    udp dport ${w} @th,64,8 7 ip ttl 63 counter; }`
  const script = (ttl: number, first: number) => `const s = require('dgram').createSocket('udp4')
s.bind(${w}, () => { s.setTTL(${ttl}); s.send(Buffer.from([${first}, 1]), ${pb}, '${relay.address}', () => s.close()) })`
  for (const mode of ['kernel', 'process'] as const) {
    const server = await RelayServer.start(relay.host, { mode })
    await server.connect(await bindBoth(it, server, mode === 'kernel' ? w : null))
    // the kernel counts down, the process sends anew; between here and there is one more router
    await b.ok(['nft', '-f', '-'], {
      input: `table inet watch { ${mode === 'kernel' ? chain.replace('64 c', '62 c').replace('63 c', '61 c') : chain}\n }\n`,
    })
    for (const [ttl, first] of [
      [65, 0xff],
      [64, 7],
    ] as const) {
      await a.ok([process.execPath, '-e', script(ttl, first)])
    }
    const watched = await b.until(['nft', 'list', 'table', 'inet', 'watch'], ({ out }) => !out.includes('packets 0'))
    assert.equal(watched.out.match(/packets 1 /g)?.length, 2)
    await b.ok(['nft', 'flush', 'ruleset'])
    await server.close()
  }
})

test('past its limit a leg drops, and says so nowhere; others are not touched', options, async () => {
  await using lab = await createLab()
  const it = await world(lab, ['public', 'public'])
  const { a, b, relay } = it
  for (const host of [a, b]) await host.ok(['nft', 'flush', 'ruleset'])
  for (const mode of ['kernel', 'process'] as const) {
    const server = await RelayServer.start(relay.host, { mode, limit: { rate: 10, burst: 20 } })
    await server.connect(await bindBoth(it, server, mode === 'kernel' ? w : null))
    const script = `const s = require('dgram').createSocket('udp4'); let n = 0
s.bind(${w}, function next() { s.send(Buffer.alloc(100, 7), ${pb}, '${relay.address}', () => ++n < 200 ? next() : s.close()) })`
    await a.ok([process.execPath, '-e', script])
    const { legs } = await server.counters()
    const [{ packets, leg }] = legs as [(typeof legs)[0]]
    assert.equal(leg.at, pb)
    assert.ok(packets >= 20 && packets < 100, `${mode}: ${packets}`)
    await server.close()
  }
})

test('a removed table comes back, a killed nft too; new addresses and routes are taken up', options, async () => {
  await using lab = await createLab()
  const it = await world(lab, ['port-restricted', 'symmetric'])
  const { a, relay, internet } = it
  const server = await RelayServer.start(relay.host)
  const legs = await bindBoth(it, server)
  await server.connect(legs)
  await tunnel(it, { a: relay.address, b: relay.address })
  assert.match(await ping(a), /5 received/)
  await relay.host.ok(['nft', 'flush', 'ruleset'])
  assert.match(await ping(a), /5 received, 0% packet loss/, 'the sockets do it')
  await relay.host.until(['nft', 'list', 'ruleset'], ({ out }) => out.includes(`wh_relay_${w}`), { timeout: 15_000 })
  const kernel = async () => {
    const listing = await relay.host.ok(['nft', 'list', 'map', 'netdev', `wh_relay_${w}`, 'da4'])
    return [...listing.matchAll(/packets (\d+)/g)].reduce((sum, [, packets]) => sum + Number(packets), 0)
  }
  const before = await kernel()
  assert.match(await ping(a), /5 received, 0% packet loss/)
  assert.ok((await kernel()) >= before + 10, 'and then the kernel again')

  await relay.host.ok(['kill', '-9', (await relay.host.ok(['pgrep', '-x', 'nft'])).trim()])
  await server.disconnect([legs[0]!])
  await server.connect(legs)
  assert.match(await ping(a), /5 received/)

  // a second wire, and the way out leads over it
  await internet.core.ip([
    `link add dev second index 2000 type veth peer name second netns ${relay.host.pid}`,
    'link set dev second up',
    'address add 10.99.0.1/30 dev second',
  ])
  await relay.host.ip([
    'link set dev second up',
    'address add 10.99.0.2/30 dev second',
    `route replace default via 10.99.0.1 dev second src ${relay.address}`,
  ])
  const total = async () => (await server.counters()).legs.reduce((sum, { packets }) => sum + packets, 0)
  const sum = await total()
  await server.refresh()
  const table = await relay.host.ok(['nft', 'list', 'table', 'netdev', `wh_relay_${w}`])
  assert.match(table, /map hop4 \{[^}]*: 10\.99\.0\.1 \}/)
  assert.match(table, /device "second"/)
  assert.ok((await total()) >= sum, 'counters are kept')
  assert.match(await ping(a), /5 received, 0% packet loss/)
  assert.ok((await total()) >= sum + 10)
  // nothing has changed
  assert.ok((await server.refresh()) >= 0)
  assert.equal((await relay.host.ok(['nft', 'list', 'table', 'netdev', `wh_relay_${w}`])).includes('hop4'), true)
  await server.close()
  assert.equal(await traces(relay.host), '')
})
