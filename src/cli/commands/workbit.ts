/** `wh workbit`: public key in, its work out. */

import { Args, Flags } from '@oclif/core'
import { Failure } from '../../base/failure.ts'
import { readPublicKey } from '../../protocol/identity/key.ts'
import { workbitOf } from '../../protocol/identity/workbit.ts'
import { WhCommand } from '../command.ts'
import { goalOf } from '../goal.ts'
import { wordFromStdin } from '../stdin.ts'

export default class Workbit extends WhCommand {
  static override summary = 'Print how many bits of work the public key on standard input carries'
  static override description =
    'Reads a public key in the form of network files or of wg. FILE is a network file: its namespace is taken.'
  static override examples = [
    '<%= config.bin %> pubkey < private.key | <%= config.bin %> workbit',
    'wg show wg0 public-key | <%= config.bin %> workbit namespace example',
    '<%= config.bin %> pubkey < private.key | <%= config.bin %> workbit ./net.conf',
  ]
  static override args = {
    FILE: Args.string({ ignoreStdin: true, description: 'network file that says the namespace' }),
  }
  static override flags = {
    namespace: Flags.string({ description: 'what the work was done for (public if nothing says)' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Workbit)
    const { namespace } = goalOf(flags, args.FILE)
    const read = readPublicKey(await wordFromStdin('a public key'))
    if (!read.ok) throw new Failure(`not a public key: ${read.problem}`)
    this.log(String(workbitOf(read.ok, namespace)))
  }
}
