/** `wh explain`: why the path to a member is what it is, and what would make it better. */

import { exit } from '../../base/failure.ts'
import { WhCommand } from '../command.ts'
import { askDaemon } from '../daemons.ts'
import { printExplanation } from '../print/explain.ts'
import { networkOf, targetArgs, targetFlags } from '../target.ts'

export default class Explain extends WhCommand {
  static override summary = 'Say in words why a member is reached as it is, or is not'
  static override description =
    'First the verdict, then what is known of both sides, what became of every place where the member may be, and what would make it better. Asks the member and some other nodes before, for a second or two. Exit status 1 where there is no path; a member that is resting has one.'
  static override examples = ['<%= config.bin %> explain b.test', '<%= config.bin %> explain b.test --json']
  static override args = targetArgs
  static override flags = targetFlags

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Explain)
    const explained = await askDaemon(await networkOf(args.NAME, flags.network), 'explain', { name: args.NAME })
    if (!explained.reachable) process.exitCode = exit.failed
    this.log(flags.json ? JSON.stringify(explained, null, 2) : printExplanation(explained))
  }
}
