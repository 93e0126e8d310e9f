/** `wh forget`: what was learnt about where a node is. */

import { WhCommand } from '../command.ts'
import { askDaemon } from '../daemons.ts'
import { placeText } from '../print/carriers.ts'
import { calledPeer, networkOf, targetArgs, targetFlags } from '../target.ts'

export default class Forget extends WhCommand {
  static override summary = 'Forget what was learnt about where a member is, and find it anew'
  static override description = 'The network file is not touched: what it says stays known.'
  static override examples = ['<%= config.bin %> forget b.test']
  static override args = targetArgs
  static override flags = targetFlags

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Forget)
    const forgotten = await askDaemon(await networkOf(args.NAME, flags.network), 'forget', { name: args.NAME })
    if (flags.json) {
      this.log(JSON.stringify(forgotten, null, 2))
      return
    }
    const { endpoints } = forgotten
    const what = endpoints.length === 0 ? 'nothing was known' : `forgotten: ${endpoints.map(placeText).join(', ')}`
    this.log(`${calledPeer(forgotten)}: ${what}`)
  }
}
