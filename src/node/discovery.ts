/**
 * Finding members and being found: the control port, and everything that speaks through it.
 *
 *     boot nodes ──PONG: our address──▶ own record ──▶ members, boot nodes, DHT
 *     file, memory, LAN, records ──▶ contacts: a path machine each ──PONG──▶ WireGuard's endpoint
 *                          ▲                       │ silent, or unknown
 *                          └──────── walk ◀────────┘
 */

import { Allowance } from '../base/allowance.ts'
import type { Address, Endpoint } from '../base/ip.ts'
import type { Logger } from '../base/log.ts'
import type { Time } from '../base/time.ts'
import { Channel, type Pong } from '../drivers/control/channel.ts'
import { Lan } from '../drivers/control/lan.ts'
import type { ControlPort, Receive } from '../drivers/control/port.ts'
import { Streams } from '../drivers/control/streams.ts'
import type { Directory } from '../drivers/dht/directory.ts'
import type { ActualPeer } from '../drivers/wireguard/interface.ts'
import type { Os } from '../os/index.ts'
import { noTransaction } from '../protocol/control/message.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import type { UseReason } from '../protocol/path/events.ts'
import { askReflectorsEvery } from '../protocol/path/reflexive.ts'
import { type Boot, Boots } from './boots.ts'
import { Contacts, pollEvery } from './contacts.ts'
import type { Identity } from './desired.ts'
import { Dht } from './dht.ts'
import { Inquiry } from './inquiry.ts'
import { Memory, type Store } from './memory.ts'
import { OwnRecord } from './own-record.ts'
import { Records } from './records.ts'
import { Self } from './self.ts'
import { SharedPort } from './shared-port.ts'
import { Walk } from './walk.ts'
import type { DirectoryLink, Wanted } from './wanted.ts'

export type DiscoveryParts = {
  readonly os: Pick<Os, 'clock' | 'random' | 'crypto' | 'links' | 'multicast'>
  readonly log: Logger
  readonly identity: Identity
  readonly network: string
  readonly namespace: string
  readonly workbit: number
  readonly store: Store
  readonly openPort: (listenPort: number, receive: Receive) => Promise<ControlPort>
  /** Without control packets this node has no use, or somebody has said how they shall be had. */
  readonly portRequired: boolean
  readonly loadDirectory: (link: DirectoryLink) => Promise<Directory>
  /** Addresses of a name outside of the overlay. */
  readonly resolve: (host: string) => Promise<readonly Address[]>
  /** Points WireGuard's peer there. */
  readonly use: (key: PublicKey, endpoint: Endpoint, because: UseReason) => void
  /** What WireGuard says of its peers now. */
  readonly tunnels: () => Promise<readonly ActualPeer[]>
  /** @param message `null`: it is well again */
  readonly warn: (topic: string, message: string | null) => void
  /** How the log names a member. */
  readonly called: (key: PublicKey) => string
}

/** Records of strangers that a node keeps for others, each at most `recordLimit` bytes: 6 MB. */
const guestLimit = 10_000
/** New ones a second, and at once: each costs 2 ms of curve operations. */
const strangers = { rate: 50, burst: 500 } as const
/**
 * What we learn of ourselves comes in pieces, and each piece would make a record. The first one waits so long, too: signing prepares a
 * table for 25 ms, and the first tunnels need none.
 */
const renewAfter = 200
/** Members that are asked where they see us. */
const reflectors = 2

export class Discovery {
  readonly #parts: DiscoveryParts
  /** Of members, and of boot nodes that are members. */
  readonly #records: Records
  /** Of others, who handed us theirs: whoever knows their key may ask for it. */
  readonly #guests: Records
  readonly #strangers = new Allowance(strangers.burst, strangers.rate)
  readonly #own: OwnRecord
  readonly #memory: Memory
  readonly #channel: Channel
  readonly #streams: Streams
  readonly #boots: Boots
  readonly #contacts: Contacts
  readonly #dht: Dht
  readonly #walk: Walk
  readonly #self: Self
  /** What people ask. */
  readonly inquiry: Inquiry
  readonly #lan: Lan
  readonly #port: SharedPort
  #wanted: Wanted | null = null
  #trusted = new Set<PublicKey>()
  #timer: { cancel(): void } | null = null
  #renewing: { cancel(): void } | null = null
  #reflectedAt: Time = 0
  #watch: { close(): void } | null = null
  #stopped = false

