/**
 * Asks the router on our link for a port that leads to one of ours, by whichever protocol it speaks:
 *
 *     look, all three at once ──▶ the best that is there ──refused──▶ the next ──▶ …
 *
 * Only the router that our packets leave through is asked, and only from a private address: who has a public one is behind no NAT.
 * An external address that is private itself is another NAT's inside: it is said, and no mapping is made.
 */

import { type Address, contains, type Endpoint, prefixOf } from '../../base/ip.ts'
import type { Time } from '../../base/time.ts'
import type { Os } from '../../os/index.ts'
import { isPrivate } from '../../protocol/path/own-endpoints.ts'
import { natPmp } from './nat-pmp.ts'
import { pcp } from './pcp.ts'
import {
  type Answered,
  type Grant,
  noAnswer,
  type Place,
  type Protocol,
  type ProtocolName,
  type Wanted,
} from './protocol.ts'
import { upnp } from './upnp.ts'

export type Mapped = {
  readonly protocol: ProtocolName
  readonly gateway: Address
  readonly internal: Endpoint
  readonly external: Endpoint
  /** From when it was asked for. */
  readonly lifetime: Time
}

/** What is known of the router, for a person. */
export type Findings = {
  readonly gateway: Address | null
  /** What came of each protocol, the last time. */
  readonly protocols: Readonly<Partial<Record<ProtocolName, string>>>
}

export type PortMapperParts = {
  readonly os: Pick<Os, 'clock' | 'udp' | 'web' | 'routes' | 'links' | 'multicast' | 'random' | 'crypto'>
  /** 32 bytes that nobody else knows, the same in each run: by them a node that crashed finds its mapping again. */
  readonly secret: Uint8Array
}

/** Routers tell here that they have begun anew, so that mappings are asked for again (RFC 6886 §3.2.1, RFC 6887 §14.1). */
const announcements = { v4: '224.0.0.1', v6: 'ff02::1', port: 5350 }

/** Networks that no router can have outside, beside the private ones (RFC 6890). */
const nowhere = [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['192.0.0.0', 24],
  ['224.0.0.0', 3],
] as const

export function isOutside(address: Address): boolean {
  return !isPrivate(address) && !nowhere.some(([network, length]) => contains(prefixOf(network, length), address))
}

const givenUp = 'given up'

const label = new TextEncoder().encode('wirehub port mapping name 1')

export class PortMapper {
  readonly #parts: PortMapperParts
  /** In the router's table, where everybody on the link can read it: it says whose mapping it is to us alone. */
  readonly #description: string
  #place: Place | null = null
  #protocols: readonly Protocol[] = []
  #found: Partial<Record<ProtocolName, string>> = {}

  constructor(parts: PortMapperParts) {
    this.#parts = parts
    const name = parts.os.crypto.hmac(parts.secret, label).subarray(0, 4)
    this.#description = `wirehub ${Array.from(name, byte => byte.toString(16).padStart(2, '0')).join('')}`
  }

