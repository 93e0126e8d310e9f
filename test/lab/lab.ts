/**
 * A lab: hosts, switches and routers on this machine, and cables between them. Nothing of it can be reached from outside,
 * and nothing of it is left afterwards (host.ts says why that holds after a crash too). Needs root.
 *
 *   await using lab = await createLab()
 *   const lan = await lab.switch('lan')
 *   const a = await lab.host('a')
 *   await lab.link(a, lan, { addresses: ['192.0.2.1/24', '2001:db8::1/64'] })
 *   await a.ok(['ping', '-c1', '192.0.2.2'])
 */

import { Host } from './host.ts'
import { makeRouter, type RouterKind } from './router.ts'

export { Host } from './host.ts'
export type { Program, Result } from './program.ts'

/** Why there is no lab here, for `test(…, { skip })`; false where there is one. */
export const noLab: string | false =
  process.platform === 'linux' && process.geteuid?.() === 0
    ? false
    : 'LAB TESTS NEED LINUX AND ROOT: NOTHING WAS TESTED'

/** Why a test does not run in the guest: its kernel is the same for that, and everything in it takes five to ten times as long. */
export const notInGuest: string | false = noLab || (process.env.WG_KERNEL === 'uml' && 'not for the guest')

export type LinkOptions = {
  /** With their prefix lengths. */
  addresses?: readonly string[]
  /** eth0, eth1, … if not given. */
  name?: string
  /** Routers, of either family, for everything not on the link. */
  gateways?: readonly string[]
  /** Further routes, as `ip route add` takes them: `198.51.100.0/24 via 192.0.2.254`. */
  routes?: readonly string[]
  mtu?: number
  mac?: string
}

/** A switch in a namespace of its own: no firewall sees what passes through. Or the one inside of a router. */
export class Switch {
  readonly host: Host
  readonly bridge: string
  #ports = 0

  constructor(host: Host, bridge = 'bridge') {
    this.host = host
    this.bridge = bridge
  }

  /** @param bridge its name in this host, where it may have addresses */
  static async make(host: Host, bridge = 'bridge'): Promise<Switch> {
    // snooping would withhold multicast from members that no querier asked for
    await host.ip([`link add dev ${bridge} type bridge mcast_snooping 0`, `link set dev ${bridge} up`])
    return new Switch(host, bridge)
  }

  nextPort(): { name: string; index: number } {
    const number = this.#ports++
    return { name: `port${number}`, index: 1_000 + number }
  }
}

/** A cable between a host's interface and a switch. */
export class Link {
  readonly name: string
  readonly #bridge: Host
  readonly #port: string

  constructor(name: string, bridge: Host, port: string) {
    this.name = name
    this.#bridge = bridge
    this.#port = port
  }

  /** The host's interface loses its carrier; its addresses stay. */
  async unplug(): Promise<void> {
    await this.#bridge.ip([`link set dev ${this.#port} down`])
  }

  async plug(): Promise<void> {
    await this.#bridge.ip([`link set dev ${this.#port} up`])
  }
}

export class Lab implements AsyncDisposable {
  readonly hosts: Host[] = []
  #closed = false

  async host(name: string): Promise<Host> {
    const host = await Host.boot(name)
    this.hosts.push(host)
    if (this.#closed) await host.kill()
    return host
  }

  async router(name: string, options: { kind?: RouterKind } = {}): Promise<Host> {
    const host = await this.host(name)
    await makeRouter(host, options.kind ?? 'plain')
    return host
  }

  async switch(name: string): Promise<Switch> {
    return await Switch.make(await this.host(name))
  }

  async link(host: Host, net: Switch, options: LinkOptions = {}): Promise<Link> {
    const { addresses = [], name = host.nextLink(), gateways = [], routes = [], mtu, mac } = options
    // Own numbers for ports: where both ends of a cable happen to have the same one, the kernel takes its carrier for
    // nothing urgent, and the first packets are lost for up to a second.
    const { name: port, index } = net.nextPort()
    const peer = `${name}${mtu ? ` mtu ${mtu}` : ''}${mac ? ` address ${mac}` : ''}`
    // made on the switch: from here, `eth0` would clash with the machine's own eth0
    await net.host.ip([
      `link add dev ${port} index ${index}${mtu ? ` mtu ${mtu}` : ''} type veth peer name ${peer} netns ${host.pid}`,
      `link set dev ${port} master ${net.bridge}`,
      `link set dev ${port} up`,
    ])
    await host.ip([
      ...addresses.map(it => `address add ${it} dev ${name}${it.includes(':') ? ' nodad' : ''}`),
      `link set dev ${name} up`,
      ...gateways.map(it => `route add default via ${it} dev ${name}`),
      ...routes.map(it => `route add ${it}`),
    ])
    return new Link(name, net.host, port)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await Promise.all(this.hosts.map(host => host.kill()))
  }
}

export async function createLab(): Promise<Lab> {
  if (noLab) throw new Error(noLab)
  return new Lab()
}
