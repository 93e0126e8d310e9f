/**
 * A program for the independent probe: `node reflector.ts ADDRESS ADDRESS` binds ports 7001 and 7002 of both, and answers each
 * datagram, which names from where: `0 0` is the first address and port; the answer adds the source. Knows nothing of `wh`.
 */

import { createSocket } from 'node:dgram'
import { once } from 'node:events'

export const ports = [7001, 7002] as const

const addresses = process.argv.slice(2)
const sockets = addresses.map(address => ports.map(() => createSocket(address.includes(':') ? 'udp6' : 'udp4')))
for (const [i, address] of addresses.entries()) {
  for (const [j, port] of ports.entries()) {
    const socket = sockets[i]![j]!
    socket.on('message', (bytes, from) => {
      const [a, p] = String(bytes).split(' ').map(Number)
      sockets[a!]?.[p!]?.send(`${bytes} ${from.address} ${from.port}`, from.port, from.address)
    })
    socket.bind(port, address)
    await once(socket, 'listening')
  }
}
console.log('ready')