  findings(): Findings {
    return { gateway: this.#place?.gateway ?? null, protocols: { ...this.#found } }
  }

  /** Is this machine still where that mapping was made? */
  isHere({ gateway, internal }: Mapped): boolean {
    const { ok: place } = this.#look()
    return place?.gateway === gateway && place.own === internal.host
  }

  /** @param before a mapping that is to last longer */
  async map(port: number, lifetime: Time, before: Mapped | null, signal: AbortSignal): Promise<Answered<Mapped>> {
    const { ok: place, problem } = this.#look()
    if (!place) return { problem }
    this.#goTo(place)
    const wanted = { port, externalPort: before?.external.port ?? port, lifetime }
    const known = before && this.#protocols.find(({ name }) => name === before.protocol)
    if (known && this.isHere(before)) {
      const again = await this.#mapBy(known, place, wanted, signal)
      if (again.ok || signal.aborted) return again
    }

    const looks = this.#protocols.map(protocol => ({ protocol, looked: this.#lookFor(protocol, signal) }))
    let best = noAnswer
    for (const { protocol, looked } of looks) {
      const { ok: there, problem } = await looked
      if (signal.aborted) return { problem: givenUp }
      // one that is there and refuses says more than the next one's silence
      if (!there) {
        if (problem !== noAnswer && best === noAnswer) best = problem
        continue
      }
      const inside = there.external !== undefined && this.#anotherNat(place, there.external)
      if (inside) return this.#note(protocol.name, { problem: inside })
      const mapped = await this.#mapBy(protocol, place, wanted, signal)
      if (mapped.ok) {
        void protocol.tidy?.({ ...wanted, externalPort: mapped.ok.external.port }, signal)
        return mapped
      }
      best = mapped.problem
    }
    return { problem: best }
  }

  /** @returns whether the router has said that it is gone */
  async unmap(mapped: Mapped, signal: AbortSignal): Promise<boolean> {
    const protocol = this.#protocols.find(({ name }) => name === mapped.protocol)
    if (!protocol || !this.isHere(mapped)) return false
    const { internal, external, lifetime } = mapped
    return protocol.unmap({ port: internal.port, externalPort: external.port, lifetime }, signal)
  }

  /** Removes what the router may have made of a question that was given up. */
  async forget(port: number, signal: AbortSignal): Promise<void> {
    const wanted = { port, externalPort: 0, lifetime: 0 }
    const spoken = this.#protocols.filter(({ name }) => (this.#found[name] ?? noAnswer) !== noAnswer)
    // UPnP knows mappings by their outer port, and that one may be somebody else's: only what has our name goes
    await Promise.all(spoken.map(it => (it.tidy ? it.tidy(wanted, signal) : it.unmap(wanted, signal))))
  }

  /** Calls where the router says that it has begun anew. That is worth a question, and no more: anybody on the link can say so. */
  async listen(restarted: () => void): Promise<{ close(): void }> {
    const { multicast, links } = this.#parts.os
    const nobody = { close() {} }
    const socket = await multicast
      .open(announcements, (_bytes, from) => {
        if (from === this.#place?.gateway) restarted()
      })
      .catch(() => null)
    if (!socket) return nobody // another program has the port; then it is found out at the next renewal
    const { ok: place } = this.#look()
    socket.join(links.addresses().filter(({ address }) => address === place?.own))
    return socket
  }

  /** Where we are now, or why no router can be asked. */
  #look(): Answered<Place> {
    const { routes, links } = this.#parts.os
    const [gateway] = routes.gateways()
    if (!gateway) return { problem: 'no router: there is no default route for IPv4' }
    const there = links.addresses().filter(link => link.interface === gateway.interface && link.family === 4)
    const own = there.find(({ address, length }) => contains(prefixOf(address, length), gateway.address)) ?? there[0]
    if (!own) return { problem: `no IPv4 address on ${gateway.interface}` }
    if (!isPrivate(own.address)) return { problem: `not asked: ${own.address} is not a private address` }
    return { ok: { gateway: gateway.address, own: own.address } }
  }

  #goTo(place: Place): void {
    if (this.#place?.gateway === place.gateway && this.#place.own === place.own) return
    const { os, secret } = this.#parts
    this.#place = place
    this.#found = {}
    this.#protocols = [
      pcp({ os, place, secret }),
      natPmp({ os, place }),
      upnp({ os, place, description: this.#description }),
    ]
  }

  async #lookFor(protocol: Protocol, signal: AbortSignal) {
    const place = this.#place
    const looked = await protocol.look(signal)
    if (this.#place === place && !signal.aborted) this.#found[protocol.name] = looked.problem ?? 'present'
    return looked
  }

  async #mapBy(protocol: Protocol, place: Place, wanted: Wanted, signal: AbortSignal): Promise<Answered<Mapped>> {
    const { ok: grant, problem } = await protocol.map(wanted, signal)
    if (signal.aborted) return { problem: givenUp }
    if (!grant) return this.#note(protocol.name, { problem })
    const inside = this.#anotherNat(place, grant.external.host)
    if (inside) {
      await protocol.unmap({ ...wanted, externalPort: grant.external.port }, signal)
      return this.#note(protocol.name, { problem: inside })
    }
    return this.#note(protocol.name, { ok: mappedOf(protocol.name, place, wanted.port, grant) })
  }

  #anotherNat({ gateway }: Place, external: Address): string | null {
    if (isOutside(external)) return null
    return `another NAT outside: the external address of ${gateway} is ${external}, which is private`
  }

  #note(name: ProtocolName, result: Answered<Mapped>): Answered<Mapped> {
    this.#found[name] = result.problem ?? 'mapped'
    return result
  }
}

function mappedOf(
  protocol: ProtocolName,
  { gateway, own }: Place,
  port: number,
  { external, lifetime }: Grant,
): Mapped {
  return { protocol, gateway, internal: { host: own, port }, external, lifetime }
}
