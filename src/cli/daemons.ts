/** The running networks of this machine, as the commands `show`, `reload`, `down` and `resolve` find and ask them. */

import { resolve } from 'node:path'
import { ask } from '../api/client.ts'
import type { AnswerOf, Query, RouteName } from '../api/schema.ts'
import { exit, Failure } from '../base/failure.ts'
import { type Journal, readJournals } from '../daemon/journal.ts'
import { type RunPaths, runFolder, runPaths } from '../daemon/paths.ts'
import type { ActualLink } from '../drivers/wireguard/interface.ts'
import { systemOs as os } from '../os/index.ts'

export type Running = { readonly journal: Journal; readonly paths: RunPaths }

/** All networks that are up, or were when their daemon died. @throws Failure where only root may look. */
export function allNetworks(): Running[] {
  const folder = runFolder(os.machine)
  try {
    return readJournals(os.files, folder).map(journal => ({ journal, paths: runPaths(folder, journal.network) }))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error
    throw new Failure('only root may ask the daemons of this machine', { exit: exit.permission, remedy: 'sudo wh …' })
  }
}

/** The networks that `name` means: an interface, a network, its file, `all`; nothing means the only one there is. */
export function select(name: string | undefined, all: readonly Running[] = allNetworks()): readonly Running[] {
  if (name === 'all') return all
  if (name === undefined) {
    if (all.length <= 1) return all
    throw new Failure(`several networks are up: ${all.map(({ journal }) => journal.network).join(', ')}`, {
      exit: exit.usage,
      remedy: 'name one of them, or all',
    })
  }
  const found = all.filter(running => isCalled(running, name))
  if (found.length > 0) return found
  throw notRunning(`no network, interface or file ${name} is up`)
}

/** One that is up: the named one, or the only one. */
export function theOnly(name: string | undefined): Running {
  const [running, ...others] = select(name)
  if (!running) throw notRunning('no network is up')
  if (others.length > 0)
    throw new Failure('several networks are meant', { exit: exit.usage, remedy: 'name one: network NAME' })
  return running
}

/** Is this the network's name, its interface, or its file? */
export function isCalled({ journal }: Running, name: string): boolean {
  return [journal.interface, journal.network].includes(name) || journal.file === resolve(name)
}

/** Networks whose journal is lost, found by the marks on their interfaces. Only `down` has a use for them. */
export async function unrecorded(links: readonly ActualLink[]): Promise<Running[]> {
  const folder = runFolder(os.machine)
  const known = new Set(allNetworks().map(({ journal }) => journal.owner))
  return links.flatMap(link => {
    const [, network] = /^wh (\S+) \S{8}$/.exec(link.owner) ?? []
    if (network === undefined || known.has(link.owner)) return []
    const journal = {
      network,
      file: '',
      pid: 0,
      processStart: null,
      interface: link.name,
      owner: link.owner,
      finished: true,
    }
    return [{ journal: { ...journal, blockId: link.owner.slice('wh '.length) }, paths: runPaths(folder, network) }]
  })
}

/** Does `work` for each; one that fails does not keep the others from their turn. @throws the first failure, at the end. */
export async function forEach(selected: readonly Running[], work: (running: Running) => Promise<void>): Promise<void> {
  const failures: unknown[] = []
  for (const running of selected) await work(running).catch(error => failures.push(error))
  const [first, ...others] = failures
  for (const error of others) process.stderr.write(`${error instanceof Failure ? error.message : error}\n`)
  if (first !== undefined) throw first
}

export function notRunning(message: string): Failure {
  return new Failure(message, {
    exit: exit.notRunning,
    remedy: 'wh up FILE brings a network up; wh show lists what is up',
  })
}

/** Nobody listens: the daemon is dead. */
export class Dead extends Failure {}

export async function askDaemon<N extends RouteName>(
  { journal, paths }: Running,
  name: N,
  query: Query<N>,
): Promise<AnswerOf<N>> {
  try {
    return await ask(request => os.http.ask(paths.socket, request), name, query)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'ECONNREFUSED' && code !== 'ECONNRESET') throw error
    throw new Dead(`the daemon of ${journal.network} is not running; it ended without cleaning up`, {
      exit: exit.notRunning,
      remedy: `wh up ${journal.file} starts it again; wh down ${journal.network} cleans up`,
    })
  }
}
