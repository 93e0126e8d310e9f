/** `wh ping`: does the node answer control packets, through which endpoint, how fast? */

import { exit, Failure } from '../../base/failure.ts'
import { WhCommand } from '../command.ts'
import { askDaemon } from '../daemons.ts'
import { placeText } from '../print/carriers.ts'
import { calledPeer, networkOf, targetArgs, targetFlags } from '../target.ts'

export default class Ping extends WhCommand {
  static override summary = 'Send a node a control packet, through every endpoint that is known'
  static override description =
    'No tunnel is needed, and the key may be in no file. The first answer counts. Exit status 1 where none comes.'
  static override examples = ['<%= config.bin %> ping b.test', '<%= config.bin %> ping b.test --json']
  static override args = targetArgs
  static override flags = targetFlags

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Ping)
    const { answer, tried, ...peer } = await askDaemon(await networkOf(args.NAME, flags.network), 'ping', {
      name: args.NAME,
    })
    if (flags.json) {
      if (!answer) process.exitCode = exit.failed
      this.log(JSON.stringify({ ...peer, answer, tried }, null, 2))
      return
    }
    if (!answer) {
      throw new Failure(
        tried.length === 0
          ? `nobody knows where ${calledPeer(peer)} is`
          : `${calledPeer(peer)} does not answer at ${tried.map(placeText).join(', ')}`,
        { exit: exit.failed, remedy: `wh lookup ${args.NAME} shows who was asked` },
      )
    }
    this.log(
      `${calledPeer(peer)} answers from ${placeText(answer.endpoint)} in ${answer.rtt.toFixed(1)} ms; it sees us at ${placeText(answer.observed)}`,
    )
  }
}
