/**
 * A machine of a world: addresses, sockets, a firewall, and port W, which WireGuard and the control port share. What a program asks of its
 * operating system is here (`drivers/control/port.ts`, `os/udp.ts`, `os/multicast.ts`, `os/links.ts`), and nothing that decides.
 */

import { type Address, type Endpoint, type Family, familyOf, formatEndpoint } from '../base/ip.ts'
import { second } from '../base/time.ts'
import type { Branch, Branches, ControlPort, Receive } from '../drivers/control/port.ts'
import type { LinkAddress } from '../os/links.ts'
import type { Multicast } from '../os/multicast.ts'
import type { Udp } from '../os/udp.ts'
import { HostClock } from './host-clock.ts'
import { type Attached, type Internet, Link, type Packet, type Segment } from './internet.ts'
import { Firewall } from './nat.ts'
import type { HostSpec, Place } from './world.ts'

type Socket = { readonly address: Address; readonly receive: (bytes: Uint8Array, from: Endpoint) => void }

const controlByte = 0xff
/** Linux's net.ipv4.ip_local_port_range. */
const ephemeral = { min: 32_768, max: 61_000 } as const
/** Datagrams that wait in a socket of a stopped process: 208 KiB, each of which takes 1280 bytes. */
const buffered = 166

export class Host implements Attached {
  readonly name: string
  readonly spec: HostSpec
  readonly link: Link
  /** The daemon's. */
  readonly clock: HostClock
  /** The kernel's, with WireGuard in it. */
  readonly kernel: HostClock
  /** Takes what comes to W and is not control's. */
  wireguard: ((bytes: Uint8Array, from: Endpoint) => void) | null = null
  readonly #internet: Internet
  #segment: Segment
  #addresses: Partial<Record<Family, Address>> = {}
  readonly #firewall = new Firewall()
  readonly #sockets = new Map<number, Socket[]>()
  #control: Receive | null = null
  #multicast: ((bytes: Uint8Array, from: Address) => void) | null = null
  /** Remote endpoints whose packets leave from another port than W. */
  readonly #bound = new Map<string, number>()
  readonly #watchers = new Set<() => void>()
  readonly #sleepers = new Set<() => void>()
  readonly #waiting: (() => void)[] = []

  constructor(internet: Internet, spec: HostSpec) {
    this.#internet = internet
    this.name = spec.name
    this.spec = spec
    this.link = new Link(internet.simulation, spec.link)
    this.clock = new HostClock(internet.simulation, { ahead: spec.clockAhead, loud: true })
    this.kernel = new HostClock(internet.simulation, { ahead: spec.clockAhead, loud: false })
    this.#segment = internet.segment(spec.at)
    this.#join(spec.at, spec.ipv4, spec.ipv6)
  }

