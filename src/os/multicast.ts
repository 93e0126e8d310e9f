/**
 * Datagrams to everybody on the same link. One socket for each family listens on one port, shared with other programs that
 * do the same (SO_REUSEADDR: the kernel gives a multicast datagram to each of them). What is sent leaves from a given address, on
 * the interface that has it, and no router passes it on (TTL 1).
 */

import { createSocket, type Socket } from 'node:dgram'
import { type Address, type Family, familyOf, parseAddress } from '../base/ip.ts'

/** An address of this machine, with its interface's name. */
export type Place = { readonly interface: string; readonly address: Address }

export type MulticastSocket = {
  /** Listens on the interfaces of these addresses, and on no others. What an interface refuses, it does not get. */
  join(places: readonly Place[]): void
  /** Sends once from each of these addresses. May be lost. */
  send(bytes: Uint8Array, from: readonly Place[]): void
  close(): void
}

export type MulticastGroup = { readonly v4: Address; readonly v6: Address; readonly port: number }

export interface Multicast {
  /** A family that this machine does not have is left out. @throws with `code` where the port is taken by somebody who does not share. */
  open(group: MulticastGroup, receive: (bytes: Uint8Array, from: Address) => void): Promise<MulticastSocket>
}

const type = (family: Family) =>
  family === 4 ? ({ type: 'udp4' } as const) : ({ type: 'udp6', ipv6Only: true } as const)

/** How the kernel wants an interface named: by an address of it, or by its name as a zone. */
const named = (place: Place) => (familyOf(place.address) === 4 ? place.address : `::%${place.interface}`)

function listen(
  family: Family,
  port: number,
  receive: (bytes: Uint8Array, from: Address) => void,
): Promise<Socket | null> {
  const socket = createSocket({ ...type(family), reuseAddr: true })
  return new Promise((resolve, reject) => {
    socket.once('error', error => {
      socket.close()
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL') resolve(null)
      else reject(error)
    })
    socket.bind({ port }, () => {
      socket.removeAllListeners('error').on('error', () => {})
      socket.on('message', (bytes, from) => {
        const address = parseAddress(from.address)
        // a link-local source needs its zone, and addresses have none here
        if (address) receive(new Uint8Array(bytes), address)
      })
      resolve(socket)
    })
  })
}

/** From a socket of its own: only a bound one has its source address decided, and these are few and seldom. */
function sendFrom(place: Place, bytes: Uint8Array, group: Address, port: number): void {
  const family = familyOf(place.address)
  const socket = createSocket(type(family))
  const close = () => {
    try {
      socket.close()
    } catch {} // closed already
  }
  socket.on('error', close)
  socket.bind({ address: place.address, port: 0, exclusive: true }, () => {
    try {
      socket.setMulticastInterface(named(place))
      socket.setMulticastTTL(1)
      socket.send(bytes, port, group, close)
    } catch {
      close() // the interface went, or has no multicast
    }
  })
}

export const systemMulticast: Multicast = {
  async open({ v4, v6, port }, receive) {
    const four = await listen(4, port, receive)
    const six = await listen(6, port, receive).catch(error => {
      four?.close()
      throw error
    })
    const sockets = { 4: four, 6: six }
    const groups = { 4: v4, 6: v6 }
    let joined = new Map<string, Place>()
    const change = (how: 'addMembership' | 'dropMembership', place: Place) => {
      const family = familyOf(place.address)
      try {
        sockets[family]?.[how](groups[family], named(place))
      } catch {} // a member already, or none any more, or an interface without multicast
    }
    return {
      join(places) {
        const wanted = new Map(places.map(place => [`${familyOf(place.address)} ${place.interface}`, place]))
        for (const [key, place] of joined) if (!wanted.has(key)) change('dropMembership', place)
        // again for those that are in already: an interface that was made anew has forgotten us
        for (const place of wanted.values()) change('addMembership', place)
        joined = wanted
      },
      send(bytes, from) {
        for (const place of from) {
          const family = familyOf(place.address)
          sendFrom(place, bytes, groups[family], port)
        }
      },
      close() {
        four?.close()
        six?.close()
      },
    }
  },
}
