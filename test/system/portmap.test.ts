// A port mapping of a real router: miniupnpd on a NAT of the lab, a node behind it, and a stranger outside who gets through.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLab, type Host, type Lab, noLab, type Program } from '../lab/lab.ts'
import { noMiniupnpd, UpnpDaemon, type UpnpHome, type UpnpOptions, upnpHome } from '../lab/upnp.ts'

const options = { skip: noLab || noMiniupnpd, timeout: 60_000 }
const program = new URL('./portmap-node.ts', import.meta.url).pathname
const port = 51_820

type World = UpnpHome & { readonly daemon: UpnpDaemon; readonly mapping: Program }

async function world(lab: Lab, upnp: UpnpOptions = {}, { speed = 1, wan = '11.0.0.2' } = {}): Promise<World> {
  const home = await upnpHome(lab, { wan })
  const daemon = await UpnpDaemon.start(home.router, upnp)
  return { ...home, daemon, mapping: start(home.node, speed) }
}

const start = (node: Host, speed = 1, at = port) => node.spawn([process.execPath, program, String(at), String(speed)])

/** A plain UDP datagram from outside, and whether its echo comes back. */
async function reaches(stranger: Host, host: string, to = port): Promise<boolean> {
  const script = `
    const socket = require('node:dgram').createSocket('udp4')
    const send = () => socket.send('hello', ${to}, '${host}')
    socket.on('message', text => { console.log(String(text)); process.exit() })
    setInterval(send, 100); send(); setTimeout(() => process.exit(1), 1000)`
  return (await stranger.run([process.execPath, '-e', script])).out === 'hello\n'
}

async function say(program: Program, line: string): Promise<void> {
  program.child.stdin!.write(`${line}\n`)
}

async function stop({ mapping }: Pick<World, 'mapping'>): Promise<void> {
  await say(mapping, 'stop')
  assert.equal((await mapping.ended).code, 0)
}

const closedFirewall =
  'table inet fw { chain input { type filter hook input priority 0; policy drop; iifname "lo" accept; ct state established,related accept; }; }'

const now = (endpoint: string, protocol: string) =>
  new RegExp(`endpoint=${endpoint.replaceAll('.', '\\.')} protocol=${protocol}\\n`)

for (const [name, protocol, upnp] of [
  ['PCP, where all three are spoken', 'pcp', {}],
  ['PCP alone', 'pcp', { protocols: ['pcp'] }],
  ['NAT-PMP alone', 'nat-pmp', { protocols: ['nat-pmp'] }],
  ['UPnP IGD 2 alone', 'upnp', { protocols: ['upnp'] }],
  ['UPnP IGD 1 alone', 'upnp', { protocols: ['upnp'], version1: true }],
] as const) {
  test(`${name}: a stranger outside reaches W, until the node is down`, options, async t => {
    await using lab = await createLab()
    const it = await world(lab, upnp)
    await it.mapping.says(now(`11.0.0.2:${port}`, protocol))
    t.diagnostic(`mapped after ${/after=(\d+)/.exec((await it.mapping.says(/now 11.*/))[0])?.[1]} ms`)
    assert.equal(await reaches(it.stranger, it.wan), true)
    await stop(it)
    assert.deepEqual(await it.daemon.mappings(), [])
    // the port is the router's own again
    const silent = start(it.node, 1, port + 1)
    await silent.says(now(`11.0.0.2:${port + 1}`, protocol))
    assert.equal(await reaches(it.stranger, it.wan), false)
  })
}

/** Waits until the router has no mapping any more. */
async function gone(daemon: UpnpDaemon): Promise<void> {
  const end = performance.now() + 20_000
  while ((await daemon.mappings()).length > 0) {
    if (performance.now() > end) throw new Error(`the router keeps ${await daemon.mappings()}`)
    await sleep(50)
  }
}

