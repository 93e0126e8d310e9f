/**
 * A world from a seed: homes behind routers of all kinds, some behind a provider's NAT, some two to a router, some on the open internet;
 * and when its members start, and who pings whom.
 */

import type { Address } from '../base/ip.ts'
import { second, type Time } from '../base/time.ts'
import { Simulation } from './simulation.ts'
import { troubles } from './trouble.ts'
import type {
  Allocation,
  Behaviour,
  BootSpec,
  Happening,
  HostSpec,
  LinkSpec,
  NatSpec,
  Place,
  RouterSpec,
  World,
} from './world.ts'

export type WorldOptions = {
  readonly members: number
  /** Part of the packets that get lost between two homes, 0 to 1, in each direction; absent: some, in some worlds. */
  readonly loss?: number
  /** One way between a home and the internet, ms; absent: all sorts. */
  readonly delay?: Time
  /** Time for a path to come, or to come back. */
  readonly within: Time
  /** Something happens to the paths once they are there. */
  readonly trouble: boolean
  /** Nodes that can be reached pass on packets of others. */
  readonly relays?: boolean
}

export const bootPort = 51_820

/** When trouble begins, counted from the last start: paths are there by then. */
const calm = 12 * second

const behaviours: readonly Behaviour[] = ['endpoint-independent', 'address-dependent', 'address-and-port-dependent']
const [ei, ad, apd] = ['endpoint-independent', 'address-dependent', 'address-and-port-dependent'] as const
const preserving: Allocation = { kind: 'preserving' }

/** What stands in homes (first word: mapping), more often than chance would have it. */
const usual: readonly Pick<NatSpec, 'mapping' | 'filtering' | 'allocation'>[] = [
  { mapping: ei, filtering: apd, allocation: preserving },
  { mapping: ei, filtering: apd, allocation: preserving },
  { mapping: apd, filtering: apd, allocation: preserving },
  { mapping: ei, filtering: apd, allocation: { kind: 'random' } },
  { mapping: ei, filtering: ad, allocation: preserving },
  { mapping: ei, filtering: ei, allocation: preserving },
  { mapping: apd, filtering: apd, allocation: { kind: 'random' } },
  { mapping: apd, filtering: apd, allocation: { kind: 'sequential', step: 1 } },
]

class Draw {
  readonly random: Simulation
  readonly options: WorldOptions
  readonly routers: RouterSpec[] = []
  readonly hosts: HostSpec[] = []
  readonly loss: number
  #networks = 0
  readonly #ports = new Set<number>()

  constructor(seed: number, options: WorldOptions) {
    this.random = new Simulation(seed)
    this.options = options
    // most networks lose little, and some a lot
    this.loss = this.#chance(0.8) ? 0 : this.random.int(1, 6) / 200
  }

