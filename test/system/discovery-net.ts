/** Members without an endpoint in the file, and boot nodes that only help: what discovery is for. */

import assert from 'node:assert/strict'
import type { Host, Lab, Switch } from '../lab/lab.ts'
import { bin, file, keyFile, type Node, wh, whOk } from './mesh.ts'

export const bootPort = 51820

export type Net = { readonly lan: Switch; readonly boots: Node[]; readonly members: Node[]; readonly text: string }

/** A host on the switch whose key has work in a namespace. */
export async function addWorker(lab: Lab, lan: Switch, name: string, number: number, goal: string[]): Promise<Node> {
  const host = await lab.host(name)
  const underlay = `192.0.2.${number}`
  await lab.link(host, lan, { addresses: [`${underlay}/24`, `2001:db8::${number}/64`] })
  const privateKey = await host.ok([bin, 'genkey', ...goal])
  await host.writeFile(keyFile, privateKey, { mode: 0o600 })
  const publicKey = (await host.ok([bin, 'pubkey'], { input: privateKey })).trim()
  return { host, name, publicKey, underlay }
}

export type FileOptions = { name?: string; subnet?: string; workbit?: number; namespace?: string; more?: string[] }

/** The file: boot nodes with key and endpoint, members with nothing but their keys. */
export function discoveryConf(boots: readonly Node[], members: readonly Node[], options: FileOptions = {}): string {
  const { name = 'test', subnet = '10.0.42.0/24', workbit = 8, namespace, more = [] } = options
  return [
    `name ${name}`,
    ...(namespace === undefined ? [] : [`namespace ${namespace}`]),
    `subnet ${subnet}`,
    `workbit ${workbit}`,
    ...boots.map(boot => `boot ${boot.publicKey} ${boot.underlay}:${bootPort}`),
    ...members.map(node => `trust ${node.name}.${name} ${node.publicKey}`),
    ...more,
    '',
  ].join('\n')
}

/** One switch, boot nodes `r1`…, members by name; every host has the file. Nothing is up yet. */
export async function createNet(
  lab: Lab,
  { boots: count = 1, members: names, ...options }: FileOptions & { boots?: number; members: readonly string[] },
): Promise<Net> {
  const lan = await lab.switch('lan')
  const { namespace, workbit = 8 } = options
  const goal = ['workbit', String(workbit), ...(namespace === undefined ? [] : ['namespace', namespace])]
  const boots: Node[] = []
  const members: Node[] = []
  for (let i = 0; i < count; i++) boots.push(await addWorker(lab, lan, `r${i + 1}`, 100 + i, goal))
  for (const [i, name] of names.entries()) members.push(await addWorker(lab, lan, name, 1 + i, goal))
  const text = discoveryConf(boots, members, options)
  for (const { host } of [...boots, ...members]) await host.writeFile(file, text)
  return { lan, boots, members, text }
}

export async function up(nodes: readonly Node[], ...more: string[]): Promise<void> {
  for (const { host } of nodes) await whOk(host, 'up', file, ...more)
}

/** Waits until a name answers pings. */
export async function pings(host: Host, name: string, timeout = 20_000): Promise<void> {
  await host.until(['ping', '-c', '1', '-W', '1', name], ({ code }) => code === 0, { timeout })
}

export async function status(host: Host) {
  const [found] = JSON.parse(await whOk(host, 'show', '--json'))
  return found
}

/** Waits until `wh show --json` is as wanted. */
// biome-ignore lint/suspicious/noExplicitAny: what a script would read, untyped as for a script
export async function statusUntil(host: Host, good: (status: any) => boolean, timeout = 30_000): Promise<any> {
  const { out } = await host.until(
    [bin, 'show', '--json'],
    result => result.code === 0 && good(JSON.parse(result.out)[0]),
    {
      timeout,
      every: 100,
    },
  )
  return JSON.parse(out)[0]
}

export async function json(host: Host, ...args: string[]) {
  const { code, out, err } = await wh(host, ...args, '--json')
  assert.ok(out.startsWith('{') || out.startsWith('['), `wh ${args.join(' ')}: exit ${code}\n${out}${err}`)
  return { code, ...JSON.parse(out) }
}
