import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLab, type Host, type Lab, noLab } from './lab.ts'

const options = { skip: noLab, timeout: 60_000 }

async function twoHosts(lab: Lab): Promise<[Host, Host]> {
  const lan = await lab.switch('lan')
  const hosts = [await lab.host('a'), await lab.host('b')] as [Host, Host]
  await lab.link(hosts[0], lan, { addresses: ['192.0.2.1/24', '2001:db8::1/64'] })
  await lab.link(hosts[1], lan, { addresses: ['192.0.2.2/24', '2001:db8::2/64'] })
  return hosts
}

/** The machine's processes that are in one of these pid namespaces. A zombie is none: it waits for the machine's pid 1. */
function inhabitants(namespaces: readonly string[]): string[] {
  return readdirSync('/proc').filter(pid => {
    if (!/^\d+$/.test(pid)) return false
    try {
      if (/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) return false
      return namespaces.includes(readlinkSync(`/proc/${pid}/ns/pid`))
    } catch {
      return false // ended meanwhile
    }
  })
}

test('two hosts on a switch reach each other over IPv4 and IPv6 at once', options, async () => {
  await using lab = await createLab()
  const [a] = await twoHosts(lab)
  await a.ok(['ping', '-c1', '-W2', '192.0.2.2'])
  await a.ok(['ping', '-c1', '-W2', '2001:db8::2'])
})

test('a router forwards between two switches', options, async () => {
  await using lab = await createLab()
  const [left, right] = [await lab.switch('left'), await lab.switch('right')]
  const [a, r, b] = [await lab.host('a'), await lab.router('r'), await lab.host('b')]
  await lab.link(r, left, { addresses: ['192.0.2.254/24', '2001:db8:1::f/64'] })
  await lab.link(r, right, { addresses: ['198.51.100.254/24', '2001:db8:2::f/64'] })
  await lab.link(a, left, {
    addresses: ['192.0.2.1/24', '2001:db8:1::1/64'],
    gateways: ['192.0.2.254', '2001:db8:1::f'],
  })
  await lab.link(b, right, {
    addresses: ['198.51.100.1/24', '2001:db8:2::1/64'],
    routes: ['192.0.2.0/24 via 198.51.100.254', '2001:db8:1::/64 via 2001:db8:2::f'],
  })
  await a.ok(['ping', '-c1', '-W2', '198.51.100.1'])
  await a.ok(['ping', '-c1', '-W2', '2001:db8:2::1'])
})

test('a plain host forwards nothing', options, async () => {
  await using lab = await createLab()
  const a = await lab.host('a')
  assert.equal(await a.readFile('/proc/sys/net/ipv4/ip_forward'), '0\n')
})

test('an unplugged host hears nothing until it is plugged in again', options, async () => {
  await using lab = await createLab()
  const lan = await lab.switch('lan')
  const [a, b] = [await lab.host('a'), await lab.host('b')]
  await lab.link(a, lan, { addresses: ['192.0.2.1/24'] })
  const cable = await lab.link(b, lan, { addresses: ['192.0.2.2/24'] })
  await cable.unplug()
  assert.notEqual((await a.run(['ping', '-c1', '-W0.3', '192.0.2.2'])).code, 0)
  await cable.plug()
  await a.until(['ping', '-c1', '-W0.3', '192.0.2.2'], it => it.code === 0)
})

test("files of one host are neither another's nor the machine's", options, async () => {
  await using lab = await createLab()
  const [a, b] = [await lab.host('a'), await lab.host('b')]
  const machineHosts = () => (existsSync('/etc/hosts') ? readFileSync('/etc/hosts', 'utf8') : null)
  const before = machineHosts()
  const places = [
    '/etc/lab-test',
    '/var/lib/lab-test',
    '/var/log/lab-test',
    '/run/lab-test',
    '/var/run/wireguard/lab-test',
  ]
  for (const place of places) {
    await a.writeFile(place, 'here\n')
    assert.equal(await a.readFile(place), 'here\n')
    assert.notEqual((await b.run(['cat', place])).code, 0, place)
    assert.ok(!existsSync(place), place)
  }
  await a.ok(['sh', '-c', 'echo 192.0.2.9 nine >/etc/hosts.new && mv /etc/hosts.new /etc/hosts'])
  assert.match(await a.ok(['getent', 'hosts', 'nine']), /192\.0\.2\.9/)
  assert.equal(await b.readFile('/etc/hosts'), '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n')
  assert.equal(machineHosts(), before)
})

test('a host has a name and processes of its own, and ours is left alone', options, async () => {
  await using lab = await createLab()
  const before = hostname()
  const a = await lab.host('a')
  assert.equal(await a.ok(['hostname']), 'a\n')
  assert.equal(hostname(), before)
  assert.equal(await a.ok(['sh', '-c', 'ls -d /proc/[0-9]* | wc -l; cat /proc/1/comm']), '4\ncat\n') // cat, sh, ls, wc
})

