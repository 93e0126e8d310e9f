/** UDP sockets on addresses of this machine. */

import { createSocket } from 'node:dgram'
import { type Address, type Endpoint, familyOf } from '../base/ip.ts'

export type UdpSocket = {
  send(bytes: Uint8Array, to: Endpoint): void
  close(): void
}

export interface Udp {
  /** @throws with `code` where the address or port cannot be had. */
  bind(address: Address, port: number, receive: (bytes: Uint8Array, from: Endpoint) => void): Promise<UdpSocket>
}

export const systemUdp: Udp = {
  bind(address, port, receive) {
    const socket = createSocket(familyOf(address) === 4 ? { type: 'udp4' } : { type: 'udp6', ipv6Only: true })
    return new Promise((resolve, reject) => {
      socket.once('error', reject)
      socket.bind({ address, port, exclusive: true }, () => {
        socket.off('error', reject)
        // a later error belongs to one datagram (ICMP, a full buffer): UDP may lose it
        socket.on('error', () => {})
        socket.on('message', (bytes, from) => receive(bytes, { host: from.address, port: from.port }))
        resolve({
          send: (bytes, to) => socket.send(bytes, to.port, to.host, () => {}),
          close: () => socket.close(),
        })
      })
    })
  },
}
