/**
 * A UDP port of both families, and the plainest control port made of it: that of a helper, which has no WireGuard and so owns W.
 */

import { type Endpoint, familyOf } from '../../base/ip.ts'
import type { BindOptions, Udp, UdpSocket } from '../../os/udp.ts'
import type { ControlPort } from './port.ts'
import type { Traffic } from './traffic.ts'

/**
 * The hop limit of control packets. Not the usual 64, so that no kernel on the way in glues them to WireGuard's packets of the same
 * flow (UDP GRO merges only what has the same one); net.md trap 3 measured 70 to 99 % of them lost otherwise.
 */
export const controlHopLimit = 65

/** What comes while this process is busy for some 50 ms waits here. */
const receiveBuffer = 2 ** 20

/** Both sockets of a port, as one. */
export type UdpPort = Pick<UdpSocket, 'port' | 'send' | 'close'>

/** @param port 0 for any that is free in both families */
export async function bindPort(udp: Udp, port: number, traffic: Traffic): Promise<UdpPort> {
  const receive = (bytes: Uint8Array, from: Endpoint) => traffic.accept('socket', bytes, from)
  const options = { hopLimit: controlHopLimit, receiveBuffer, onLost: () => traffic.drop('not sent') }
  const both = await bindBoth(udp, port, receive, options, () => traffic.drop('no IPv6 here'))
  return {
    ...both,
    send(bytes, to) {
      if (both.has(to)) traffic.counters.sent++
      both.send(bytes, to)
    },
  }
}

/**
 * The same port in both families; IPv4 alone on a machine without IPv6.
 * @param port 0 for any that is free in both
 * @param onOther called for what is to go to a family that this machine has not
 * @throws with `code` where it cannot be had
 */
export async function bindBoth(
  udp: Udp,
  port: number,
  receive: (bytes: Uint8Array, from: Endpoint) => void,
  options: BindOptions,
  onOther: () => void = options.onLost ?? (() => {}),
): Promise<UdpPort & { has(to: Endpoint): boolean }> {
  for (let tries = 0; ; tries++) {
    const ipv4 = await udp.bind('0.0.0.0', port, receive, options)
    try {
      return join(ipv4, await udp.bind('::', ipv4.port, receive, options), onOther)
    } catch (error) {
      const { code } = error as { code?: string }
      if (code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL') return join(ipv4, null, onOther)
      ipv4.close()
      // somebody has what the kernel gave us for IPv4
      if (code === 'EADDRINUSE' && port === 0 && tries < 10) continue
      throw error
    }
  }
}

function join(ipv4: UdpSocket, ipv6: UdpSocket | null, onOther: () => void): UdpPort & { has(to: Endpoint): boolean } {
  const socketFor = (to: Endpoint) => (familyOf(to.host) === 4 ? ipv4 : ipv6)
  return {
    port: ipv4.port,
    has: to => socketFor(to) !== null,
    send(bytes, to) {
      const socket = socketFor(to)
      if (socket) socket.send(bytes, to)
      else onOther()
    },
    close() {
      ipv4.close()
      ipv6?.close()
    },
  }
}

/** @throws with `code` where W cannot be had */
export async function openSocket(udp: Udp, listenPort: number, traffic: Traffic): Promise<ControlPort> {
  const socket = await bindPort(udp, listenPort, traffic)
  return {
    backend: 'socket',
    counters: traffic.counters,
    send: socket.send,
    async close() {
      traffic.close()
      socket.close()
    },
  }
}
