/**
 * Segments, routers and links of a world, in simulated time. A packet is handed from one to the next: it crosses its sender's link to the
 * segment, and there the receiver's link, or it goes up through the segment's router, which translates it.
 */

import { type Address, type Endpoint, familyOf } from '../base/ip.ts'
import type { Time } from '../base/time.ts'
import { Firewall, Nat } from './nat.ts'
import type { Simulation } from './simulation.ts'
import type { LinkSpec, Place, RouterSpec } from './world.ts'

export type Packet = { readonly id: number; readonly from: Endpoint; readonly to: Endpoint; readonly bytes: Uint8Array }

/** What became of a packet at a place. */
export type Passage = {
  readonly at: Time
  /** A host's or a router's name. */
  readonly where: string
  readonly what: 'sent' | 'forwarded' | 'arrived' | 'dropped'
  /** Why it was dropped. */
  readonly why?: string
  readonly packet: Packet
}

/** The cable of a host or router. */
export class Link {
  spec: LinkSpec
  /** Nothing passes before that. */
  cutUntil: Time = 0
  readonly #simulation: Simulation

  constructor(simulation: Simulation, spec: LinkSpec) {
    this.#simulation = simulation
    this.spec = spec
  }

  /** @returns why not, where it does not get across */
  cross(arrive: () => void): 'lost' | 'cut off' | null {
    const { delay, jitter, loss } = this.spec
    const simulation = this.#simulation
    if (simulation.now() < this.cutUntil) return 'cut off'
    if (loss > 0 && simulation.chance() < loss) return 'lost'
    const more = jitter > 0 ? simulation.chance() * jitter : 0
    simulation.quietly(simulation.now() + delay + more, arrive)
    return null
  }
}

/** Somebody on a segment, with an address there. */
export interface Attached {
  readonly name: string
  readonly link: Link
  /** A packet has come across its link. */
  take(packet: Packet): void
}

export class Internet {
  readonly simulation: Simulation
  readonly top: Segment
  readonly routers = new Map<string, Router>()
  /** Called for each packet at each place, where somebody wants to see them. */
  watch: ((passage: Passage) => void) | null = null
  #packets = 0
  readonly #segments = new Map<Place, Segment>()

  constructor(simulation: Simulation) {
    this.simulation = simulation
    this.top = new Segment(this, 'internet', null)
    this.#segments.set('internet', this.top)
  }

  segment(place: Place): Segment {
    const segment = this.#segments.get(place)
    if (!segment) throw new TypeError(`no place ${place}`)
    return segment
  }

  addRouter(spec: RouterSpec): Router {
    const router = new Router(this, spec, this.segment(spec.at))
    this.routers.set(spec.name, router)
    this.#segments.set(spec.name, router.inside)
    return router
  }

  packet(from: Endpoint, to: Endpoint, bytes: Uint8Array): Packet {
    return { id: ++this.#packets, from, to, bytes }
  }

  tell(where: string, what: Passage['what'], packet: Packet, why?: string): void {
    this.watch?.({ at: this.simulation.now(), where, what, packet, ...(why !== undefined && { why }) })
  }

  /** A packet goes from somebody to his segment. */
  send(sender: Attached, segment: Segment, packet: Packet): void {
    const why = sender.link.cross(() => segment.route(packet, sender))
    if (why) this.tell(sender.name, 'dropped', packet, why)
  }

  /** A packet goes from a segment to somebody on it. */
  deliver(receiver: Attached, packet: Packet): void {
    const why = receiver.link.cross(() => receiver.take(packet))
    if (why) this.tell(receiver.name, 'dropped', packet, why)
  }
}

export class Segment {
  readonly name: Place
  /** The way up. */
  readonly gateway: Router | null
  readonly #internet: Internet
  readonly #members = new Map<Address, Attached>()
  /** IPv6 networks further down, by how their addresses begin. */
  readonly #down = new Map<string, Router>()

  constructor(internet: Internet, name: Place, gateway: Router | null) {
    this.#internet = internet
    this.name = name
    this.gateway = gateway
  }

