/**
 * How soon a machine that has a token reaches a member, and how soon a revocation has reached everybody: real daemons and tunnels, on one
 * switch. Beside joining stands the key search alone, beside the revocation the time that the command itself takes.
 *     MEMBERS=20 npm run bench membership-lab
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { createLab, type Host } from '../lab/lab.ts'
import { bin, ping, whOk } from '../system/mesh.ts'

const count = Number(process.env.MEMBERS ?? 20)
const net = '/etc/wirehub/home.conf'
const log = '/var/log/wirehub/home.log'

export async function run(): Promise<void> {
  await using lab = await createLab()
  const lan = await lab.switch('lan')
  const hosts: Host[] = []
  for (let i = 0; i <= count; i++) {
    const host = await lab.host(`m${i}`)
    await lab.link(host, lan, { addresses: [`192.0.2.${i + 1}/24`] })
    hosts.push(host)
  }
  const [first, ...guests] = hosts as [Host, ...Host[]]
  await whOk(
    first,
    'init',
    'home',
    'endpoint',
    '192.0.2.1',
    'hostname',
    'm0.home',
    'subnet',
    '10.7.0.0/24',
    'workbit',
    '16',
  )
  await first.ok([bin, 'up', net], { env: { WH_DEBUG: '1' } })
  const token = JSON.parse(await whOk(first, 'invite', '--json', 'uses', String(count))).token
  const joins: number[] = []
  for (const [i, guest] of guests.entries()) {
    const began = performance.now()
    const { code, err } = await guest.run([bin, 'join', token, `m${i + 1}.home`], {
      timeout: 120_000,
      env: { WH_DEBUG: '1' },
    })
    if (code !== 0) throw new Error(err)
    await ping(guest, 'm0.home')
    joins.push(performance.now() - began)
  }
  const searches: number[] = []
  for (let i = 0; i < 10; i++) {
    const began = performance.now()
    await first.ok([bin, 'genkey', 'workbit', '16'])
    searches.push(performance.now() - began)
  }
  console.log(
    `wh join, to the first reply: p50 ${median(joins)} ms, longest ${Math.round(Math.max(...joins))} ms (${count} machines)`,
  )
  console.log(`  of it the key, by wh genkey workbit 16: p50 ${median(searches)} ms, with the start of the program`)
  const all = ({ out }: { out: string }) =>
    out.split('\n').filter(line => line.startsWith('trust ')).length === count + 1
  for (const host of hosts) await host.until([bin, 'members', 'conf'], all, { timeout: 120_000, every: 500 })
  const others = hosts.slice(0, -1)
  // what joining has set off, in the DHT and on new paths, is over
  await sleep(20_000)
  const began = Date.now()
  await whOk(first, 'revoke', `m${count}.home`)
  const ended = Date.now()
  const times: number[] = []
  for (const host of others) {
    const isIt = (line: string) => / peer \S+ remove/.test(line) && Date.parse(line.split(' ')[0]!) >= began
    const { out } = await host.until(['cat', log], ({ out }) => out.split('\n').some(isIt), { timeout: 60_000 })
    times.push(Date.parse(out.split('\n').find(isIt)!.split(' ')[0]!) - began)
  }
  console.log(
    `revoked: the peer is gone at p50 ${median(times)} ms, at the last of ${others.length} ${Math.max(...times)} ms`,
  )
  console.log(`  of it the command itself: ${ended - began} ms until it has returned`)
}

function median(times: readonly number[]): number {
  return Math.round([...times].sort((a, b) => a - b)[times.length >> 1]!)
}
