/** `wh join`: from a token to a member that is up. */

import { resolve } from 'node:path'
import { Args, Flags } from '@oclif/core'
import { exit, Failure } from '../../base/failure.ts'
import { formatEndpoint } from '../../base/ip.ts'
import { createLogger } from '../../base/log.ts'
import { joinNetwork } from '../../daemon/join.ts'
import { fileStore } from '../../daemon/memory.ts'
import { configFolder, memoryFile } from '../../daemon/paths.ts'
import { requireRoot } from '../../daemon/prepare.ts'
import { networkOf, requireRoom, settle } from '../../daemon/settle.ts'
import { nothing } from '../../node/memory.ts'
import { systemOs as os } from '../../os/index.ts'
import { readToken } from '../../protocol/membership/token.ts'
import { readMemberName } from '../../protocol/network/values.ts'
import { WhCommand } from '../command.ts'
import { findKey } from '../find-key.ts'
import { ownLabel } from '../own-label.ts'
import { startInBackground } from '../start.ts'
import { wordFromStdin } from '../stdin.ts'

export default class Join extends WhCommand {
  static override summary = 'Join a network by a token: key, file, and up'
  static override description = [
    'Makes a key with the work that the network asks for, finds a member, and proves the token. The token names the network by its hash, so nothing that a member says is believed before it fits. Then the network file and the key are written, and the network is up. Where something is refused, nothing is written.',
    'The token is a secret: with - it is read from standard input, where no list of processes shows it.',
  ].join('\n\n')
  static override examples = [
    '<%= config.bin %> join wh1-…',
    '<%= config.bin %> join wh1-… laptop.home',
    '<%= config.bin %> join - < token',
  ]
  static override args = {
    TOKEN: Args.string({
      ignoreStdin: true,
      required: true,
      description: 'what wh invite printed, or - for standard input',
    }),
    HOSTNAME: Args.string({
      ignoreStdin: true,
      description: 'of this node, if the token keeps none (MACHINE.NETWORK)',
    }),
  }
  static override flags = {
    folder: Flags.string({ description: `where to write NAME.conf and NAME.key (${configFolder})`, helpValue: 'DIR' }),
    down: Flags.boolean({ description: 'do not bring the network up' }),
    json: Flags.boolean({ description: 'for scripts' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Join)
    const text = args.TOKEN === '-' ? await wordFromStdin('a token') : args.TOKEN
    const { ok: token, problem } = readToken(text)
    if (!token) throw new Failure(`not a token: ${problem}`, { exit: exit.usage })
    if (args.HOSTNAME !== undefined) {
      const { problem } = readMemberName(args.HOSTNAME)
      if (problem !== undefined) throw new Failure(`not a hostname: ${problem}`, { exit: exit.usage })
    }
    requireRoot(os, 'wh join')
    const key = await findKey({ workbit: token.workbit, namespace: token.namespace })
    if (!key) return
    const folder = flags.folder ?? configFolder
    const { membership, self, statements, through } = await joinNetwork(os, {
      ...{ key, token, hostname: args.HOSTNAME, machine: ownLabel() },
      // nothing is asked for that there is no room for
      found: ({ name }) => void requireRoom(os.files, resolve(folder, `${name}.conf`)),
    })
    const { name } = membership.genesis
    const places = requireRoom(os.files, resolve(folder, `${name}.conf`))
    settle(os.files, places, networkOf(membership), key, statements)
    const memory = fileStore(
      os.files,
      memoryFile(name, self.key),
      createLogger(() => {}),
    )
    memory.save({ ...nothing, peers: new Map([[through.key, { endpoints: [through.endpoint] }]]) })
    const others = membership.members.filter(each => each.key !== self.key)
    const told = {
      network: name,
      id: token.network,
      key: self.key,
      ...places,
      through: formatEndpoint(through.endpoint),
    }
    if (!flags.json) {
      this.log(`joined ${name} through ${formatEndpoint(through.endpoint)}; wrote ${places.file} and ${places.keyFile}`)
    }
    if (!flags.down) {
      const message = await startInBackground({ file: places.file }, [places.file])
      if ('failed' in message) {
        const { failed } = message
        throw new Failure(`joined, and not up: ${failed.message}`, {
          exit: failed.exit,
          ...(failed.remedy && { remedy: failed.remedy }),
        })
      }
      for (const note of message.ready.notes) this.logToStderr(`wh join: ${note}`)
    }
    if (flags.json) {
      this.log(JSON.stringify({ ...told, hostname: self.hostname, ipv4: self.address, up: !flags.down }, null, 2))
      return
    }
    this.log(`this node is ${self.hostname ?? 'without a name'}, ${self.address ?? 'without an IPv4 address'}`)
    const targets = others.slice(0, 5).map(({ hostname, address }) => hostname ?? address)
    if (targets.length > 0) this.log(`try:  ping ${targets.join('\n      ping ')}`)
    if (flags.down) this.log(`next: wh up ${places.file}`)
  }
}
