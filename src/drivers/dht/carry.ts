/** Streams for carriers (drivers/carrier): a protocol of its own beside the DHT's, on a connection that this rung has opened. */

import type { Connection, Libp2p, Stream, StreamHandler } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import type { Endpoint } from '../../base/ip.ts'
import { second } from '../../base/time.ts'
import { nextTurn } from '../../os/turn.ts'
import { carrierProtocol } from '../../protocol/carrier/frame.ts'
import type { CarriedBy } from '../../protocol/carrier/rungs.ts'
import { stunPort } from '../../protocol/carrier/stun.ts'
import type { ByteStream } from '../carrier/carrier.ts'
import { openStun } from '../carrier/stun.ts'
import { formatPeerAddress } from './address.ts'
import type { Components } from './components.ts'
import type { Gate } from './gate.ts'
import type { DirectoryOptions } from './settings.ts'
import { signalling, signallingLimits, WebRtc } from './webrtc.ts'
import { type ClientSocket, webSocketTransport } from './websocket.ts'

/** WebSockets as this machine makes them. */
export type Web = {
  /** Where nodes listen for them, if they do. */
  readonly port: number
  connect(to: Endpoint, proxy: URL | null): ClientSocket
  /** The proxy that the environment names; `null`: none. */
  proxyFor(to: Endpoint): URL | null
}

/** An old one that is not yet known to be dead, and its successor. */
const limits = { maxInboundStreams: 2, runOnLimitedConnection: true }

/** A call that has come to nothing on the other side may stay open here: the package does not see what closes in the moment of opening. */
const emptyCall = 5 * second

/** The carriers' part in a libp2p node: streams of ours to others, and of others to us. */
export class CarrierStreams {
  readonly #components: Components
  readonly #web: Web | null
  readonly #webrtc: WebRtc | null
  #stun: { close(): void } | null = null

  private constructor(components: Components, { web, ice, log }: DirectoryOptions) {
    this.#components = components
    this.#web = web ?? null
    this.#webrtc = ice ? new WebRtc(components, ice, log) : null
  }

