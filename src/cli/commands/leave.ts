/** `wh leave`: this node goes. */

import { WhCommand } from '../command.ts'
import { askDaemon, theOnly } from '../daemons.ts'
import { networkFlags } from '../network-flags.ts'

export default class Leave extends WhCommand {
  static override summary = 'Leave the network, for good'
  static override description =
    'Tells the other members that this node is one no more, and takes the network down. Its key never comes back; the files stay where they are.'
  static override examples = ['<%= config.bin %> leave']
  static override flags = networkFlags

  async run(): Promise<void> {
    const { flags } = await this.parse(Leave)
    const answer = await askDaemon(theOnly(flags.network), 'leave', {})
    this.log(flags.json ? JSON.stringify(answer, null, 2) : answer.sentence)
  }
}
