/** `wh lookup`: finds a node's record afresh, and shows the walk. */

import { exit } from '../../base/failure.ts'
import { systemOs as os } from '../../os/index.ts'
import { WhCommand } from '../command.ts'
import { askDaemon } from '../daemons.ts'
import { printLookup } from '../print/lookup.ts'
import { networkOf, targetArgs, targetFlags } from '../target.ts'

export default class Lookup extends WhCommand {
  static override summary = 'Find where a node is, and show who was asked'
  static override description =
    'Asks boot nodes and members by control packets, and walks the DHT. Works for keys that are in no file, too: whoever knows a public key can find its record. Exit status 1 where there is none.'
  static override examples = [
    '<%= config.bin %> lookup b.test',
    '<%= config.bin %> lookup KJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW4 --json',
  ]
  static override args = targetArgs
  static override flags = targetFlags

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Lookup)
    const found = await askDaemon(await networkOf(args.NAME, flags.network), 'lookup', { name: args.NAME })
    if (!found.record) process.exitCode = exit.failed
    this.log(flags.json ? JSON.stringify(found, null, 2) : printLookup(found, os.clock.wall()))
  }
}
