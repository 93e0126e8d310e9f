/** Which of its addresses this machine sends from. */

import { createSocket } from 'node:dgram'
import { type Address, familyOf, parseAddress } from '../base/ip.ts'

/** The address that packets to `to` leave from; `null` where no route leads there. */
export type Source = (to: Address) => Promise<Address | null>

/** Addresses for documentation: only the default route leads to them. */
export const anywhere = { 4: '192.0.2.1' as Address, 6: '2001:db8::1' as Address } as const

/** A connected UDP socket tells, and sends nothing. */
export const systemSource: Source = to =>
  new Promise(resolve => {
    const socket = createSocket({
      type: familyOf(to) === 4 ? 'udp4' : 'udp6',
      lookup: (host, _options, found) => found(null, host, familyOf(host)),
    })
    const end = (address: Address | null) => {
      socket.close()
      resolve(address)
    }
    socket.once('error', () => end(null))
    socket.once('connect', () => end(parseAddress(socket.address().address)))
    // any port will do: the route does not depend on it
    socket.connect(9, to)
  })
