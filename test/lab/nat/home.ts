/** A home: hosts with their own firewalls, and what is between them and the internet, said by one word. */

import { setTimeout as sleep } from 'node:timers/promises'
import { type Host, type Link, Switch } from '../lab.ts'
import type { Internet } from './internet.ts'
import { closedFirewall, type NatRule, natRules, routerRules } from './rules.ts'
import type { Wire } from './wire.ts'

/** `double` is a home router and a provider's (CGNAT), both port-restricted; of `double-symmetric` the provider's is symmetric. */
export const nats = ['public', ...natRules, 'double', 'double-symmetric'] as const
export type Nat = (typeof nats)[number]

export type Sides = { readonly wan: string; readonly lan: string }

export type HomeOptions = {
  readonly nat: Nat
  /** How many hosts; with `public` there is one. */
  readonly hosts?: number
  /** Of each host: `closed`, which lets in answers only, if not given. */
  readonly firewall?: 'closed' | 'none'
  /** Native IPv6 too, behind a router that lets in answers only. Not with two routers. */
  readonly ipv6?: boolean
  /** What else the router next to the hosts does, such as UPnP; called with its addresses when its rules are loaded. */
  readonly onRouter?: (router: Host, sides: Sides) => Promise<void>
}

type Router = { readonly host: Host; rule: NatRule; readonly lan: Switch; readonly sides: () => Sides }

const homeNet = { prefix: '192.168.1', length: 24 }
const carrierNet = { prefix: '100.64.0', length: 10 }

export class Home {
  /** As it was built. */
  readonly nat: Nat
  readonly hosts: readonly [Host, ...Host[]]
  /** From the hosts outwards; none where the host is public. */
  readonly #routers: readonly Router[]
  readonly #links: readonly Link[]
  readonly #wire: Wire
  readonly #onRouter: HomeOptions['onRouter']

  private constructor(
    { nat, onRouter }: HomeOptions,
    parts: { hosts: Host[]; routers: Router[]; links: Link[]; wire: Wire },
  ) {
    this.nat = nat
    this.hosts = parts.hosts as [Host, ...Host[]]
    this.#routers = parts.routers
    this.#links = parts.links
    this.#wire = parts.wire
    this.#onRouter = onRouter
  }

  static async build(internet: Internet, name: string, options: HomeOptions): Promise<Home> {
    const { nat, hosts: count = 1, firewall = 'closed', ipv6 = false } = options
    const rules = rulesOf(nat)
    if (ipv6 && rules.length > 1) throw new Error('a home with two routers has no IPv6 here')
    if (nat === 'public' && count > 1) throw new Error('a public home has one host')
    const { lab } = internet
    const hosts: Host[] = []
    for (let i = 0; i < count; i++) hosts.push(await lab.host(i === 0 ? name : `${name}${i + 1}`))
    const boxes: Host[] = []
    for (const i of rules.keys()) boxes.push(await lab.router(`${name}-${i === 0 ? 'router' : 'carrier'}`))
    const wire = await internet.attach(boxes.at(-1) ?? hosts[0]!, boxes.length > 0 ? 'wan' : 'eth0', { ipv6 })

    const routers: Router[] = []
    const links: Link[] = []
    for (const [i, box] of boxes.entries()) {
      const { prefix, length } = i === 0 ? homeNet : carrierNet
      const lan = await Switch.make(box, 'lan')
      await box.ip([`address add ${prefix}.1/${length} dev lan`])
      if (ipv6) await box.ip([`address add ${wire.prefix6}:1::1/64 dev lan nodad`])
      for (const [n, inside] of (i === 0 ? hosts : [boxes[i - 1]!]).entries()) {
        const link = await lab.link(inside, lan, {
          name: i === 0 ? 'eth0' : 'wan',
          addresses: [`${prefix}.${10 + n}/${length}`, ...(ipv6 ? [`${wire.prefix6}:1::${10 + n}/64`] : [])],
          gateways: [`${prefix}.1`, ...(ipv6 ? [`${wire.prefix6}:1::1`] : [])],
        })
        if (i === 0) links.push(link)
      }
      const last = i === boxes.length - 1
      const sides = () => ({ wan: last ? wire.address : `${carrierNet.prefix}.10`, lan: `${prefix}.0/${length}` })
      routers.push({ host: box, rule: rules[i]!, lan, sides })
    }
    if (firewall === 'closed') for (const host of hosts) await host.ok(['nft', '-f', '-'], { input: closedFirewall })
    const home = new Home(options, { hosts, routers, links, wire })
    await home.#load()
    return home
  }

