/** `wh invite`: a token, by which somebody else joins. */

import { Args, Flags } from '@oclif/core'
import { exit, Failure } from '../../base/failure.ts'
import { moment } from '../../protocol/membership/words.ts'
import { WhCommand } from '../command.ts'
import { askDaemon, theOnly } from '../daemons.ts'
import { networkFlags } from '../network-flags.ts'
import { secondsOf } from '../seconds.ts'

const usual = '24h'

export default class Invite extends WhCommand {
  static override summary = 'Print a token by which others join the network'
  static override description =
    'Whoever has the token can join, as often as it says and until it ends, also when this node is off: any member lets him in. It is a secret. With a hostname, that name is kept for the guest. Only admins can invite.'
  static override examples = [
    '<%= config.bin %> invite',
    '<%= config.bin %> invite laptop.home expires 1h',
    '<%= config.bin %> invite uses 20 expires 7d',
    '<%= config.bin %> invite qr',
    '<%= config.bin %> invite admin',
  ]
  static override args = { HOSTNAME: Args.string({ ignoreStdin: true, description: 'kept free for the guest' }) }
  static override flags = {
    expires: Flags.string({ description: `how long it lasts: 30m, 24h, 7d, never (${usual})`, helpValue: 'TIME' }),
    uses: Flags.string({ description: 'how many may join by it (1)', helpValue: 'N' }),
    admin: Flags.boolean({ description: 'who joins by it is an admin' }),
    qr: Flags.boolean({ description: 'draw it, for a camera' }),
    ...networkFlags,
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Invite)
    if (flags.qr && flags.json) throw usage('qr draws, so it does not go together with json')
    if (flags.uses !== undefined && !/^[1-9]\d{0,4}$/.test(flags.uses))
      throw usage(`uses: "${flags.uses}" is no number`)
    const invited = await askDaemon(theOnly(flags.network), 'invite', {
      seconds: String(secondsOf('expires', flags.expires ?? usual)),
      ...(args.HOSTNAME === undefined ? {} : { hostname: args.HOSTNAME }),
      ...(flags.uses === undefined ? {} : { uses: flags.uses }),
      ...(flags.admin ? { admin: 'true' } : {}),
    })
    if (flags.json) {
      this.log(JSON.stringify(invited, null, 2))
      return
    }
    const { token, expires, places, id } = invited
    if (flags.qr) {
      const { renderUnicodeCompact } = await import('uqr')
      this.log(renderUnicodeCompact(token))
    } else this.log(token)
    const end = expires === undefined ? 'for ever' : `until ${moment(expires)}`
    this.logToStderr(`good ${end}; wh withdraw ${id.slice(0, 8)} ends it`)
    this.logToStderr(
      places.length > 0
        ? `who joins begins at ${places.join(', ')}`
        : 'no place is known where somebody could begin: no member can be reached from outside',
    )
  }
}

function usage(message: string): Failure {
  return new Failure(message, { exit: exit.usage })
}
