/** Two hosts in one network of nebula's, directly or through the relay between them. */

import type { World } from '../../system/relay-lab.ts'
import { NebulaNet } from './nebula-net.ts'

export class NebulaRelay {
  readonly #net: NebulaNet
  readonly #world: World

  private constructor(net: NebulaNet, world: World) {
    this.#net = net
    this.#world = world
  }

  /** Null where it is not installed. */
  static async open(world: World): Promise<NebulaRelay | null> {
    const net = await NebulaNet.open()
    await net?.serve(world.relay.host, world.relay.address)
    return net && new NebulaRelay(net, world)
  }

  /** @returns the address at which `a` then reaches `b` */
  async up(relayed: boolean): Promise<string> {
    const { a, b } = this.#world
    const [own, peer] = this.#net.overlays
    for (const [host, name, overlay] of [
      [b, 'b', peer],
      [a, 'a', own],
    ] as const) {
      await this.#net.configure(host, { name, overlay, relayed })
      await this.#net.start(host, name)
      await host.until(['ping', '-c1', '-W1', this.#net.lighthouse], it => it.code === 0)
    }
    return peer
  }

  async down(): Promise<void> {
    for (const host of [this.#world.a, this.#world.b]) await this.#net.end(host)
  }
}
