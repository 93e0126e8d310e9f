// Each kind of NAT of the lab behaves as it is called, by the word of a probe that knows nothing of `wh`.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLab, type Host, noLab } from '../lab/lab.ts'
import type { Nat } from '../lab/nat/home.ts'
import { createInternet, type Internet, type Server } from '../lab/nat/internet.ts'
import type { Behaviour } from './probe.ts'

const options = { skip: noLab, timeout: 120_000 }
const node = process.execPath

const [eim, adm, apdm] = ['endpoint-independent', 'address-dependent', 'address-and-port-dependent'] as const

const expected: Record<
  Exclude<Nat, 'tcp-only' | 'udp-blocked' | 'calls-only' | 'proxy-only'>,
  Omit<Behaviour, 'udp' | 'seen' | 'steps'>
> = {
  public: { mapping: eim, filtering: eim, portKept: true, hairpin: 'outside' },
  'port-restricted': { mapping: eim, filtering: apdm, portKept: true, hairpin: null },
  'port-restricted-open-input': { mapping: eim, filtering: apdm, portKept: true, hairpin: null },
  symmetric: { mapping: apdm, filtering: apdm, portKept: false, hairpin: null },
  sequential: { mapping: apdm, filtering: apdm, portKept: false, hairpin: null },
  remapped: { mapping: eim, filtering: apdm, portKept: false, hairpin: null },
  'address-restricted': { mapping: eim, filtering: adm, portKept: true, hairpin: null },
  'full-cone': { mapping: eim, filtering: eim, portKept: true, hairpin: null },
  hairpin: { mapping: eim, filtering: eim, portKept: true, hairpin: 'outside' },
  double: { mapping: eim, filtering: apdm, portKept: true, hairpin: null },
  'double-symmetric': { mapping: apdm, filtering: apdm, portKept: false, hairpin: null },
}

async function reflector(internet: Internet): Promise<Server> {
  const server = await internet.server('reflector', { addresses: 2 })
  await server.host.spawn([node, `${import.meta.dirname}/reflector.ts`, ...server.addresses]).says(/ready/)
  return server
}

async function probe(host: Host, { addresses }: Pick<Server, 'addresses'>, ...port: string[]): Promise<Behaviour> {
  return JSON.parse(await host.ok([node, `${import.meta.dirname}/probe.ts`, ...addresses, ...port]))
}

test('every kind of NAT behaves as it is called', options, async t => {
  await using lab = await createLab()
  const internet = await createInternet(lab)
  const server = await reflector(internet)
  for (const [nat, wanted] of Object.entries(expected) as [keyof typeof expected, (typeof expected)['public']][]) {
    await t.test(nat, async () => {
      const home = await internet.home(nat, { nat, firewall: 'none' })
      const { udp, seen, steps, ...found } = await probe(home.hosts[0], server)
      assert.ok(udp)
      for (const it of seen) assert.equal(it.split(' ')[0], home.address)
      assert.deepEqual(found, wanted)
      if (nat === 'sequential') assert.deepEqual(steps, [1, 1, 1])
    })
  }
  await t.test('udp-blocked', async () => {
    const [host] = (await internet.home('blocked', { nat: 'udp-blocked' })).hosts
    assert.equal((await probe(host, server)).udp, false)
    const listener = server.host.spawn([
      node,
      '-e',
      'require("node:net").createServer(it => it.end("hello")).listen(443)',
    ])
    const connect = `require("node:net").connect(443, "${server.address}").on("data", it => console.log(String(it)))`
    await host.until([node, '-e', `${connect}.on("error", () => {})`], it => it.out === 'hello\n')
    listener.kill()
  })
})

test('a host firewall that lets in answers only filters as the worst NAT, also behind the best', options, async () => {
  await using lab = await createLab()
  const internet = await createInternet(lab)
  const server = await reflector(internet)
  for (const nat of ['public', 'full-cone', 'address-restricted'] as const) {
    const home = await internet.home(nat, { nat })
    const found = await probe(home.hosts[0], server)
    assert.deepEqual([found.mapping, found.filtering, found.portKept], [eim, apdm, true], nat)
  }
})

