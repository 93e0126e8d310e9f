/**
 * WireGuard's packets to and from endpoints that a carrier leads to: for each endpoint a socket on a loopback address, to which WireGuard is
 * pointed in its place. What WireGuard sends there goes into the carrier; what comes out of it goes to WireGuard's port from there.
 *
 *     WireGuard, W ──▶ 127.0.0.2:q ──▶ carrier ──▶ endpoint
 *     WireGuard, W ◀── 127.0.0.2:q ◀── carrier ◀── endpoint
 */

import { type Endpoint, formatEndpoint, parseEndpoint } from '../../base/ip.ts'
import type { Udp, UdpSocket } from '../../os/udp.ts'

/** Not the doorbell's: that one is no peer's endpoint. */
const host = '127.0.0.2'
const wireguard = '127.0.0.1'
/** Endpoints at the same time; the one that was used longest ago makes room. */
const most = 512
const receiveBuffer = 2 ** 21

export type LoopbackParts = {
  readonly udp: Udp
  /** WireGuard's. */
  readonly listenPort: () => number
  /** WireGuard has sent something to this endpoint. */
  readonly send: (bytes: Uint8Array, to: Endpoint) => void
}

export class Loopback {
  readonly #parts: LoopbackParts
  /** By the endpoint, the one used longest ago first. */
  readonly #open = new Map<string, UdpSocket>()
  readonly #opening = new Map<string, Promise<UdpSocket | null>>()
  #closed = false

  constructor(parts: LoopbackParts) {
    this.#parts = parts
  }

  /** Where WireGuard shall send what is for this endpoint; `null` where there is no such socket to be had. */
  async open(endpoint: Endpoint): Promise<Endpoint | null> {
    const socket = await this.#socket(endpoint)
    return socket && { host, port: socket.port }
  }

  /** The same, if it is open. */
  local(endpoint: Endpoint): Endpoint | undefined {
    const socket = this.#open.get(formatEndpoint(endpoint))
    return socket && { host, port: socket.port }
  }

  /** The endpoint behind one of these. */
  remote(local: Endpoint): Endpoint | undefined {
    if (local.host !== host) return undefined
    for (const [name, { port }] of this.#open) if (port === local.port) return parseEndpoint(name) ?? undefined
    return undefined
  }

  /** To WireGuard, as if from there. */
  async deliver(bytes: Uint8Array, from: Endpoint): Promise<void> {
    const socket = this.#open.get(formatEndpoint(from)) ?? (await this.#socket(from))
    socket?.send(bytes, { host: wireguard, port: this.#parts.listenPort() })
  }

  /** Nothing leads there any more. */
  forget(address: string): void {
    for (const [name, socket] of this.#open) {
      if (parseEndpoint(name)?.host !== address) continue
      this.#open.delete(name)
      socket.close()
    }
  }

  close(): void {
    this.#closed = true
    for (const socket of this.#open.values()) socket.close()
    this.#open.clear()
  }

  #socket(endpoint: Endpoint): Promise<UdpSocket | null> {
    const name = formatEndpoint(endpoint)
    const known = this.#open.get(name)
    if (known) {
      this.#open.delete(name)
      this.#open.set(name, known)
      return Promise.resolve(known)
    }
    const opening = this.#opening.get(name) ?? this.#bind(name, endpoint)
    this.#opening.set(name, opening)
    return opening
  }

  async #bind(name: string, endpoint: Endpoint): Promise<UdpSocket | null> {
    const { udp, listenPort, send } = this.#parts
    const heard = (bytes: Uint8Array, from: Endpoint) => {
      if (from.port === listenPort()) send(bytes, endpoint)
    }
    try {
      const socket = await udp.bind(host, 0, heard, { receiveBuffer })
      if (this.#closed) {
        socket.close()
        return null
      }
      this.#open.set(name, socket)
      const [oldest] = this.#open.keys()
      if (this.#open.size > most && oldest !== undefined) {
        this.#open.get(oldest)!.close()
        this.#open.delete(oldest)
      }
      return socket
    } catch {
      return null
    } finally {
      this.#opening.delete(name)
    }
  }
}
