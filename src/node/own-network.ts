/**
 * The network that this node is in, and what is to be had from it: what kind of NAT there is, a port of the router's, how long
 * mappings live. All of it goes into what the node says of itself, and into how it keeps its paths.
 */

import { type Address, type Endpoint, familyOf } from '../base/ip.ts'
import type { Logger } from '../base/log.ts'
import type { Channel, Way } from '../drivers/control/channel.ts'
import type { ControlPort } from '../drivers/control/port.ts'
import type { PortMapper } from '../drivers/portmap/mapper.ts'
import type { SendElsewhere } from '../drivers/relay/relay.ts'
import type { Os } from '../os/index.ts'
import type { NodeRecord } from '../protocol/directory/record.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import type { Report } from '../protocol/nat/classify.ts'
import type { LifetimeFacts } from '../protocol/nat/lifetime.ts'
import type { Side } from '../protocol/nat/roles.ts'
import type { Step } from '../protocol/nat/step.ts'
import type { Surroundings } from '../protocol/path/candidate.ts'
import type { RelayPolicy } from '../protocol/relay/desk.ts'
import { MappingLifetime } from './lifetime.ts'
import { Mapping } from './mapping.ts'
import { Netcheck } from './netcheck.ts'
import type { Place } from './offers.ts'
import type { Content } from './own-record.ts'
import { type OpenReflector, Reflection } from './reflection.ts'
import { type OpenRelay, Relaying, type RelayingParts, type RelayingReport } from './relaying.ts'
import type { Self, Sighting } from './self.ts'

export type OwnNetworkParts = {
  readonly os: Pick<Os, 'clock' | 'random' | 'crypto'>
  readonly log: Logger
  readonly channel: Channel
  readonly self: Self
  readonly port: () => ControlPort | null
  readonly openReflector?: OpenReflector
  readonly openRelay?: OpenRelay
  /** For whom this node relays; for nobody, where nothing is said. */
  readonly relay?: RelayPolicy
  /** Sends to those who came by a carrier. */
  readonly elsewhere?: SendElsewhere
  /** Of the home's desk. */
  readonly tokens: RelayingParts['tokens']
  readonly rank: RelayingParts['rank']
  readonly warn: RelayingParts['warn']
  /** Its code is needed by nodes behind a NAT alone. `null`, or absent: nobody shall ask the router. */
  readonly loadMapper?: () => Promise<PortMapper | null>
  /** Nodes that answer and that anybody can reach, the best first. */
  readonly reflectors: () => readonly Place[]
  readonly record: (key: PublicKey) => NodeRecord | null
  /** Addresses to which this node may have sent something. */
  readonly spoken: () => Iterable<Address>
  readonly answered: (key: PublicKey, endpoint: Endpoint, sighting: Sighting) => void
  /** Other nodes are reached by TCP. */
  readonly overTcp: () => boolean
  /** What was learnt of lifetimes in earlier runs. */
  readonly lifetimes: readonly LifetimeFacts[]
  /** What we say of ourselves, or how often a mapping wants a packet, is something else now. */
  readonly changed: () => void
  /** Our router has opened a port for us, or another one than before. */
  readonly mapped: () => void
  /** Whether others can reach this node, and why. */
  readonly served: (server: boolean, reason: string) => void
}

export class OwnNetwork {
  readonly #parts: OwnNetworkParts
  readonly #netcheck: Netcheck
  readonly #reflection: Reflection
  readonly #relaying: Relaying
  #mapping: Mapping | null = null
  #loading = false
  #stopped = false
  readonly #lifetime: MappingLifetime

