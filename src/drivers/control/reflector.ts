/**
 * From where else than W a reachable node can answer, so that others can tell what their NAT lets in (RFC 5780 §4.4): another port, and
 * that port of another address, where the machine has a second public one of the family.
 *
 *     one public address     0.0.0.0:P  and  [::]:P
 *     two                    A:P  and  B:P, where A is the one that W's packets leave from
 *
 * A control packet that comes to one of these is served like W's, and answered from there.
 */

import { type Address, type Endpoint, type Family, familyOf } from '../../base/ip.ts'
import { anywhere, type Source } from '../../os/source.ts'
import type { Udp, UdpSocket } from '../../os/udp.ts'
import type { ControlPort } from './port.ts'
import { controlHopLimit } from './socket.ts'
import { Traffic } from './traffic.ts'

type Way = Pick<ControlPort, 'send'>

export type ReflectorParts = {
  readonly udp: Udp
  readonly source: Source
  /** Public addresses of this machine, none of them inside a tunnel. */
  readonly addresses: readonly Address[]
  readonly receive: (bytes: Uint8Array, from: Endpoint, via: Way) => void
}

const everyAddress = { 4: '0.0.0.0', 6: '::' } as const
const families = [4, 6] as const
const tries = 10

type Side = { readonly first: Address; readonly second?: Address }
type Opened = { readonly port: number; readonly ways: ReadonlyMap<Address, Way>; readonly sockets: UdpSocket[] }

export class Reflector {
  readonly #sides: Readonly<Record<Family, Side>>
  readonly #traffic: Traffic
  readonly #opened: Opened

  private constructor(sides: Readonly<Record<Family, Side>>, traffic: Traffic, opened: Opened) {
    this.#sides = sides
    this.#traffic = traffic
    this.#opened = opened
  }

  /** @throws with `code` where an address or a port cannot be had, with nothing left open */
  static async open(parts: ReflectorParts): Promise<Reflector> {
    const sides = { 4: await sideOf(4, parts), 6: await sideOf(6, parts) }
    const traffic = new Traffic(() => {})
    const hosts = families.flatMap(family => [sides[family].first, sides[family].second ?? []].flat())
    for (let i = 1; ; i++) {
      try {
        return new Reflector(sides, traffic, await openAll(parts, traffic, hosts))
      } catch (error) {
        // somebody has for one address what the kernel gave us for another
        if ((error as { code?: string }).code !== 'EADDRINUSE' || i === tries) throw error
      }
    }
  }

  get counters(): ControlPort['counters'] {
    return this.#traffic.counters
  }

  /** Answers from another port than W, of the address that W answers from. */
  readonly otherPort = (): Way => ({
    send: (bytes, to) => this.#send(this.#sides[familyOf(to.host)].first, bytes, to),
  })

  /** Answers from another address than W, to `host`. */
  readonly otherAddress = (host: Address): Way | null => {
    const { second } = this.#sides[familyOf(host)]
    return (second !== undefined && this.#opened.ways.get(second)) || null
  }

  /** What to tell those who ask from an address. */
  readonly other = (asker: Address): { port: number; address?: Address } => {
    const address = this.#sides[familyOf(asker)].second
    return { port: this.#opened.port, ...(address !== undefined && { address }) }
  }

  close(): void {
    this.#traffic.close()
    for (const socket of this.#opened.sockets.splice(0)) socket.close()
  }

  #send(from: Address, bytes: Uint8Array, to: Endpoint): void {
    const way = this.#opened.ways.get(from)
    if (way) way.send(bytes, to)
    else this.#traffic.drop('no IPv6 here')
  }
}

async function sideOf(family: Family, { addresses, source }: ReflectorParts): Promise<Side> {
  const here = addresses.filter(address => familyOf(address) === family)
  if (here.length < 2) return { first: everyAddress[family] }
  // without a default route everybody is on our link, which the first one was given for
  const first = (await source(anywhere[family])) ?? here[0]!
  // W's packets leave from a private address, and arrive from one that we do not know: it may be any of these
  if (!here.includes(first)) return { first: everyAddress[family] }
  const second = here.find(address => address !== first)
  return { first, ...(second !== undefined && { second }) }
}

/** The same port of all, the kernel's choice. */
async function openAll({ udp, receive }: ReflectorParts, traffic: Traffic, hosts: readonly Address[]): Promise<Opened> {
  const ways = new Map<Address, Way>()
  const sockets: UdpSocket[] = []
  let port = 0
  try {
    for (const host of hosts) {
      const heard = (bytes: Uint8Array, from: Endpoint) =>
        traffic.accept(null, bytes, from, (...it) => receive(...it, way))
      const options = { hopLimit: controlHopLimit, onLost: () => traffic.drop('not sent') }
      const socket = await udp.bind(host, port, heard, options).catch(error => {
        if (host === everyAddress[6] && isWithout(error)) return null
        throw error
      })
      if (!socket) continue
      const way: Way = {
        send(bytes, to) {
          traffic.counters.sent++
          socket.send(bytes, to)
        },
      }
      sockets.push(socket)
      ways.set(host, way)
      port = socket.port
    }
    return { port, ways, sockets }
  } catch (error) {
    for (const socket of sockets) socket.close()
    throw error
  }
}

/** A machine without IPv6. */
const isWithout = (error: { code?: string }) => error.code === 'EAFNOSUPPORT' || error.code === 'EADDRNOTAVAIL'
