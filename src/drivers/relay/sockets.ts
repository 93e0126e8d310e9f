/**
 * A relay of plain UDP sockets: IPv4 and IPv6, and from one to the other. Nothing of it is about Linux, so it is the simulator's relay, too.
 *
 * The machine's own firewall stands in front of these sockets. It lets in answers, so a port is open for those whom we write to from
 * there now and then.
 */

import { Allowance } from '../../base/allowance.ts'
import { Failure } from '../../base/failure.ts'
import { type Endpoint, familyOf, formatEndpoint } from '../../base/ip.ts'
import type { Clock } from '../../os/clock.ts'
import type { Udp } from '../../os/udp.ts'
import { controlByte, formats } from '../../protocol/control/constants.ts'
import { bindBoth, controlHopLimit, type UdpPort } from '../control/socket.ts'
import {
  type Carried,
  type Dropped,
  keyOf,
  type Leg,
  type LegKey,
  type Limit,
  mostLegs,
  type Range,
  type Receive,
  type Relay,
  type RelayPort,
  type SendElsewhere,
} from './relay.ts'

export type SocketParts = {
  readonly udp: Udp
  readonly clock: Clock
  readonly range: Range
  readonly limit: Limit
  readonly receive: Receive
  readonly elsewhere?: SendElsewhere | undefined
}

/** What WireGuard's packets have. Ours are told from them by theirs, also by a kernel that would merge them (control/socket.ts). */
const dataHopLimit = 64
const hopLimit = (bytes: Uint8Array) => (bytes[0] === controlByte ? controlHopLimit : dataHopLimit)

/** What comes while this process is busy waits here; the kernel may give less. */
const receiveBuffer = 2 ** 22

const headers = { 4: 20 + 8, 6: 40 + 8 } as const

type Held = { readonly leg: Leg; readonly allowance: Allowance; packets: number; bytes: number }

export class SocketRelay implements Relay {
  readonly backend = 'process'
  readonly #parts: SocketParts
  readonly #ports = new Map<number, UdpPort>()
  readonly #legs = new Map<string, Held>()
  readonly #dropped: Record<string, number> = {}
  #closed = false

  constructor(parts: SocketParts) {
    this.#parts = parts
  }

  async open(wanted: number): Promise<RelayPort> {
    const { first, last } = this.#parts.range
    const size = last - first + 1
    if (wanted < first || wanted > last) throw new TypeError(`port ${wanted} is not one of ${first}-${last}`)
    for (let i = 0; i < size; i++) {
      const port = first + ((wanted - first + i) % size)
      if (this.#ports.has(port)) continue
      const socket = await this.#bind(port)
      if (socket) return this.#opened(port, socket)
    }
    throw new Failure(`no port of ${first}-${last} is free for relaying`, { remedy: 'give it another range of ports' })
  }

  async connect(legs: readonly Leg[]): Promise<void> {
    this.hold(legs)
  }

  async disconnect(legs: readonly LegKey[]): Promise<void> {
    this.release(legs)
  }

  /** @returns those that were not there. @throws as `connect` */
  hold(legs: readonly Leg[]): Leg[] {
    const more = legs.filter(leg => !this.#legs.has(keyOf(leg))).length
    if (this.#legs.size + more > mostLegs) throw new Failure(`this relay has all the ${mostLegs} legs it may have`)
    const { rate, burst } = this.#parts.limit
    const fresh = legs.filter(leg => !sameLeg(this.#legs.get(keyOf(leg))?.leg, leg))
    for (const leg of fresh) {
      this.#legs.set(keyOf(leg), { leg, allowance: new Allowance(burst, rate), packets: 0, bytes: 0 })
    }
    return fresh
  }

  release(legs: readonly LegKey[]): void {
    for (const leg of legs) this.#legs.delete(keyOf(leg))
  }

  leg(key: string): Leg | undefined {
    return this.#legs.get(key)?.leg
  }

  get dropped(): Dropped {
    return { ...this.#dropped }
  }

  carried(): Carried[] {
    return [...this.#legs.values()].map(({ leg, packets, bytes }) => ({ leg, packets, bytes }))
  }

  hear(bytes: Uint8Array, from: Endpoint, at: number): boolean {
    if (!this.#ports.has(at)) return false
    this.#heard(bytes, from, at)
    return true
  }

  leftover(): Leg[] {
    return []
  }

  async refresh(): Promise<void> {}

  async counters(): Promise<{ legs: Carried[]; dropped: Dropped }> {
    return { legs: this.carried(), dropped: this.dropped }
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const socket of this.#ports.values()) socket.close()
    this.#ports.clear()
    this.#legs.clear()
  }

  /** `null` where somebody has it. */
  async #bind(port: number): Promise<UdpPort | null> {
    const heard = (bytes: Uint8Array, from: Endpoint) => this.#heard(bytes, from, port)
    const options = { hopLimit, receiveBuffer, onLost: () => this.#drop('not sent') }
    try {
      return await bindBoth(this.#parts.udp, port, heard, options)
    } catch (error) {
      if ((error as { code?: string }).code === 'EADDRINUSE') return null
      throw error
    }
  }

  #opened(port: number, socket: UdpPort): RelayPort {
    if (this.#closed) {
      socket.close()
      throw new Failure('the relay is closed')
    }
    const { elsewhere } = this.#parts
    const held = elsewhere ? { ...socket, send: sendBoth(port, socket, elsewhere) } : socket
    this.#ports.set(port, held)
    return {
      port,
      send: held.send,
      close: () => {
        if (this.#ports.get(port) !== held) return
        this.#ports.delete(port)
        socket.close()
      },
    }
  }

  #heard(bytes: Uint8Array, from: Endpoint, at: number): void {
    if (this.#closed) return
    if (bytes[0] === controlByte && bytes[1] === formats.bind) {
      // its zone is not part of an endpoint
      if (from.host.startsWith('fe80:')) this.#drop('link-local')
      else this.#parts.receive(bytes, from, at)
      return
    }
    const held = this.#legs.get(`${formatEndpoint(from)} ${at}`)
    const via = held && this.#ports.get(held.leg.via)
    if (!held) this.#drop('no leg')
    else if (!via) this.#drop('port closed')
    else if (!held.allowance.take(this.#parts.clock.now())) this.#drop('over the limit')
    else {
      held.packets++
      held.bytes += bytes.length + headers[familyOf(from.host)]
      via.send(bytes, held.leg.to)
    }
  }

  #drop(reason: string): void {
    this.#dropped[reason] = (this.#dropped[reason] ?? 0) + 1
  }
}

const sendBoth =
  (port: number, socket: UdpPort, elsewhere: SendElsewhere): UdpPort['send'] =>
  (bytes, to) => {
    if (!elsewhere(bytes, to, port)) socket.send(bytes, to)
  }

export function sameLeg(a: Leg | undefined, b: Leg | undefined): boolean {
  if (!a || !b) return a === b
  return keyOf(a) === keyOf(b) && a.via === b.via && formatEndpoint(a.to) === formatEndpoint(b.to)
}
