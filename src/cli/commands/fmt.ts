/** `wh fmt`: a network file in its canonical form, in either syntax. */

import { Args, Flags } from '@oclif/core'
import { Failure } from '../../base/failure.ts'
import { readNetworkFile } from '../../daemon/network-file.ts'
import { systemFiles as files } from '../../os/files.ts'
import { type Syntax, syntaxOf } from '../../protocol/network/document.ts'
import { formatConf, formatYaml } from '../../protocol/network/format.ts'
import { WhCommand } from '../command.ts'
import { writing } from '../writing.ts'

export default class Fmt extends WhCommand {
  static override summary = 'Format a network file, or convert it to or from YAML'
  static override description =
    'Prints the result. With write, the file itself is replaced; with another syntax, the result is written beside it with the other extension. Comments and the order of nodes stay. A file with errors is refused.'
  static override examples = ['<%= config.bin %> fmt net.conf', '<%= config.bin %> fmt net.conf to yaml write']
  static override args = { FILE: Args.string({ ignoreStdin: true, required: true, description: 'network file' }) }
  static override flags = {
    to: Flags.string({ options: ['conf', 'yaml'], description: 'syntax of the result; default is that of the file' }),
    write: Flags.boolean({ description: 'write a file instead of printing' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Fmt)
    const { document, text } = readNetworkFile(files, args.FILE)
    const to = (flags.to ?? document.syntax) as Syntax
    const formatted = to === 'yaml' ? formatYaml(document) : formatConf(document)
    if (!flags.write) {
      process.stdout.write(formatted)
    } else if (to !== document.syntax) {
      const beside = `${args.FILE.replace(syntaxOf(args.FILE) === 'yaml' ? /\.ya?ml$/i : /\.conf$/i, '')}.${to}`
      writing(beside, otherwise, () => files.create(beside, formatted, modeOf(args.FILE)))
      this.log(`wrote ${beside}`)
    } else if (formatted !== text) {
      modeOf(args.FILE)
      writing(args.FILE, otherwise, () => files.write(args.FILE, formatted))
    }
  }
}

const otherwise = 'remove it, or print with the same command without write'

/** Permission bits of the file. @throws Failure for a pipe or another thing that cannot be written back. */
function modeOf(path: string): number {
  const info = files.info(path)
  if (info?.regular) return info.mode & 0o777
  throw new Failure(`${path} is not a file that can be written`)
}
