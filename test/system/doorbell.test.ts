// The doorbell with a real WireGuard: with wireguard-go, and by `npm run test:kernel` with the kernel's own.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Endpoint, formatEndpoint } from '../../src/base/ip.ts'
import type { Capture } from '../../src/drivers/control/open.ts'
import { createLab, type Host, noLab, notInGuest, type Program } from '../lab/lab.ts'
import { createTunnel, node, port } from './control-lab.ts'

const options = { skip: noLab, timeout: 300_000 }
const native = { ...options, skip: notInGuest }
const program = join(import.meta.dirname, 'doorbell-peer.ts')

type Bell = { readonly program: Program; readonly endpoint: Endpoint; readonly works: boolean }

const urlForm = (key: string) => key.trim().replaceAll('+', '-').replaceAll('/', '_').replace('=', '')
const peerOf = async (host: Host) => (await host.ok(['wg', 'show', 'wg0', 'peers'])).trim()

async function openBell(host: Host, capture: Capture = 'nft'): Promise<Bell> {
  const keys = [urlForm(await peerOf(host))]
  const running = host.spawn([node, program, JSON.stringify({ listenPort: port, capture, keys })])
  const [line] = await running.says(/\{"endpoint".*/, 30_000)
  return { program: running, ...JSON.parse(line) }
}

/** Points WireGuard's one peer to the doorbell, without a session, as a peer is that nobody has talked to. */
async function park(host: Host, bell: Bell, allowedIps: string): Promise<void> {
  const peer = ['peer', await peerOf(host)]
  const endpoint = ['endpoint', formatEndpoint(bell.endpoint), 'allowed-ips', allowedIps]
  await host.ok(['wg', 'set', 'wg0', ...peer, 'remove', ...peer, ...endpoint])
}

async function plan(bell: Bell, what: unknown): Promise<void> {
  const before = bell.program.out.length
  bell.program.child.stdin!.write(`${JSON.stringify(what)}\n`)
  while (!bell.program.out.slice(before).includes('planned')) await bell.program.says(/planned/)
}

async function close(bell: Bell): Promise<{ rung: number; dropped: Record<string, number> }> {
  bell.program.child.stdin!.end()
  const { code, out, err } = await bell.program.ended
  assert.equal(code, 0, err)
  return JSON.parse(out.trim().split('\n').at(-1)!)
}

/** The most that WireGuard lets a packet wait, and more. */
const ping = (count: number, to = '10.0.42.2') => ['ping', '-c', String(count), '-i', '0.2', '-W', '8', to]

for (const capture of ['nft', 'pcap'] as const) {
  for (const set of [undefined, 'before', 'after'] as const) {
    const how = set ? `endpoint set ${set} that` : 'endpoint left to WireGuard'
    test(
      `${capture}: the first packet to an idle peer is not lost: initiation re-sent, ${how}`,
      options,
      async (t: TestContext) => {
        await using lab = await createLab()
        const [a, b] = await createTunnel(lab)
        const bell = await openBell(a.host, capture)
        assert.ok(bell.works)
        await park(a.host, bell, '10.0.42.2/32')
        const to = { host: b.addresses[4], port }
        await plan(bell, { to, after: 100, ...(set ? { set } : {}) })
        const { out, code } = await a.host.run(ping(5))
        assert.equal(code, 0, out)
        assert.match(out, /5 received, 0% packet loss/)
        assert.equal((await a.host.ok(['wg', 'show', 'wg0', 'endpoints'])).trim().split('\t')[1], formatEndpoint(to))
        t.diagnostic(`100 ms to find the path: ${out.match(/time=\S+ ms/)?.[0]}`)
        const { rung } = await close(bell)
        assert.equal(rung, 1)
      },
    )
  }
}

test('WireGuard rings again until somebody answers', options, async () => {
  await using lab = await createLab()
  const [a, b] = await createTunnel(lab)
  const bell = await openBell(a.host)
  await park(a.host, bell, '10.0.42.2/32')
  const pinging = a.host.spawn(['ping', '-c', '1', '-W', '20', '10.0.42.2'])
  await bell.program.says(/"ring"/)
  await plan(bell, { to: { host: b.addresses[4], port }, after: 0, set: 'after' })
  const { code, out } = await pinging.ended
  assert.equal(code, 0, out)
  assert.equal((await close(bell)).rung, 2)
})

// A WireGuard has room for one handshake with a peer, so two that cross spoil each other, and it tries again after 5 s. Who waits for the
// other one's is spared that.
for (const [what, waits] of [
  ['at the same moment', [50, 50]],
  ['and one waits for the other', [50, 300]],
] as const) {
  test(`both call each other, ${what}: nothing is lost`, options, async (t: TestContext) => {
    await using lab = await createLab()
    const ends = await createTunnel(lab)
    const bells = [await openBell(ends[0].host), await openBell(ends[1].host)]
    for (const [i, bell] of bells.entries()) {
      await park(ends[i]!.host, bell, `10.0.42.${2 - i}/32`)
      await plan(bell, { to: { host: ends[1 - i]!.addresses[4], port }, after: waits[i]!, set: 'after' })
    }
    const pings = ends.map(({ host }, i) => host.spawn(ping(3, `10.0.42.${2 - i}`)))
    const outs = await Promise.all(pings.map(async ({ ended }) => (await ended).out))
    for (const out of outs) assert.match(out, /3 received, 0% packet loss/)
    t.diagnostic(outs.map(out => out.match(/time=\S+ ms/)?.[0]).join(', '))
    for (const bell of bells) await close(bell)
  })
}

test('an idle peer costs the network nothing', options, async () => {
  await using lab = await createLab()
  const [a] = await createTunnel(lab)
  const bell = await openBell(a.host)
  await park(a.host, bell, '10.0.42.2/32')
  await a.host.ok(['nft', '-f', '-'], {
    input:
      'table inet watch { chain out { type filter hook postrouting priority 300; oifname "eth0" meta l4proto udp counter; }\n }',
  })
  await a.host.run(['ping', '-c', '3', '-i', '0.2', '-W', '1', '10.0.42.2'])
  await bell.program.says(/"ring"/)
  assert.match(await a.host.ok(['nft', 'list', 'table', 'inet', 'watch']), /counter packets 0 /)
  await close(bell)
})

test('where the firewall keeps packets off the loopback interface, it says so', native, async () => {
  await using lab = await createLab()
  const [a] = await createTunnel(lab)
  await a.host.ok(['nft', '-f', '-'], {
    input:
      'table inet fw { chain input { type filter hook input priority 0; policy accept; iifname "lo" udp dport != 53 drop; }\n }',
  })
  const bell = await openBell(a.host)
  assert.equal(bell.works, false)
  await close(bell)
})
