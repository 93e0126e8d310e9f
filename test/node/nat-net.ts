// A few hosts with real channels, some behind a NAT of their own, in simulated time. A NAT here maps each destination to another port, or
// all to one, lets in only who was written to, and forgets after a while. Branches are played as nftables does it.

import { type Endpoint, formatEndpoint, sameEndpoint } from '../../src/base/ip.ts'
import type { Time } from '../../src/base/time.ts'
import { Channel, type ChannelOptions } from '../../src/drivers/control/channel.ts'
import type { Branch, Branches } from '../../src/drivers/control/port.ts'
import { systemCrypto } from '../../src/os/crypto.ts'
import { systemRandom } from '../../src/os/random.ts'
import type { PrivateKey, PublicKey } from '../../src/protocol/identity/key.ts'
import { Simulation } from '../../src/sim/simulation.ts'
import { runDrained } from '../sim/drained.ts'

export type NatOptions = {
  readonly address: string
  readonly hard?: boolean
  /** The next outside port. */
  readonly ports?: () => number
  /** How long it keeps a mapping that no packet from inside uses, ms. */
  readonly lifetime?: Time
  /** The same for one that was used for more than 2 s, as Linux has it. */
  readonly established?: Time
}

type Mapping = {
  readonly inside: number
  readonly outside: number
  readonly to: string | null
  readonly madeAt: Time
  usedAt: Time
  readonly written: Set<string>
}

export class NatNet {
  readonly simulation: Simulation
  readonly hosts: NatHost[] = []
  /** One way, ms. */
  delay: Time = 20
  passes: (from: Endpoint, to: Endpoint) => boolean = () => true

  constructor(seed: number) {
    this.simulation = new Simulation(seed)
  }

  host(
    privateKey: PrivateKey,
    where: NatOptions | { readonly address: string },
    options: Partial<ChannelOptions> = {},
  ) {
    const host = new NatHost(this, privateKey, where, options)
    this.hosts.push(host)
    return host
  }

  carry(from: Endpoint, to: Endpoint, bytes: Uint8Array): void {
    if (!this.passes(from, to)) return
    const { simulation } = this
    simulation.at(simulation.now() + this.delay, () => {
      for (const host of this.hosts) if (host.address === to.host) host.arrives(to.port, from, bytes)
    })
  }

  run(duration: Time, done: () => boolean = () => false): Promise<void> {
    return runDrained(this.simulation, this.simulation.now() + duration, done)
  }
}

export class NatHost {
  readonly net: NatNet
  readonly key: PublicKey
  readonly channel: Channel
  readonly address: string
  readonly #nat: NatOptions | null
  readonly #mappings: Mapping[] = []
  readonly #receive = new Map<number, (bytes: Uint8Array, from: Endpoint) => void>()
  readonly #bound = new Map<string, number>()
  #nextPort = 40_000
  readonly branchesMade: Branch[] = []
  /** What left this host, by its inside port. */
  readonly sent: { readonly at: Time; readonly port: number; readonly to: Endpoint }[] = []
  static readonly port = 51_820

  constructor(net: NatNet, privateKey: PrivateKey, where: NatOptions, options: Partial<ChannelOptions>) {
    const { simulation } = net
    this.net = net
    this.key = privateKey.publicKey()
    this.address = where.address
    this.#nat = 'hard' in where || 'ports' in where || 'lifetime' in where ? where : null
    this.channel = new Channel({
      os: { clock: simulation, random: systemRandom, crypto: systemCrypto },
      port: { send: (bytes, to) => this.#send(NatHost.port, bytes, to) },
      ...{ privateKey, namespace: 'public', workbit: 0, network: 'test' },
      ...options,
    })
    this.#receive.set(NatHost.port, (bytes, from) => this.channel.receive(bytes, from))
  }

  get endpoint(): Endpoint {
    return { host: this.address, port: NatHost.port }
  }

  /** Branches that are open. */
  get open(): number {
    return this.#receive.size - 1
  }

  get bound(): readonly string[] {
    return [...this.#bound.keys()]
  }

  readonly branches: Branches = {
    open: async (count, receive) => {
      const branches: Branch[] = []
      for (let i = 0; i < count; i++) {
        const port = this.#nextPort++
        const branch: Branch = {
          port,
          send: (bytes, to) => this.#send(port, bytes, to),
          close: () => void this.#receive.delete(port),
        }
        this.#receive.set(port, (bytes, from) => receive(bytes, from, branch))
        branches.push(branch)
        this.branchesMade.push(branch)
      }
      return branches
    },
    bind: async (to, branch) => {
      if (branch) this.#bound.set(formatEndpoint(to), branch.port)
      else this.#bound.delete(formatEndpoint(to))
    },
  }

  /** The outside port of W for a destination; `null` where there is none. */
  outside(to: Endpoint): number | null {
    return (
      this.#mappings.find(
        each => each.inside === NatHost.port && (each.to ?? formatEndpoint(to)) === formatEndpoint(to),
      )?.outside ?? null
    )
  }

  #send(from: number, bytes: Uint8Array, to: Endpoint): void {
    const now = this.net.simulation.now()
    const text = formatEndpoint(to)
    const port = from === NatHost.port ? (this.#bound.get(text) ?? from) : from
    this.sent.push({ at: now, port, to })
    this.net.carry({ host: this.address, port: this.#translate(port, text, now) }, to, bytes)
  }

  #translate(inside: number, to: string, now: Time): number {
    const nat = this.#nat
    if (!nat) return inside
    const scope = nat.hard ? to : null
    let mapping = this.#mappings.find(each => each.inside === inside && each.to === scope)
    if (mapping && !this.#lives(mapping, now)) {
      this.#mappings.splice(this.#mappings.indexOf(mapping), 1)
      mapping = undefined
    }
    if (!mapping) {
      mapping = { inside, outside: nat.ports?.() ?? inside, to: scope, madeAt: now, usedAt: now, written: new Set() }
      this.#mappings.push(mapping)
    }
    mapping.usedAt = now
    mapping.written.add(to)
    return mapping.outside
  }

  #lives({ madeAt, usedAt }: Mapping, now: Time): boolean {
    const { lifetime = 120_000, established = lifetime } = this.#nat!
    return now - usedAt < (usedAt - madeAt > 2_000 ? established : lifetime)
  }

  arrives(port: number, from: Endpoint, bytes: Uint8Array): void {
    const now = this.net.simulation.now()
    const text = formatEndpoint(from)
    const inside = this.#nat
      ? this.#mappings.find(each => each.outside === port && each.written.has(text) && this.#lives(each, now))?.inside
      : port
    if (inside === undefined) return
    const at = this.#bound.get(text) === inside ? NatHost.port : inside
    this.#receive.get(at)?.(bytes, from)
  }

  /** What it sent to an endpoint from its port, or from a branch. */
  sentTo(to: Endpoint): number {
    return this.sent.filter(each => sameEndpoint(each.to, to)).length
  }
}