  constructor(parts: DiscoveryParts) {
    const { os, log, network, namespace, workbit, identity, warn } = parts
    const { clock } = os
    this.#parts = parts
    this.#memory = new Memory(parts.store, clock, {
      keys: () => this.#wanted!.members.map(({ key }) => key),
      record: key => this.#records.get(key)?.value,
      sequence: () => this.#own.sequence,
    })
    this.#records = new Records(os.crypto, namespace)
    this.#guests = new Records(os.crypto, namespace, guestLimit)
    this.#own = new OwnRecord(os.crypto, os.random, identity.privateKey, namespace, this.#memory.sequence)
    this.#channel = new Channel({
      os,
      port: { send: (bytes, to) => this.#port.send(bytes, to) },
      privateKey: identity.privateKey,
      network,
      namespace,
      workbit,
      exempt: key => this.#trusted.has(key),
      answerFind: id => this.#answerFind(id),
      onPing: (key, from) => this.#contacts.input(key, { kind: 'heard', endpoint: from }),
      onRecord: (key, value) => this.#onRecord(key, value),
      onOpen: (key, from, open) => this.#streams.handleOpen(key, from, open),
      onStreamPacket: (bytes, from) => this.#streams.handleStream(bytes, from),
    })
    this.#streams = new Streams(os, {
      sendOpen: (key, to, open) => this.#channel.send({ type: 'open', ...open }, key, to),
      sendStream: (bytes, to) => this.#channel.sendStreamPacket(bytes, to),
      proved: endpoint => this.#channel.prove(endpoint),
    })
    const channel = this.#channel
    this.#port = new SharedPort({ ...parts, receive: channel.receive })
    const answered = (key: PublicKey, endpoint: Endpoint, pong: Pong) => this.#answered(key, endpoint, pong)
    this.#boots = new Boots({
      ...{ clock, log, channel, warn, resolve: parts.resolve },
      answered: (boot, pong) => {
        answered(boot.key, boot.endpoint, pong)
        void this.#outbid(boot)
      },
    })
    this.#self = new Self(os)
    this.#lan = new Lan({
      ...os,
      // only members of the same network have use for one another
      ...{ publicKey: identity.publicKey, namespace: network },
      heard: ({ key, endpoint }) => this.#contacts.input(key, { kind: 'announced', endpoint }),
    })
    this.#contacts = new Contacts(
      {
        ...{ clock, random: os.random, log, channel, use: parts.use, called: parts.called, answered },
        lookUp: key => void this.#lookUp(key),
      },
      this.#self.surroundings(),
    )
    this.#dht = new Dht({
      ...{ clock, log, warn },
      load: (server, endpoints) =>
        parts.loadDirectory({
          ...{ streams: this.#streams, listenPort: this.#wanted!.listenPort, exempt, server, endpoints },
          warn: message => warn('dht port', message),
        }),
      own: () => {
        // nobody may have answered for a day, and then nothing else renews it
        if (this.#own.renew(clock.wall())) this.#signed()
        return this.#own.value && { id: this.#records.place(identity.publicKey).id, value: this.#own.value }
      },
    })
    const exempt = (key: PublicKey) => this.#trusted.has(key)
    this.#walk = new Walk({
      ...{ clock, log, channel },
      askable: () => [...this.#boots.endpoints(), ...this.#contacts.reached()],
      directory: () => this.#dht.get(),
      learn: (key, value) => this.#learn(key, value),
    })
    this.inquiry = new Inquiry({
      ...{ channel, records: this.#records, guests: this.#guests },
      ...{ walk: this.#walk, boots: this.#boots, contacts: this.#contacts, memory: this.#memory },
    })
  }

  /** Shares the port. @throws a Failure where it cannot be shared, and must be */
  open(listenPort: number): Promise<void> {
    return this.#port.open(listenPort)
  }

  /** Looks for all members at once: first where they were last. */
  start(wanted: Wanted): void {
    const { os, warn } = this.#parts
    this.#apply(wanted)
    if (wanted.interfaceName !== null) {
      this.#lan.open().catch(error => warn('lan', `members on the same link are not heard: ${error.message}`))
    }
    this.#watch = os.links.watch(() => this.#networkChanged())
    this.#poll()
    this.#dht.start()
  }

  /** The file or the machine has changed. */
  async update(wanted: Wanted): Promise<void> {
    if (this.#stopped) return
    const moved = wanted.listenPort !== this.#wanted?.listenPort
    await this.#port.move(wanted.listenPort)
    if (this.#stopped) return
    this.#apply(wanted)
    if (moved) this.#moved()
  }

  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    this.#timer?.cancel()
    this.#renewing?.cancel()
    this.#watch?.close()
    this.#lan.close()
    this.#boots.stop()
    this.#contacts.stop()
    if (this.#wanted) this.#memory.save()
    await this.#dht.stop()
    this.#streams.close()
    this.#channel.close()
    await this.#port.close()
  }

  #apply(wanted: Wanted): void {
    const before = new Set(this.#wanted?.members.map(({ key }) => key))
    this.#wanted = wanted
    this.#trusted = new Set([...wanted.members, ...wanted.boots].map(({ key }) => key))
    for (const key of before) if (!this.#trusted.has(key)) this.#records.forget(key)
    this.#self.set(wanted)
    this.#contacts.set(wanted.members.map(({ key }) => key))
    this.#contacts.inputAll({ kind: 'network', surroundings: this.#self.surroundings() })
    this.#boots.set(wanted.boots)
    this.#lan.know(wanted.members.map(({ key }) => key))
    this.#lan.be(this.#self.links(), wanted.listenPort)
    for (const { key, endpoints } of wanted.members) {
      this.#contacts.input(key, { kind: 'file', endpoints })
      if (!before.has(key)) this.#meet(key)
    }
    this.#renewSoon()
  }

  /** A member that is new to us, but perhaps not to our memory. */
  #meet(key: PublicKey): void {
    const remembered = this.#memory.of(key)
    const guest = this.#guests.get(key)
    this.#guests.forget(key)
    for (const value of [guest?.value, remembered?.record]) if (value) this.#learn(key, value)
    if (remembered) this.#contacts.input(key, { kind: 'cache', endpoints: remembered.endpoints })
    this.#contacts.input(key, { kind: 'wanted', urgent: false })
  }

  #networkChanged(): void {
    if (this.#stopped) return
    const what = this.#self.changed() ? 'addresses' : 'routes'
    this.#parts.log.info(`the ${what} of this machine have changed`)
    this.#moved()
  }

  /** Whoever hears us from where we are now looks for us there. */
  #moved(): void {
    this.#contacts.inputAll({ kind: 'network', surroundings: this.#self.surroundings(), moved: true })
    this.#boots.again()
    this.#lan.be(this.#self.links(), this.#wanted!.listenPort)
    // who gets it knows at once that the old place is none any more
    this.#renewOwn()
  }

  /** Somebody whom we asked has answered from where we asked. */
  #answered(key: PublicKey, endpoint: Endpoint, pong: Pong): void {
    // the file may have lost it since we asked
    if (this.#stopped || !this.#trusted.has(key)) return
    this.#self.seen(key, endpoint, pong)
    this.#parts.warn('clock', this.#self.clockProblem())
    this.#renewSoon()
    this.#hand(key, endpoint)
    if (this.#contacts.has(key)) this.#memory.saw(key, endpoint)
    this.#dht.join(key, endpoint)
  }

  /** What we know of ourselves, as a record. Where it is a new one, everybody we talk to gets it. */
  #renewSoon(): void {
    const { clock } = this.#parts.os
    this.#renewing ??= clock.at(clock.now() + renewAfter, () => {
      this.#renewing = null
      this.#renewOwn()
    })
  }

  #renewOwn(): void {
    const { server, reason } = this.#self.reachable()
    this.#dht.setServer(server, reason)
    const content = this.#self.content()
    if (!this.#own.update(content, this.#parts.os.clock.wall())) return
    this.#signed()
    for (const { key, endpoint } of [...this.#boots.endpoints(), ...this.#contacts.reached()]) this.#hand(key, endpoint)
    this.#dht.announce(content.endpoints.map(({ endpoint }) => endpoint))
    this.#dht.publish()
  }

  /**
   * A boot node may hold a record of ours with a higher number than we know of: this node lost its memory after its clock had been
   * ahead, or another node has our key. Nobody would take ours, so ours goes above it.
   */
  async #outbid({ key, endpoint }: Boot): Promise<void> {
    const { publicKey } = this.#parts.identity
    const value = this.#own.value && (await this.#channel.find(key, endpoint, this.#records.place(publicKey).id))
    if (!value || value.length === 0 || this.#stopped) return
    const { held } = this.#records.learn(publicKey, value, this.#parts.os.clock.wall())
    if (!held) return
    this.#parts.log.warn('others hold a newer record of this node: signing above it', {
      sequence: held.record.sequence,
    })
    this.#own.outbid(held.record.sequence)
    this.#renewOwn()
  }

  /** Ours is a new one. Who asks for it finds it among the others; its number must not be used again. */
  #signed(): void {
    this.#records.learn(this.#parts.identity.publicKey, this.#own.value!, this.#parts.os.clock.wall())
    this.#memory.saveSoon()
  }

  /** Hands our record over, unasked. It may get lost: boot nodes get it once a minute, and members can ask. */
  #hand(key: PublicKey, endpoint: Endpoint): void {
    const { value } = this.#own
    if (value) this.#channel.send({ type: 'record', transaction: noTransaction, record: value }, key, endpoint)
  }

  /** The sender's own record. */
  #onRecord(key: PublicKey, value: Uint8Array): void {
    const known = this.#trusted.has(key) || this.#guests.get(key)
    if (known || this.#strangers.take(this.#parts.os.clock.now())) this.#learn(key, value)
    else this.#guests.refuse('too many strangers')
  }

  #learn(key: PublicKey, value: Uint8Array): 'new' | 'known' | 'refused' {
    const records = this.#trusted.has(key) ? this.#records : this.#guests
    const { held, problem } = records.learn(key, value, this.#parts.os.clock.wall())
    if (!held) return problem === 'known' || problem === 'older' ? 'known' : 'refused'
    this.#contacts.input(key, { kind: 'record', endpoints: held.record.endpoints })
    if (this.#contacts.has(key)) this.#memory.saveSoon()
    return 'new'
  }

  async #answerFind(id: Uint8Array): Promise<Uint8Array | null> {
    const now = this.#parts.os.clock.wall()
    return this.#records.at(id, now) ?? this.#guests.at(id, now) ?? (await this.#dht.local(id))
  }

  async #lookUp(key: PublicKey): Promise<void> {
    await this.#walk.find(key, this.#records.place(key).id, false)
    const held = this.#records.get(key)
    this.#contacts.input(key, held ? { kind: 'record', endpoints: held.record.endpoints } : { kind: 'no record' })
  }

  #poll(): void {
    const { clock } = this.#parts.os
    this.#timer = clock.at(clock.now() + pollEvery, async () => {
      await this.#parts.tunnels().then(
        peers => this.#contacts.tunnels(peers),
        error => this.#parts.log.debug('cannot ask WireGuard', { error: String(error) }),
      )
      if (clock.now() - this.#reflectedAt >= askReflectorsEvery) this.#askReflectors()
      if (!this.#stopped) this.#poll()
    })
  }

  /** Members say where they see us, too: one boot node's word is no proof, and there may be none. */
  #askReflectors(): void {
    this.#reflectedAt = this.#parts.os.clock.now()
    const boots = new Set(this.#boots.endpoints().map(({ key }) => key))
    const others = this.#contacts.reached().filter(({ key }) => !boots.has(key))
    for (const { key, endpoint } of others.slice(0, reflectors)) {
      void this.#channel.ping(key, endpoint).then(pong => pong && this.#answered(key, endpoint, pong))
    }
  }

  status() {
    const port = this.#port.current
    return {
      directory: this.#dht.status(),
      control: port && {
        backend: port.backend,
        received: port.counters.received,
        sent: port.counters.sent,
        dropped: { ...port.counters.dropped, ...this.#channel.counters.dropped, ...this.#streams.counters.dropped },
      },
      ...this.#self.content(),
    }
  }
}
