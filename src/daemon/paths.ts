/**
 * Where things are. What lives as long as the machine runs stands in `/run/wirehub`, in a folder of its own for each network
 * namespace other than the machine's, because namespaces share `/run`; what shall survive a reboot stands in `/var/lib/wirehub`.
 */

import { dirname, join } from 'node:path'
import type { Machine } from '../os/machine.ts'
import type { PublicKey } from '../protocol/identity/key.ts'

export type RunPaths = { readonly folder: string; socket: string; lock: string; journal: string }

/** Common to all network namespaces that share `/run`. */
export const runRoot = '/run/wirehub'

/** Held while a node starts, with a dot because no network's name starts with one: of two at once, the second must see what the first has taken. */
export const startLock = `${runRoot}/.start.lock`

/** Held while a hosts file is changed, by whichever network. */
export const hostsLock = `${runRoot}/.hosts.lock`

export function runFolder(machine: Machine): string {
  const namespace = machine.namespace()
  return namespace === null ? runRoot : `${runRoot}/net-${namespace.id}`
}

export function runPaths(folder: string, network: string): RunPaths {
  const at = (suffix: string) => `${folder}/${network}.${suffix}`
  return { folder, socket: at('sock'), lock: at('lock'), journal: at('json') }
}

export const stateFolder = '/var/lib/wirehub'

/** One file for each key that this machine has used in the network. */
export function stateFile(network: string, key: PublicKey): string {
  return `${stateFolder}/${network}/${key}.json`
}

/** What a node remembers of its members. */
export function memoryFile(network: string, key: PublicKey): string {
  return `${stateFolder}/${network}/${key}.memory.json`
}

/** What members have signed: docs/protocol/membership.md. */
export function statementsFile(network: string, key: PublicKey): string {
  return `${stateFolder}/${network}/${key}.statements`
}

/** Records and peers of the DHT. */
export function dhtFolder(network: string, key: PublicKey): string {
  return `${stateFolder}/${network}/${key}.dht`
}

export const logFolder = '/var/log/wirehub'

export function logFile(machine: Machine, network: string): string {
  const namespace = machine.namespace()
  return `${logFolder}/${network}${namespace === null ? '' : `.net-${namespace.id}`}.log`
}

/** Where network files and keys stand if nothing says. */
export const configFolder = '/etc/wirehub'

/** `home.key` beside `home.conf`. */
export function keyFileBeside(networkFile: string): string {
  return `${networkFile.replace(/\.[^./]+$/, '')}.key`
}

/** The key of a node that names none: beside the network file, then the machine's. */
export function defaultKeyFiles(networkFile: string): string[] {
  return [join(dirname(networkFile), 'private.key'), `${configFolder}/private.key`]
}
