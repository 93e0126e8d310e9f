/** `wh admin`: whose word counts. */

import { Args, Flags } from '@oclif/core'
import { WhCommand } from '../command.ts'
import { askDaemon, theOnly } from '../daemons.ts'
import { networkFlags } from '../network-flags.ts'

export default class Admin extends WhCommand {
  static override summary = 'Make a member an admin, or one no more'
  static override description =
    'Admins invite, admit, revoke, rename, and make admins. One that was made later is less senior: of two that revoke each other, the more senior stays.'
  static override examples = ['<%= config.bin %> admin bert.home', '<%= config.bin %> admin bert.home off']
  static override args = {
    NAME: Args.string({
      ignoreStdin: true,
      required: true,
      description: 'hostname, public key or overlay address of a member',
    }),
  }
  static override flags = {
    off: Flags.boolean({ description: 'an admin no more' }),
    ...networkFlags,
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Admin)
    const admin = flags.off ? 'false' : 'true'
    const answer = await askDaemon(theOnly(flags.network), 'admin', { name: args.NAME, admin })
    this.log(flags.json ? JSON.stringify(answer, null, 2) : answer.sentence)
  }
}
