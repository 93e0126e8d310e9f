// Relays in life: two homes that find no direct path, and boot nodes that relay, with the real `wh` and wireguard-go. What happens when the
// relay in use dies, when a router becomes friendly and hard again, and what a relay needs of its machine. Gaps are those of a ping each 50 ms;
// they are printed, and asserted is only what no busy machine can break.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLab, type Host, noLab } from '../lab/lab.ts'
import { assertClean, bin, daemonPid, wh, whOk } from '../system/mesh.ts'
import { closeRelayHost } from '../system/relay-lab.ts'
import { type Boot, type Pair, Stage } from './pair.ts'
import type { PairSpec } from './pairs.ts'
import { Pings, pingArgs, settles, type Way, wayOf } from './way.ts'

const options = { skip: noLab, timeout: 300_000 }
const spec: PairSpec = { first: 'symmetric', second: 'symmetric', path: 'relayed' }
const table = 'wh_relay_51820'
/** The other relay is asked each 7 s, and is warm then. */
const warmth = 15_000
const longestGap = 5_000

async function relayedPair(stage: Stage): Promise<Pair> {
  const pair = await stage.pair(spec)
  await pair.warm()
  const { way } = await settles(pair, 'relayed', 20_000)
  if (way !== 'relayed') assert.fail(`the path is ${way}\n${await pair.evidence()}`)
  return pair
}

const startPings = ({ members: [first, second] }: Pair) => new Pings(second.host.spawn(pingArgs(first.overlay)))

async function inUse(stage: Stage, pair: Pair): Promise<Boot> {
  const { way, endpoints } = await wayOf(pair)
  assert.equal(way, 'relayed', endpoints.join(' '))
  return stage.servers.find(({ address }) => endpoints[0].startsWith(`${address}:`))!
}

/** Tables of ours. */
async function tables(host: Host): Promise<string[]> {
  return (await host.ok(['nft', 'list', 'tables'])).split('\n').filter(line => /\bwh/.test(line))
}

async function allDown(stage: Stage, { members }: Pair): Promise<void> {
  for (const { host } of [...members, ...stage.servers]) {
    await wh(host, 'down')
    await assertClean(host)
    assert.deepEqual(await tables(host), [], host.name)
  }
}

const deaths: readonly (readonly [string, (host: Host) => Promise<unknown>])[] = [
  ['goes down', host => whOk(host, 'down')],
  [
    'is killed, and its table with it',
    async host => {
      await host.ok(['kill', '-9', await daemonPid(host)])
      await host.ok(['nft', 'delete', 'table', 'netdev', table])
    },
  ],
]

for (const [name, die] of deaths) {
  test(`the relay in use ${name}: the other one carries on`, options, async t => {
    await using lab = await createLab()
    const stage = await Stage.build(lab)
    const pair = await relayedPair(stage)
    const pings = startPings(pair)
    await sleep(warmth)
    const relay = await inUse(stage, pair)
    const at = Date.now()
    await die(relay.host)
    const took = Date.now() - at
    await sleep(longestGap + 3_000)
    const gap = pings.gap(at)
    const { lost, sent } = await pings.end()
    t.diagnostic(`gap ${gap} ms, lost ${lost} of ${sent}; killing took ${took} ms`)
    if (gap > longestGap) assert.fail(`gap ${gap} ms\n${await pair.evidence()}`)
    const other = await inUse(stage, pair)
    assert.notEqual(other.address, relay.address)
    await allDown(stage, pair)
  })
}

test('both routers become friendly: direct without a loss; and hard again: relayed again', options, async t => {
  await using lab = await createLab()
  const stage = await Stage.build(lab)
  const pair = await relayedPair(stage)
  const become = async (rule: 'port-restricted' | 'symmetric') => {
    for (const { home } of pair.members) await home.become(rule)
  }
  const pings = startPings(pair)
  await sleep(warmth)
  let at = Date.now()
  await become('port-restricted')
  const { lost, sent, ...friendly } = await backAndSettled(pair, pings, at, 'direct')
  t.diagnostic(
    `friendly: first reply after ${friendly.back} ms, direct after ${friendly.settled} ms; then lost ${lost} of ${sent}`,
  )
  assert.ok(lost <= 1, `lost ${lost} of ${sent}`)

  await sleep(5_000)
  at = Date.now()
  await become('symmetric')
  const hard = await backAndSettled(pair, pings, at, 'relayed')
  t.diagnostic(
    `hard again: first reply after ${hard.back} ms, relayed after ${hard.settled} ms, gap ${pings.gap(at)} ms`,
  )
  await pings.end()
  await allDown(stage, pair)
})

