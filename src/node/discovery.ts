/**
 * Finding members and being found: the control port, and everything that speaks through it.
 *
 *     boot nodes ──PONG: our address──▶ own record ──▶ members, boot nodes, DHT
 *     file, memory, LAN, records ──▶ contacts: a path machine each ──PONG──▶ WireGuard's endpoint
 *                          ▲                       │ silent, or unknown
 *                          └──────── walk ◀────────┘
 */

import type { Endpoint } from '../base/ip.ts'
import type { Time } from '../base/time.ts'
import { Channel } from '../drivers/control/channel.ts'
import { Lan } from '../drivers/control/lan.ts'
import { Streams } from '../drivers/control/streams.ts'
import { Desk } from '../protocol/home/desk.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import { onLink } from '../protocol/path/candidate.ts'
import { Answers } from './answers.ts'
import { Archive } from './archive.ts'
import { Boots } from './boots.ts'
import type { Carriers } from './carriers.ts'
import { Carrying } from './carrying.ts'
import { Contacts, pollEvery } from './contacts.ts'
import { Dht } from './dht.ts'
import { Inquiry } from './inquiry.ts'
import { Memory } from './memory.ts'
import { OwnNetwork } from './own-network.ts'
import { OwnRecord } from './own-record.ts'
import { Parking } from './parking.ts'
import { Publication } from './publication.ts'
import type { Records } from './records.ts'
import { Self, type Sighting } from './self.ts'
import { SharedPort } from './shared-port.ts'
import { Timers } from './timers.ts'
import { Traversal } from './traversal.ts'
import { Walk } from './walk.ts'
import type { DiscoveryParts, Wanted } from './wanted.ts'

/** A better path is set once more, ms after both sides went over to it. */
const rankAgain = 400
/** Of a larger network, only those are looked for at the start who were met before; the others when somebody wants to talk to them. */
const greeted = 256
/** Does UDP get through again? */
const asking = { sendTimes: [0, 200, 500], timeout: 1_200 }

export class Discovery {
  readonly #parts: DiscoveryParts
  readonly #records: Records
  readonly #archive: Archive
  readonly #publication: Publication
  readonly #memory: Memory
  readonly #channel: Channel
  readonly #streams: Streams
  readonly #boots: Boots
  readonly #contacts: Contacts
  readonly #ownNetwork: OwnNetwork
  readonly #traversal: Traversal
  /** Where WireGuard's idle peers point: open before the interface is made. */
  readonly parking: Parking
  readonly #dht: Dht
  readonly #walk: Walk
  readonly #self: Self
  /** What people ask. */
  readonly inquiry: Inquiry
  readonly #lan: Lan
  readonly #port: SharedPort
  #wanted: Wanted | null = null
  #trusted = new Set<PublicKey>()
  readonly #timers: Timers
  readonly #carrying: Carrying
  readonly #answers: Answers
  readonly #watches: { close(): void }[] = []
  #stopped = false

