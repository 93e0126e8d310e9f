/** `wh relay`: what this node passes on for others, and whom it reaches through others. */

import { Args, Flags } from '@oclif/core'
import { WhCommand } from '../command.ts'
import { askDaemon, forEach, notRunning, select } from '../daemons.ts'
import { printRelay } from '../print/relay.ts'

export default class Relay extends WhCommand {
  static override summary = 'Show what this node relays for others, and which members it reaches through relays'
  static override description =
    'A relay passes on packets between two nodes that cannot reach each other directly; it cannot read them. Nodes that others can reach are relays: members for members, helpers for anyone, unless relay said otherwise at wh up. Without a name: all networks.'
  static override examples = ['<%= config.bin %> relay', '<%= config.bin %> relay wh-test --json']
  static override args = {
    NAME: Args.string({ ignoreStdin: true, description: 'an interface, a network, its file, or all' }),
  }
  static override flags = { json: Flags.boolean({ description: 'for scripts: an array, one for each network' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Relay)
    const selected = select(args.NAME ?? 'all')
    if (selected.length === 0) throw notRunning('no network is up')
    const all: object[] = []
    await forEach(selected, async running => {
      const answer = await askDaemon(running, 'relay', {})
      if (flags.json) all.push({ network: running.journal.network, ...answer })
      else this.log(`${all.push(answer) > 1 ? '\n' : ''}${printRelay(running.journal.network, answer)}`)
    })
    if (flags.json) this.log(JSON.stringify(all, null, 2))
  }
}
