/** `wh members`: who belongs to the network, and by whose word. */

import { Flags } from '@oclif/core'
import { moment } from '../../protocol/membership/words.ts'
import { WhCommand } from '../command.ts'
import { askDaemon, theOnly } from '../daemons.ts'
import { networkFlags } from '../network-flags.ts'
import { table } from '../print/table.ts'

export default class Members extends WhCommand {
  static override summary = 'Show who belongs to the network, and who admitted whom'
  static override description =
    'With conf, as a network file that another could use: the same on every member that has heard the same. wh show says who is reached.'
  static override examples = [
    '<%= config.bin %> members',
    '<%= config.bin %> members conf > home.conf',
    '<%= config.bin %> members --json',
  ]
  static override flags = {
    conf: Flags.boolean({ description: 'as a network file', exclusive: ['json'] }),
    ...networkFlags,
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Members)
    const answer = await askDaemon(theOnly(flags.network), 'members', {})
    if (flags.conf) {
      process.stdout.write(answer.conf)
      return
    }
    if (flags.json) {
      this.log(JSON.stringify(answer, null, 2))
      return
    }
    const called = ({ key, hostname }: { key: string; hostname?: string | undefined }) =>
      hostname ?? `${key.slice(0, 10)}…`
    const admins = new Set(answer.admins.map(({ key }) => key))
    const rows = answer.members.map(({ by, at, expires, ...member }) => [
      called(member),
      member.ipv4 ?? '-',
      `${admins.has(member.key) ? 'admin, ' : ''}${by === null ? 'by the file' : `by ${called(by)}`}`,
      at === undefined ? '-' : moment(at),
      expires === undefined ? '-' : moment(expires),
    ])
    this.log(table([['NAME', 'IPV4', 'MEMBER', 'SINCE', 'UNTIL'], ...rows]).join('\n'))
    for (const { key, hostname, expires } of answer.expired) {
      this.log(`${called({ key, hostname })}: its time was over at ${moment(expires)}`)
    }
    const open = answer.invites.filter(({ used, uses, withdrawn, expires }) => {
      return !withdrawn && used < uses && (expires === undefined || expires > Date.now())
    })
    for (const { id, by, uses, used, hostname, expires } of open) {
      const whom = hostname === undefined ? '' : ` for ${hostname}`
      const end = expires === undefined ? '' : `, until ${moment(expires)}`
      this.log(`invite ${id.slice(0, 8)} of ${called(by)}${whom}: ${used} of ${uses} used${end}`)
    }
    for (const warning of answer.warnings) this.logToStderr(`wh members: ${warning}`)
  }
}
