/** `wh rename`: another name or address. */

import { Args, Flags } from '@oclif/core'
import { WhCommand } from '../command.ts'
import { askDaemon, theOnly } from '../daemons.ts'
import { networkFlags } from '../network-flags.ts'

export default class Rename extends WhCommand {
  static override summary = 'Give a member another name or address'
  static override description = 'Everybody sees it as soon as he hears of it. Only admins can rename.'
  static override examples = [
    '<%= config.bin %> rename laptop.home anna.home',
    '<%= config.bin %> rename laptop.home address 10.7.0.9',
  ]
  static override args = {
    NAME: Args.string({
      ignoreStdin: true,
      required: true,
      description: 'hostname, public key or overlay address of a member',
    }),
    HOSTNAME: Args.string({ ignoreStdin: true, description: 'its name from now on' }),
  }
  static override flags = {
    address: Flags.string({ description: 'its IPv4 address from now on', helpValue: 'IP' }),
    ...networkFlags,
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Rename)
    const answer = await askDaemon(theOnly(flags.network), 'assign', {
      name: args.NAME,
      ...(args.HOSTNAME === undefined ? {} : { hostname: args.HOSTNAME }),
      ...(flags.address === undefined ? {} : { address: flags.address }),
    })
    this.log(flags.json ? JSON.stringify(answer, null, 2) : answer.sentence)
  }
}
