/** TCP listeners on addresses of this machine, for conversations of question and answer. */

import { createServer } from 'node:net'
import { type Address, familyOf } from '../base/ip.ts'

export type TcpConversation = { write(bytes: Uint8Array): void; close(): void }
export type TcpListener = { close(): void }

export interface Tcp {
  /** Calls `accept` for each connection; what it returns gets the bytes as they come. @throws with `code`. */
  listen(
    address: Address,
    port: number,
    limits: { connections: number; idle: number },
    accept: (conversation: TcpConversation, from: Address) => (bytes: Uint8Array) => void,
  ): Promise<TcpListener>
}

export const systemTcp: Tcp = {
  listen(address, port, limits, accept) {
    const server = createServer(socket => {
      socket.setTimeout(limits.idle, () => socket.destroy())
      socket.on('error', () => socket.destroy())
      const conversation = { write: (bytes: Uint8Array) => socket.write(bytes), close: () => socket.destroy() }
      socket.on('data', accept(conversation, socket.remoteAddress ?? ''))
      open.add(socket)
      socket.on('close', () => open.delete(socket))
    })
    const open = new Set<{ destroy(): void }>()
    server.maxConnections = limits.connections
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host: address, port, ipv6Only: familyOf(address) === 6, exclusive: true }, () => {
        resolve({
          close() {
            server.close()
            for (const socket of open) socket.destroy()
          },
        })
      })
    })
  },
}
