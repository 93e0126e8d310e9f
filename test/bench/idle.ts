/**
 * What a large network costs a node that talks to few of its members: packets on its wire and processor time, with nobody in use, and
 * with three in use by one ping a second. Beside it plain WireGuard with the same peers and PersistentKeepalive, which is what a
 * mesh without a doorbell has to do behind NATs.
 */

import { createLab, type Host, noLab } from '../lab/lab.ts'
import { createNet, pings, up } from '../system/discovery-net.ts'
import { bin, file, type Node } from '../system/mesh.ts'

const members = 1_000
const used = ['b', 'c', 'd']
const settleSeconds = 60
const seconds = 60
/** The kernel's USER_HZ, in which /proc counts processor time. */
const ticksPerSecond = 100

type Count = { readonly packets: number; readonly ticks: number }

export async function run(): Promise<void> {
  if (noLab) throw new Error(noLab)
  await using lab = await createLab()
  const { members: nodes, boots, text } = await createNet(lab, { members: ['a', ...used], subnet: '10.0.0.0/16' })
  const [a] = nodes as [Node]
  console.log(`making ${members - nodes.length} keys of members that are never there`)
  const keys = (
    await a.host.ok(['sh', '-c', `for i in $(seq ${members - nodes.length}); do wg genkey | wg pubkey; done`])
  )
    .trim()
    .split('\n')
  const more = keys.map((key, i) => `trust x${i}.test ${key}\n`).join('')
  for (const { host } of [...nodes, ...boots]) await host.writeFile(file, text.replace('workbit 8', 'workbit 0') + more)
  await up([...boots, ...nodes])
  for (const name of used) await pings(a.host, `${name}.test`)
  await rest(a.host, settleSeconds + 120)

  console.log(`${members} members, ${seconds} s each${' '.repeat(16)}packets/min   CPU s/min   RSS MB`)
  await row('nobody in use', a.host, [])
  await row(`${used.length} in use, a ping a second each`, a.host, used)
  await a.host.ok([bin, 'down'])
  await plain(a, keys)
}

async function row(name: string, host: Host, talkTo: readonly string[]): Promise<void> {
  const talk = talkTo.map(peer => host.spawn(['ping', '-n', '-q', `${peer}.test`]))
  if (talkTo.length > 0) await rest(host, 20)
  const pid = (await host.ok(['pgrep', '-f', 'daemon/main'])).trim()
  const before = await count(host, pid)
  await rest(host, seconds)
  const after = await count(host, pid)
  for (const ping of talk) ping.kill()
  const status = await host.readFile(`/proc/${pid}/status`)
  const rss = Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024
  print(name, after.packets - before.packets, (after.ticks - before.ticks) / ticksPerSecond, rss.toFixed(0))
}

/** The same peers behind a NAT, each with an endpoint and a keepalive of 25 s. Nobody answers: what is counted is what is sent. */
async function plain({ host, underlay }: Node, keys: readonly string[]): Promise<void> {
  const conf = keys.map(
    (key, i) => `[Peer]\nPublicKey = ${key}\nEndpoint = ${underlay}:${1024 + i}\nPersistentKeepalive = 25\n`,
  )
  const far = conf.map(line => line.replace(underlay, '192.0.2.250')).join('\n')
  await host.ok(['sh', '-c', 'wireguard-go plain >/dev/null 2>&1 && wg set plain private-key /etc/wirehub/private.key'])
  await host.ok(['wg', 'addconf', 'plain', '/dev/stdin'], { input: far, timeout: 300_000 })
  await host.ip(['neigh add 192.0.2.250 lladdr 02:00:00:00:00:01 dev eth0', 'link set dev plain up'])
  const pid = (await host.ok(['pgrep', '-x', 'wireguard-go'])).trim().split('\n').at(-1)!
  const before = await count(host, pid)
  await rest(host, seconds)
  const after = await count(host, pid)
  print(
    'plain WireGuard, keepalives to all',
    after.packets - before.packets,
    (after.ticks - before.ticks) / ticksPerSecond,
    '',
  )
}

function print(name: string, packets: number, cpu: number, rss: string): void {
  console.log(`${name.padEnd(40)}${String(packets).padStart(11)}${cpu.toFixed(2).padStart(12)}${rss.padStart(9)}`)
}

const rest = (host: Host, time: number) => host.run(['sleep', String(time)], { timeout: (time + 30) * 1000 })

/** Both directions of the host's own cable, and the processor time of a program with its children. */
async function count(host: Host, pid: string): Promise<Count> {
  const statistics = '/sys/class/net/eth0/statistics'
  const out = await host.ok(['cat', `${statistics}/rx_packets`, `${statistics}/tx_packets`, `/proc/${pid}/stat`])
  const [received, sent, stat] = out.trim().split('\n') as [string, string, string]
  const ticks = stat.slice(stat.lastIndexOf(')')).split(' ').slice(12, 16)
  return { packets: Number(received) + Number(sent), ticks: ticks.reduce((sum, text) => sum + Number(text), 0) }
}
