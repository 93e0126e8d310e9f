/** Removes what a daemon left that ended without taking its network down. Whoever calls holds the network's lock. */

import type { Resolver } from '../drivers/dns/resolver.ts'
import { removeLeftover } from '../drivers/relay/leftover.ts'
import type { WireguardDriver } from '../drivers/wireguard/driver.ts'
import type { ActualInterface } from '../drivers/wireguard/interface.ts'
import type { Files } from '../os/files.ts'
import type { Programs } from '../os/run.ts'
import type { Journal } from './journal.ts'
import type { RunPaths } from './paths.ts'

export type Leftovers = {
  readonly files: Files
  readonly programs: Programs
  readonly wireguard: WireguardDriver
  readonly resolver: Resolver
}

/** The interface of a journal, unless it is somebody else's by now. An unmarked one was being made when the daemon died. */
async function removeInterface(
  { wireguard }: Leftovers,
  journal: Journal,
  there: ActualInterface | null,
): Promise<void> {
  if (journal.interface === undefined) return
  if (!there) return wireguard.remove(journal.interface)
  const unfinished =
    !journal.finished &&
    there.owner === '' &&
    there.publicKey === undefined &&
    ['wireguard', 'tun'].includes(there.kind)
  if (there.owner === journal.owner || unfinished) await wireguard.remove(there.name)
}

/** By the interface's port, too: a reload may have moved it. Removed by mistake, where another relay has it by now, it is soon back. */
async function removeRelays({ programs }: Leftovers, journal: Journal, there: ActualInterface | null): Promise<void> {
  const ports = new Set([journal.listenPort ?? 0, there?.owner === journal.owner ? there.listenPort : 0])
  for (const port of ports) if (port !== 0) await removeLeftover(programs, port)
}

export async function cleanup(parts: Leftovers, journal: Journal, paths: RunPaths): Promise<void> {
  const there = journal.interface === undefined ? null : await parts.wireguard.read(journal.interface)
  try {
    await parts.resolver.clear(journal.blockId)
  } finally {
    try {
      await removeRelays(parts, journal, there)
    } finally {
      await removeInterface(parts, journal, there)
    }
  }
  parts.files.remove(paths.socket)
  parts.files.remove(paths.journal)
}
