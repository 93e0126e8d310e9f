/** Removes what a daemon left that ended without taking its network down. Whoever calls holds the network's lock. */

import type { Resolver } from '../drivers/dns/resolver.ts'
import type { WireguardDriver } from '../drivers/wireguard/driver.ts'
import type { Files } from '../os/files.ts'
import type { Journal } from './journal.ts'
import type { RunPaths } from './paths.ts'

export type Leftovers = { readonly files: Files; readonly wireguard: WireguardDriver; readonly resolver: Resolver }

/** The interface of a journal, unless it is somebody else's by now. An unmarked one was being made when the daemon died. */
export async function removeInterface({ wireguard }: Leftovers, journal: Journal): Promise<void> {
  if (journal.interface === undefined) return
  const there = await wireguard.read(journal.interface)
  if (!there) return wireguard.remove(journal.interface)
  const unfinished =
    !journal.finished &&
    there.owner === '' &&
    there.publicKey === undefined &&
    ['wireguard', 'tun'].includes(there.kind)
  if (there.owner === journal.owner || unfinished) await wireguard.remove(there.name)
}

export async function cleanup(parts: Leftovers, journal: Journal, paths: RunPaths): Promise<void> {
  try {
    await parts.resolver.clear(journal.blockId)
  } finally {
    await removeInterface(parts, journal)
  }
  parts.files.remove(paths.socket)
  parts.files.remove(paths.journal)
}
