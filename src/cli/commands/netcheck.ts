/** `wh netcheck`: what kind of network is this? */

import { Args, Flags } from '@oclif/core'
import { WhCommand } from '../command.ts'
import { askDaemon, forEach, notRunning, select } from '../daemons.ts'
import { printNetcheck } from '../print/netcheck.ts'

export default class Netcheck extends WhCommand {
  static override summary = 'Find out what kind of network this machine is in: NAT, filtering, UDP, port mapping'
  static override description =
    'Asks boot nodes, homes and members that anybody can reach where they see this node, and whether their answers from another port and address come through. In the words of RFC 4787 and RFC 5780, then what it means for connections. Takes some seconds, and needs a network that is up. Without a name: all networks.'
  static override examples = ['<%= config.bin %> netcheck', '<%= config.bin %> netcheck wh-test --json']
  static override args = {
    NAME: Args.string({ ignoreStdin: true, description: 'an interface, a network, its file, or all' }),
  }
  static override flags = { json: Flags.boolean({ description: 'for scripts: an array, one for each network' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Netcheck)
    const selected = select(args.NAME ?? 'all')
    if (selected.length === 0) throw notRunning('no network is up, and it is its nodes that are asked')
    const all: object[] = []
    await forEach(selected, async running => {
      const answer = await askDaemon(running, 'netcheck', {})
      if (flags.json) all.push({ network: running.journal.network, ...answer })
      else this.log(`${all.push(answer) > 1 ? '\n' : ''}${printNetcheck(running.journal.network, answer)}`)
    })
    if (flags.json) this.log(JSON.stringify(all, null, 2))
  }
}
