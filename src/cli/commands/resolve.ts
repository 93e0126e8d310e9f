/** `wh resolve`: a member by name, key or address, as the running networks know it. */

import { Args, Flags } from '@oclif/core'
import { exit, Failure } from '../../base/failure.ts'
import { WhCommand } from '../command.ts'
import { allNetworks, askDaemon, Dead, notRunning, type Running } from '../daemons.ts'

export default class Resolve extends WhCommand {
  static override summary = 'Print the overlay addresses of a name, or the name of an address'
  static override description = 'Asks all networks that are up. Takes a hostname, a public key, or an overlay address.'
  static override examples = [
    '<%= config.bin %> resolve b.test',
    '<%= config.bin %> resolve 10.0.42.2',
    '<%= config.bin %> resolve b.test --json',
  ]
  static override args = {
    NAME: Args.string({ ignoreStdin: true, required: true, description: 'hostname, public key or overlay address' }),
  }
  static override flags = { json: Flags.boolean({ description: 'for scripts' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Resolve)
    const networks = allNetworks()
    if (networks.length === 0) throw notRunning('no network is up')
    let dead: Dead | undefined
    for (const running of networks) {
      const found = await this.#ask(running, args.NAME).catch(error => {
        // a dead one must not keep the others from answering
        if (!(error instanceof Dead)) throw error
        dead = error
        return null
      })
      if (!found) continue
      if (flags.json) {
        this.log(JSON.stringify({ network: running.journal.network, ...found }, null, 2))
        return
      }
      const isAddress = args.NAME === found.ipv4 || args.NAME.toLowerCase() === found.ipv6
      const lines = isAddress ? [found.hostname ?? found.key] : [found.ipv4, found.ipv6]
      for (const line of lines) if (line !== undefined) this.log(line)
      return
    }
    if (dead) throw dead
    throw new Failure(`${args.NAME} is no member of ${networks.map(({ journal }) => journal.network).join(', ')}`, {
      exit: exit.failed,
    })
  }

  async #ask(running: Running, name: string) {
    return (await askDaemon(running, 'resolve', { name })).found
  }
}
