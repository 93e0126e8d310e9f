/** `wh inspect`: everything a node knows, for scripts and for reports of faults. No secret is in it. */

import { Args, Flags } from '@oclif/core'
import { WhCommand } from '../command.ts'
import { askDaemon, forEach, notRunning, select } from '../daemons.ts'

export default class Inspect extends WhCommand {
  static override summary = 'Print everything a node knows, as JSON'
  static override description =
    'Status, candidates of every member and what became of them, records, counters. Without a name: all networks.'
  static override examples = ['<%= config.bin %> inspect', '<%= config.bin %> inspect wh-test --json']
  static override args = {
    NAME: Args.string({ ignoreStdin: true, description: 'an interface, a network, its file, or all' }),
  }
  static override flags = { json: Flags.boolean({ description: 'what it does anyway' }) }

  async run(): Promise<void> {
    const { args } = await this.parse(Inspect)
    const selected = select(args.NAME ?? 'all')
    if (selected.length === 0) throw notRunning('no network is up')
    const all: unknown[] = []
    await forEach(selected, async running => {
      all.push(await askDaemon(running, 'inspect', {}))
    })
    this.log(JSON.stringify(all, null, 2))
  }
}
