/**
 * An internet in the lab: a router in the middle, and around it servers with public addresses and homes behind every kind of NAT.
 *
 *                  ┌── server                                 public, no firewall
 *     internet ────┼── wan router lan ── host, host …         192.168.1.0/24 in every home, as at yours
 *                  ├── wan carrier lan ── wan router lan ── host …
 *                  └── host                                   public, behind its own firewall only
 *
 *   const internet = await createInternet(lab)
 *   const server = await internet.server('r1')
 *   const home = await internet.home('a', { nat: 'symmetric' })
 *   await home.hosts[0].ok(['ping', '-c1', server.address])
 *
 * Each has a wire to the middle for itself, so nobody is on another's link. Wires have no delay and lose nothing.
 */

import type { Host, Lab } from '../lab.ts'
import { Home, type HomeOptions } from './home.ts'
import { Wire } from './wire.ts'

export type Server = { readonly host: Host; readonly address: string; readonly addresses: readonly string[] }

/** Networks for examples (RFC 5737), so that nobody takes the lab for the world. */
const exampleNets = ['198.51.100', '203.0.113', '192.0.2']
/** For what refuses those as public addresses, as miniupnpd does. They are somebody's, and lead nowhere from the lab. */
export const ordinaryNets = ['11.0.0', '11.0.1', '11.0.2']

export class Internet {
  readonly core: Host
  readonly lab: Lab
  readonly #nets: readonly string[]
  #wires = 0
  #subnets = 0

  constructor(lab: Lab, core: Host, nets: readonly string[]) {
    this.lab = lab
    this.core = core
    this.#nets = nets
  }

  /** A public host without a firewall, with as many addresses as wanted. */
  async server(name: string, { addresses: count = 1 } = {}): Promise<Server> {
    const host = await this.lab.host(name)
    const wire = await this.attach(host, 'eth0')
    const addresses = [wire.address]
    while (addresses.length < count) addresses.push(await wire.add())
    return { host, addresses, address: wire.address }
  }

  async home(name: string, options: HomeOptions): Promise<Home> {
    return await Home.build(this, name, options)
  }

  /** Leads a wire from the middle to a host. @param name of the host's end */
  async attach(host: Host, name: string, { ipv6 = true } = {}): Promise<Wire> {
    return await Wire.lead(this, ++this.#wires, host, { name, ipv6 })
  }

  /** Four addresses that nobody has: the second is for the middle, the third for the host. */
  nextSubnet(): { middle: string; host: string } {
    const number = this.#subnets++
    const net = this.#nets[Math.floor(number / 64)]
    if (!net) throw new Error('this internet has no addresses left')
    const base = (number % 64) * 4
    return { middle: `${net}.${base + 1}`, host: `${net}.${base + 2}` }
  }
}

/** @param nets the first three bytes of the networks that its addresses are of */
export async function createInternet(lab: Lab, nets: readonly string[] = exampleNets): Promise<Internet> {
  return new Internet(lab, await lab.router('internet'), nets)
}
