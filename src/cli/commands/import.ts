/** `wh import`: a wg-quick file as a network file, and what of it has no place there. */

import { hostname } from 'node:os'
import { basename } from 'node:path'
import { Args, Flags } from '@oclif/core'
import { exit, Failure } from '../../base/failure.ts'
import { counted, readText } from '../../daemon/network-file.ts'
import { systemFiles as files } from '../../os/files.ts'
import { formatConf } from '../../protocol/network/format.ts'
import { formatProblems } from '../../protocol/network/problem.ts'
import { readEndpoint, readMemberName, readName } from '../../protocol/network/values.ts'
import { labelOf } from '../../protocol/wg-quick/names.ts'
import { type Imported, importWgQuick } from '../../protocol/wg-quick/network.ts'
import { WhCommand } from '../command.ts'
import { writing } from '../writing.ts'

export default class Import extends WhCommand {
  static override summary = 'Make a network file of a wg-quick file'
  static override description =
    'Prints the network file: this machine and its peers become members, with the keys, addresses and endpoints they have. Says on standard error, line by line, what is not carried over and what to do instead. The private key is never printed. Of a hub and its clients, import the file of the hub. No file is changed, and none is overwritten.'
  static override examples = [
    '<%= config.bin %> import /etc/wireguard/wg0.conf',
    '<%= config.bin %> import wg0.conf name test endpoint vpn.example.org output test.conf',
    '<%= config.bin %> import wg0.conf name test private-key-out private.key > test.conf',
  ]
  static override args = { FILE: Args.string({ ignoreStdin: true, required: true, description: 'wg-quick file' }) }
  static override flags = {
    name: Flags.string({ description: 'name of the network (that of the file if nothing says)' }),
    hostname: Flags.string({ description: "name of this machine (a comment's, or its own, if nothing says)" }),
    endpoint: Flags.string({ description: 'where others reach this machine: HOST or HOST:PORT' }),
    output: Flags.string({ char: 'o', helpValue: 'FILE', description: 'write a new file instead of printing' }),
    'private-key-out': Flags.string({
      helpValue: 'FILE',
      description: 'write the private key to a new file, mode 0600',
    }),
    json: Flags.boolean({ description: 'print network, file and problems as JSON' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Import)
    if (flags.json && flags.output !== undefined) throw usage('json prints, so it does not go together with output')
    const network = networkName(flags.name, args.FILE)
    const { endpoint } = flags
    if (endpoint !== undefined) check('endpoint', endpoint, readEndpoint)
    if (flags.hostname !== undefined) check('hostname', flags.hostname, readMemberName)
    const text = readText(files, args.FILE, 'wg-quick file')
    const wanted = { network, hostname: flags.hostname, machine: hostname().split('.')[0]!, endpoint }
    const { imported, problems } = importWgQuick(text, wanted)
    if (!imported) process.exitCode = exit.failed
    const written = imported && formatConf(imported.document)
    const wrote = imported && written ? writeFiles(imported, written, flags) : []
    if (flags.json) {
      const { network = null } = imported ?? {}
      this.log(JSON.stringify({ ok: imported !== null, network, file: written, problems }, null, 2))
      return
    }
    if (written && flags.output === undefined) process.stdout.write(written)
    if (problems.length > 0) this.logToStderr(formatProblems(problems, args.FILE, text))
    const errors = problems.filter(({ severity }) => severity === 'error').length
    if (errors > 0) this.logToStderr(`${counted(errors, 'error')} in ${args.FILE}`)
    for (const path of wrote) this.logToStderr(`wrote ${path}`)
    if (imported && flags['private-key-out'] === undefined) {
      this.logToStderr(`the private key is not in the network file; to write it into one of its own:`)
      this.logToStderr(`  wh import ${args.FILE} private-key-out /etc/wirehub/private.key > /dev/null`)
    }
  }
}

type Places = { readonly output?: string | undefined; readonly 'private-key-out'?: string | undefined }

/** Both files or none. */
function writeFiles({ privateKey }: Imported, text: string, places: Places): string[] {
  const { output, 'private-key-out': keyFile } = places
  if (keyFile !== undefined) create(keyFile, `${privateKey.reveal()}\n`, 0o600)
  try {
    if (output !== undefined) create(output, text, 0o644)
  } catch (error) {
    if (keyFile !== undefined) files.remove(keyFile)
    throw error
  }
  return [output, keyFile].filter(path => path !== undefined)
}

function create(path: string, text: string, mode: number): void {
  writing(path, 'remove it, or name another file', () => files.create(path, text, mode))
}

/** The given one, or the interface's: the file's name, as far as a network may have it. */
function networkName(given: string | undefined, file: string): string {
  const name = given ?? labelOf(basename(file).replace(/\.conf$/i, ''), '') ?? ''
  const { problem } = readName(name)
  if (problem === undefined) return name
  const from = given === undefined ? `the name of ${file} is no name for a network` : 'name'
  throw usage(`${from}: ${problem}`, 'give one: name NAME')
}

function check(what: string, text: string, read: (text: string) => { readonly problem?: string | undefined }): void {
  const { problem } = read(text)
  if (problem !== undefined) throw usage(`${what}: ${problem}`)
}

function usage(message: string, remedy?: string): Failure {
  return new Failure(message, { exit: exit.usage, ...(remedy === undefined ? {} : { remedy }) })
}
