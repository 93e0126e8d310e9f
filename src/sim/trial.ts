/**
 * One world, run: nodes on their machines, what happens to them, and who answered whose pings when. The measure is what a person sees:
 * a packet into the tunnel, and one that comes back.
 */

import { createLogger } from '../base/log.ts'
import type { Time } from '../base/time.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import { defaults, type Network } from '../protocol/network/types.ts'
import type { RelayPolicy } from '../protocol/relay/desk.ts'
import { Host } from './host.ts'
import { Internet, type Passage } from './internet.ts'
import { keyOf, SimNode } from './node.ts'
import { Simulation, type Turn } from './simulation.ts'
import type { Happening, World } from './world.ts'

/** Between two pings of a pair, ms: until one is answered, and after it. */
const pause = { before: 200, after: 500 } as const
/** How often it is asked whether that is enough, ms. */
const lookEvery = 250
/** What a ping carries (ping(8) has 64 bytes with its header). */
const payloadLength = 84

export type Echo = { readonly sent: Time; readonly answered: Time | null }

export type Conversation = {
  readonly from: string
  readonly to: string
  /** When it began. */
  readonly began: Time
  readonly echoes: readonly Echo[]
  /** For how long one of them, or both, have been saying that they have a path. */
  readonly claimed: Time
}

export type TrialOptions = {
  readonly turn: Turn
  readonly watch?: (passage: Passage) => void
  readonly log?: (line: string) => void
  /** Asked now and then: nothing more is to be learnt. */
  readonly enough?: (trial: Trial) => boolean
}

/** Members have the first numbers. */
const firstBoot = 1_000

export class Trial {
  readonly world: World
  readonly simulation: Simulation
  readonly internet: Internet
  readonly nodes = new Map<string, SimNode>()
  readonly #conversations = new Map<string, { from: string; to: string; began: Time; echoes: Echo[] }>()
  readonly #options: TrialOptions
  #echoes = 0
  readonly #waiting = new Map<number, (at: Time) => void>()

  constructor(world: World, options: TrialOptions) {
    this.world = world
    this.#options = options
    this.simulation = new Simulation(world.seed)
    this.internet = new Internet(this.simulation)
    if (options.watch) this.internet.watch = options.watch
    for (const router of world.routers) this.internet.addRouter(router)
    const network = networkOf(world)
    const link = { delay: 1, jitter: 0, loss: 0 }
    world.boots.forEach((boot, i) => {
      const marks = { closed: false, tap: false, branches: false, clockAhead: 0, link }
      const host = new Host(this.internet, { ...boot, ...marks, at: 'internet' })
      this.nodes.set(boot.name, this.#node(host, firstBoot + i, network))
    })
    world.hosts.forEach((spec, i) => {
      this.nodes.set(spec.name, this.#node(new Host(this.internet, spec), i, network))
    })
    for (const it of world.happenings) this.simulation.at(it.at, () => this.#happen(it))
  }

  #node(host: Host, number: number, network: Network): SimNode {
    const deliver = (from: PublicKey, payload: Uint8Array) => this.#echo(host.name, from, payload)
    return new SimNode(host, {
      number,
      network,
      seed: this.world.seed * 4_099 + number,
      deliver,
      ...this.#log(host),
      ...this.#relays(number),
    })
  }

  /** As by default: helpers for anyone. */
  #relays(number: number): { relays?: RelayPolicy } {
    return this.world.relays ? { relays: number < firstBoot ? 'members' : 'anyone' } : {}
  }

  #log(host: Host) {
    const { log } = this.#options
    if (!log) return {}
    const write = (_level: unknown, line: string) => log(`${(host.clock.now() / 1000).toFixed(3)} ${host.name} ${line}`)
    return { log: createLogger(write) }
  }

