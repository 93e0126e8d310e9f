// Where UDP is blocked: members behind routers that let out only TCP, only port 443, or only what goes through an HTTP proxy, with the real
// `wh`. They reach each other by carriers; UDP takes over when the router lets it out; and a boot node that dies is no end.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLab, type Host, type Lab, noLab } from '../lab/lab.ts'
import type { NatRule } from '../lab/nat/rules.ts'
import { type Member, type Pair, Stage } from '../nat/pair.ts'
import { assertClean, bin, daemonPid, file, wh, whOk } from './mesh.ts'

const patience = 60_000
const options = { skip: noLab, timeout: 400_000 }
const proxyPort = 3_128

/** The boot nodes' own firewalls are none here; the members' let in answers only. */
async function pairBehind(stage: Stage, first: NatRule, second: 'public' | NatRule): Promise<Pair> {
  const onRouter = async (router: Host) => {
    const proxy = [process.execPath, `${import.meta.dirname}/../lab/http-proxy.ts`, '0.0.0.0', String(proxyPort)]
    await router.spawn(proxy).says(/ready/)
  }
  return stage.pair({ first, second, path: 'relayed' }, first === 'proxy-only' ? [{ onRouter }] : [])
}

async function up({ host }: Member, environment: readonly string[] = []): Promise<void> {
  await host.ok(['env', ...environment, bin, 'up', file], { timeout: 120_000 })
}

/** Two members that reach each other, with two boot nodes. */
async function connected(lab: Lab, first: NatRule, second: 'public' | NatRule) {
  const stage = await Stage.build(lab)
  const pair = await pairBehind(stage, first, second)
  const [a, b] = pair.members
  for (const member of pair.members) await up(member)
  await reaches(b, a)
  return { stage, pair, a, b }
}

async function reaches({ host }: Member, { overlay }: Member): Promise<void> {
  await host.until(['ping', '-n', '-c1', '-W1', overlay], ({ code }) => code === 0, { timeout: patience })
}

/** How the carriers of a node that is blocked lead, by the log. */
async function rungs({ host }: Member): Promise<string[]> {
  const log = await host.ok(['cat', '/var/log/wirehub/test.log'])
  return [...log.matchAll(/UDP does not get through.* by=(\w+)/g)].map(match => match[1]!)
}

async function allDown(stage: Stage, { members }: Pair): Promise<void> {
  for (const { host } of [...members, ...stage.servers]) {
    await wh(host, 'down')
    await assertClean(host)
    assert.doesNotMatch(await host.ok(['nft', 'list', 'tables']), /\bwh/)
  }
}

for (const [first, second, rung, environment] of [
  ['tcp-only', 'port-restricted', 'tcp', []],
  ['udp-blocked', 'udp-blocked', 'wss', []],
  ['proxy-only', 'public', 'proxy', [`HTTPS_PROXY=http://192.168.1.1:${proxyPort}`]],
] as const) {
  test(`${first} – ${second}: connected by ${rung}, and nothing is left`, options, async () => {
    await using lab = await createLab()
    const stage = await Stage.build(lab)
    const pair = await pairBehind(stage, first, second)
    const [a, b] = pair.members
    await up(a, environment)
    await up(b)
    await reaches(b, a)
    await reaches(a, b)
    assert.deepEqual(new Set(await rungs(a)), new Set([rung]))
    // big packets, both ways
    await a.host.ok(['ping', '-n', '-c5', '-i0.1', '-W5', '-s1372', '-Mdo', b.overlay])
    await allDown(stage, pair)
  })
}

test('UDP is let out in the middle of things, and shut in again', options, async () => {
  await using lab = await createLab()
  const { stage, pair, a, b } = await connected(lab, 'udp-blocked', 'port-restricted')
  const carriers = async () => (await rungs(a)).length
  const before = await carriers()
  assert.ok(before > 0)

  await a.home.become('port-restricted')
  const direct = [bin, 'explain', 'a.test']
  await b.host.until(direct, ({ out }) => /^a\.test: direct,/.test(out), { timeout: patience })
  const ended = ['grep', '-c', 'a carrier has ended', '/var/log/wirehub/test.log']
  await a.host.until(ended, ({ out }) => Number(out) === before, { timeout: patience })
  await reaches(a, b)

  await a.home.become('udp-blocked')
  await b.host.until(['ping', '-n', '-c1', '-W1', a.overlay], ({ code }) => code === 0, { timeout: patience })
  assert.ok((await carriers()) > before)
  await allDown(stage, pair)
})

test('a member that can be reached needs no relay: a carrier leads to itself', options, async () => {
  await using lab = await createLab()
  const stage = await Stage.build(lab)
  // a public host's TCP port must be open for that
  const pair = await stage.pair({ first: 'tcp-only', second: 'public', path: 'direct', firewall: 'none' })
  const [a, b] = pair.members
  for (const member of pair.members) await up(member)
  await reaches(a, b)
  const explained = [bin, 'explain', 'b.test', '--json']
  const direct = (out: string) => out.includes(`"${b.home.address}:`) && /"path": "direct"/.test(out)
  await a.host.until(explained, ({ out }) => direct(out), { timeout: patience })
  await a.host.until(['wg', 'show', 'wh-test', 'endpoints'], ({ out }) => out.includes('127.0.0.2:'), {
    timeout: patience,
  })
  await reaches(a, b)
  await allDown(stage, pair)
})

test(
  'a network that drops WireGuard and lets calls pass: WebRTC leads past the relay, and ends with the network',
  options,
  async t => {
    await using lab = await createLab()
    const { stage, pair, a, b } = await connected(lab, 'calls-only', 'port-restricted')
    const by = (way: string) => (it: { out: string }) =>
      it.out.includes(`"by": "${way}"`) && /"path": "direct"/.test(it.out)
    const direct = (name: string) => [bin, 'explain', `${name}.test`, '--json']
    await a.host.until(direct('b'), it => by('webrtc')(it) && !/"relayed": true/.test(it.out), { timeout: patience })
    await b.host.until(direct('a'), by('guest'), { timeout: patience })
    t.diagnostic((await a.host.ok([bin, 'explain', 'b.test'])).split('\n')[0]!)
    await a.host.ok(['ping', '-n', '-c20', '-i0.05', '-W5', '-s1372', '-Mdo', b.overlay])
    await reaches(b, a)

    // what a call was made of is gone: back to the relay
    await a.home.become('udp-blocked')
    await a.host.until(['ping', '-n', '-c1', '-W1', b.overlay], ({ code }) => code === 0, { timeout: patience })
    await a.host.until(direct('b'), ({ out }) => /"relayed": true/.test(out), { timeout: patience })
    // and UDP is let out: no call is needed
    await a.home.become('port-restricted')
    await a.host.until([bin, 'explain', 'b.test'], ({ out }) => /^b\.test: direct, \d/.test(out), { timeout: patience })
    await allDown(stage, pair)
  },
)

test('the boot node that carries is killed: the other one carries on', options, async () => {
  await using lab = await createLab()
  const { stage, pair, a, b } = await connected(lab, 'udp-blocked', 'udp-blocked')
  // both carry for both, and the second is warm
  const two = ['sh', '-c', "ss -Htn state established '( dport = :443 )' | wc -l"]
  for (const { host } of pair.members) await host.until(two, ({ out }) => Number(out) >= 2, { timeout: patience })
  const [first] = stage.servers
  await first.host.ok(['kill', '-9', await daemonPid(first.host)])
  await reaches(b, a)
  await reaches(a, b)
  await whOk(first.host, 'down')
  await allDown(stage, pair)
})
