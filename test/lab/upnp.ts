/**
 * miniupnpd on a router of the lab whose sides are the interfaces `wan` and `lan`: PCP, NAT-PMP and UPnP IGD, as most routers sold
 * have it. It must not matter what else the router does; its chains are in a table of their own.
 *
 * miniupnpd refuses to work where `wan` has an address that it takes for private. For it these are also the networks for examples
 * (192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24), so an internet with UPnP in it needs others.
 */

import { existsSync } from 'node:fs'
import type { Host, Lab, Program, Switch } from './lab.ts'

const binary = '/usr/sbin/miniupnpd'
/** Why there is no such router here, for `test(…, { skip })`. */
export const noMiniupnpd: string | false = existsSync(binary)
  ? false
  : 'MINIUPNPD IS MISSING (bin/setup test installs it)'

export type UpnpOptions = {
  /** Those that are spoken; all if not given. */
  readonly protocols?: readonly ('pcp' | 'nat-pmp' | 'upnp')[]
  /** Says that it is an InternetGatewayDevice:1, as routers of ten years ago. */
  readonly version1?: boolean
  /** Permission rules, one a line, as in miniupnpd.conf; everything from port 1024 on if not given. */
  readonly rules?: readonly string[]
}

const table = `table inet upnp {}
delete table inet upnp
table inet upnp {
  chain forward { type filter hook forward priority -1; jump miniupnpd; }
  chain prerouting { type nat hook prerouting priority dstnat - 1; jump prerouting_miniupnpd; }
  chain postrouting { type nat hook postrouting priority srcnat - 1; jump postrouting_miniupnpd; }
  chain miniupnpd {}
  chain prerouting_miniupnpd {}
  chain postrouting_miniupnpd {}
  chain input { type filter hook input priority -1; NOPCP }
}
`
/** The daemon has one switch for both protocols of port 5351: one of them is kept from it, and so is silent. */
const without = (version: number) => `udp dport 5351 @th,64,8 ${version} drop;`

export class UpnpDaemon {
  readonly router: Host
  readonly #options: UpnpOptions
  #program: Program | null = null

  private constructor(router: Host, options: UpnpOptions) {
    this.router = router
    this.#options = options
  }

  static async start(router: Host, options: UpnpOptions = {}): Promise<UpnpDaemon> {
    const daemon = new UpnpDaemon(router, options)
    await daemon.start()
    return daemon
  }

  /** With no mappings, as after a power cut; what it had learnt before is gone from the router, too. */
  async start(): Promise<void> {
    const {
      protocols = ['pcp', 'nat-pmp', 'upnp'],
      version1 = false,
      rules = ['allow 1024-65535 0.0.0.0/0 1024-65535'],
    } = this.#options
    const has = (name: (typeof protocols)[number]) => protocols.includes(name)
    const dropped = [...(has('pcp') ? [] : [without(2)]), ...(has('nat-pmp') ? [] : [without(0)])]
    await this.router.ok(['nft', '-f', '-'], { input: table.replace('NOPCP', dropped.join(' ')) })
    const config = [
      'ext_ifname=wan',
      'listening_ip=lan',
      'ipv6_disable=yes',
      'upnp_table_name=upnp',
      'upnp_nat_table_name=upnp',
      'secure_mode=yes',
      // what is granted is what was asked for, also where a test asks for seconds
      'min_lifetime=1',
      `enable_upnp=${has('upnp') ? 'yes' : 'no'}`,
      `enable_natpmp=${has('pcp') || has('nat-pmp') ? 'yes' : 'no'}`,
      `force_igd_desc_v1=${version1 ? 'yes' : 'no'}`,
      'uuid=00000000-0000-0000-0000-000000000001',
      ...rules,
      'deny 0-65535 0.0.0.0/0 0-65535',
    ]
    await this.router.writeFile('/etc/miniupnpd.conf', `${config.join('\n')}\n`)
    this.#program = this.router.spawn([binary, '-d', '-f', '/etc/miniupnpd.conf', '-P', '/run/miniupnpd.pid'])
    await this.#program.says(/listening on|HTTP listening|Listening for NAT-PMP/)
  }

  /** Ends without a word to anybody. */
  async kill(): Promise<void> {
    this.#program?.kill('SIGKILL')
    await this.#program?.ended
  }

  /** The daemon's own words. */
  get said(): string {
    return this.#program ? this.#program.out + this.#program.err : ''
  }

  /** What the kernel forwards for it: `udp 51820 192.168.1.10:51820`. */
  async mappings(): Promise<string[]> {
    const chain = await this.router.ok(['nft', '-n', 'list', 'chain', 'inet', 'upnp', 'prerouting_miniupnpd'])
    return chain
      .split('\n')
      .filter(line => line.includes('dnat'))
      .map(line => line.trim())
  }
}

export type UpnpHome = {
  readonly node: Host
  readonly router: Host
  readonly stranger: Host
  /** The link behind the router. */
  readonly inside: Switch
  readonly wan: string
}

/** A node at home, its router (masquerading, closed from outside), and somebody on the internet. */
export async function upnpHome(lab: Lab, { wan = '11.0.0.2' } = {}): Promise<UpnpHome> {
  const [inside, outside] = [await lab.switch('inside'), await lab.switch('outside')]
  const [node, router, stranger] = [await lab.host('node'), await lab.router('router'), await lab.host('stranger')]
  await lab.link(router, outside, { name: 'wan', addresses: [`${wan}/24`] })
  await lab.link(router, inside, { name: 'lan', addresses: ['192.168.1.1/24'] })
  await lab.link(node, inside, { addresses: ['192.168.1.10/24'], gateways: ['192.168.1.1'] })
  await lab.link(stranger, outside, { addresses: [`${wan.replace(/\d+$/, '3')}/24`] })
  await router.ok(['nft', '-f', '-'], {
    input: `table ip nat { chain post { type nat hook postrouting priority srcnat; oifname "wan" masquerade; }; }
table inet fw {
  chain input { type filter hook input priority 0; policy drop; iifname { "lo", "lan" } accept; ct state established,related accept; }
  chain forward { type filter hook forward priority 0; policy drop; iifname "lan" accept; ct state established,related accept; ct status dnat accept; }
}
`,
  })
  return { node, router, stranger, inside, wan }
}
