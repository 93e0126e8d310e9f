/** Host names of the outside world, as the machine resolves them. */

import { lookup } from 'node:dns/promises'
import type { Address } from '../base/ip.ts'

export interface Lookup {
  /** Addresses in the order of the machine's preference; empty where the name cannot be resolved now. */
  addresses(host: string): Promise<Address[]>
}

export const systemLookup: Lookup = {
  async addresses(host) {
    try {
      return (await lookup(host, { all: true })).map(found => found.address)
    } catch {
      return []
    }
  },
}