  constructor(parts: DiscoveryParts) {
    const { os, log, network, namespace, workbit, identity, warn, banned } = parts
    const { clock } = os
    this.#parts = parts
    this.#timers = new Timers(clock)
    const trusted = (key: PublicKey) => this.#trusted.has(key)
    this.#memory = new Memory(parts.store, clock, {
      keys: () => this.#wanted!.members.map(({ key }) => key),
      record: key => this.#records.get(key)?.value,
      sequence: () => own.sequence,
      lifetimes: () => this.#ownNetwork.lifetimes,
    })
    const own = new OwnRecord(os.crypto, os.random, identity.privateKey, namespace, this.#memory.sequence)
    this.#archive = new Archive({
      ...{ clock, crypto: os.crypto, namespace, trusted },
      learnt: (key, record) => {
        this.#contacts.input(key, { kind: 'record', endpoints: record.endpoints })
        this.#traversal.learnt(key, record)
        if (this.#contacts.has(key)) this.#memory.saveSoon()
      },
    })
    this.#records = this.#archive.records
    this.#self = new Self(os)
    const rank = (key: PublicKey) => (trusted(key) ? 'member' : 'stranger')
    const desk = new Desk(os.crypto, os.random.bytes(32), rank)
    const channel = new Channel({
      ...{ os, network, namespace, workbit, desk, banned, exempt: trusted, privateKey: identity.privateKey },
      port: { send: (bytes, to) => this.#port.send(bytes, to) },
      answerFind: async id => this.#archive.at(id) ?? (await this.#dht.local(id)),
      onPing: (key, endpoint, via, inUse = false) => {
        if (!this.#traversal.heard(key, endpoint, via)) this.#contacts.input(key, { kind: 'heard', endpoint, inUse })
      },
      onRecord: (key, value) => this.#archive.received(key, value),
      onOffer: (key, offer, from) => {
        if (!this.#contacts.has(key)) return
        if (!offer.answer) this.parking.calls(key)
        this.#traversal.offered(key, offer, from)
      },
      onOpen: (key, from, open) => this.#streams.handleOpen(key, from, open),
      onStreamPacket: (bytes, from) => this.#streams.handleStream(bytes, from),
      onSilence: (...it) => this.#carrying.silent(...it),
    })
    this.#channel = channel
    this.#streams = new Streams(os, {
      sendOpen: (key, to, open) => channel.send({ type: 'open', ...open }, key, to),
      sendStream: (bytes, to) => channel.sendStreamPacket(bytes, to),
      proved: endpoint => channel.prove(endpoint),
    })
    this.#port = new SharedPort({
      ...{ ...parts, receive: channel.receive },
      elsewhere: (bytes, to) => this.carriers.send(bytes, to),
    })
    const answered = (...it: [PublicKey, Endpoint, Sighting]) => void (this.#stopped || this.#answers.heard(...it))
    this.#boots = new Boots({
      ...{ clock, log, channel, warn, resolve: parts.resolve },
      answered: (boot, pong) => {
        answered(boot.key, boot.endpoint, pong)
        void this.#publication.outbid(boot.key, boot.endpoint)
        this.#traversal.known()
      },
    })
    this.#lan = new Lan({
      ...os,
      // only members of the same network have use for one another
      ...{ publicKey: identity.publicKey, namespace: network },
      heard: ({ key, endpoint }) => this.#contacts.input(key, { kind: 'announced', endpoint }),
    })
    this.#ownNetwork = new OwnNetwork({
      ...{ ...parts, channel, answered, self: this.#self, rank, tokens: desk },
      port: () => this.#port.current,
      reflectors: () => this.#traversal.reflectors(),
      record: key => this.#records.get(key)?.record ?? null,
      spoken: () => [...this.#boots.endpoints().map(({ endpoint }) => endpoint.host), ...this.#contacts.spoken()],
      lifetimes: this.#memory.lifetimes,
      overTcp: () => (this.#dht.status().overTcp ?? 0) > 0 || this.carriers.isGuest,
      changed: () => {
        this.#publication.soon()
        this.#memory.saveSoon()
      },
      mapped: () => this.#contacts.inputAll({ kind: 'mapped' }),
      served: (...it) => this.#dht.setServer(...it),
      elsewhere: (...it) => this.carriers.send(...it),
    })
    this.#carrying = new Carrying({
      ...{ clock, log, channel, udp: os.udp, called: parts.called, control: channel.receive },
      input: (...it) => this.#contacts.input(...it),
      listenPort: () => this.#wanted?.listenPort ?? 0,
      relay: (...it) => this.#ownNetwork.relaying.hear(...it),
      serves: key => (trusted(key) ? 'member' : this.#ownNetwork.relaying.policy === 'anyone' ? 'stranger' : 'no'),
      open: (...it) => this.#dht.carry(...it),
      ask: async (...at) => (await channel.ping(...at, { ...asking, via: this.#port.udp })) !== null,
      places: () => this.#traversal.reflectors(),
      isOpen: key => this.#answers.isOpen(key) || this.#traversal.isRelay(key),
      isNear: host => onLink(host, this.#self.surroundings()),
      changed: why => this.#moved(why),
    })
    this.#traversal = new Traversal({
      ...{ os, log, network, channel, answered, self: this.#self, ownNetwork: this.#ownNetwork },
      ...{ called: parts.called, birthday: parts.birthday ?? true },
      branches: () => this.#port.current?.branches ?? null,
      record: key => this.#records.get(key)?.record ?? null,
      ...{ boots: () => this.#boots.endpoints(), members: () => this.#contacts.reached() },
      keys: () => this.#wanted!.members.map(({ key }) => key),
      remembered: key => this.#memory.of(key)?.endpoints[0],
      ...{ neighbours: () => this.#dht.neighbours(), changed: () => this.#publication.soon() },
      input: (key, input) => this.#contacts.input(key, input),
    })
    this.parking = new Parking({
      ...{ clock, log, udp: os.udp, publicKey: identity.publicKey },
      send: (bytes, to) => this.#port.send(bytes, to),
      rung: key => this.#contacts.input(key, { kind: 'rung' }),
    })
    this.#contacts = new Contacts(
      {
        ...{ clock, random: os.random, log, channel, answered, called: parts.called },
        ...{ park: parts.park, hold: parts.hold, shake: parts.shake, anew: parts.anew, look: () => void this.#look() },
        ...{ told: (...it) => this.#answers.told(...it), leave: key => this.#traversal.leave(key) },
        prepare: (...it) => this.#carrying.prepare(this.#traversal.prepare(...it)),
        offer: key => this.#traversal.offer(key),
        use: async (key, endpoint, because) => {
          await parts.use(key, endpoint, because)
          this.parking.pointed(key, endpoint)
          // what is on its way by the old path makes WireGuard follow it back there
          const again = () => this.#contacts.isAt(key, endpoint) && void parts.use(key, endpoint, 'once more')
          if (because === 'ranks better') this.#timers.in(rankAgain, again)
        },
        lookUp: key => void this.#lookUp(key),
      },
      this.#self.surroundings(),
    )
    this.#dht = new Dht({
      ...{ clock, log, warn },
      load: (server, endpoints) =>
        parts.loadDirectory({
          ...{ streams: this.#streams, listenPort: this.#wanted!.listenPort, exempt: trusted, banned },
          ...{ server, endpoints, carried: (...it) => this.carriers.accept(...it) },
          known: () => this.#traversal.reflectors().map(({ endpoint }) => endpoint),
          warn: message => warn('dht port', message),
        }),
      own: () => this.#publication.kept(),
    })
    this.#walk = new Walk({
      ...{ clock, log, channel },
      askable: () => [...this.#traversal.places(), ...this.#contacts.resting()],
      directory: () => this.#dht.get(),
      learn: (key, value) => this.#archive.learn(key, value),
    })
    this.#publication = new Publication({
      ...{ clock, log, channel, own, records: this.#records },
      content: () => this.#traversal.content(),
      audience: () => this.#traversal.places(),
      signed: () => this.#memory.saveSoon(),
      renewed: ({ endpoints }) => {
        this.#dht.announce(endpoints.map(({ endpoint }) => endpoint))
        this.#dht.publish()
      },
    })
    this.#answers = new Answers({
      ...{ carrying: this.#carrying, contacts: this.#contacts, dht: this.#dht, memory: this.#memory },
      ...{ ownNetwork: this.#ownNetwork, publication: this.#publication, records: this.#records },
      ...{ self: this.#self, traversal: this.#traversal, trusted, warn, wanted: () => this.#wanted!, met: parts.met },
      remapped: () => this.#moved('the NAT has another mapping for this node'),
    })
    this.inquiry = new Inquiry({
      ...{ channel, carrying: this.#carrying, records: this.#records, guests: this.#archive.guests },
      ...{ walk: this.#walk, boots: this.#boots, contacts: this.#contacts, memory: this.#memory },
      ...{ clock, self: this.#self, ownNetwork: this.#ownNetwork, traversal: this.#traversal },
    })
  }

  get carriers(): Carriers {
    return this.#carrying.carriers
  }

  /** Seconds between packets that keep a mapping of ours. */
  get keepalive(): number {
    return this.#ownNetwork.keepalive
  }

  /** Shares the port. @throws a Failure where it cannot be shared, and must be */
  open(listenPort: number): Promise<void> {
    return this.#port.open(listenPort)
  }

  /** Looks for all members at once: first where they were last. */
  start(wanted: Wanted): void {
    const { os, warn, log } = this.#parts
    this.#apply(wanted)
    if (wanted.interfaceName !== null) {
      this.#lan.open().catch(error => warn('lan', `members on the same link are not heard: ${error.message}`))
      void this.parking.works().then(works => {
        if (!works && !this.#stopped) log.info('the doorbell is not heard here: paths to all members are kept')
        this.#contacts.inputAll({ kind: 'doorbell', works })
      })
    }
    this.#traversal.start()
    this.#ownNetwork.start()
    this.#watches.push(os.links.watch(() => this.#networkChanged()))
    this.#watches.push(os.sleep.watch(() => this.#moved('this machine has slept', true)))
    this.#poll(0)
    this.#carrying.begin(false)
    this.#dht.start()
  }

  /** The file or the machine has changed. */
  async update(wanted: Wanted): Promise<void> {
    if (this.#stopped) return
    const moved = wanted.listenPort !== this.#wanted?.listenPort
    await this.#port.move(wanted.listenPort)
    if (this.#stopped) return
    this.#apply(wanted)
    if (moved) this.#moved('the port of this node has changed')
  }

  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    this.#timers.end()
    this.#carrying.stop()
    for (const watch of this.#watches) watch.close()
    for (const part of [this.#publication, this.#boots, this.#contacts]) part.stop()
    this.#lan.close()
    this.parking.close()
    if (this.#wanted) this.#memory.save()
    await Promise.all([this.#traversal.stop(), this.#ownNetwork.stop()])
    await this.#dht.stop()
    this.#streams.close()
    this.#channel.close()
    await this.#port.close()
  }

  #apply(wanted: Wanted): void {
    const before = new Set(this.#wanted?.members.map(({ key }) => key))
    this.#wanted = wanted
    this.#trusted = new Set([...wanted.members, ...wanted.boots].map(({ key }) => key))
    const members = new Set(wanted.members.map(({ key }) => key))
    for (const key of before) {
      if (!this.#trusted.has(key)) this.#records.forget(key)
      if (!members.has(key)) this.#answers.forget(key)
    }
    this.#self.set(wanted)
    this.#ownNetwork.serve()
    const keys = [...members]
    this.parking.know(keys)
    this.#contacts.set(keys)
    this.#contacts.inputAll({ kind: 'network', surroundings: this.#self.surroundings() })
    this.#boots.set(wanted.boots)
    this.#lan.know(keys)
    this.#lan.be(this.#self.links(), wanted.listenPort)
    this.#traversal.known()
    for (const { key, endpoints } of wanted.members) {
      this.#contacts.input(key, { kind: 'file', endpoints })
      if (!before.has(key)) this.#meet(key)
    }
    this.parking.repeat()
    this.#publication.soon()
  }

  /** A member that is new to us, but perhaps not to our memory. */
  #meet(key: PublicKey): void {
    const remembered = this.#memory.of(key)
    for (const value of [this.#archive.adopt(key), remembered?.record]) if (value) this.#archive.learn(key, value)
    if (remembered) this.#contacts.input(key, { kind: 'cache', endpoints: remembered.endpoints })
    const known = remembered !== undefined || this.#wanted!.members.length <= greeted
    if (known) this.#contacts.input(key, { kind: 'wanted', urgent: false })
  }

  #networkChanged(): void {
    const elsewhere = this.#self.changed()
    this.#moved(`the ${elsewhere ? 'addresses' : 'routes'} of this machine have changed`)
    this.#carrying.begin(elsewhere)
  }

  /** Whoever hears us from where we are now looks for us there. */
  #moved(why: string, slept = false): void {
    if (this.#stopped) return
    this.#parts.log.info(why)
    if (slept) this.#carrying.begin(true)
    this.#traversal.moved(slept)
    this.#ownNetwork.moved()
    this.#contacts.inputAll({ kind: 'network', surroundings: this.#self.surroundings(), moved: true })
    this.#boots.again()
    this.#lan.be(this.#self.links(), this.#wanted!.listenPort)
    // who gets it knows at once that the old place is none any more
    this.#publication.now()
  }

  async #lookUp(key: PublicKey): Promise<void> {
    await this.#walk.find(key, this.#records.place(key).id, false)
    const held = this.#records.get(key)
    this.#contacts.input(key, held ? { kind: 'record', endpoints: held.record.endpoints } : { kind: 'no record' })
  }

  #poll(after: Time): void {
    this.#timers.in(after, async () => {
      await this.#look()
      if (!this.#stopped) this.#traversal.refresh()
      if (!this.#stopped) this.#poll(pollEvery)
    })
  }

  #look(): Promise<void> {
    const unheard = (error: unknown) => this.#parts.log.debug('cannot ask WireGuard', { error: String(error) })
    return this.#parts.tunnels().then(peers => this.#contacts.tunnels(peers), unheard)
  }

  status() {
    const port = this.#port.counts()
    const dropped = { ...port?.dropped, ...this.#channel.counters.dropped, ...this.#streams.counters.dropped }
    return { directory: this.#dht.status(), control: port && { ...port, dropped }, ...this.#traversal.content() }
  }
}
