/** `wh revoke`: a key is a member no more. */

import { Args } from '@oclif/core'
import { WhCommand } from '../command.ts'
import { askDaemon, theOnly } from '../daemons.ts'
import { networkFlags } from '../network-flags.ts'

export default class Revoke extends WhCommand {
  static override summary = 'Throw a member out, for good'
  static override description =
    'Every member drops its tunnel, its name and its records as soon as it hears of it: those in reach within a second or two, others when they meet one that knows. The key never comes back; a person can, by a token and a new key. What the key said that was not known here is void, and so are its open invites. Only admins can revoke.'
  static override examples = [
    '<%= config.bin %> revoke laptop.home',
    '<%= config.bin %> revoke KJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW4',
  ]
  static override args = {
    NAME: Args.string({
      ignoreStdin: true,
      required: true,
      description: 'hostname, public key or overlay address of a member, or any public key',
    }),
  }
  static override flags = networkFlags

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Revoke)
    const answer = await askDaemon(theOnly(flags.network), 'revoke', { name: args.NAME })
    this.log(flags.json ? JSON.stringify(answer, null, 2) : answer.sentence)
  }
}
