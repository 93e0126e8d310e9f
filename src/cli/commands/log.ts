/** `wh log`: what members have signed, as sentences. */

import { moment } from '../../protocol/membership/words.ts'
import { WhCommand } from '../command.ts'
import { askDaemon, theOnly } from '../daemons.ts'
import { networkFlags } from '../network-flags.ts'

export default class Log extends WhCommand {
  static override summary = 'Show what members have signed about who belongs to the network'
  static override description =
    'In the order in which it counts, which is not that of the clocks. What has no effect is said to have none, and why.'
  static override examples = ['<%= config.bin %> log', '<%= config.bin %> log --json']
  static override flags = networkFlags

  async run(): Promise<void> {
    const { flags } = await this.parse(Log)
    const { entries } = await askDaemon(theOnly(flags.network), 'log', {})
    if (flags.json) {
      this.log(JSON.stringify(entries, null, 2))
      return
    }
    for (const { id, at, sentence, refused } of entries) {
      this.log(
        `${id.slice(0, 8)}  ${moment(at)}  ${sentence}${refused === undefined ? '' : `  [no effect: ${refused}]`}`,
      )
    }
  }
}
