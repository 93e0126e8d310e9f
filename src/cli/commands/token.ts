/** `wh token`: what a token says, without using it. */

import { Args, Flags } from '@oclif/core'
import { exit, Failure } from '../../base/failure.ts'
import { formatEndpoint } from '../../base/ip.ts'
import { readToken } from '../../protocol/membership/token.ts'
import { WhCommand } from '../command.ts'
import { wordFromStdin } from '../stdin.ts'

export default class Token extends WhCommand {
  static override summary = 'Explain a token without using it'
  static override description =
    'Says which network it is for, where somebody who joins would begin, and how much work a key needs. Whether the invite is still good only a member can say. Its secret is not shown.'
  static override examples = ['<%= config.bin %> token inspect wh1-…', '<%= config.bin %> token inspect - < token']
  static override args = {
    DEED: Args.string({ ignoreStdin: true, required: true, options: ['inspect'], description: 'what to do with it' }),
    TOKEN: Args.string({ ignoreStdin: true, required: true, description: 'the token, or - for standard input' }),
  }
  static override flags = { json: Flags.boolean({ description: 'for scripts' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Token)
    const { ok, problem } = readToken(args.TOKEN === '-' ? await wordFromStdin('a token') : args.TOKEN)
    if (!ok) throw new Failure(`not a token: ${problem}`, { exit: exit.usage })
    const { network, namespace, workbit, places } = ok
    const told = places.map(({ key, endpoint }) => ({ key, endpoint: formatEndpoint(endpoint) }))
    if (flags.json) {
      this.log(JSON.stringify({ version: 1, network, namespace, workbit, places: told }, null, 2))
      return
    }
    this.log(`network    ${network}`)
    this.log(`namespace  ${namespace}`)
    this.log(`workbit    ${workbit}`)
    for (const { key, endpoint } of told) this.log(`begin at   ${endpoint}  ${key}`)
    if (told.length === 0) this.log('begin at   nowhere: no member could be reached when it was made')
  }
}