  /** To another network, whose addresses it has at once. */
  move(place: Place, ipv4?: Address, ipv6?: Address): void {
    for (const address of Object.values(this.#addresses)) this.#segment.leave(address)
    this.#join(place, ipv4, ipv6)
    for (const changed of this.#watchers) this.#hand(changed)
  }

  #join(place: Place, ipv4?: Address, ipv6?: Address): void {
    this.#segment = this.#internet.segment(place)
    this.#addresses = { ...(ipv4 !== undefined && { 4: ipv4 }), ...(ipv6 !== undefined && { 6: ipv6 }) }
    for (const address of Object.values(this.#addresses)) this.#segment.join(address, this)
  }

  /** From one of its ports. */
  send(port: number, bytes: Uint8Array, to: Endpoint): void {
    if (this.kernel.held) return
    const family = familyOf(to.host)
    const loopback = to.host === '127.0.0.1' || to.host === '::1'
    const host = loopback ? to.host : this.#addresses[family]
    if (host === undefined) return
    const via = port === this.spec.port ? this.#bound.get(formatEndpoint(to)) : undefined
    const packet = this.#internet.packet({ host, port: via ?? port }, to, Uint8Array.from(bytes))
    if (loopback || to.host === host) {
      const { simulation } = this.#internet
      simulation.quietly(simulation.now(), () => this.#hear(packet, loopback))
      return
    }
    this.#firewall.sends(packet.from, to, this.#internet.simulation.now())
    this.#internet.tell(this.name, 'sent', packet)
    this.#internet.send(this, this.#segment, packet)
  }

  take(packet: Packet): void {
    // it has left, or sleeps
    if (this.#addresses[familyOf(packet.to.host)] !== packet.to.host) this.#drop(packet, 'gone')
    else if (this.kernel.held) this.#drop(packet, 'asleep')
    else this.#hear(packet, false)
  }

  #hear(packet: Packet, loopback: boolean): void {
    const { spec } = this
    const { from, to, bytes } = packet
    const bound = this.#bound.get(formatEndpoint(from)) === to.port
    const passes = loopback || !spec.closed || this.#firewall.passes(to, from, this.#internet.simulation.now())
    const control = bytes[0] === controlByte
    const isW = to.port === spec.port || bound
    const tapped = control && spec.tap && to.port === spec.port
    if (!passes && !tapped) {
      this.#drop(packet, "the host's firewall")
      return
    }
    if (isW && control && this.#control) this.#arrived(packet, () => this.#control?.(bytes, from))
    else if (isW && !control && this.wireguard) {
      this.#internet.tell(this.name, 'arrived', packet)
      this.wireguard(bytes, from)
    } else this.#toSocket(packet)
  }

  #toSocket(packet: Packet): void {
    const { to, from, bytes } = packet
    const any = familyOf(to.host) === 4 ? '0.0.0.0' : '::'
    const socket = this.#sockets.get(to.port)?.find(({ address }) => address === to.host || address === any)
    if (socket) this.#arrived(packet, () => socket.receive(bytes, from))
    else this.#drop(packet, 'nobody listens')
  }

  #arrived(packet: Packet, receive: () => void): void {
    this.#internet.tell(this.name, 'arrived', packet)
    this.#hand(receive)
  }

  /** To the daemon, later if it is stopped. */
  #hand(call: () => void): void {
    if (this.clock.held) {
      if (this.#waiting.length < buffered) this.#waiting.push(call)
      return
    }
    this.#internet.simulation.stir()
    call()
  }

  suspend(): void {
    this.clock.suspend()
    this.kernel.suspend()
  }

  stop(): void {
    this.clock.stop()
  }

  goOn(): void {
    this.kernel.goOn()
    this.clock.goOn()
    for (const call of this.#waiting.splice(0)) this.#hand(call)
    // the real one compares two clocks once a second
    const { simulation } = this.#internet
    const notice = simulation.now() + simulation.int(0, second)
    simulation.at(notice, () => {
      for (const call of this.#sleepers) call()
    })
  }

  #drop(packet: Packet, why: string): void {
    this.#internet.tell(this.name, 'dropped', packet, why)
  }

  addresses(): LinkAddress[] {
    const of = (address: Address, family: Family, length: number, loopback: boolean): LinkAddress => ({
      ...{ interface: loopback ? 'lo' : 'eth0', address, family, length, loopback },
      ...{ linkLocal: false, multicast: !loopback, pointToPoint: false },
    })
    const { 4: ipv4, 6: ipv6 } = this.#addresses
    return [
      of('127.0.0.1', 4, 8, true),
      ...(ipv4 === undefined ? [] : [of(ipv4, 4, 24, false)]),
      ...(ipv6 === undefined ? [] : [of(ipv6, 6, 64, false)]),
    ]
  }

  readonly links = {
    addresses: () => this.addresses(),
    watch: (changed: () => void) => {
      this.#watchers.add(changed)
      return { close: () => void this.#watchers.delete(changed) }
    },
  }

  /** Tells the daemon that it was suspended or stopped. */
  readonly sleep = {
    watch: (call: () => void) => {
      this.#sleepers.add(call)
      return { close: () => void this.#sleepers.delete(call) }
    },
  }

  readonly udp: Udp = {
    bind: async (address, wanted, receive) => {
      const port = wanted === 0 ? this.#freePort() : wanted
      const socket: Socket = { address, receive }
      this.#sockets.set(port, [...(this.#sockets.get(port) ?? []), socket])
      return {
        port,
        send: (bytes, to) => this.send(port, bytes, to),
        close: () => {
          const rest = (this.#sockets.get(port) ?? []).filter(each => each !== socket)
          if (rest.length > 0) this.#sockets.set(port, rest)
          else this.#sockets.delete(port)
        },
      }
    },
  }

  readonly multicast: Multicast = {
    open: async (_group, receive) => {
      this.#multicast = receive
      return {
        join() {},
        send: (bytes, places) => {
          for (const { address } of places) this.#spread(bytes, address)
        },
        close: () => {
          this.#multicast = null
        },
      }
    },
  }

  /** To everybody on the link. */
  #spread(bytes: Uint8Array, from: Address): void {
    const family = familyOf(from)
    if (this.#addresses[family] !== from || this.kernel.held) return
    for (const other of new Set(this.#segment.members())) {
      // a closed firewall lets no announcements in either
      if (!(other instanceof Host) || other === this || other.spec.closed) continue
      if (other.#addresses[family] === undefined) continue
      this.link.cross(() => {
        other.link.cross(() => {
          if (!other.kernel.held) other.#hand(() => other.#multicast?.(Uint8Array.from(bytes), from))
        })
      })
    }
  }

  /** @param receive control packets */
  openPort(receive: Receive): ControlPort {
    const counters: ControlPort['counters'] = { received: 0, sent: 0, dropped: {} }
    this.#control = (bytes, from) => {
      counters.received++
      receive(bytes, from)
    }
    return {
      backend: 'nft',
      counters,
      ...(this.spec.branches && { branches: this.#branches() }),
      send: (bytes, to) => {
        counters.sent++
        this.send(this.spec.port, bytes, to)
      },
      close: async () => {
        this.#control = null
      },
    }
  }

  #branches(): Branches {
    const unbind = (port: number) => {
      for (const [to, bound] of this.#bound) if (bound === port) this.#bound.delete(to)
    }
    return {
      open: async (count, receive) => {
        const opening = Array.from({ length: count }, async (): Promise<Branch> => {
          const take = (bytes: Uint8Array, from: Endpoint) => {
            if (bytes[0] === controlByte) receive(bytes, from, branch)
          }
          const socket = await this.udp.bind('0.0.0.0', 0, take)
          const close = () => {
            unbind(socket.port)
            socket.close()
          }
          const branch: Branch = { port: socket.port, send: socket.send, close }
          return branch
        })
        return Promise.all(opening)
      },
      bind: async (to, branch) => {
        if (branch) this.#bound.set(formatEndpoint(to), branch.port)
        else this.#bound.delete(formatEndpoint(to))
      },
    }
  }

  #freePort(): number {
    const { simulation } = this.#internet
    for (;;) {
      const port = simulation.int(ephemeral.min, ephemeral.max)
      if (!this.#sockets.has(port) && port !== this.spec.port) return port
    }
  }
}
