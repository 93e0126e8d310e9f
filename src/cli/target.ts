/** What `lookup`, `ping`, `p2p` and `forget` share: one node, by name, key or address, and the network in which to look. */

import { Args, Flags } from '@oclif/core'
import { exit, Failure } from '../base/failure.ts'
import { allNetworks, askDaemon, Dead, notRunning, type Running, select } from './daemons.ts'

export const targetArgs = {
  NAME: Args.string({
    ignoreStdin: true,
    required: true,
    description: 'hostname, public key or overlay address of a member, or any public key',
  }),
}

export const targetFlags = {
  network: Flags.string({ description: 'where to look, if several networks are up', helpValue: 'NAME' }),
  json: Flags.boolean({ description: 'for scripts' }),
}

/** The network that was named; else the one that has such a member; else the only one there is. */
export async function networkOf(name: string, given: string | undefined): Promise<Running> {
  if (given !== undefined && given !== 'all') return select(given)[0]!
  const all = allNetworks()
  if (all.length === 0) throw notRunning('no network is up')
  if (all.length === 1) return all[0]!
  const having: Running[] = []
  for (const running of all) {
    const found = await askDaemon(running, 'resolve', { name }).catch(error => {
      if (error instanceof Dead) return null
      throw error
    })
    if (found?.found) having.push(running)
  }
  if (having.length === 1) return having[0]!
  const names = (having.length === 0 ? all : having).map(({ journal }) => journal.network)
  throw new Failure(`${name} is ${having.length === 0 ? 'no member of' : 'in'} several networks: ${names.join(', ')}`, {
    exit: exit.usage,
    remedy: `say which: network ${names[0]}`,
  })
}

/** `b.test`, or the beginning of a key that has no name. */
export function calledPeer({ hostname, key }: { hostname?: string | undefined; key: string }): string {
  return hostname ?? `${key.slice(0, 10)}…`
}
