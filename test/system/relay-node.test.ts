// Whole nodes that relay: what people see of it, and what is left when a relay is killed: what it carries goes on, and nothing stays for ever.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLab, type Host, type Lab, noLab } from '../lab/lab.ts'
import { createInternet } from '../lab/nat/internet.ts'
import { bootPort } from './discovery-net.ts'
import { assertClean, bin, createMesh, daemonPid, file, keyFile, wh, whOk } from './mesh.ts'

const workbit = '8'
const table = `wh_relay_${bootPort}`

async function makeKey(host: Host): Promise<string> {
  const secret = await host.ok([bin, 'genkey', 'workbit', workbit])
  await host.writeFile(keyFile, secret, { mode: 0o600 })
  return (await host.ok([bin, 'pubkey'], { input: secret })).trim()
}

/** Two members behind hard NATs, who need a relay; of two helpers one is one. */
async function hardPair(lab: Lab) {
  const internet = await createInternet(lab)
  const servers = [await internet.server('r1'), await internet.server('r2')] as const
  const homes = [
    await internet.home('a', { nat: 'symmetric' }),
    await internet.home('b', { nat: 'symmetric' }),
  ] as const
  const [a, b] = homes.map(home => home.hosts[0]) as [Host, Host]
  const keys = await Promise.all([...servers.map(({ host }) => host), a, b].map(makeKey))
  const text = [
    ...['name test', 'subnet 10.0.42.0/24', `workbit ${workbit}`],
    ...servers.map(({ address }, i) => `boot ${keys[i]} ${address}:${bootPort}`),
    ...['a', 'b'].map((name, i) => `trust ${name}.test 10.0.42.${i + 1} ${keys[2 + i]}`),
    '',
  ].join('\n')
  const [relay, other] = servers.map(({ host }) => host) as [Host, Host]
  for (const host of [relay, other, a, b]) await host.writeFile(file, text)
  await whOk(relay, 'up', file)
  await whOk(other, 'up', file, 'relay', 'never')
  for (const host of [a, b]) await whOk(host, 'up', file)
  return { relay, other, a, b, keys }
}

const tables = (host: Host) => host.ok(['nft', 'list', 'tables', 'netdev'])
const relayOf = async (host: Host) => JSON.parse(await whOk(host, 'relay', '--json'))[0]
const kill = async (host: Host) => host.ok(['kill', '-9', await daemonPid(host)])

async function untilRelayed(a: Host): Promise<void> {
  await a.until(['ping', '-c1', '-W1', '10.0.42.2'], ({ code }) => code === 0, { timeout: 60_000 })
}

test('a relay that is killed: its pair goes on, the next up takes it over, down leaves nothing', {
  skip: noLab,
  timeout: 400_000,
}, async () => {
  await using lab = await createLab()
  const { relay, other, a, b, keys } = await hardPair(lab)
  await untilRelayed(a)

  // what each says of it
  const carried = await relayOf(relay)
  assert.deepEqual(carried.relaying.on, true)
  assert.equal(carried.relaying.policy, 'anyone')
  assert.equal(carried.backend, 'kernel')
  assert.deepEqual(carried.guests.map(({ key }: { key: string }) => key).sort(), keys.slice(2).sort())
  const ends = carried.legs.map((leg: { from: { key: string }; to: { key: string } }) => [leg.from.key, leg.to.key])
  assert.deepEqual(ends.sort(), [keys.slice(2), keys.slice(2).reverse()].sort())
  assert.ok(carried.legs.every(({ packets, bytes }: { packets: number; bytes: number }) => packets > 0 && bytes > 0))
  assert.match(await whOk(relay, 'relay'), /relays +for anyone: .*\n +by +the kernel\n +guests +2 strangers/)
  assert.match(await whOk(relay, 'netcheck'), /relays +for anyone/)
  assert.match(await whOk(other, 'relay'), /relays +never, said at wh up/)

  const called = `${keys[0]!.slice(0, 10)}…`
  const used = await whOk(a, 'relay')
  assert.match(used, /relays +no: behind a NAT; for members of this network, once others can reach this node/)
  assert.ok(used.includes(`through ${called}`), used)
  assert.match(used, new RegExp(`\\n  b\\.test +${called} +\\S+:6[1-5]\\d{3}\\n`))
  const explained = await whOk(a, 'explain', 'b.test')
  assert.ok(explained.startsWith(`b.test: relayed through ${called} at `), explained)
  assert.equal(JSON.parse(await whOk(a, 'explain', 'b.test', '--json')).relayed, true)

  // nobody is left who would forward, but for the kernel
  await kill(relay)
  const before = await a.ok(['ping', '-i', '0.1', '-c', '20', '-W', '2', '10.0.42.2'])
  assert.match(before, / 0% packet loss/)
  // past the minute after which the leftovers go
  const running = b.spawn(['ping', '-q', '-i', '0.1', '-c', '850', '-W', '2', '10.0.42.1'])
  await whOk(relay, 'up', file)
  const lost = Number(/ ([\d.]+)% packet loss/.exec((await running.ended).out)?.[1])
  assert.ok(lost < 2, `${lost} % lost`)
  const after = await relayOf(relay)
  assert.equal(after.legs.length, 2)
  assert.match(await tables(relay), new RegExp(table))

  // down after a crash
  await kill(relay)
  assert.match(await whOk(relay, 'down'), /was not running any more; what it had left is removed/)
  assert.equal(await relay.ok(['nft', 'list', 'tables']), '')
  await assertClean(relay)

  // with another port, and by one that shall not relay: what was left goes at once
  for (const more of [
    ['listen-port', '4000'],
    ['relay', 'never'],
  ]) {
    await whOk(relay, 'up', file)
    await relay.until(['nft', 'list', 'tables', 'netdev'], ({ out }) => out.includes(table), { timeout: 90_000 })
    await kill(relay)
    await whOk(relay, 'up', file, ...more)
    assert.doesNotMatch(await tables(relay), new RegExp(table), more.join(' '))
    await whOk(relay, 'down')
    await assertClean(relay)
  }
})

test('a table that is left where nobody relays goes after a minute, or with the network', {
  skip: noLab,
  timeout: 300_000,
}, async () => {
  await using lab = await createLab()
  const { nodes } = await createMesh(lab, ['a'])
  const { host } = nodes[0]!
  const leave = () => host.ok(['nft', 'add', 'table', 'netdev', 'wh_relay_51820'])
  await leave()
  await whOk(host, 'up', file)
  // it would relay, and nobody has come who wants it
  assert.match(await whOk(host, 'relay'), /relays +for members of this network: .*\n +guests +none/)
  assert.match(await tables(host), /wh_relay_51820/)
  await host.until(['nft', 'list', 'tables', 'netdev'], ({ out }) => !out.includes('wh_relay'), {
    ...{ timeout: 120_000, every: 1_000 },
  })
  await leave()
  await whOk(host, 'down')
  assert.equal(await tables(host), '')

  // the journal is lost, too
  await whOk(host, 'up', file)
  await kill(host)
  await leave()
  await host.ok(['rm', '-r', '/run/wirehub'])
  await whOk(host, 'down')
  assert.equal(await tables(host), '')
  await assertClean(host)
  assert.equal((await wh(host, 'relay')).code, 4)
})
