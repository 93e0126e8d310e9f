/** UDP sockets on addresses of this machine. */

import { createSocket } from 'node:dgram'
import { type Address, type Endpoint, familyOf } from '../base/ip.ts'

export type UdpSocket = {
  /** Where it is bound: what was asked for, or what the kernel gave for 0. */
  readonly port: number
  /** Never throws: a datagram may be lost. @param to an address, not a name */
  send(bytes: Uint8Array, to: Endpoint): void
  close(): void
}

export type BindOptions = {
  /** TTL or hop limit of what is sent; the system's own if not given. A function says it of each datagram. */
  readonly hopLimit?: number | ((bytes: Uint8Array) => number)
  /** Bytes that may wait for us. The kernel gives at most `net.core.rmem_max`. */
  readonly receiveBuffer?: number
  /** Called for each datagram that could not be sent. */
  readonly onLost?: () => void
}

export interface Udp {
  /**
   * @param port 0 for any
   * @throws with `code` where the address or port cannot be had
   */
  bind(
    address: Address,
    port: number,
    receive: (bytes: Uint8Array, from: Endpoint) => void,
    options?: BindOptions,
  ): Promise<UdpSocket>
}

export const systemUdp: Udp = {
  bind(address, port, receive, { hopLimit, receiveBuffer, onLost = () => {} } = {}) {
    const socket = createSocket({
      ...(familyOf(address) === 4 ? { type: 'udp4' } : { type: 'udp6', ipv6Only: true }),
      // it is an address already: no name is ever looked up
      lookup: (host, _options, found) => found(null, host, familyOf(host)),
      ...(receiveBuffer === undefined ? {} : { recvBufferSize: receiveBuffer }),
    })
    return new Promise((resolve, reject) => {
      socket.once('error', reject)
      socket.bind({ address, port, exclusive: true }, () => {
        socket.off('error', reject)
        // a later error belongs to one datagram (ICMP, a full buffer): UDP may lose it
        socket.on('error', () => {})
        socket.on('message', (bytes, from) => receive(bytes, { host: from.address, port: from.port }))
        let current: number | undefined
        const setHopLimit = (wanted: number | undefined) => {
          if (wanted === current || wanted === undefined) return
          socket.setTTL(wanted)
          current = wanted
        }
        const hopLimitOf = typeof hopLimit === 'function' ? hopLimit : () => hopLimit
        if (typeof hopLimit === 'number') setHopLimit(hopLimit)
        const sent = (error: Error | null) => {
          if (error) onLost()
        }
        resolve({
          port: socket.address().port,
          send(bytes, to) {
            try {
              // one that waits behind others in a full buffer may leave with the next one's
              setHopLimit(hopLimitOf(bytes))
              socket.send(bytes, to.port, to.host, sent)
            } catch {
              onLost() // port 0, or closed meanwhile
            }
          },
          close: () => socket.close(),
        })
      })
    })
  },
}