  /** The names of those who ping, with what came of it. */
  conversations(): Conversation[] {
    return [...this.#conversations.values()].map(({ from, to, began, echoes }) => ({
      ...{ from, to, began, echoes },
      claimed: this.claimed(from, to),
    }))
  }

  /** The pings of one pair until now. */
  echoes(from: string, to: string): readonly Echo[] {
    return this.#conversations.get(`${from} ${to}`)?.echoes ?? []
  }

  async run(): Promise<void> {
    const { turn, enough = () => false } = this.#options
    for (const { name } of this.world.boots) void this.nodes.get(name)!.start()
    let askAgain: Time = 0
    await this.simulation.drain(turn, this.world.until, () => {
      const now = this.simulation.now()
      if (now < askAgain) return false
      askAgain = now + lookEvery
      return enough(this)
    })
    await turn()
  }

  /** Does one of them, or do both, send through a relay? */
  isRelayed(from: string, to: string): boolean {
    const [one, other] = [this.#of(from), this.#of(to)]
    return [one.path(other.key), other.path(one.key)].some(path => path?.relayed)
  }

  /** For how long one of them, or both, have been saying that they have a path. */
  claimed(from: string, to: string): Time {
    return Math.max(this.#claim(from, to), this.#claim(to, from))
  }

  #claim(from: string, to: string): Time {
    const { host } = this.#of(from)
    const path = this.#of(from).path(this.#of(to).key)
    return path?.state === 'direct' ? host.clock.now() - path.since : 0
  }

  #of(name: string): SimNode {
    const node = this.nodes.get(name)
    if (!node) throw new TypeError(`no host ${name}`)
    return node
  }

  #happen(it: Happening): void {
    const { simulation, internet } = this
    const later = (time: Time, call: () => void) => simulation.at(simulation.now() + time, call)
    if (it.kind === 'start') void this.#of(it.host).start()
    else if (it.kind === 'ping') this.#converse(it.from, it.to)
    else if (it.kind === 'roam') this.#of(it.host).host.move(it.to, it.ipv4, it.ipv6)
    else if (it.kind === 'restart') internet.routers.get(it.router)!.restart(it.outside)
    else if (it.kind === 'flush') internet.routers.get(it.router)!.flush()
    else if (it.kind === 'cut') {
      const { link } = internet.routers.get(it.name) ?? this.#of(it.name).host
      link.cutUntil = simulation.now() + it.time
    } else {
      const { host } = this.#of(it.host)
      if (it.kind === 'suspend') host.suspend()
      else host.stop()
      later(it.time, () => host.goOn())
    }
  }

  #converse(from: string, to: string): void {
    const { simulation } = this
    const conversation = { from, to, began: simulation.now(), echoes: [] as Echo[] }
    this.#conversations.set(`${from} ${to}`, conversation)
    let answered = false
    const ask = () => {
      const node = this.#of(from)
      const number = ++this.#echoes
      const at = conversation.echoes.length
      conversation.echoes.push({ sent: simulation.now(), answered: null })
      this.#waiting.set(number, time => {
        answered = true
        conversation.echoes[at] = { sent: conversation.echoes[at]!.sent, answered: time }
      })
      // a machine that sleeps sends nothing
      if (!node.host.kernel.held) node.wireguard?.transmit(this.#of(to).key, payloadOf(8, number))
      simulation.quietly(simulation.now() + (answered ? pause.after : pause.before), ask)
    }
    ask()
  }

  /** ICMP's: 8 asks, 0 answers. */
  #echo(at: string, from: PublicKey, payload: Uint8Array): void {
    const number = new DataView(payload.buffer, payload.byteOffset).getUint32(1)
    if (payload[0] === 8) {
      this.#of(at).wireguard?.transmit(from, payloadOf(0, number))
      return
    }
    this.#waiting.get(number)?.(this.simulation.now())
    this.#waiting.delete(number)
  }
}

function payloadOf(kind: 0 | 8, number: number): Uint8Array {
  const payload = new Uint8Array(payloadLength)
  payload[0] = kind
  new DataView(payload.buffer).setUint32(1, number)
  return payload
}

/** The file that all nodes of a world have. */
function networkOf(world: World): Network {
  return {
    name: 'sim',
    namespace: defaults.namespace,
    workbit: 0,
    nodes: [
      ...world.boots.map(({ ipv4, port }, i) => ({
        role: 'boot' as const,
        key: keyOf(firstBoot + i).publicKey(),
        endpoint: { host: ipv4, port },
      })),
      ...world.hosts.map(({ name }, i) => ({ role: 'trust' as const, key: keyOf(i).publicKey(), hostname: name })),
    ],
  }
}
