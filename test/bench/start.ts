/**
 * How long `wh up` takes on a lab host, phase by phase, and what the daemon needs while nothing happens; against the floor: this Node
 * doing nothing, and the commands alone that make an interface with one peer.
 */

import { createLab, type Host, noLab } from '../lab/lab.ts'
import { bin, conf, createMesh, file, type Node, whOk } from '../system/mesh.ts'

const runs = 10
const members = 10
const idleSeconds = 60
/** Until the DHT is loaded and the members have been looked for. */
const settleSeconds = 20
/** The kernel's USER_HZ, in which /proc counts processor time. */
const ticksPerSecond = 100

const node = process.execPath
const minimal = `
  ip link add dev bench0 type wireguard 2>/dev/null || wireguard-go bench0 >/dev/null 2>&1
  wg set bench0 listen-port 4000 private-key /etc/wirehub/private.key
  ip address add 10.9.9.1/24 dev bench0
  ip address add fd99::1/48 dev bench0 nodad
  ip link set dev bench0 mtu 1420 up`

export async function run(): Promise<void> {
  if (noLab) throw new Error(noLab)
  await using lab = await createLab()
  const { nodes } = await createMesh(lab, ['a', 'b'])
  const [a, b] = nodes as [Node, Node]
  const text =
    conf(nodes) + (await Promise.all(Array.from({ length: members - 2 }, (_, i) => extra(b.host, i)))).join('')
  for (const { host } of nodes) await host.writeFile(file, text)
  await whOk(b.host, 'up', file)
  await a.host.run(['rm', '-rf', '/var/cache/wirehub'])

  const walls: number[] = []
  const pings: number[] = []
  const floors: Record<string, number[]> = { 'node -e 0': [], 'ip, wg and wireguard-go alone': [] }
  const phases = new Map<string, number[]>()
  for (let i = 0; i <= runs; i++) {
    await a.host.run(['rm', '-f', '/var/log/wirehub/test.log'])
    const [began, up, pong] = await times(a.host, [
      `WH_DEBUG=1 ${bin} up ${file} >/dev/null`,
      'timeout 20 sh -c "until ping -qc1 -W1 b.test; do :; done" >/dev/null',
    ])
    const started = await phasesOf(a.host, began)
    await whOk(a.host, 'down')
    const [zero, floor] = await times(a.host, [`${node} -e 0`])
    floors['node -e 0']!.push(floor! - zero)
    const [idle, made] = await times(a.host, [minimal])
    floors['ip, wg and wireguard-go alone']!.push(made! - idle)
    await a.host.ok(['ip', 'link', 'delete', 'dev', 'bench0'])
    if (i === 0) {
      console.log(`the first, nothing cached by Node: ${(up! - began).toFixed(0)} ms`)
      continue
    }
    walls.push(up! - began)
    pings.push(pong! - began)
    for (const [name, time] of started) phases.set(name, [...(phases.get(name) ?? []), time])
  }
  console.log(`wh up, ${members} members, ${runs} runs, ms${' '.repeat(20)}p50     p95`)
  row('wh up until it returns', walls)
  for (const [name, all] of phases) row(`  the daemon: ${name}`, all)
  row('and the first ping through the tunnel', pings)
  for (const [name, all] of Object.entries(floors)) row(`floor: ${name}`, all)

  await whOk(a.host, 'up', file)
  await idle(a.host)
}

/** A member that is never there. */
async function extra(host: Host, i: number): Promise<string> {
  const key = await host.ok(['wg', 'pubkey'], { input: await host.ok(['wg', 'genkey']) })
  return `trust x${i}.test ${key.trim()} 192.0.2.${100 + i}:51820\n`
}

/** Milliseconds since 1970 before the first command, and after each. */
async function times(host: Host, commands: readonly string[]): Promise<[number, ...number[]]> {
  const script = ['date +%s%N', ...commands.flatMap(command => [command, 'date +%s%N'])].join('\n')
  const out = await host.ok(['sh', '-ec', script])
  return out
    .trim()
    .split('\n')
    .map(line => Number(line) / 1e6) as [number, ...number[]]
}

/** The end of each phase, in milliseconds since `began`: the daemon tells them since its own start. */
async function phasesOf(host: Host, began: number): Promise<[string, number][]> {
  const log = await host.readFile('/var/log/wirehub/test.log')
  const [, time, list] = /^(\S+) debug started phases="(.*)"$/m.exec(log)!
  const all = list!.split(', ').map(phase => phase.split(' ') as [string, string])
  const origin = Date.parse(time!) - Number(all.at(-1)![1]) - began
  return [['process started', origin], ...all.map(([name, ms]): [string, number] => [name, origin + Number(ms)])]
}

async function idle(host: Host): Promise<void> {
  const pid = (await host.ok(['pgrep', '-f', 'daemon/main'])).trim()
  const ticks = async () => {
    const stat = await host.readFile(`/proc/${pid}/stat`)
    const [user, system, childUser, childSystem] = stat
      .slice(stat.lastIndexOf(')'))
      .split(' ')
      .slice(12, 16)
      .map(Number)
    return user! + system! + childUser! + childSystem!
  }
  const rss = async () => {
    const status = await host.readFile(`/proc/${pid}/status`)
    return ['VmRSS', 'RssAnon'].map(name => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)![1]) / 1024)
  }
  const fresh = await rss()
  await host.run(['sleep', String(settleSeconds)])
  const before = await ticks()
  await host.run(['sleep', String(idleSeconds)], { timeout: (idleSeconds + 10) * 1000 })
  const [after, settled] = [await ticks(), await rss()]
  const memory = ([all, own]: number[]) => `${all!.toFixed(0)} MB (its own ${own!.toFixed(0)})`
  console.log(`idle daemon: ${memory(fresh)} at first, ${memory(settled)} after ${settleSeconds + idleSeconds} s`)
  const seconds = ((after - before) / ticksPerSecond).toFixed(2)
  console.log(`             ${seconds} CPU seconds in the last ${idleSeconds} s, with the programs it ran`)
}

function row(name: string, all: readonly number[]): void {
  const sorted = all.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1]!.toFixed(0).padStart(8)
  console.log(`${name.padEnd(44)}${at(0.5)}${at(0.95)}`)
}
