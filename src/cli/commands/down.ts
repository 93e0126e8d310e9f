/** `wh down`: takes networks down, also what a dead or hanging daemon left. */

import { Args } from '@oclif/core'
import { Failure } from '../../base/failure.ts'
import { createLogger } from '../../base/log.ts'
import { second } from '../../base/time.ts'
import { cleanup } from '../../daemon/cleanup.ts'
import { readJournal } from '../../daemon/journal.ts'
import { hostsLock, startLock } from '../../daemon/paths.ts'
import { requireRoot } from '../../daemon/prepare.ts'
import { createResolver } from '../../drivers/dns/resolver.ts'
import { createWireguardDriver } from '../../drivers/wireguard/driver.ts'
import { systemOs as os } from '../../os/index.ts'
import { WhCommand } from '../command.ts'
import { askDaemon, Dead, notRunning, type Running, select } from '../daemons.ts'

/** Seconds. Taking down an interface with thousands of peers takes well under one. */
const patience = 5

export default class Down extends WhCommand {
  static override summary = 'Take a network down: remove its interface and names'
  static override description =
    'Also removes what a daemon left that was killed. Without a name: the only network that is up.'
  static override examples = ['<%= config.bin %> down', '<%= config.bin %> down wh-test', '<%= config.bin %> down all']
  static override args = {
    NAME: Args.string({ ignoreStdin: true, description: 'an interface, a network, its file, or all' }),
  }

  async run(): Promise<void> {
    const { args } = await this.parse(Down)
    requireRoot(os, 'wh down')
    const selected = select(args.NAME)
    if (selected.length === 0 && args.NAME !== 'all') throw notRunning('no network is up')
    for (const running of selected) await this.#down(running)
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
    const lock = await os.locks.acquire(paths.lock, patience)
    if (!lock) throw new Failure(`${journal.network}: the daemon (process ${journal.pid}) does not end`)
    // a daemon killed while it started has left the file of this one, too
    const turn = await os.locks.acquire(startLock, patience)
    try {
      const left = readJournal(os.files, paths.journal)
      if (left) {
        const quiet = createLogger(() => {})
        const wireguard = createWireguardDriver(os, quiet)
        const resolver = createResolver(os, hostsLock, quiet)
        await cleanup({ files: os.files, wireguard, resolver }, left, paths)
      }
    } finally {
      turn?.release()
      lock.release()
    }
    this.log(`${journal.network} ${words}`)
  }
}