test('run gives status, output and errors, takes input, environment and folder', options, async () => {
  await using lab = await createLab()
  const a = await lab.host('a')
  const script = 'cat; echo $WORD; pwd; echo bad >&2; exit 3'
  assert.deepEqual(await a.run(['sh', '-c', script], { input: 'in ', env: { WORD: 'w' }, cwd: '/usr' }), {
    code: 3,
    out: 'in w\n/usr\n',
    err: 'bad\n',
  })
  assert.equal((await a.run(['sh', '-c', 'kill -9 $$'])).code, 137)
  await assert.rejects(a.ok(['sh', '-c', 'echo why >&2; exit 1']), /a: sh -c .*status 1\nwhy/s)
  await assert.rejects(a.run(['sleep', '77'], { timeout: 100 }), /a: sleep 77: no end within 100 ms/)
  await a.until(['pgrep', '-x', 'sleep'], it => it.code === 1)
})

test('a signal reaches the program itself, and the program ends as it likes', options, async () => {
  await using lab = await createLab()
  const a = await lab.host('a')
  const program = a.spawn(['sh', '-c', 'trap "echo bye; exit 5" TERM; echo up; while :; do sleep 0.02; done'])
  await program.says(/up/)
  program.kill()
  assert.deepEqual(await program.ended, { code: 5, out: 'up\nbye\n', err: '' })
  assert.equal(program.kill(), false)
})

test('a power cut ends everything in the host, and only in that host', options, async () => {
  await using lab = await createLab()
  const [a, b] = await twoHosts(lab)
  const namespace = readlinkSync(`/proc/${a.pid}/ns/pid`)
  const program = a.spawn(['sh', '-c', 'setsid sleep 1000 & echo up; wait'])
  await program.says(/up/)
  await a.kill()
  assert.notEqual((await program.ended).code, 0)
  assert.deepEqual(inhabitants([namespace]), [])
  assert.throws(() => a.spawn(['true']), /lab host a is off/)
  await b.ok(['true'])
})

test('after kill -9 of the process that made a lab, nothing of it is left', options, async () => {
  await using lab = await createLab()
  const witness = await lab.host('witness')
  const doomed = spawn(process.execPath, [`${import.meta.dirname}/doomed.ts`, String(witness.pid)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(doomed.stdout, 'data')
  await witness.ok(['ip', 'link', 'show', 'dev', 'cable'])
  const ours = [readlinkSync('/proc/self/ns/pid'), readlinkSync(`/proc/${witness.pid}/ns/pid`)]
  const theirs = descendants(doomed.pid!).map(pid => readlinkSync(`/proc/${pid}/ns/pid`))
  const namespaces = [...new Set(theirs)].filter(it => !ours.includes(it))
  assert.equal(namespaces.length, 2) // the switch and the host
  assert.equal(inhabitants(namespaces).length, 5) // two times cat, two sleep, wireguard-go

  doomed.kill('SIGKILL')
  const end = performance.now() + 5_000
  while (inhabitants(namespaces).length > 0 && performance.now() < end) await sleep(10)
  assert.deepEqual(inhabitants(namespaces), [])
  await witness.until(['ip', 'link', 'show', 'dev', 'cable'], it => it.code !== 0)
})

test('WireGuard in user space: wg0 in two hosts at once, and a ping through the tunnel', options, async () => {
  await using lab = await createLab()
  const [a, b] = await twoHosts(lab)
  const keys: string[] = []
  for (const [host, address] of [
    [a, '10.0.42.1/24'],
    [b, '10.0.42.2/24'],
  ] as const) {
    await host.ok(['wireguard-go', 'wg0'])
    const key = await host.ok(['wg', 'genkey'])
    keys.push((await host.ok(['wg', 'pubkey'], { input: key })).trim())
    await host.ok(['wg', 'set', 'wg0', 'listen-port', '51820', 'private-key', '/dev/stdin'], { input: key })
    await host.ip([`address add ${address} dev wg0`, 'link set dev wg0 up'])
  }
  await a.ok(['wg', 'set', 'wg0', 'peer', keys[1]!, 'allowed-ips', '10.0.42.2/32', 'endpoint', '192.0.2.2:51820'])
  await b.ok(['wg', 'set', 'wg0', 'peer', keys[0]!, 'allowed-ips', '10.0.42.1/32'])
  await a.ok(['ping', '-c1', '-W5', '10.0.42.2'])
})

function descendants(pid: number): string[] {
  const parents = new Map<string, string>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      parents.set(entry, /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${entry}/status`, 'utf8'))![1]!)
    } catch {} // ended meanwhile
  }
  const below = (it: string | undefined): boolean => it === String(pid) || (it !== undefined && below(parents.get(it)))
  return [...parents.keys()].filter(it => below(parents.get(it)))
}
