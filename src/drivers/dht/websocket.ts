/**
 * libp2p's WebSocket transport, for networks that let out only what looks like the web. Its dialler knows no proxy and no address without a
 * certificate that somebody vouches for, so dialling is ours; listening is its own, with a bound for messages of strangers.
 *
 * It resets a connection by closing it with code 1006, which the package `ws` refuses, as it may not be sent (RFC 6455 §7.4.1); the
 * connection would stay. So that close is made the end that was meant.
 */

import type { CreateListenerOptions, Listener, Transport } from '@libp2p/interface'
import { webSockets } from '@libp2p/websockets'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Endpoint } from '../../base/ip.ts'
import type { Certificate } from '../../os/certificate.ts'
import { readPeerAddress } from './address.ts'

/** One that is being opened, with what a browser's has. */
export type ClientSocket = {
  addEventListener(type: 'open' | 'error', call: (event: object) => void): void
  close(code?: number, reason?: string): void
  /** At once, without a farewell. */
  terminate(): void
}

const abnormal = 1006

function tamed<T extends ClientSocket>(socket: T): T {
  const close = socket.close.bind(socket)
  socket.close = (code, reason) => (code === abnormal ? socket.terminate() : close(code, reason))
  // a frame that is none, from whoever has connected, would end the process otherwise; `close` follows
  socket.addEventListener('error', () => {})
  return socket
}

export type WebSocketParts = {
  /** Opens one to there. */
  readonly connect: (to: Endpoint) => ClientSocket
  /** `null`: this node listens nowhere. */
  readonly certificate: Certificate | null
}

/** Bytes of a message before Noise has said who sends. */
const longestMessage = 256 * 1024

/** The parts of the package's transport that it does not show. */
type Inner = Transport & {
  _connect(address: Multiaddr, options: { signal: AbortSignal }): Promise<ClientSocket>
}
type InnerListener = Listener & {
  readonly wsServer: { readonly options: { maxPayload: number } }
  onWsServerConnection(socket: ClientSocket, request: unknown): void
}

export function webSocketTransport({ connect, certificate }: WebSocketParts) {
  const make = webSockets(certificate ? { https: certificate } : {})
  return (components: Parameters<typeof make>[0]): Transport => {
    const transport = make(components) as Inner
    transport._connect = (address, { signal }) => {
      const read = readPeerAddress(address)
      if (read?.via !== 'wss') return Promise.reject(new TypeError(`cannot dial ${address} as a WebSocket`))
      return opened(tamed(connect(read.endpoint)), signal)
    }
    const createListener = transport.createListener.bind(transport)
    transport.createListener = (options: CreateListenerOptions) => {
      const listener = createListener(options) as InnerListener
      listener.wsServer.options.maxPayload = longestMessage
      const came = listener.onWsServerConnection.bind(listener)
      listener.onWsServerConnection = (socket, request) => came(tamed(socket), request)
      return listener
    }
    return transport
  }
}

function opened(socket: ClientSocket, signal: AbortSignal): Promise<ClientSocket> {
  Object.assign(socket, { binaryType: 'arraybuffer' })
  return new Promise((resolve, reject) => {
    const abort = () => {
      reject(signal.reason)
      socket.close()
    }
    const end = () => signal.removeEventListener('abort', abort)
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort)
    socket.addEventListener('open', () => {
      end()
      resolve(socket)
    })
    // it stays: an error after that is followed by `close`
    socket.addEventListener('error', event => {
      end()
      reject(new Error(('message' in event && String(event.message)) || 'no connection'))
    })
  })
}
