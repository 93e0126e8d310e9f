/**
 * libp2p's connections over control packets: each is one byte stream of `control/streams.ts`, with Noise and yamux inside as over
 * TCP. An address is `/ip4/…/udp/W/p2p/PEER`; the PeerId must be there, because the stream is sealed to its key from the first packet.
 */

import {
  type AbortOptions,
  type Connection,
  type CreateListenerOptions,
  type DialTransportOptions,
  type Listener,
  type ListenerEvents,
  type Logger,
  type MultiaddrConnection,
  serviceCapabilities,
  type Transport,
  TypedEventEmitter,
  transportSymbol,
} from '@libp2p/interface'
import { AbstractMultiaddrConnection } from '@libp2p/utils'
import type { Multiaddr } from '@multiformats/multiaddr'
import { keyOfPeerId, peerIdOf } from '../../protocol/identity/peer-id.ts'
import type { StreamConnection, Streams } from '../control/streams.ts'
import { formatPeerAddress, readPeerAddress } from './address.ts'

/** What a slow peer may leave unread here before its connection is given up: yamux's window is 256 kB a stream. */
const bufferLimit = 4 * 1024 * 1024

class StreamMultiaddrConnection extends AbstractMultiaddrConnection {
  readonly #stream: StreamConnection
  #ended = false

  constructor(stream: StreamConnection, remoteAddr: Multiaddr, log: Logger) {
    super({
      remoteAddr,
      direction: stream.direction,
      log,
      maxReadBufferLength: bufferLimit,
    })
    this.#stream = stream
    stream.on.data = bytes => this.onData(bytes)
    stream.on.drain = () => this.safeDispatchEvent('drain')
    // libp2p has no half-open connections: who ends writing has finished
    stream.on.end = () => {
      this.onRemoteCloseWrite()
      this.#end()
    }
    stream.on.closed = error => {
      this.#ended = true
      if (error?.reason === 'reset by peer') this.onRemoteReset()
      else this.onTransportClosed(error)
    }
  }

  override sendData(data: { byteLength: number; subarray(): Uint8Array }) {
    const sentBytes = this.#stream.write(data.subarray())
    return { sentBytes, canSendMore: sentBytes === data.byteLength }
  }

  override async sendClose(options?: AbortOptions): Promise<void> {
    options?.signal?.throwIfAborted()
    this.#end()
  }

  override sendReset(): void {
    this.#ended = true
    this.#stream.reset()
  }

  override sendPause(): void {
    this.#stream.pause()
  }

  override sendResume(): void {
    this.#stream.resume()
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#stream.end()
    // nobody reads any more; what still comes must not stop the peer from ending
    this.#stream.resume()
  }
}

/** The half of `Streams` that libp2p needs. */
export type StreamSource = Pick<Streams, 'dial' | 'accept'>
type Parts = { readonly streams: StreamSource; readonly log: Logger }

const scope = 'wirehub:streams'

class StreamListener extends TypedEventEmitter<ListenerEvents> implements Listener {
  readonly #parts: Parts
  readonly #upgrader: CreateListenerOptions['upgrader']
  readonly #connections = new Set<MultiaddrConnection>()
  /** Ends upgrades that are under way when the listener closes. */
  readonly #closing = new AbortController()
  #address: Multiaddr | null = null

  constructor(parts: Parts, upgrader: CreateListenerOptions['upgrader']) {
    super()
    this.#parts = parts
    this.#upgrader = upgrader
  }

  async listen(address: Multiaddr): Promise<void> {
    this.#address = address
    this.#parts.streams.accept = stream => this.#accept(stream)
    this.safeDispatchEvent('listening')
  }

  /** The port is the control channel's; where that can be reached from is said elsewhere. */
  getAddrs(): Multiaddr[] {
    return this.#address ? [this.#address] : []
  }

  updateAnnounceAddrs(): void {}

  async close(): Promise<void> {
    if (!this.#address) return
    this.#address = null
    this.#parts.streams.accept = stream => stream.reset()
    this.#closing.abort()
    await Promise.all(
      [...this.#connections].map(connection => connection.close().catch(error => connection.abort(error))),
    )
    this.safeDispatchEvent('close')
  }

  #accept(stream: StreamConnection): void {
    const peer = peerIdOf(stream.key)
    if (peer === null) {
      stream.reset()
      return
    }
    // Noise then proves that this peer is the one, or the upgrade fails
    const remote = formatPeerAddress('udp', stream.endpoint, peer)
    const connection = new StreamMultiaddrConnection(stream, remote, this.#parts.log.newScope('inbound'))
    this.#connections.add(connection)
    connection.addEventListener('close', () => this.#connections.delete(connection))
    this.#upgrader
      .upgradeInbound(connection, { signal: this.#closing.signal })
      .catch((error: Error) => connection.abort(error))
  }
}

class StreamTransport implements Transport {
  readonly [transportSymbol] = true as const
  readonly [Symbol.toStringTag] = 'wirehub-streams'
  readonly [serviceCapabilities]: string[] = ['@libp2p/transport']
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  async dial(address: Multiaddr, options: DialTransportOptions): Promise<Connection> {
    options.signal.throwIfAborted()
    const read = readPeerAddress(address)
    const key = read?.peer === undefined ? null : keyOfPeerId(read.peer)
    if (read?.via !== 'udp' || key === null) throw new TypeError(`cannot dial ${address} over control packets`)
    const stream = this.#parts.streams.dial(key, read.endpoint)
    const connection = new StreamMultiaddrConnection(stream, address, this.#parts.log.newScope('outbound'))
    const abort = () => connection.abort(options.signal.reason)
    options.signal.addEventListener('abort', abort)
    try {
      return await options.upgrader.upgradeOutbound(connection, options)
    } catch (error) {
      connection.abort(error as Error)
      throw error
    } finally {
      options.signal.removeEventListener('abort', abort)
    }
  }

  createListener({ upgrader }: CreateListenerOptions): Listener {
    return new StreamListener(this.#parts, upgrader)
  }

  listenFilter(addresses: Multiaddr[]): Multiaddr[] {
    return addresses.filter(address => readPeerAddress(address)?.via === 'udp')
  }

  /** kad-dht asks about addresses whose peer it has in another place. */
  dialFilter(addresses: Multiaddr[]): Multiaddr[] {
    return this.listenFilter(addresses)
  }
}

export function streamTransport(streams: StreamSource) {
  return (components: { logger: { forComponent(name: string): Logger } }): Transport =>
    new StreamTransport({ streams, log: components.logger.forComponent(scope) })
}
