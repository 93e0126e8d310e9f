/**
 * What we know of ourselves: the addresses of this machine, what others see of us, and so what our record says. Also whether strangers
 * can reach us, which decides what part we take in the DHT.
 */

import { type Address, contains, type Endpoint } from '../base/ip.ts'
import { day, hour, type Time, type WallTime } from '../base/time.ts'
import type { Os } from '../os/index.ts'
import type { LinkAddress } from '../os/links.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import type { Surroundings } from '../protocol/path/candidate.ts'
import { isPrivate, ownEndpoints } from '../protocol/path/own-endpoints.ts'
import { Reflexive } from '../protocol/path/reflexive.ts'
import type { Content } from './own-record.ts'
import type { Wanted } from './wanted.ts'

/** How interfaces of other networks are called, unless somebody chose the name. */
const tunnelPrefix = 'wh-'

/** What an answer says of us. */
export type Sighting = {
  /** Where our question came from. */
  readonly observed: Endpoint
  /** The other one's wall clock. */
  readonly clock: WallTime
}

export class Self {
  readonly #os: Pick<Os, 'clock' | 'links'>
  readonly #reflexive = new Reflexive()
  #wanted: Pick<Wanted, 'listenPort' | 'interfaceName' | 'overlays' | 'ownEndpoints'> = {
    listenPort: 0,
    interfaceName: null,
    overlays: [],
    ownEndpoints: [],
  }
  #around: Surroundings

  constructor(os: Pick<Os, 'clock' | 'links'>) {
    this.#os = os
    this.#around = this.#look()
  }

  set(wanted: Wanted): void {
    // what others saw was the old port
    if (wanted.listenPort !== this.#wanted.listenPort) this.#reflexive.clear()
    this.#wanted = wanted
    this.#around = this.#look()
  }

  /** Looks at this machine again. @returns whether its addresses are others now */
  changed(): boolean {
    const before = this.#around
    this.#around = this.#look()
    if (JSON.stringify(before.own) === JSON.stringify(this.#around.own)) return false
    this.#reflexive.clear()
    return true
  }

  surroundings(): Surroundings {
    return this.#around
  }

  /**
   * A node that we asked has told where it saw us.
   * @returns whether our NAT gives us another address or port than a moment ago: it was restarted, or another one stands in its place
   */
  seen(reflector: PublicKey, from: Endpoint, { observed, clock: theirs }: Sighting): boolean {
    const { clock } = this.#os
    const clockAhead = theirs - clock.wall()
    return this.#reflexive.observe({ reflector, from, observed, clockAhead, at: clock.now() })
  }

  /** @param mapped ports that our router has agreed to */
  content(mapped: readonly Endpoint[] = []): Omit<Content, 'homes'> {
    const now = this.#os.clock.now()
    const learnt = {
      fixed: this.#wanted.ownEndpoints,
      mapped,
      reflexive: this.#reflexive.endpoints(this.#around, now),
    }
    return {
      endpoints: ownEndpoints(this.#around, learnt),
      nat: this.#reflexive.nat(this.#around, now),
      ...(this.#reflexive.keepsPort(this.#around, now) && { keepsPort: true }),
    }
  }

  /** Of this machine. */
  publicAddresses(): Address[] {
    return this.#around.own.flatMap(({ address }) => (isPrivate(address) ? [] : address))
  }

  /** The owner wrote where we are. */
  get isFixed(): boolean {
    return this.#wanted.ownEndpoints.length > 0
  }

  /** Can strangers begin to talk to us? By what the owner wrote, or because others see the address that we have. */
  reachable(): { server: boolean; reason: string } {
    if (this.isFixed) return { server: true, reason: 'the file has an endpoint of this node' }
    const nat = this.#reflexive.nat(this.#around, this.#os.clock.now())
    if (nat === 'none') return { server: true, reason: 'others see the address that this machine has' }
    const reason = nat === 'unknown' ? 'no evidence yet that others can reach it' : 'behind a NAT'
    return { server: false, reason }
  }

  /** How far our clock is behind those of others, ms, where they agree that it is far off. */
  clockBehind(): Time | null {
    return this.#reflexive.clockBehind(this.#os.clock.now())
  }

  /** A word on our clock where others agree that it is far off: records that we sign or check would be refused. */
  clockProblem(): string | null {
    const behind = this.clockBehind()
    if (behind === null) return null
    const [by, unit] = Math.abs(behind) > 2 * day ? [behind / day, 'days'] : [behind / hour, 'hours']
    const side = behind > 0 ? 'behind' : 'ahead of'
    return `the clock of this machine is ${Math.round(Math.abs(by))} ${unit} ${side} those of other nodes: records may be refused; set the clock`
  }

  /** The addresses of this machine but those inside of tunnels: a path that led through one would lead into itself. */
  links(): LinkAddress[] {
    const { interfaceName, overlays } = this.#wanted
    return this.#os.links
      .addresses()
      .filter(({ interface: name }) => name !== interfaceName && !name.startsWith(tunnelPrefix))
      .filter(({ address }) => !overlays.some(overlay => contains(overlay, address)))
  }

  #look(): Surroundings {
    const { overlays, listenPort } = this.#wanted
    const own = this.links()
      .filter(link => !link.loopback && !link.linkLocal)
      .map(({ address, length, pointToPoint }) => ({ address, length, ...(pointToPoint && { pointToPoint }) }))
    return { overlays, own, port: listenPort }
  }
}
