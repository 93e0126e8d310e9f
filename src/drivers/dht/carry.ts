/** Streams for carriers (drivers/carrier): a protocol of its own beside the DHT's, on a connection that this rung has opened. */

import type { Connection, Stream, Transport, Upgrader } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { Uint8ArrayList } from 'uint8arraylist'
import type { Endpoint } from '../../base/ip.ts'
import { nextTurn } from '../../os/turn.ts'
import { carrierProtocol } from '../../protocol/carrier/frame.ts'
import type { Rung } from '../../protocol/carrier/rungs.ts'
import type { ByteStream } from '../carrier/carrier.ts'
import { formatPeerAddress } from './address.ts'
import type { ClientSocket } from './websocket.ts'

/** WebSockets as this machine makes them. */
export type Web = {
  /** Where nodes listen for them, if they do. */
  readonly port: number
  connect(to: Endpoint, proxy: URL | null): ClientSocket
  /** The proxy that the environment names; `null`: none. */
  proxyFor(to: Endpoint): URL | null
}

export type CarrierDialerParts = {
  readonly dial: (address: Multiaddr, options: { signal: AbortSignal }) => Promise<Connection>
  readonly upgrader: Upgrader
  readonly web: Web | null
  /** Makes a transport for what goes through the proxy: an address does not say which way is taken to it. */
  readonly proxied: (connect: (to: Endpoint) => ClientSocket) => Transport
}

export class CarrierDialer {
  readonly #parts: CarrierDialerParts

  constructor(parts: CarrierDialerParts) {
    this.#parts = parts
  }

  /** @returns `null` where this machine does not have the rung @throws where it does not get through */
  async open(peer: string, endpoint: Endpoint, rung: Rung['name'], signal: AbortSignal): Promise<ByteStream | null> {
    const { dial, upgrader, web, proxied } = this.#parts
    if (rung === 'tcp') return carrierOn(await dial(formatPeerAddress('tcp', endpoint, peer), { signal }), signal)
    if (!web) return null
    const place = { host: endpoint.host, port: web.port }
    const address = formatPeerAddress('wss', place, peer)
    if (rung === 'wss') return carrierOn(await dial(address, { signal }), signal)
    const proxy = web.proxyFor(place)
    if (!proxy) return null
    const transport = proxied(to => web.connect(to, proxy))
    return carrierOn(await transport.dial(address, { upgrader, signal }), signal)
  }
}

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
