/** `wh withdraw`: a token ends. */

import { Args } from '@oclif/core'
import { WhCommand } from '../command.ts'
import { askDaemon, theOnly } from '../daemons.ts'
import { networkFlags } from '../network-flags.ts'

export default class Withdraw extends WhCommand {
  static override summary = 'End an invite before its time'
  static override description = 'Who has joined by it stays. wh members lists open invites. Only admins can withdraw.'
  static override examples = ['<%= config.bin %> withdraw 3f9a1c04']
  static override args = {
    INVITE: Args.string({ ignoreStdin: true, required: true, description: 'id of the invite, or its beginning' }),
  }
  static override flags = networkFlags

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Withdraw)
    const answer = await askDaemon(theOnly(flags.network), 'withdraw', { invite: args.INVITE })
    this.log(flags.json ? JSON.stringify(answer, null, 2) : answer.sentence)
  }
}
