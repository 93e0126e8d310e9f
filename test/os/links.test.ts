import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseAddress } from '../../src/base/ip.ts'
import { type LinkAddress, systemLinks } from '../../src/os/links.ts'
import { createLab, type Host, noLab, type Program } from '../lab/lab.ts'

test('every address of this machine is canonical, has its length, and loopback is marked', () => {
  const all = systemLinks.addresses()
  assert.ok(all.some(({ address, loopback, length }) => address === '127.0.0.1' && loopback && length === 8))
  for (const { address, length, family, linkLocal } of all) {
    assert.equal(parseAddress(address), address)
    assert.ok(length >= 0 && length <= (family === 4 ? 32 : 128))
    assert.equal(linkLocal, /^(169\.254\.|fe[89ab].:)/.test(address))
  }
})

test('a tunnel is told from a link with neighbours', { skip: noLab }, async () => {
  await using lab = await createLab()
  const host = await lab.host('a')
  await lab.link(host, await lab.switch('one'), { addresses: ['192.0.2.1/24'] })
  await host.ok(['wireguard-go', 'tun0'])
  await host.ip(['address add 10.77.0.5/24 dev tun0', 'link set tun0 up'])
  const list = `import('${new URL('../../src/os/links.ts', import.meta.url)}')
    .then(({ systemLinks }) => console.log(JSON.stringify(systemLinks.addresses())))`
  const all: LinkAddress[] = JSON.parse(await host.ok([process.execPath, '-e', list]))
  const v4 = all.filter(({ family }) => family === 4)
  assert.deepEqual(Object.fromEntries(v4.map(it => [it.interface, it.pointToPoint])), {
    ...{ lo: false, eth0: false, tun0: true },
  })
})

const program = join(import.meta.dirname, 'links-watcher.ts')

/** What a watcher on a lab host has said so far. */
const calls = (watcher: Program) => watcher.out.match(/^changed .*$/gm) ?? []

async function watch(host: Host): Promise<Program> {
  const watcher = host.spawn([process.execPath, program])
  await watcher.says(/watching/)
  // `ip monitor` is there, and hears
  await host.until(['pgrep', '-x', 'ip'], it => it.code === 0)
  return watcher
}

/** Waits until nothing is said any more: what came has settled. */
async function quiet(watcher: Program): Promise<void> {
  for (let before = -1; calls(watcher).length !== before; await sleep(600)) before = calls(watcher).length
}

test('a change is told at once, and those that come with it together', { skip: noLab }, async t => {
  await using lab = await createLab()
  const [one, two] = [await lab.switch('one'), await lab.switch('two')]
  const host = await lab.host('a')
  await lab.link(host, one, { addresses: ['192.0.2.1/24'] })
  await lab.link(host, two)
  const watcher = await watch(host)
  await quiet(watcher)
  const times: number[] = []
  for (let i = 2; i < 7; i++) {
    const before = calls(watcher).length
    const start = Date.now()
    await host.ip([`address add 192.0.2.${i}/24 dev eth0`])
    const [, at] = (await watcher.says(new RegExp(`^changed (\\d+) .*192\\.0\\.2\\.${i}[ \\n]`, 'm')))!
    times.push(Number(at) - start)
    await quiet(watcher)
    assert.equal(calls(watcher).length, before + 1, 'once for each')
  }
  times.sort((a, b) => a - b)
  t.diagnostic(`from the start of ip address add to the call: p50 ${times[2]} ms, most ${times.at(-1)} ms`)

  assert.ok(times[2]! < 200, 'not after the settling only')

  const before = calls(watcher).length
  const start = Date.now()
  const burst =
    'for i in $(seq 20); do ip address add 198.51.100.$i/24 dev eth1; done; ip route add default via 198.51.100.99'
  await host.ok(['sh', '-ec', burst])
  const took = Date.now() - start
  await watcher.says(/198\.51\.100\.20 .*via/)
  await quiet(watcher)
  const said = calls(watcher).slice(before)
  t.diagnostic(`20 addresses and a route in ${took} ms: ${said.length} calls`)
  // two for each 200 ms that it took
  assert.ok(said.length <= 2 * Math.ceil(took / 200), said.join('\n'))
  assert.match(said.at(-1)!, /198\.51\.100\.20 .*via/, 'the last call sees the end')
})

test('what changes nothing is not told', { skip: noLab }, async () => {
  await using lab = await createLab()
  const lan = await lab.switch('lan')
  const host = await lab.host('a')
  await lab.link(host, lan, { addresses: ['192.0.2.1/24'] })
  const watcher = await watch(host)
  await quiet(watcher)
  const before = calls(watcher).length
  await host.ip([
    'route add 203.0.113.0/24 via 192.0.2.254',
    'route del 203.0.113.0/24',
    'address change 192.0.2.1/24 dev eth0',
  ])
  await quiet(watcher)
  assert.equal(calls(watcher).length, before)
})
