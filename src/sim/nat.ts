/**
 * The table of one NAT (RFC 4787): inside endpoint ↔ port outside, and who may answer there. Knows nothing of packets and links.
 *
 *     mapping      one entry for an inside endpoint; or one for each address, or each endpoint, that it sends to
 *     filtering    through an entry comes what anybody sends; or an address, or an endpoint, that it was used for
 *
 * Entries live as long as packets use them, in both directions.
 */

import { type Endpoint, formatEndpoint } from '../base/ip.ts'
import type { Time } from '../base/time.ts'
import type { Random } from '../os/random.ts'
import type { Behaviour, NatSpec } from './world.ts'

type Entry = {
  readonly key: string
  readonly inside: Endpoint
  readonly port: number
  /** What makes two entries of one port clash. */
  readonly scope: string
  usedAt: Time
  /** By what the filter looks at: when it was used last. */
  readonly answers: Map<string, Time>
}

/** As `formatEndpoint`, for IPv4 only. */
const text = ({ host, port }: Endpoint) => `${host}:${port}`

/** What of a remote endpoint counts. */
function part(behaviour: Behaviour, remote: Endpoint): string {
  if (behaviour === 'endpoint-independent') return ''
  return behaviour === 'address-dependent' ? remote.host : text(remote)
}

const lowest = 1024
const ports = 65_536 - lowest

export class Nat {
  readonly spec: NatSpec
  readonly #random: Random
  readonly #byKey = new Map<string, Entry>()
  readonly #byPort = new Map<number, Entry[]>()
  #next: number

  constructor(spec: NatSpec, random: Random) {
    this.spec = spec
    this.#random = random
    this.#next = random.int(lowest, 65_536)
  }

  get size(): number {
    return this.#byKey.size
  }

  /** The port outside for what goes from an inside endpoint to a remote one; `null` where the table is full. */
  outbound(inside: Endpoint, remote: Endpoint, now: Time): number | null {
    const scope = part(this.spec.mapping, remote)
    const key = `${text(inside)} ${scope}`
    let entry = this.#byKey.get(key)
    if (entry && !this.#lives(entry, now)) {
      this.#remove(entry)
      entry = undefined
    }
    entry ??= this.#create(key, inside, scope, now)
    if (!entry) return null
    entry.usedAt = now
    entry.answers.set(part(this.spec.filtering, remote), now)
    return entry.port
  }

  /** Who inside gets what a remote endpoint sends to a port outside. */
  inbound(port: number, remote: Endpoint, now: Time): Endpoint | 'no mapping' | 'filtered' {
    const living = (this.#byPort.get(port) ?? []).filter(entry => this.#lives(entry, now))
    if (living.length === 0) return 'no mapping'
    const from = part(this.spec.filtering, remote)
    const { lifetime } = this.spec
    // of several entries of one port, the one that was made for this remote is meant
    const exact = living.find(({ scope }) => scope === part(this.spec.mapping, remote))
    for (const entry of exact ? [exact, ...living] : living) {
      const since = entry.answers.get(from)
      const passes = this.spec.filtering === 'endpoint-independent' || (since !== undefined && now - since < lifetime)
      if (!passes) continue
      entry.usedAt = now
      entry.answers.set(from, now)
      return entry.inside
    }
    return 'filtered'
  }

  /** All entries gone, as after a restart. */
  flush(): void {
    this.#byKey.clear()
    this.#byPort.clear()
  }

  #lives(entry: Entry, now: Time): boolean {
    return now - entry.usedAt < this.spec.lifetime
  }

  #create(key: string, inside: Endpoint, scope: string, now: Time): Entry | undefined {
    if (this.#byKey.size >= this.spec.maxMappings) {
      for (const entry of this.#byKey.values()) if (!this.#lives(entry, now)) this.#remove(entry)
      if (this.#byKey.size >= this.spec.maxMappings) return undefined
    }
    const port = this.#allocate(inside.port, scope, now)
    if (port === null) return undefined
    const entry: Entry = { key, inside, port, scope, usedAt: now, answers: new Map() }
    this.#byKey.set(key, entry)
    const others = this.#byPort.get(port)
    if (others) others.push(entry)
    else this.#byPort.set(port, [entry])
    return entry
  }

  #allocate(wanted: number, scope: string, now: Time): number | null {
    const { allocation } = this.spec
    if (allocation.kind === 'preserving' && this.#isFree(wanted, scope, now)) return wanted
    for (let tries = 0; tries < ports; tries++) {
      const port = allocation.kind === 'sequential' ? this.#advance(allocation.step) : this.#random.int(lowest, 65_536)
      if (this.#isFree(port, scope, now)) return port
    }
    return null
  }

  #advance(step: number): number {
    this.#next = lowest + ((((this.#next - lowest + step) % ports) + ports) % ports)
    return this.#next
  }

  #isFree(port: number, scope: string, now: Time): boolean {
    const { mapping, allocation } = this.spec
    const there = (this.#byPort.get(port) ?? []).filter(entry => this.#lives(entry, now))
    // a kept port may serve several inside hosts that talk to different ones, as in Linux
    const shared = allocation.kind === 'preserving' && mapping !== 'endpoint-independent'
    return shared ? there.every(entry => entry.scope !== scope) : there.length === 0
  }

  #remove(entry: Entry): void {
    this.#byKey.delete(entry.key)
    const rest = (this.#byPort.get(entry.port) ?? []).filter(other => other !== entry)
    if (rest.length > 0) this.#byPort.set(entry.port, rest)
    else this.#byPort.delete(entry.port)
  }
}

/** A stateful firewall without translation, of a host or of a router's IPv6: answers pass, and nothing else. */
export class Firewall {
  /** As Linux has it (nf_conntrack_udp_timeout and _stream): the second once an answer came. */
  static readonly lifetime = { asked: 30_000, answered: 120_000 } as const
  readonly #flows = new Map<string, { at: Time; answered: boolean }>()

  sends(own: Endpoint, remote: Endpoint, now: Time): void {
    const key = flowKey(own, remote)
    const flow = this.#flows.get(key)
    if (flow && this.#lives(flow, now)) flow.at = now
    else this.#flows.set(key, { at: now, answered: false })
  }

  passes(own: Endpoint, remote: Endpoint, now: Time): boolean {
    const flow = this.#flows.get(flowKey(own, remote))
    if (!flow || !this.#lives(flow, now)) return false
    flow.at = now
    flow.answered = true
    return true
  }

  #lives({ at, answered }: { at: Time; answered: boolean }, now: Time): boolean {
    return now - at < (answered ? Firewall.lifetime.answered : Firewall.lifetime.asked)
  }
}

const flowKey = (own: Endpoint, remote: Endpoint) => `${formatEndpoint(own)} ${formatEndpoint(remote)}`
