// What strangers on the wire can do to running nodes: look, and throw bytes.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { PublicKey } from '../../src/protocol/identity/key.ts'
import { edwardsKeyOf } from '../../src/protocol/identity/xeddsa.ts'
import { createLab, noLab } from '../lab/lab.ts'
import { createNet, pings, status, statusUntil, up } from './discovery-net.ts'
import { daemonPid, whOk } from './mesh.ts'

const options = { skip: noLab, timeout: 300_000 }
const kernel = process.env.WG_KERNEL !== undefined

/** Of the host's daemon, KiB. */
async function rss(host: Parameters<typeof daemonPid>[0]): Promise<number> {
  const text = await host.ok(['cat', `/proc/${await daemonPid(host)}/status`])
  return Number(/VmRSS:\s+(\d+)/.exec(text)![1])
}

test('an eavesdropper sees nobody’s public key', options, async () => {
  await using lab = await createLab()
  const { boots, members } = await createNet(lab, { members: ['a', 'b'] })
  const [a] = members as [(typeof members)[0]]
  const capture = boots[0]!.host.spawn(['tcpdump', '-i', 'eth0', '-U', '-w', '/run/seen.pcap'])
  const own = a.host.spawn(['tcpdump', '-i', 'eth0', '-U', '-w', '/run/seen.pcap'])
  for (const { host } of [boots[0]!, a]) await host.until(['test', '-e', '/run/seen.pcap'], ({ code }) => code === 0)
  await up([...boots, ...members])
  await pings(a.host, 'b.test')
  // until the DHT has spoken, too
  await statusUntil(a.host, it => it.directory.peers > 0)
  await whOk(a.host, 'lookup', 'b.test')
  for (const program of [capture, own]) program.kill('SIGINT')
  await Promise.all([capture.ended, own.ended])
  for (const { host } of [boots[0]!, a]) {
    const seen = Buffer.from(await host.ok(['base64', '-w0', '/run/seen.pcap']), 'base64')
    assert.ok(seen.length > 5_000, `${seen.length} bytes`)
    assert.ok(seen.indexOf(Buffer.of(0xff, 0x01)) > 0, 'control packets were seen')
    for (const { name, publicKey } of [...boots, ...members]) {
      const forms = [Buffer.from(publicKey, 'base64'), edwardsKeyOf(publicKey as PublicKey)!]
      for (const raw of forms) {
        assert.equal(seen.indexOf(Buffer.from(raw.subarray(0, 12))), -1, `the key of ${name} is on the wire`)
      }
    }
  }
})

test('a million random packets: no answer, no crash, bounded memory, and the tunnel goes on', options, async () => {
  const packets = kernel ? 50_000 : 1_000_000
  await using lab = await createLab()
  const { boots, members } = await createNet(lab, { members: ['a', 'b'] })
  const [a] = members as [(typeof members)[0]]
  await up([...boots, ...members])
  await pings(a.host, 'b.test')
  // the DHT is loaded by then, and memory grows no more by itself
  await statusUntil(a.host, it => it.directory.peers > 0)
  const { listenPort } = await status(a.host)
  const before = await rss(a.host)
  const pid = await daemonPid(a.host)

  const flood = boots[0]!.host.run(
    [process.execPath, join(import.meta.dirname, 'flood.ts'), a.underlay, String(listenPort), String(packets)],
    { timeout: 240_000 },
  )
  const pinging = a.host.spawn(['ping', '-i', '0.1', '-c', '50', '-W', '5', 'b.test'])
  const { out } = await pinging.ended
  const { answers, sent } = JSON.parse((await flood).out)
  assert.equal(sent, packets)
  assert.equal(answers, 0)
  assert.match(out, /, 0% packet loss|, 2% packet loss/, out)

  assert.equal(await daemonPid(a.host), pid)
  const after = await rss(a.host)
  console.log(`# ${packets} packets: RSS ${Math.round(before / 1024)} → ${Math.round(after / 1024)} MiB`)
  assert.ok(after - before < 64 * 1024, `${before} → ${after} KiB`)
  const { control } = await status(a.host)
  const dropped = Object.entries(control.dropped as Record<string, number>).reduce((sum, [, count]) => sum + count, 0)
  assert.ok(dropped > packets / 100, JSON.stringify(control.dropped))
  await pings(a.host, 'b.test')
})