  join(address: Address, member: Attached): void {
    if (this.#members.has(address)) throw new TypeError(`${address} is taken at ${this.name}`)
    this.#members.set(address, member)
  }

  leave(address: Address): void {
    this.#members.delete(address)
  }

  /** A network of IPv6 is reached by a router here, and so from all segments above. */
  announce(stem: string, router: Router): void {
    this.#down.set(stem, router)
    if (this.gateway) this.gateway.parent.announce(stem, this.gateway)
  }

  members(): Iterable<Attached> {
    return this.#members.values()
  }

  /** @param from who put it here: a router does not get back what it sent */
  route(packet: Packet, from: Attached): void {
    const { host } = packet.to
    const member = this.#members.get(host)
    if (member) {
      this.#internet.deliver(member, packet)
      return
    }
    for (const [stem, router] of this.#down) {
      if (host.startsWith(stem)) {
        this.#internet.deliver(router, packet)
        return
      }
    }
    const { gateway } = this
    if (!gateway || gateway === from) {
      this.#internet.tell(from.name, 'dropped', packet, 'no such address')
      return
    }
    const onLink =
      host.startsWith(gateway.stem) || (gateway.spec.inside6 !== undefined && host.startsWith(gateway.spec.inside6))
    if (onLink) this.#internet.tell(from.name, 'dropped', packet, 'nobody has that address')
    else gateway.takeInside(packet)
  }
}

export class Router implements Attached {
  readonly name: string
  readonly spec: RouterSpec
  readonly link: Link
  readonly nat: Nat
  readonly parent: Segment
  readonly inside: Segment
  /** How IPv4 addresses inside begin. */
  readonly stem: string
  readonly #internet: Internet
  #firewall = new Firewall()
  #outside: Address

  constructor(internet: Internet, spec: RouterSpec, parent: Segment) {
    this.#internet = internet
    this.name = spec.name
    this.spec = spec
    this.parent = parent
    this.link = new Link(internet.simulation, spec.link)
    this.nat = new Nat(spec.nat, internet.simulation)
    this.stem = `${spec.inside}.`
    this.inside = new Segment(internet, spec.name, this)
    this.#outside = spec.outside
    parent.join(spec.outside, this)
    if (spec.inside6 !== undefined) parent.announce(spec.inside6, this)
  }

  /** Off and on again. */
  restart(outside: Address): void {
    this.parent.leave(this.#outside)
    this.#outside = outside
    this.parent.join(outside, this)
    this.flush()
  }

  flush(): void {
    this.nat.flush()
    this.#firewall = new Firewall()
  }

  /** From inside. */
  takeInside(packet: Packet): void {
    const { spec } = this
    const now = this.#internet.simulation.now()
    if (spec.blocked) {
      this.#drop(packet, 'UDP is blocked')
      return
    }
    if (familyOf(packet.to.host) === 6) {
      if (spec.firewall6) this.#firewall.sends(packet.from, packet.to, now)
      this.#up(packet)
      return
    }
    const port = this.nat.outbound(packet.from, packet.to, now)
    if (port === null) {
      this.#drop(packet, 'no mapping left')
      return
    }
    const translated = { ...packet, from: { host: this.#outside, port } }
    if (packet.to.host !== this.#outside) this.#up(translated)
    else if (spec.nat.hairpin) this.#in(translated)
    else this.#drop(packet, 'no hairpin')
  }

  /** From outside. */
  take(packet: Packet): void {
    const { spec } = this
    if (spec.blocked) {
      this.#drop(packet, 'UDP is blocked')
      return
    }
    if (familyOf(packet.to.host) === 4) {
      this.#in(packet)
      return
    }
    const closed = spec.inside6 !== undefined && spec.firewall6
    const now = this.#internet.simulation.now()
    if (closed && !this.#firewall.passes(packet.to, packet.from, now)) {
      this.#drop(packet, 'firewall')
      return
    }
    this.#internet.tell(this.name, 'forwarded', packet)
    this.inside.route(packet, this)
  }

  #up(packet: Packet): void {
    this.#internet.tell(this.name, 'forwarded', packet)
    this.#internet.send(this, this.parent, packet)
  }

  #in(packet: Packet): void {
    const to = this.nat.inbound(packet.to.port, packet.from, this.#internet.simulation.now())
    if (typeof to === 'string') {
      this.#drop(packet, to)
      return
    }
    const translated = { ...packet, to }
    this.#internet.tell(this.name, 'forwarded', translated)
    this.inside.route(translated, this)
  }

  #drop(packet: Packet, why: string): void {
    this.#internet.tell(this.name, 'dropped', packet, why)
  }
}