  get routers(): Host[] {
    return this.#routers.map(({ host }) => host)
  }

  /** The public IPv4 address. */
  get address(): string {
    return this.#wire.address
  }

  /** The cable between a host and its router. */
  link(index = 0): Link {
    const link = this.#links[index]
    if (!link) throw new Error('a public host has no router to be unplugged from')
    return link
  }

  /** Another public address: the host's own where it is public, else its router's, with the mappings lost. */
  async renumber(): Promise<string> {
    await this.#wire.renumber()
    await this.flush()
    return this.address
  }

  /** The routers forget all mappings. @param hosts the hosts' firewalls all flows, too */
  async flush({ hosts = false } = {}): Promise<void> {
    await this.#load() // what rules have learnt goes with them
    for (const host of [...this.routers, ...(hosts ? this.hosts : [])]) await host.ok(['conntrack', '-F'])
  }

  /** The outermost router is of another kind from now on, as after a change of its settings. @param keep mappings go on, and only what is new is treated otherwise */
  async become(rule: NatRule, { keep = false } = {}): Promise<void> {
    const router = this.#routers.at(-1)
    if (!router) throw new Error('a public host has no router that could be another one')
    router.rule = rule
    await (keep ? this.#load() : this.flush())
  }

  /** The routers are off for a while, and come back with another public address and no mappings. Inside, links stay up. */
  async restart(milliseconds = 0): Promise<string> {
    const forward = (on: 0 | 1) =>
      `echo ${on} >/proc/sys/net/ipv4/ip_forward; echo ${on} >/proc/sys/net/ipv6/conf/all/forwarding`
    for (const router of this.routers) await router.ok(['sh', '-c', forward(0)])
    await sleep(milliseconds)
    await this.renumber()
    for (const router of this.routers) await router.ok(['sh', '-c', forward(1)])
    return this.address
  }

  /** Routers and firewalls forget their flows with one address, and no others. */
  async forget(address: string): Promise<void> {
    for (const host of [...this.routers, ...this.hosts]) {
      // their status says whether there were any
      await host.run(['conntrack', '-D', '--orig-src', address])
      await host.run(['conntrack', '-D', '--orig-dst', address])
    }
    for (const { host, rule } of this.#routers) {
      if (rule !== 'address-restricted') continue
      const listed = await host.ok(['nft', 'list', 'set', 'ip', 'nat', 'ok'])
      const all = [...listed.matchAll(/(\d+) \. (\d+\.\d+\.\d+\.\d+)/g)].filter(([, , peer]) => peer === address)
      for (const [element] of all) await host.ok(['nft', 'delete', 'element', 'ip', 'nat', 'ok', `{ ${element} }`])
    }
  }

  async #load(): Promise<void> {
    for (const [i, { host, rule, sides }] of this.#routers.entries()) {
      await host.ok(['nft', '-f', '-'], { input: routerRules(rule, sides()) })
      if (i === 0) await this.#onRouter?.(host, sides())
    }
  }
}

function rulesOf(nat: Nat): NatRule[] {
  if (nat === 'public') return []
  if (nat === 'double') return ['port-restricted', 'port-restricted']
  if (nat === 'double-symmetric') return ['port-restricted', 'symmetric']
  return [nat]
}