  #chance(part: number): boolean {
    return this.random.chance() < part
  }

  pick<T>(from: readonly T[]): T {
    return from[this.random.int(0, from.length)]!
  }

  link(delay: Time, at: Place): LinkSpec {
    return { delay, jitter: this.#chance(0.3) ? Math.ceil(delay / 4) : 0, loss: this.#lossOf(at) }
  }

  /** Between two homes there are two links to the internet. */
  #lossOf(at: Place): number {
    const { loss } = this.options
    if (loss === undefined) return this.loss
    return at === 'internet' ? 1 - Math.sqrt(1 - loss) : 0
  }

  /** To the internet, ms: a city, a country, a continent, and now and then a satellite. */
  #far(): Time {
    const { delay } = this.options
    if (delay !== undefined) return delay
    return this.#chance(0.05) ? 290 : this.pick([3, 5, 8, 12, 20, 40])
  }

  /** A public address in a network of its own, from the range for tests of networks (RFC 2544). */
  public(): Address {
    const number = ++this.#networks
    return `198.18.${number}.7`
  }

  #nat(): NatSpec {
    const kind = this.#chance(0.7)
      ? this.pick(usual)
      : {
          mapping: this.pick(behaviours),
          filtering: this.pick(behaviours),
          allocation: this.pick<Allocation>([
            preserving,
            { kind: 'random' },
            { kind: 'sequential', step: this.pick([1, 2, -1]) },
          ]),
        }
    return {
      ...kind,
      lifetime: this.pick([30, 30, 60, 120, 300]) * second,
      hairpin: this.#chance(0.4),
      maxMappings: this.pick([512, 16_384, 65_536, 65_536]),
    }
  }

  #router(at: Place, outside: Address, inside: string, nat = this.#nat()): RouterSpec {
    const number = this.routers.length + 1
    const provider = inside.startsWith('100.')
    const six = !provider && this.#chance(0.3)
    const router: RouterSpec = {
      ...{ name: `${provider ? 'provider' : 'router'}${number}`, at, outside, inside, nat },
      ...(six && { inside6: `2001:db8:${number.toString(16)}:` }),
      firewall6: this.#chance(0.8),
      blocked: !provider && this.#chance(0.03),
      link: this.link(this.#far(), at),
    }
    this.routers.push(router)
    return router
  }

  /** A place for one more host: a home's link, or the internet itself. */
  place(): Place {
    const homes = this.routers.filter(({ inside }) => inside.startsWith('192.'))
    if (this.#chance(0.15)) return 'internet'
    if (homes.length > 0 && this.#chance(0.2)) return this.pick(homes).name
    const inside = `192.168.${this.pick([0, 1, 178])}`
    if (!this.#chance(0.2)) return this.#router('internet', this.public(), inside).name
    const provider =
      this.routers.find(router => router.inside.startsWith('100.') && this.#chance(0.5)) ??
      this.#router('internet', this.public(), `100.64.${this.routers.length}`, {
        ...this.#nat(),
        maxMappings: 65_536,
      })
    // a provider serves hosts without a router of their own, too: phones
    if (this.#chance(0.25)) return provider.name
    return this.#router(provider.name, this.addressAt(provider.name).ipv4, inside).name
  }

  /** A free address at a place. */
  addressAt(place: Place): { ipv4: Address; ipv6?: Address } {
    if (place === 'internet') return { ipv4: this.public() }
    const router = this.routers.find(({ name }) => name === place)!
    const number = ++this.#networks + 10
    const { inside, inside6 } = router
    return { ipv4: `${inside}.${number}`, ...(inside6 !== undefined && { ipv6: `${inside6}:${number.toString(16)}` }) }
  }

  host(name: string): HostSpec {
    const at = this.place()
    const closed = this.#chance(0.6)
    let port = this.random.int(20_000, 30_000)
    while (this.#ports.has(port)) port++
    this.#ports.add(port)
    const host: HostSpec = {
      ...{ name, at, ...this.addressAt(at), port, closed },
      tap: closed && this.#chance(0.4),
      branches: this.#chance(0.9),
      clockAhead: this.#chance(0.1) ? this.random.int(-6 * 3_600, 6 * 3_600) * second : 0,
      link: this.link(at === 'internet' ? this.#far() : 1, at),
    }
    this.hosts.push(host)
    return host
  }
}

export function drawWorld(seed: number, options: WorldOptions): World {
  const draw = new Draw(seed, options)
  const boots: BootSpec[] = ['198.19.1.7', '198.19.2.7'].map((ipv4, i) => ({
    name: `boot${i + 1}`,
    ipv4,
    port: bootPort,
  }))
  for (let i = 0; i < options.members; i++) draw.host(`m${i + 1}`)
  const { random, hosts, routers } = draw
  const starts = hosts.map(({ name }): Happening => ({ at: random.int(0, 3_000), kind: 'start', host: name }))
  const startOf = new Map(starts.flatMap(it => (it.kind === 'start' ? [[it.host, it.at]] : [])))
  const pings = hosts.flatMap((one, i) =>
    hosts.slice(i + 1).map((other): Happening => {
      const [from, to] = random.chance() < 0.5 ? [one.name, other.name] : [other.name, one.name]
      return { at: Math.max(startOf.get(from)!, startOf.get(to)!) + random.int(0, 1_000), kind: 'ping', from, to }
    }),
  )
  const ready = Math.max(...pings.map(({ at }) => at), 0)
  const trouble = options.trouble ? troubles(draw, ready + calm) : []
  const end = Math.max(ready, ...trouble.map(it => it.at + ('time' in it ? it.time : 0)))
  const happenings = [...starts, ...pings, ...trouble]
  return { seed, boots, routers, hosts, happenings, until: end + options.within, relays: options.relays ?? false }
}

/** What a drawing can still give when everybody has a place. */
export type Drawing = Pick<Draw, 'random' | 'hosts' | 'routers' | 'pick' | 'public' | 'addressAt' | 'place'>