test(
  'a packet that comes before ours spoils the mapping of a router with an open input, and of no other',
  options,
  async () => {
    await using lab = await createLab()
    const internet = await createInternet(lab)
    const server = await reflector(internet)
    for (const [nat, kept] of [
      ['port-restricted', true],
      ['port-restricted-open-input', false],
    ] as const) {
      const home = await internet.home(nat, { nat })
      const early = `const s = require("node:dgram").createSocket("udp4")
      s.bind(7003, "${server.addresses[0]}", () => s.send("early", 5000, "${home.address}", () => s.close()))`
      await server.host.ok([node, '-e', early])
      const ask = `const s = require("node:dgram").createSocket("udp4")
      s.bind(5000, () => s.send("late", 7003, "${server.addresses[0]}", () => s.close()))`
      const listen = `const s = require("node:dgram").createSocket("udp4")
      s.bind(7003, "${server.addresses[0]}", () => console.log("ready"))
      s.on("message", (_, from) => { console.log("from", from.port); s.close() })`
      const listening = server.host.spawn([node, '-e', listen])
      await listening.says(/ready/)
      await home.hosts[0].ok([node, '-e', ask])
      const [, port] = await listening.says(/from (\d+)/)
      assert.equal(port === '5000', kept, `${nat}: seen from port ${port}`)
    }
  },
)

test('two hosts behind one router: one address, different ports, and each other on the link', options, async () => {
  await using lab = await createLab()
  const internet = await createInternet(lab)
  const server = await reflector(internet)
  const home = await internet.home('h', { nat: 'port-restricted', hosts: 2 })
  const [a, b] = home.hosts as [Host, Host]
  const found = [await probe(a, server, '5000'), await probe(b, server, '5000')] as const
  assert.equal(found[0].seen[0], `${home.address} 5000`)
  assert.match(found[1].seen[0]!, new RegExp(`^${home.address} `))
  assert.notEqual(found[1].seen[0], found[0].seen[0])
  assert.deepEqual(
    found.map(({ mapping }) => mapping),
    [eim, eim],
  )
  await a.ok(['ping', '-c1', '-W2', '192.168.1.11'])
})

test('IPv6 has no NAT, and a router that lets in answers only', options, async () => {
  await using lab = await createLab()
  const internet = await createInternet(lab)
  const host = (await internet.server('reflector', { addresses: 2 })).host
  const addresses = ['2001:db8:1::2', '2001:db8:1::3']
  await host.ip(['address add 2001:db8:1::3/64 dev eth0 nodad'])
  await host.spawn([node, `${import.meta.dirname}/reflector.ts`, ...addresses]).says(/ready/)
  const home = await internet.home('a', { nat: 'symmetric', ipv6: true, firewall: 'none' })
  const { udp, seen, mapping, filtering, portKept } = await probe(home.hosts[0], { addresses })
  assert.deepEqual({ udp, mapping, filtering, portKept }, { udp: true, mapping: eim, filtering: apdm, portKept: true })
  assert.match(seen[0]!, /^2001:db8:2:1::10 /)
})

test(
  'a router restarted has another address and no mappings; one flushed has no mappings; one peer can be forgotten',
  options,
  async () => {
    await using lab = await createLab()
    const internet = await createInternet(lab)
    const server = await reflector(internet)
    for (const nat of ['symmetric', 'address-restricted', 'double'] as const) {
      const home = await internet.home(nat, { nat })
      const flows = async () => {
        const listed = await home.routers.at(-1)!.ok(['conntrack', '-L', '-p', 'udp'])
        return server.addresses.map(
          address => listed.split('\n').filter(line => line.includes(`dst=${address} `)).length,
        )
      }
      const before = await probe(home.hosts[0], server, '5000')
      assert.ok(before.udp)
      assert.ok((await flows()).every(it => it > 0))
      await home.forget(server.addresses[0]!)
      const [forgotten, kept] = await flows()
      assert.equal(forgotten, 0)
      assert.ok(kept! > 0)
      if (nat === 'address-restricted') {
        const ok = await home.routers[0]!.ok(['nft', 'list', 'set', 'ip', 'nat', 'ok'])
        assert.deepEqual(
          server.addresses.map(it => ok.includes(`. ${it} `)),
          [false, true],
        )
      }
      await home.flush()
      assert.deepEqual(await flows(), [0, 0])
      const old = home.address
      assert.notEqual(await home.restart(10), old)
      const after = await probe(home.hosts[0], server, '5000')
      assert.equal(after.seen[0]!.split(' ')[0], home.address)
      assert.deepEqual([after.mapping, after.filtering], [before.mapping, before.filtering])
      assert.notEqual((await server.host.run(['ping', '-c1', '-W0.3', old])).code, 0)
    }
  },
)
