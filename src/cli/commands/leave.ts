/** `wh leave`: this node goes. */

import { Flags } from '@oclif/core'
import { WhCommand } from '../command.ts'
import { askDaemon, theOnly } from '../daemons.ts'

export default class Leave extends WhCommand {
  static override summary = 'Leave the network, for good'
  static override description =
    'Tells the other members that this node is one no more, and takes the network down. Its key never comes back; the files stay where they are.'
  static override examples = ['<%= config.bin %> leave']
  static override flags = {
    network: Flags.string({ description: 'of which network, if several are up', helpValue: 'NAME' }),
    json: Flags.boolean({ description: 'for scripts' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Leave)
    const answer = await askDaemon(theOnly(flags.network), 'leave', {})
    this.log(flags.json ? JSON.stringify(answer, null, 2) : answer.sentence)
  }
}
