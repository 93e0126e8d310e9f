/**
 * From the start of `wh up` to the first reply of a member whose endpoint nobody wrote down: cold (nothing remembered, found through a
 * boot node) and warm (records remembered, boot node dead). Public hosts on one switch in the lab, without delay: what is
 * measured is processes and round trips, not distance. Beside it the same with the endpoint known: plain `ip` and `wg`.
 */

import { createLab, type Host, noLab } from '../lab/lab.ts'
import { createNet, pings, statusUntil } from '../system/discovery-net.ts'
import { bin, file, whOk } from '../system/mesh.ts'

const runs = 10
const target = '10.0.42.3'

/** One line for each thing that happened: milliseconds since the epoch, a blank, what. */
const script = `
now() { date +%s%3N; }
echo "$(now) start"
WH_DEBUG=1 ${bin} up ${file} >/dev/null 2>&1 && echo "$(now) ready" &
until ping -n -c 1 -W 0.05 -q ${target} >/dev/null 2>&1; do sleep 0.01; done
echo "$(now) reply"
wait
grep -o 'phases=.*' /var/log/wirehub/test.log | tail -n 1
grep ' path member=b.test ' /var/log/wirehub/test.log | tail -n 1 | cut -d' ' -f1 | date -f - '+%s%3N path'
`

type Phases = { readonly ready: number; readonly path: number; readonly reply: number; readonly phases: string }

async function contact(host: Host): Promise<Phases> {
  const out = await host.ok(['sh', '-c', script], { timeout: 60_000 })
  const times = new Map(out.split('\n').map(line => [line.split(' ')[1], Number(line.split(' ')[0])]))
  const since = (what: string) => times.get(what)! - times.get('start')!
  const phases = /^phases="(.*)"$/m.exec(out)?.[1] ?? ''
  return { ready: since('ready'), path: since('path'), reply: since('reply'), phases }
}

/** The least that any program could do: the same interface, and the endpoint known. */
async function byHand(host: Host, key: string, endpoint: string): Promise<number> {
  const wg = `wg set w private-key /etc/wirehub/private.key listen-port 20000 peer '${key}' endpoint ${endpoint} allowed-ips ${target}/32`
  const make = `wireguard-go w >/dev/null 2>&1; ${wg}; ip address add 10.0.42.2/24 dev w; ip link set dev w up`
  const out = await host.ok([
    'sh',
    '-c',
    `date +%s%3N; ${make}; ping -n -c 1 -W 2 -q ${target} >/dev/null; date +%s%3N; ip link del w`,
  ])
  const [start, end] = out.trim().split('\n').map(Number) as [number, number]
  return end - start
}

function row(name: string, values: readonly number[]): void {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (part: number) => `${sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]} ms`
  console.log(
    `${name.padEnd(44)}${at(0.5).padStart(10)}${at(0.95).padStart(10)}${`${sorted[0]}–${sorted.at(-1)} ms`.padStart(16)}`,
  )
}

function table(name: string, phases: readonly Phases[]): void {
  row(
    `${name}: start → first reply`,
    phases.map(({ reply }) => reply),
  )
  row(
    '  wh up says ready',
    phases.map(({ ready }) => ready),
  )
  row(
    '  endpoint found and set',
    phases.map(({ path }) => path),
  )
  console.log(`  the daemon of the last run: ${phases.at(-1)!.phases}`)
}

export async function run(): Promise<void> {
  if (noLab) throw new Error(noLab)
  await using lab = await createLab()
  const { boots, members } = await createNet(lab, { members: ['a', 'b'] })
  const [a, b] = members as [(typeof members)[0], (typeof members)[0]]
  await whOk(boots[0]!.host, 'up', file)
  await whOk(b.host, 'up', file)
  await statusUntil(b.host, it => it.directory.peers > 0)
  await whOk(a.host, 'up', file)
  await pings(a.host, 'b.test')
  const { endpoints } = await statusUntil(b.host, it => it.endpoints.length > 0)
  await whOk(a.host, 'down')

  const cold: Phases[] = []
  const hand: number[] = []
  const wgKey = `${b.publicKey.replaceAll('-', '+').replaceAll('_', '/')}=`
  const endpoint = endpoints.find((it: { endpoint: string }) => !it.endpoint.startsWith('['))!.endpoint
  for (let i = 0; i < runs; i++) {
    await a.host.ok(['sh', '-c', 'rm -rf /var/lib/wirehub /var/log/wirehub'])
    cold.push(await contact(a.host))
    await whOk(a.host, 'down')
    hand.push(await byHand(a.host, wgKey, endpoint))
  }
  await whOk(a.host, 'up', file)
  await pings(a.host, 'b.test')
  await whOk(a.host, 'down')
  for (const { host } of boots) await host.kill()
  const warm: Phases[] = []
  for (let i = 0; i < runs; i++) {
    await a.host.ok(['sh', '-c', 'rm -rf /var/log/wirehub'])
    warm.push(await contact(a.host))
    await whOk(a.host, 'down')
  }

  console.log(`${''.padEnd(44)}${'p50'.padStart(10)}${'p95'.padStart(10)}${'range'.padStart(16)}`)
  table('cold, through a boot node', cold)
  table('warm, boot node dead', warm)
  row('by hand, endpoint known: wireguard-go, ip, wg', hand)
}
