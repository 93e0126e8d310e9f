/** `wh check`: what a network file means, or everything that is wrong with it. */

import { Args, Flags } from '@oclif/core'
import { exit } from '../../base/failure.ts'
import { counted, readText } from '../../daemon/network-file.ts'
import { systemFiles } from '../../os/files.ts'
import { members } from '../../protocol/network/members.ts'
import { parseNetworkFile } from '../../protocol/network/parse.ts'
import { formatProblems } from '../../protocol/network/problem.ts'
import { WhCommand } from '../command.ts'
import { membersTable } from '../print/members.ts'

export default class Check extends WhCommand {
  static override summary = 'Check a network file and show its members'
  static override description =
    'Prints the members as a table, or every error with its line and what to write instead. Changes nothing and asks nobody.'
  static override examples = ['<%= config.bin %> check net.conf', '<%= config.bin %> check net.yaml json']
  static override args = { FILE: Args.string({ ignoreStdin: true, required: true, description: 'network file' }) }
  static override flags = { json: Flags.boolean({ description: 'print network, members and problems as JSON' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Check)
    const text = readText(systemFiles, args.FILE)
    const { network, problems } = parseNetworkFile(text, args.FILE)
    const found = network ? members(network) : []
    if (!network) process.exitCode = exit.failed
    if (flags.json) {
      this.log(JSON.stringify({ ok: network !== null, network, members: found, problems }, null, 2))
      return
    }
    if (network) this.log(found.length > 0 ? membersTable(found, network) : 'no members')
    if (problems.length > 0) this.logToStderr(formatProblems(problems, args.FILE, text))
    const errors = problems.filter(({ severity }) => severity === 'error').length
    if (errors > 0) this.logToStderr(`${counted(errors, 'error')} in ${args.FILE}`)
  }
}