test('routers that become friendly and keep the mappings of the relay: direct without a gap', options, async t => {
  await using lab = await createLab()
  const stage = await Stage.build(lab)
  const pair = await relayedPair(stage)
  const [first, second] = pair.members
  const pings = startPings(pair)
  await sleep(warmth)
  const at = Date.now()
  for (const [{ home }, other] of [
    [first, second],
    [second, first],
  ] as const) {
    await home.become('port-restricted', { keep: true })
    // Linux gives a source the mapping that it has: what is left then is the relay's
    await home.forget(other.home.address)
    for (const router of home.routers) await router.run(['conntrack', '-D', '-p', 'udp', '--orig-port-dst', '51820'])
  }
  const { way, at: settledAt } = await settles(pair, 'direct', 60_000)
  const gap = pings.gap(at)
  const { lost, sent } = await pings.end()
  t.diagnostic(`direct after ${settledAt === null ? null : settledAt - at} ms, lost ${lost} of ${sent}, gap ${gap} ms`)
  if (way !== 'direct') assert.fail(`${way} after 60 s\n${await pair.evidence()}`)
  assert.ok(lost <= 1, `lost ${lost} of ${sent}`)
  await allDown(stage, pair)
})

/** Times since `at`; lost is what a second ping loses from the first reply on: what the router has forgotten is not the path's fault. */
async function backAndSettled(pair: Pair, pings: Pings, at: number, way: Way) {
  const end = Date.now() + 60_000
  // a reply that was on its way is none
  const reply = () => pings.replies().find(it => it > at + 500)
  while (reply() === undefined) {
    if (Date.now() > end) assert.fail(`no reply within 60 s\n${await pair.evidence()}`)
    await sleep(20)
  }
  const { at: settledAt, lost, sent } = await settles(pair, way, 60_000)
  if (settledAt === null) assert.fail(`not ${way} within 60 s\n${await pair.evidence()}`)
  return { back: Math.round(reply()! - at), settled: settledAt - at, lost, sent }
}

test('a relay needs no more than W in its firewall, and no ip_forward; and leaves nothing behind', options, async t => {
  await using lab = await createLab()
  const stage = await Stage.build(lab, 2, undefined, {
    prepare: async host => {
      await host.ok([
        'sh',
        '-c',
        'echo 0 >/proc/sys/net/ipv4/ip_forward; echo 0 >/proc/sys/net/ipv6/conf/all/forwarding',
      ])
      await closeRelayHost(host)
    },
  })
  const pair = await relayedPair(stage)
  const { lost, sent } = await settles(pair, 'relayed', 20_000)
  t.diagnostic(`lost ${lost} of ${sent}`)
  assert.ok(lost <= 1, `lost ${lost} of ${sent}`)
  const { host } = await inUse(stage, pair)
  assert.deepEqual(await tables(host), [`table netdev ${table}`])
  const carried = await host.ok(['nft', 'list', 'map', 'netdev', table, 'da4'])
  const packets = [...carried.matchAll(/packets (\d+)/g)].map(([, count]) => Number(count))
  assert.ok(packets.length === 2 && packets.every(count => count >= 20), `the kernel carries it: ${packets}`)
  await allDown(stage, pair)
})

test('boot nodes that shall not relay give nothing, and explain says what is missing', options, async t => {
  await using lab = await createLab()
  const stage = await Stage.build(lab, 2, undefined, { flags: ['--relay', 'never'] })
  const pair = await stage.pair({ ...spec, path: 'none' })
  await pair.warm()
  const [first, second] = pair.members
  const { code } = await second.host.run(['ping', '-n', '-q', '-c', '5', '-W', '1', first.overlay])
  assert.equal(code, 1)
  const { out } = await second.host.run([bin, 'explain', 'a.test'])
  t.diagnostic(out.split('\n')[0]!)
  assert.match(out, /^a\.test: no path: .*a relay would be needed/)
  for (const { host } of stage.servers) {
    assert.deepEqual(await tables(host), [])
    assert.equal((await host.ok(['ss', '-Hnul', 'sport', '>=', ':61000', 'and', 'sport', '<=', ':65000'])).trim(), '')
  }
  await wh(first.host, 'down')
})
