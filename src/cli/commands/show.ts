/** `wh show`: networks, and a line for each member. */

import { Args, Flags } from '@oclif/core'
import { exit } from '../../base/failure.ts'
import { systemOs as os } from '../../os/index.ts'
import { WhCommand } from '../command.ts'
import { askDaemon, Dead, select } from '../daemons.ts'
import { printStatus } from '../print/status.ts'

export default class Show extends WhCommand {
  static override summary = 'Show networks that are up, their members, paths and traffic'
  static override description =
    'States of a member: direct (a session is alive), silent (its session has expired), never seen. Without a name: all networks.'
  static override examples = [
    '<%= config.bin %> show',
    '<%= config.bin %> show wh-test',
    '<%= config.bin %> show all --json',
  ]
  static override args = {
    NAME: Args.string({ ignoreStdin: true, description: 'an interface, a network, its file, or all' }),
  }
  static override flags = { json: Flags.boolean({ description: 'for scripts: an array of networks' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Show)
    const statuses = []
    for (const running of select(args.NAME ?? 'all')) {
      try {
        statuses.push(await askDaemon(running, 'status', {}))
      } catch (error) {
        if (!(error instanceof Dead)) throw error
        process.exitCode = exit.notRunning
        this.logToStderr(`wh show: ${error.message}\n  ${error.remedy}`)
      }
    }
    if (flags.json) {
      this.log(JSON.stringify(statuses, null, 2))
      return
    }
    if (statuses.length === 0) {
      if (process.exitCode === undefined) this.log('no network is up; wh up FILE brings one up')
      return
    }
    this.log(statuses.map(status => printStatus(status, os.clock.wall())).join('\n\n'))
  }
}
