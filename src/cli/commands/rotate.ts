/** `wh rotate`: this node gets another key, and stays who it is. */

import { setTimeout as sleep } from 'node:timers/promises'
import { Flags } from '@oclif/core'
import { Failure } from '../../base/failure.ts'
import { keyFileBeside } from '../../daemon/paths.ts'
import { requireRoot } from '../../daemon/prepare.ts'
import { systemOs as os } from '../../os/index.ts'
import { WhCommand } from '../command.ts'
import { askDaemon, theOnly } from '../daemons.ts'
import { findKey } from '../find-key.ts'
import { writing } from '../writing.ts'

/** To come back with the new key. */
const patience = 30_000
const lookEvery = 100

export default class Rotate extends WhCommand {
  static override summary = 'Give this node another key; name, addresses and tunnels stay'
  static override description =
    'Makes a key with work, tells the other members that it takes the place of the old one, and goes over to it: connections through the tunnel wait a second or two. The old key ends for good; it is kept beside the new one, as NAME.key.old. If it may be stolen, let an admin revoke it instead: who has it could do the same.'
  static override examples = ['<%= config.bin %> rotate', '<%= config.bin %> rotate network home']
  static override flags = {
    network: Flags.string({ description: 'in which network, if several are up', helpValue: 'NAME' }),
    json: Flags.boolean({ description: 'for scripts' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Rotate)
    requireRoot(os, 'wh rotate')
    const running = theOnly(flags.network)
    const { workbit, namespace, file } = await askDaemon(running, 'status', {})
    const key = await findKey({ workbit, namespace })
    if (!key) return
    const fresh = `${keyFileBeside(file)}.new`
    os.files.remove(fresh)
    writing(fresh, 'remove it', () => os.files.create(fresh, `${key.reveal()}\n`, 0o600))
    const rotated = await askDaemon(running, 'rotate', { file: fresh }).catch(error => {
      os.files.remove(fresh)
      throw error
    })
    const end = os.clock.now() + patience
    for (;;) {
      const status = await askDaemon(running, 'status', {}).catch(() => null)
      if (status?.key === rotated.key) break
      if (os.clock.now() > end) {
        throw new Failure(`the new key is in ${rotated.keyFile}, and the node does not come back with it`, {
          remedy: `see the log; wh up ${file}`,
        })
      }
      await sleep(lookEvery)
    }
    if (flags.json) this.log(JSON.stringify(rotated, null, 2))
    else this.log(`this node has the key ${rotated.key} now, in ${rotated.keyFile}; the old one is over`)
  }
}