for (const protocol of ['pcp', 'nat-pmp', 'upnp'] as const) {
  test(`${protocol}: lasts as long as it is renewed, and no longer`, options, async () => {
    await using lab = await createLab()
    // the 20 minutes are 4 s
    const it = await world(lab, { protocols: [protocol] }, { speed: 300 })
    await it.mapping.says(now(`11.0.0.2:${port}`, protocol))
    await it.mapping.says(/(asked granted[\s\S]+){4}/)
    assert.equal(await reaches(it.stranger, it.wan), true)
    assert.doesNotMatch(it.mapping.out, /now none/)
    it.mapping.kill('SIGKILL')
    await gone(it.daemon)
  })

  test(`${protocol}: a router that restarts and has forgotten is asked again`, options, async () => {
    await using lab = await createLab()
    const it = await world(lab, { protocols: [protocol] })
    await it.mapping.says(now(`11.0.0.2:${port}`, protocol))
    await it.daemon.kill()
    await it.daemon.start()
    // by its announcement; UPnP has none that we would listen to, so there it is our network that has changed
    if (protocol === 'upnp') {
      assert.deepEqual(await it.daemon.mappings(), [])
      await say(it.mapping, 'moved')
    }
    const end = performance.now() + 20_000
    while ((await it.daemon.mappings()).length === 0 && performance.now() < end) await sleep(50)
    assert.equal(await reaches(it.stranger, it.wan), true)
    await stop(it)
  })

  test(`${protocol}: a node that was killed finds its mapping again`, options, async () => {
    await using lab = await createLab()
    const it = await world(lab, { protocols: [protocol] })
    await it.mapping.says(now(`11.0.0.2:${port}`, protocol))
    it.mapping.kill('SIGKILL')
    await it.mapping.ended
    const again = start(it.node)
    await again.says(now(`11.0.0.2:${port}`, protocol))
    assert.equal((await it.daemon.mappings()).length, 1)
    await stop({ mapping: again })
    assert.deepEqual(await it.daemon.mappings(), [])
  })
}

test('a firewall on the node that lets in answers only keeps none of theirs out', options, async () => {
  for (const protocol of ['pcp', 'nat-pmp', 'upnp'] as const) {
    await using lab = await createLab()
    const home = await upnpHome(lab)
    await home.node.ok(['nft', '-f', '-'], { input: closedFirewall })
    await UpnpDaemon.start(home.router, { protocols: [protocol] })
    await start(home.node).says(now(`11.0.0.2:${port}`, protocol))
  }
})

test('a port that another host has already: the router gives another one', options, async () => {
  for (const protocol of ['pcp', 'nat-pmp', 'upnp'] as const) {
    await using lab = await createLab()
    const home = await upnpHome(lab)
    const daemon = await UpnpDaemon.start(home.router, { protocols: [protocol] })
    const other = await lab.host('other')
    await lab.link(other, home.inside, { addresses: ['192.168.1.11/24'], gateways: ['192.168.1.1'] })
    await start(other).says(now(`11.0.0.2:${port}`, protocol))
    const mapping = start(home.node)
    const [, given] = await mapping.says(/endpoint=11\.0\.0\.2:(\d+) /)
    assert.notEqual(Number(given), port)
    assert.equal(await reaches(home.stranger, home.wan, Number(given)), true)
    assert.equal((await daemon.mappings()).length, 2)
    await stop({ mapping })
    assert.equal((await daemon.mappings()).length, 1, 'the other host keeps its own')
  }
})

const report = async (mapping: Program) => {
  await say(mapping, 'report')
  return JSON.parse((await mapping.says(/report (.*)\n/))[1]!)
}

test('a router that refuses, says why', options, async () => {
  await using lab = await createLab()
  // UPnP alone: asked by PCP, this daemon tries all 65 535 ports against its rules before it says no
  const it = await world(lab, { protocols: ['upnp'], rules: [] })
  await it.mapping.says(/no port mapping/)
  const { state, problem, protocols } = await report(it.mapping)
  assert.equal(state, 'none')
  assert.equal(problem, 'refused: not authorized')
  assert.deepEqual(protocols, { pcp: 'no answer', 'nat-pmp': 'no answer', upnp: 'refused: not authorized' })
})

test('a router behind another NAT: no mapping is told', options, async () => {
  await using lab = await createLab()
  const it = await world(lab, {}, { wan: '100.64.0.2' })
  await it.mapping.says(/no port mapping/)
  const { state, problem } = await report(it.mapping)
  assert.equal(state, 'none')
  assert.match(problem, /refused|another NAT|offline/)
  assert.deepEqual(await it.daemon.mappings(), [])
  assert.doesNotMatch(it.mapping.out, /now /)
})

test('a router that has none of it costs a few packets', options, async t => {
  await using lab = await createLab()
  const home = await upnpHome(lab)
  const rules =
    'table inet count { chain in { type filter hook prerouting priority -300; iifname "lan" meta l4proto udp counter; }; }'
  await home.router.ok(['nft', '-f', '-'], { input: rules })
  const mapping = start(home.node)
  await mapping.says(/no port mapping/)
  const listed = await home.router.ok(['nft', 'list', 'table', 'inet', 'count'])
  const packets = Number(/packets (\d+)/.exec(listed)![1])
  t.diagnostic(`${packets} packets`)
  assert.ok(packets > 0 && packets <= 18, `${packets} packets`)
})