  constructor(parts: OwnNetworkParts) {
    this.#parts = parts
    const { os, log, channel, self, port, reflectors, changed } = parts
    const { clock } = os
    const { elsewhere } = parts
    this.#reflection = new Reflection({ log, channel, open: parts.openReflector })
    this.#relaying = new Relaying({
      ...{ os, log, channel, tokens: parts.tokens, rank: parts.rank, policy: parts.relay ?? 'never', warn: parts.warn },
      open: parts.openRelay && ((...it) => parts.openRelay!(...it, port()?.backend ?? null, elsewhere)),
      around: () => this.#everywhere(),
    })
    this.#lifetime = new MappingLifetime({
      ...{ clock, log, channel, known: parts.lifetimes, learnt: changed },
      branches: () => port()?.branches ?? null,
      home: () => reflectors().find(({ endpoint }) => familyOf(endpoint.host) === 4) ?? null,
      address: () => this.#outside()?.host ?? null,
    })
    // a carrier says nothing of NATs
    const via: Way = { send: (...it) => port()?.send(...it) }
    this.#netcheck = new Netcheck({
      ...{ clock, log, random: os.random, port, reflectors, changed },
      channel: {
        ping: (key, endpoint, how) => channel.ping(key, endpoint, { via, ...how }),
        home: (key, endpoint, token, how) => channel.home(key, endpoint, token, { via, ...how }),
        receive: channel.receive,
      },
      around: () => self.surroundings(),
      record: parts.record,
      spoken: parts.spoken,
      overTcp: parts.overTcp,
      seen: parts.answered,
      // nobody shall take its other port for a place where it is
      seenFromOtherPort: (key, from, sighting) => void self.seen(key, from, sighting),
      lifetime: () => this.#lifetimeReport(),
      portMapping: () => this.#mapping?.report() ?? null,
      firewall: () => this.firewall(),
    })
  }

  start(): void {
    this.#lifetime.start()
    this.#netcheck.start()
  }

  /** Somebody has told where he sees us. */
  seen(endpoint: Endpoint): void {
    this.#netcheck.heard(endpoint)
    this.#want()
  }

  moved(): void {
    this.#netcheck.moved()
    this.#mapping?.moved()
    this.#lifetime.moved()
    this.#relaying.moved()
  }

  /** What this node carries for others; `null` where it does not. */
  carried(): Promise<RelayingReport | null> {
    return this.#relaying.report()
  }

  /** What relays for others: nobody's, where this node relays for nobody or cannot be reached. */
  get relaying(): Pick<Relaying, 'hear' | 'policy'> {
    return this.#relaying
  }

  /** What we say of ourselves, but for our homes. */
  content(): Omit<Content, 'homes'> {
    const said = this.#parts.self.content(this.#mapping?.endpoints() ?? [])
    const { filtering, hairpins } = this.#netcheck.facts()
    return { ...said, filtering, ...(hairpins && { hairpins }) }
  }

  /** Our side of a birthday: IPv4 only. */
  side(): Side & { readonly step: Step; readonly port?: number } {
    const { nat, filtering = 'unknown', keepsPort = false } = this.content()
    const outside = this.#outside()
    return {
      ...{ nat, filtering, keepsPort, address: outside?.host ?? null, step: this.#netcheck.facts().step },
      ...(outside && { port: outside.port }),
    }
  }

  /** Seconds between packets that keep a mapping of ours. */
  get keepalive(): number {
    return this.#lifetime.keepalive
  }

  get lifetimes(): readonly LifetimeFacts[] {
    return this.#lifetime.all()
  }

  /** Paths are looked for, and a port of the router's may be what they need. */
  seek(): void {
    this.#mapping?.seek()
  }

  /** All about it, asked afresh. */
  check(): Promise<Report> {
    return this.#netcheck.check()
  }

  /** Can strangers begin to talk to us? */
  reachable(): { server: boolean; reason: string } {
    const said = this.#parts.self.reachable()
    const closed = this.#netcheck.facts().filtering === 'address-and-port-dependent'
    if (!said.server || !closed || this.#parts.self.isFixed) return said
    return { server: false, reason: 'a firewall lets in answers only' }
  }

  /** Does this machine's own firewall keep strangers out? */
  firewall(): Report['firewall'] {
    return this.#parts.port()?.firewall?.() ?? null
  }

  facts() {
    return this.#netcheck.facts()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#netcheck.stop()
    this.#lifetime.stop()
    await Promise.all([this.#mapping?.stop(), this.#reflection.stop(), this.#relaying.stop()])
  }

  /** What is known of us is something else now, or the file says something else: whom others can reach has duties. */
  serve(): void {
    const { self, served } = this.#parts
    const { server, reason } = this.reachable()
    this.#reflection.set(server ? self.publicAddresses() : [])
    this.#relaying.set(server)
    served(server, reason)
  }

  /** A port of the router's is of use behind a NAT. */
  #want(): void {
    const { self, loadMapper, os, log, changed, mapped } = this.#parts
    const { port } = self.surroundings()
    const needed = self.content().nat !== 'none' && !self.isFixed
    this.serve()
    this.#mapping?.set({ port, needed })
    if (this.#loading || !needed || !loadMapper) return
    this.#loading = true
    void loadMapper().then(mapper => {
      if (!mapper || this.#stopped) return
      const told = () => {
        changed()
        if (this.#mapping!.endpoints().length > 0) mapped()
      }
      this.#mapping = new Mapping({ clock: os.clock, log, mapper, changed: told })
      this.#want()
    })
  }

  /** With the addresses that only others see. */
  #everywhere(): Surroundings {
    const { self } = this.#parts
    const around = self.surroundings()
    const seen = self.content().endpoints.map(({ endpoint }) => ({ address: endpoint.host, length: 128 }))
    return { ...around, own: [...around.own, ...seen] }
  }

  /** Our IPv4 address outside of the NAT, with one of W's ports there. */
  #outside(): Endpoint | null {
    const { endpoints } = this.#parts.self.content()
    const seen = endpoints.find(({ kind, endpoint }) => kind === 'reflexive' && familyOf(endpoint.host) === 4)
    return seen?.endpoint ?? null
  }

  #lifetimeReport(): Report['lifetime'] {
    const { keepalive, facts } = this.#lifetime
    return { works: facts?.works ?? null, fails: facts?.fails ?? null, keepalive }
  }
}
