/** `wh down`: takes networks down, also what a dead or hanging daemon left. */

import { Args } from '@oclif/core'
import { Failure } from '../../base/failure.ts'
import { createLogger } from '../../base/log.ts'
import { second } from '../../base/time.ts'
import { cleanup } from '../../daemon/cleanup.ts'
import { readJournal } from '../../daemon/journal.ts'
import { hostsLock, runRoot, startLock } from '../../daemon/paths.ts'
import { requireRoot } from '../../daemon/prepare.ts'
import { createResolver } from '../../drivers/dns/resolver.ts'
import { createWireguardDriver } from '../../drivers/wireguard/driver.ts'
import { systemOs as os } from '../../os/index.ts'
import { WhCommand } from '../command.ts'
import {
  allNetworks,
  askDaemon,
  Dead,
  forEach,
  isCalled,
  notRunning,
  type Running,
  select,
  unrecorded,
} from '../daemons.ts'

/** Seconds. Taking down an interface with thousands of peers takes well under one. */
const patience = 5

const quiet = createLogger(() => {})

export default class Down extends WhCommand {
  static override summary = 'Take a network down: remove its interface and names, and what it relays'
  static override description =
    'Also removes what a daemon left that was killed. Without a name: the only network that is up.'
  static override examples = ['<%= config.bin %> down', '<%= config.bin %> down wh-test', '<%= config.bin %> down all']
  static override args = {
    NAME: Args.string({ ignoreStdin: true, description: 'an interface, a network, its file, or all' }),
  }

  readonly #wireguard = createWireguardDriver(os, quiet)

  async run(): Promise<void> {
    const { args } = await this.parse(Down)
    requireRoot(os, 'wh down')
    const selected = await this.#select(args.NAME)
    if (selected.length === 0 && args.NAME !== 'all') throw notRunning('no network is up')
    await forEach(selected, running => this.#down(running))
  }

  /** By their journals; by the marks on interfaces only where no journal says it, which takes longer. */
  async #select(name: string | undefined): Promise<readonly Running[]> {
    const recorded = allNetworks()
    if (name === undefined ? recorded.length > 0 : recorded.some(running => isCalled(running, name))) {
      return select(name, recorded)
    }
    return select(name, [...recorded, ...(await unrecorded(await this.#wireguard.links()))])
  }

  async #down(running: Running): Promise<void> {
    const { journal, paths } = running
    let words = 'is down'
    try {
      const asked = askDaemon(running, 'down', {})
      const answered = await Promise.race([
        asked,
        new Promise(done => os.clock.at(os.clock.now() + patience * second, () => done(null))),
      ])
      if (answered === null) throw new Dead('no answer')
    } catch (error) {
      if (!(error instanceof Dead)) throw error
      words = 'was not running any more; what it had left is removed'
      // a stopped or hanging process still holds the lock; the start time tells it from a later one with its number
      if (journal.processStart !== null && os.machine.processStart(journal.pid) === journal.processStart) {
        os.machine.signal(journal.pid, 'SIGKILL')
        words = 'did not answer: its daemon is killed, and what it had left is removed'
      }
    }
    os.files.folder(paths.folder, 0o700)
    const lock = await os.locks.acquire(paths.lock, patience)
    if (!lock) throw new Failure(`${journal.network}: the daemon (process ${journal.pid}) does not end`)
    // a daemon killed while it started has left the file of this one, too
    const turn = await os.locks.acquire(startLock, patience)
    try {
      // a daemon that took everything down has taken its journal along; one that was lost is as good as ours
      const left = journal.pid === 0 ? journal : readJournal(os.files, paths.journal)
      const resolver = createResolver(os, hostsLock, quiet)
      const { files, programs } = os
      if (left) await cleanup({ files, programs, wireguard: this.#wireguard, resolver }, left, paths)
    } finally {
      turn?.release()
      lock.release()
      if (paths.folder !== runRoot) os.files.removeFolder(paths.folder)
    }
    this.log(`${journal.network} ${words}`)
  }
}
