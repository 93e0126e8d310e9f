/** Where the names of endpoints lead, outside of the overlay. A name that does not resolve now keeps its last addresses. */

import { type Address, type Endpoint, familyOf, parseAddress } from '../base/ip.ts'
import type { Lookup } from '../os/lookup.ts'

export type AddressesParts = {
  readonly lookup: Lookup
  /** An address of the overlay. */
  readonly within: (address: Address) => boolean
  readonly warn: (topic: string, message: string | null) => void
}

export class Addresses {
  readonly #parts: AddressesParts
  readonly #known = new Map<string, readonly Address[]>()

  constructor(parts: AddressesParts) {
    this.#parts = parts
  }

  /** What was found last, the one to begin with first. */
  of(host: string): readonly Address[] {
    return this.#known.get(host) ?? []
  }

  /** All of an endpoint, as far as they are known. */
  endpoints(endpoint: Endpoint | undefined): Endpoint[] {
    if (!endpoint) return []
    const literal = parseAddress(endpoint.host)
    return (literal === null ? this.of(endpoint.host) : [literal]).map(host => ({ host, port: endpoint.port }))
  }

  /** Looks names up again. @param quiet names of which nobody is told that they cannot be found @returns whether any leads elsewhere now */
  async refresh(names: readonly string[], quiet: readonly string[]): Promise<boolean> {
    let moved = false
    await Promise.all(
      names.map(async name => {
        const found = await this.find(name)
        if (found.length > 0) {
          this.#parts.warn(name, null)
          // the path machine tries all; before it has an answer, the first is taken, and the other side may have no IPv6 at all
          const sorted = [...found].sort((a, b) => familyOf(a) - familyOf(b))
          moved ||= String(this.#known.get(name)) !== String(sorted)
          this.#known.set(name, sorted)
        } else if (!quiet.includes(name)) {
          this.#parts.warn(name, `${name}: cannot be resolved now; trying again every 30 s`)
        }
      }),
    )
    return moved
  }

  /** The name may be a member's too, and then the hosts file gives the overlay address, which would lead the tunnel into itself. */
  async find(name: string): Promise<Address[]> {
    const { lookup, within } = this.#parts
    const found = (await lookup.addresses(name)).filter(address => !within(address))
    return found.length > 0 ? found : (await lookup.fromServers(name)).filter(address => !within(address))
  }
}
