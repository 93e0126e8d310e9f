/** `wh reload`: reads the network file again and changes only what the file changed. */

import { Args, Flags } from '@oclif/core'
import { requireRoot } from '../../daemon/prepare.ts'
import { systemOs as os } from '../../os/index.ts'
import { WhCommand } from '../command.ts'
import { askDaemon, forEach, notRunning, select } from '../daemons.ts'

export default class Reload extends WhCommand {
  static override summary = 'Apply a changed network file; running tunnels are not disturbed'
  static override description = 'A file with errors changes nothing. Without a name: the only network that is up.'
  static override examples = [
    '<%= config.bin %> reload',
    '<%= config.bin %> reload test',
    '<%= config.bin %> reload all -v',
  ]
  static override args = {
    NAME: Args.string({ ignoreStdin: true, description: 'an interface, a network, its file, or all' }),
  }
  static override flags = { verbose: Flags.boolean({ char: 'v', description: 'show the commands that were run' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Reload)
    requireRoot(os, 'wh reload')
    const selected = select(args.NAME)
    if (selected.length === 0 && args.NAME !== 'all') throw notRunning('no network is up')
    await forEach(selected, async running => {
      const { changes, commands, warnings } = await askDaemon(running, 'reload', {})
      for (const warning of warnings) this.logToStderr(`wh reload: ${warning}`)
      if (flags.verbose) for (const command of commands) this.logToStderr(command)
      const { network } = running.journal
      for (const change of changes) this.log(`${network}: ${change}`)
      if (changes.length === 0) this.log(`${network}: no change`)
    })
  }
}
