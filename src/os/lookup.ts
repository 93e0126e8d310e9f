/** Host names of the outside world, as the machine resolves them. */

import { lookup, resolve4, resolve6 } from 'node:dns/promises'
import type { Address } from '../base/ip.ts'

export interface Lookup {
  /** Addresses in the order of the machine's preference; empty where the name cannot be resolved now. */
  addresses(host: string): Promise<Address[]>
  /** The same, asking DNS servers only and no hosts file. */
  fromServers(host: string): Promise<Address[]>
}

export const systemLookup: Lookup = {
  async addresses(host) {
    try {
      return (await lookup(host, { all: true })).map(found => found.address)
    } catch {
      return []
    }
  },

  async fromServers(host) {
    const found = await Promise.allSettled([resolve4(host), resolve6(host)])
    return found.flatMap(answer => (answer.status === 'fulfilled' ? answer.value : []))
  },
}
