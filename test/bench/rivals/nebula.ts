/** nebula, with a lighthouse on the first public server and hole punching on. */

import { type Pair, type Stage, startAndPing } from '../../nat/pair.ts'
import { NebulaNet } from './nebula-net.ts'
import type { Rival } from './rival.ts'

export class Nebula implements Rival {
  readonly name: string
  readonly overlays: readonly [string, string]
  readonly #net: NebulaNet

  private constructor(net: NebulaNet) {
    this.#net = net
    this.name = net.name
    this.overlays = net.overlays
  }

  static async open(): Promise<Nebula | null> {
    const net = await NebulaNet.open()
    return net && new Nebula(net)
  }

  async serve(stage: Stage): Promise<void> {
    const [{ host, address }] = stage.servers
    await this.#net.serve(host, address)
  }

  async begin({ members }: Pair): Promise<void> {
    const net = this.#net
    // two behind one router: each needs a port of its own
    for (const [i, { host, name }] of members.entries())
      await net.configure(host, { name, overlay: net.overlays[i]!, listen: net.port + i })
    await net.start(members[0].host, members[0].name)
    await members[0].host.until(['ping', '-c1', '-W1', net.lighthouse], it => it.code === 0)
  }

  async connect(pair: Pair, patience: number): Promise<number | null> {
    const [, second] = pair.members
    await pair.forget()
    const where = { own: this.overlays[1], peer: this.overlays[0], patience }
    const { reply } = await startAndPing(second.host, this.#net.startCommand(second.name), where)
    await this.#net.end(second.host)
    return reply
  }

  /** Both up, with a path; for what comes after. */
  async up(pair: Pair): Promise<void> {
    await this.begin(pair)
    await this.#net.start(pair.members[1].host, pair.members[1].name)
  }

  async down({ members }: Pair): Promise<void> {
    for (const { host } of members) await this.#net.end(host)
  }

  async close(): Promise<void> {}
}
