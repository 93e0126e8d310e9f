/** Machines that know nothing of each other, and the network `home`, which one of them begins and others join. */

import assert from 'node:assert/strict'
import type { Host, Lab } from '../lab/lab.ts'
import { bin, ping, whOk } from './mesh.ts'

export const net = '/etc/wirehub/home.conf'

/** Bare machines on one switch, which know nothing of each other. */
export async function machines(lab: Lab, names: readonly string[]): Promise<Host[]> {
  const lan = await lab.switch('lan')
  const hosts: Host[] = []
  for (const [i, name] of names.entries()) {
    const host = await lab.host(name)
    await lab.link(host, lan, { addresses: [`192.0.2.${i + 1}/24`] })
    hosts.push(host)
  }
  return hosts
}

/** The network `home` on a machine that others reach there: its first admin. */
export async function found(host: Host, endpoint = '192.0.2.1', hostname = 'a.home'): Promise<void> {
  const place = ['endpoint', endpoint, 'hostname', hostname, 'subnet', '10.7.0.0/24', 'workbit', '8']
  await whOk(host, 'init', 'home', ...place)
  await whOk(host, 'up', net)
}

/** The token. */
export async function invite(host: Host, ...more: string[]): Promise<string> {
  return JSON.parse(await whOk(host, 'invite', '--json', ...more)).token
}

const confOf = (host: Host) => whOk(host, 'members', 'conf')

/** Waits until all have the same members, so many of them. */
export async function agree(hosts: readonly Host[], count: number): Promise<void> {
  for (const host of hosts) {
    const all = ({ out }: { out: string }) => out.split('\n').filter(line => line.startsWith('trust ')).length === count
    await host.until([bin, 'members', 'conf'], all, { timeout: 30_000 })
  }
  const files = await Promise.all(hosts.map(confOf))
  for (const file of files) assert.equal(file, files[0])
}

/** `a`, who began it, `b` and `c`: all know of all, and the last two have a tunnel. */
export async function three(lab: Lab): Promise<[Host, Host, Host]> {
  const [a, b, c] = (await machines(lab, ['a', 'b', 'c'])) as [Host, Host, Host]
  await found(a)
  const token = await invite(a, 'uses', '5')
  await whOk(b, 'join', token, 'b.home')
  await whOk(c, 'join', token, 'c.home')
  await agree([a, b, c], 3)
  await ping(b, 'c.home')
  return [a, b, c]
}
