// What an idle mesh costs: packets on the wire, counted in the middle of the internet, where no firewall or program can hide them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLab, type Host, noLab } from '../lab/lab.ts'
import type { Nat } from '../lab/nat/home.ts'
import { pings } from '../system/discovery-net.ts'
import { bin, file, whOk } from '../system/mesh.ts'
import { type Member, Stage } from './pair.ts'

/** After the last packet of a person, the time for paths to be let go; and then the time of counting. */
const settle = 100_000
const counted = 120_000

test('members that nobody talks to send each other nothing, and little to anybody', {
  skip: noLab,
  timeout: 600_000,
}, async t => {
  await using lab = await createLab()
  const stage = await Stage.build(lab)
  const nats: Nat[] = ['port-restricted', 'symmetric', 'public', 'symmetric']
  const members = await stage.members(nats)
  for (const { host } of members) await whOk(host, 'up', file)
  // every path was there once, where there can be one
  for (const [one, other] of [
    [2, 0],
    [2, 1],
    // through a relay
    [3, 1],
  ] as const)
    await pings(members[one]!.host, `${members[other]!.name}.test`)
  await members[3]!.host.ok([bin, 'explain', 'b.test']).then(out => assert.match(out, /^b\.test: relayed through /))
  await sleep(settle)
  const { core } = stage.internet
  await core.ok(['nft', '-f', '-'], { input: counters(members, stage.servers) })
  await sleep(counted)
  const packets = await read(core)
  for (const [name, count] of packets)
    t.diagnostic(`${name}: ${(count / (counted / 60_000)).toFixed(1)} packets a minute`)
  for (const { name, home } of members) {
    assert.equal(packets.get(`${name}-wireguard`), 0)
    // neither does a relay hear of anybody whom nobody wants
    assert.equal(packets.get(`${name}-relay`), 0)
    // a public member may be others' home, and keeps records for them
    if (home.nat !== 'public') assert.equal(packets.get(`${name}-natted`), 0)
    // homes every 25 s, boot nodes every minute, and the DHT: not one a second; who is reached answers the others' as well
    const most = (home.nat === 'public' ? 2 : 1) * (counted / 1000)
    assert.ok(packets.get(`${name}-all`)! < most, `${name}: ${packets.get(`${name}-all`)} packets`)
  }
})

/** What each sends: in all; to members behind NATs; of WireGuard's, whose first byte is below 5, to anybody; and to ports of relays. */
function counters(members: readonly Member[], servers: readonly { readonly address: string }[]): string {
  const list = (some: readonly Member[]) => `{ ${some.map(({ home }) => home.address).join(', ')} }`
  const open = members.filter(({ home }) => home.nat === 'public').map(({ home }) => home.address)
  // a NAT may give a port of the same range to anybody
  const relays = `{ ${[...servers.map(({ address }) => address), ...open].join(', ')} }`
  const natted = list(members.filter(({ home }) => home.nat !== 'public'))
  const rules = members.flatMap(({ name, home }) => {
    const from = `ip saddr ${home.address}`
    return [
      `${from} counter name ${name}-all`,
      `${from} ip daddr ${natted} counter name ${name}-natted`,
      `${from} meta l4proto udp @th,64,8 < 5 counter name ${name}-wireguard`,
      `${from} ip daddr ${relays} udp dport 61000-65000 counter name ${name}-relay`,
    ]
  })
  return [
    'table ip idle {',
    ...members.flatMap(({ name }) => ['all', 'natted', 'wireguard', 'relay'].map(it => `counter ${name}-${it} {}`)),
    'chain passing { type filter hook forward priority 0; policy accept;',
    ...rules,
    '}',
    '}',
    '',
  ].join('\n')
}

async function read(core: Host): Promise<Map<string, number>> {
  const listed = JSON.parse(await core.ok(['nft', '-j', 'list', 'counters', 'table', 'ip', 'idle']))
  const all: { counter?: { name: string; packets: number } }[] = listed.nftables
  return new Map(all.flatMap(({ counter }) => (counter ? [[counter.name, counter.packets] as const] : [])))
}