  /** Before the node starts. */
  static async open(
    node: Libp2p,
    components: Components,
    gate: Gate,
    options: DirectoryOptions,
  ): Promise<CarrierStreams> {
    const { carried, ice, os, log } = options
    const streams = new CarrierStreams(components, options)
    if (carried) {
      const take: StreamHandler = (stream, connection) => {
        // a call serves nothing else
        const ended = isCall(connection) ? () => connection.abort(new Error('the carrier has ended')) : undefined
        carried(gate.keyOf(connection.remotePeer)!, byteStream(stream, ended))
      }
      await node.handle(carrierProtocol, take, limits)
    }
    if (options.certificate && ice) {
      streams.#stun = await openStun(os, stunPort).catch(() => null)
      if (!streams.#stun) log.warn('no STUN: another program has the port', { port: stunPort })
    }
    const webrtc = streams.#webrtc
    if (!webrtc) return streams
    const take: StreamHandler = (stream, connection) => {
      // what reads it is compiled code: strangers stay out
      if (gate.isExempt(connection.remotePeer)) void webrtc.take(stream, connection)
      else stream.abort(new Error('not for strangers'))
    }
    await node.handle(signalling, take, signallingLimits)
    const { clock } = os
    node.addEventListener('connection:open', ({ detail: connection }) => {
      if (!isCall(connection)) return
      clock.at(clock.now() + emptyCall, () => {
        const isEmpty = connection.streams.every(({ protocol }) => protocol !== carrierProtocol)
        if (isEmpty && connection.status === 'open') connection.abort(new Error('a call without a carrier'))
      })
    })
    return streams
  }

  /**
   * @param endpoint for WebRTC, one where the peer answers control packets
   * @returns `null` where this machine does not have that @throws where it does not get through
   */
  async dial(peer: string, endpoint: Endpoint, by: CarriedBy, signal: AbortSignal): Promise<ByteStream | null> {
    const { transportManager, upgrader } = this.#components
    const dial = (via: 'udp' | 'tcp' | 'wss', to: Endpoint) =>
      transportManager.dial(formatPeerAddress(via, to, peer), { signal })
    if (by === 'webrtc') return this.#webrtc && this.#call(this.#webrtc, () => dial('udp', endpoint), signal)
    if (by === 'tcp') return carrierOn(await dial('tcp', endpoint), signal)
    const web = this.#web
    if (!web) return null
    const place = { host: endpoint.host, port: web.port }
    if (by === 'wss') return carrierOn(await dial('wss', place), signal)
    const proxy = web.proxyFor(place)
    if (!proxy) return null
    // an address does not say which way is taken to it, so this one has a transport of its own
    const transport = webSocketTransport({ connect: to => web.connect(to, proxy), certificate: null })(this.#components)
    return carrierOn(await transport.dial(formatPeerAddress('wss', place, peer), { upgrader, signal }), signal)
  }

  /** A connection by a WebSocket, for what is no carrier. @throws where it does not get through */
  async web(peer: string, { host }: Endpoint, signal: AbortSignal): Promise<Connection> {
    if (!this.#web) throw new Error('no WebSockets here')
    const address = formatPeerAddress('wss', { host, port: this.#web.port }, peer)
    return this.#components.transportManager.dial(address, { signal })
  }

  async stop(): Promise<void> {
    this.#stun?.close()
    await this.#webrtc?.stop()
  }

  async #call(webrtc: WebRtc, dial: () => Promise<Connection>, signal: AbortSignal): Promise<ByteStream | null> {
    const through = await dial()
    try {
      const connection = await webrtc.call(through, signal)
      return connection && (await carrierOn(connection, signal))
    } finally {
      // all is said
      through.abort(new Error('connected'))
    }
  }
}

const isCall = ({ remoteAddr }: Connection) => remoteAddr.getComponents()[0]?.name === 'webrtc'

/** A stream of ours for a carrier. The connection serves nothing else that we do, so it ends with the stream. */
export async function carrierOn(connection: Connection, signal: AbortSignal): Promise<ByteStream> {
  try {
    const stream = await connection.newStream(carrierProtocol, { signal, runOnLimitedConnection: true })
    return byteStream(stream, () => connection.abort(new Error('the carrier has ended')))
  } catch (error) {
    connection.abort(error as Error)
    throw error
  }
}

/** What a stream of libp2p is to a carrier. @param ended the stream has ended, however */
export function byteStream(stream: Stream, ended: () => void = () => {}): ByteStream {
  let closed = false
  // yamux, Noise and TCP cost 0.1 ms for each piece, however small: what comes in one turn of the machine goes in one
  let waiting: Uint8Array[] = []
  let takes = true
  const flush = () => {
    const pieces = waiting
    waiting = []
    if (closed) return
    try {
      takes = stream.send(new Uint8ArrayList(...pieces).subarray())
    } catch {
      // it has ended at this moment, and says so soon
      takes = false
    }
  }
  // what comes before the carrier has it waits in the stream, which reads nothing without a listener
  let onData: ByteStream['onData'] = () => {}
  const end = () => {
    if (closed) return
    closed = true
    bytes.onClosed()
    ended()
  }
  const bytes: ByteStream = {
    write(data) {
      if (closed) return false
      waiting.push(data)
      if (waiting.length === 1) void nextTurn().then(flush)
      return takes
    },
    get onData() {
      return onData
    },
    set onData(call) {
      onData = call
      stream.addEventListener('message', event => onData(event.data.subarray()))
    },
    onDrain: () => {},
    onClosed: () => {},
    abort() {
      if (closed) return
      stream.abort(new Error('the carrier has ended'))
      end()
    },
  }
  stream.addEventListener('drain', () => {
    takes = true
    bytes.onDrain()
  })
  stream.addEventListener('close', end)
  stream.addEventListener('remoteCloseWrite', () => bytes.abort())
  return bytes
}
