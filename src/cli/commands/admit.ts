/** `wh admit`: a key becomes a member. */

import { Args, Flags } from '@oclif/core'
import { WhCommand } from '../command.ts'
import { askDaemon, theOnly } from '../daemons.ts'
import { networkFlags } from '../network-flags.ts'
import { secondsOf } from '../seconds.ts'

export default class Admit extends WhCommand {
  static override summary = 'Make a key a member, without a token'
  static override description =
    'For a machine that has its key and its network file already: the file with the same admin lines and a way to a member. Others hear of it at once. Only admins can admit.'
  static override examples = [
    '<%= config.bin %> admit KJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW4 db.home',
    '<%= config.bin %> admit KJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW4 guest.home expires 7d',
  ]
  static override args = {
    KEY: Args.string({ ignoreStdin: true, required: true, description: 'public key' }),
    HOSTNAME: Args.string({ ignoreStdin: true, required: true, description: 'its name' }),
  }
  static override flags = {
    endpoint: Flags.string({ description: 'where it can always be reached', helpValue: 'HOST[:PORT]' }),
    expires: Flags.string({ description: 'how long it is a member: 24h, 90d (for ever)', helpValue: 'TIME' }),
    ...networkFlags,
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Admit)
    const answer = await askDaemon(theOnly(flags.network), 'admit', {
      key: args.KEY,
      hostname: args.HOSTNAME,
      ...(flags.endpoint === undefined ? {} : { endpoint: flags.endpoint }),
      ...(flags.expires === undefined ? {} : { seconds: String(secondsOf('expires', flags.expires)) }),
    })
    this.log(flags.json ? JSON.stringify(answer, null, 2) : answer.sentence)
  }
}
