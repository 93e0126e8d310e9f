/** `wh p2p`: until the tunnel carries packets. */

import { exit, Failure } from '../../base/failure.ts'
import { WhCommand } from '../command.ts'
import { askDaemon } from '../daemons.ts'
import { placeText } from '../print/carriers.ts'
import { calledPeer, networkOf, targetArgs, targetFlags } from '../target.ts'

export default class P2p extends WhCommand {
  static override summary = 'Look for a path to a member now, and wait until the tunnel carries packets'
  static override description = 'Exit status 1 where it does not within 15 s.'
  static override examples = ['<%= config.bin %> p2p b.test', '<%= config.bin %> p2p b.test --json']
  static override args = targetArgs
  static override flags = targetFlags

  async run(): Promise<void> {
    const { args, flags } = await this.parse(P2p)
    const { endpoint, carries, took, ...peer } = await askDaemon(await networkOf(args.NAME, flags.network), 'p2p', {
      name: args.NAME,
    })
    if (!carries) process.exitCode = exit.failed
    if (flags.json) {
      this.log(JSON.stringify({ ...peer, ...(endpoint === undefined ? {} : { endpoint }), carries, took }, null, 2))
      return
    }
    if (!carries) {
      throw new Failure(
        endpoint === undefined
          ? `no endpoint of ${calledPeer(peer)} answers`
          : `${calledPeer(peer)} answers at ${placeText(endpoint)}, but the tunnel carries nothing`,
        {
          exit: exit.failed,
          remedy:
            endpoint === undefined
              ? `wh lookup ${args.NAME} shows where it was looked for`
              : 'is this node’s key in the network file over there?',
        },
      )
    }
    this.log(`${calledPeer(peer)} is connected through ${endpoint && placeText(endpoint)} after ${Math.round(took)} ms`)
  }
}
