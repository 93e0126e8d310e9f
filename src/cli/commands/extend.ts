/** `wh extend`: how long somebody is a member. */

import { Args } from '@oclif/core'
import { WhCommand } from '../command.ts'
import { askDaemon, theOnly } from '../daemons.ts'
import { networkFlags } from '../network-flags.ts'
import { secondsOf } from '../seconds.ts'

export default class Extend extends WhCommand {
  static override summary = 'Say when a membership ends'
  static override description =
    'A membership without an end lasts until somebody revokes it; one with an end is announced 30 days ahead by wh show. Only admins can say it.'
  static override examples = ['<%= config.bin %> extend laptop.home 90d', '<%= config.bin %> extend laptop.home never']
  static override args = {
    NAME: Args.string({
      ignoreStdin: true,
      required: true,
      description: 'hostname, public key or overlay address of a member',
    }),
    TIME: Args.string({ ignoreStdin: true, required: true, description: 'from now on: 30m, 24h, 90d, never' }),
  }
  static override flags = networkFlags

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Extend)
    const seconds = String(secondsOf('TIME', args.TIME))
    const answer = await askDaemon(theOnly(flags.network), 'assign', { name: args.NAME, seconds })
    this.log(flags.json ? JSON.stringify(answer, null, 2) : answer.sentence)
  }
}
