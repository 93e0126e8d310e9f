/** Hosts on one switch, each with a key and the same network file, for tests that run the real `wh` on them. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { Host, Lab, Result, Switch } from '../lab/lab.ts'

export const bin = join(import.meta.dirname, '../../bin/wh')
export const file = '/etc/wirehub/test.conf'
export const keyFile = '/etc/wirehub/private.key'

export type Node = { readonly host: Host; readonly name: string; readonly publicKey: string; readonly underlay: string }

/** A host with a key of its own, and an address on the switch. */
export async function addNode(lab: Lab, lan: Switch, name: string, number: number): Promise<Node> {
  const host = await lab.host(name)
  const underlay = `192.0.2.${number}`
  await lab.link(host, lan, { addresses: [`${underlay}/24`, `2001:db8::${number}/64`] })
  const privateKey = await host.ok(['wg', 'genkey'])
  await host.ok(['mkdir', '-p', '/etc/wirehub'])
  await host.writeFile(keyFile, privateKey, { mode: 0o600 })
  const publicKey = (await host.ok(['wg', 'pubkey'], { input: privateKey })).trim()
  return { host, name, publicKey, underlay }
}

/** The network file of these nodes; the first has its endpoint written, the others come to it. */
export function conf(nodes: readonly Node[], { name = 'test', subnet = '10.0.42.0/24', port = 51820 } = {}): string {
  const lines = nodes.map(node => `trust ${node.name}.${name} ${node.publicKey} ${node.underlay}:${port}`)
  return [`name ${name}`, `subnet ${subnet}`, 'workbit 0', ...lines, ''].join('\n')
}

export async function createMesh(
  lab: Lab,
  names: readonly string[],
): Promise<{ nodes: Node[]; lan: Switch; text: string }> {
  const lan = await lab.switch('lan')
  const nodes: Node[] = []
  for (const [i, name] of names.entries()) nodes.push(await addNode(lab, lan, name, i + 1))
  const text = conf(nodes)
  for (const { host } of nodes) await host.writeFile(file, text)
  return { nodes, lan, text }
}

/** Runs `wh` on a host; the result, whatever it is. */
export function wh(host: Host, ...args: string[]): Promise<Result> {
  return host.run([bin, ...args], { timeout: 120_000 })
}

/** Runs `wh` on a host and demands success. */
export async function whOk(host: Host, ...args: string[]): Promise<string> {
  const { code, out, err } = await wh(host, ...args)
  assert.equal(code, 0, `wh ${args.join(' ')}: exit ${code}\n${out}${err}`)
  return out
}

/** Until there is an answer: a first packet may find no session yet, on a slow machine for seconds. */
export async function ping(host: Host, name: string, ...options: string[]): Promise<void> {
  await host.ok(['ping', '-c', '1', '-w', '20', ...options, name])
}

/** Everything of ours that could be left on a host: interfaces, hosts lines, sockets, processes. */
export async function traces(host: Host): Promise<string[]> {
  const links = (await host.ok(['ip', '-br', 'link'])).split('\n').filter(line => /^(wh|wg)/.test(line))
  const hosts = (await host.ok(['cat', '/etc/hosts'])).split('\n').filter(line => line.includes('wh '))
  const run = (await host.run(['find', '/run/wirehub', '/run/wireguard', '-not', '-type', 'd'])).out.split('\n')
  const processes = (await host.ok(['ps', '-eo', 'stat=,args='])).split('\n')
  const ours = processes.filter(line => /daemon\/main|wireguard-go/.test(line) && !/^Z/.test(line))
  return [...links, ...hosts, ...run, ...ours].filter(line => line !== '')
}

/** Waits until nothing of ours is left; what is ending ends in its own time. */
export async function assertClean(host: Host): Promise<void> {
  let left = await traces(host)
  for (let tries = 0; left.length > 0 && tries < 50; tries++) left = await traces(host)
  assert.deepEqual(left, [])
}

/** Of the daemon that is up; one that was started and had nothing to do may still be ending. */
export async function daemonPid(host: Host): Promise<string> {
  const one = ({ code, out }: Result) => code === 0 && out.trim().split('\n').length === 1
  return (await host.until(['pgrep', '-f', 'daemon/main'], one)).out.trim()
}
