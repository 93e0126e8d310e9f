/**
 * A network whose file has `admin` lines, as a daemon lives it: the registrar's roll on one side, the node on the other.
 *
 *     file ──┐                                     members say news, guests come with tokens
 *            ├─▶ effective network ──▶ node            │
 *     roll ──┘         ▲                               ▼
 *       ▲              └──── who is a member ◀──── registrar ──▶ spread: to all other members
 *       └── statements on disk                        ▲
 *                                        wh invite, revoke … : said in this node's name
 */

import type { Logger } from '../base/log.ts'
import { day, second, type Time } from '../base/time.ts'
import type { Directory } from '../drivers/dht/directory.ts'
import type { Talk } from '../drivers/dht/talks.ts'
import type { Identity } from '../node/desired.ts'
import { Admission, joinProtocol } from '../node/membership/admission.ts'
import { Registrar } from '../node/membership/registrar.ts'
import { Spread } from '../node/membership/spread.ts'
import { syncProtocol } from '../node/membership/sync.ts'
import type { Node } from '../node/node.ts'
import type { Os } from '../os/index.ts'
import type { PrivateKey, PublicKey } from '../protocol/identity/key.ts'
import { effective } from '../protocol/membership/effective.ts'
import type { Membership } from '../protocol/membership/membership.ts'
import { proveRotation } from '../protocol/membership/signed.ts'
import { moment } from '../protocol/membership/words.ts'
import { adminsOf, isMember, members } from '../protocol/network/members.ts'
import type { Member, Network } from '../protocol/network/types.ts'
import { statementsFile } from './paths.ts'
import { statementStore } from './statements.ts'

/** Timers are no longer than that: setTimeout's 2^31 - 1 ms, rounded down. */
const longest = 24 * 24 * 3_600_000
/** The end of a membership is told so long ahead. */
const announced = 30 * day
/** To tell others that this node is gone. */
const farewell: Time = 1 * second
/** To tell a key that it is over. Its tunnel is gone by then. */
const toldFor: Time = 1.5 * second

export type Ends = {
  /** Takes the network down: this node belongs to it no more. */
  readonly stop: () => void
  /** The same, and brings it up again as something else. */
  readonly again: () => void
}

/** File and roll as one. */
type Lived = {
  readonly file: Network
  readonly membership: Membership | null
  readonly network: Network
  readonly warnings: readonly string[]
  readonly members: readonly Member[]
  /** Of those that have a tunnel. */
  readonly keys: ReadonlySet<PublicKey>
}

export class Belonging {
  readonly registrar: Registrar
  readonly #os: Os
  readonly #log: Logger
  readonly #identity: Identity
  #file: Network
  #lived: Lived | null = null
  #node: Node | null = null
  #spread: Spread | null = null
  #admission: Admission | null = null
  #directory: Directory | null = null
  #timer: { cancel(): void } | null = null
  /** Keys that have just come to their end. */
  readonly #toldUntil = new Map<PublicKey, Time>()
  #stopped = false
  #isLeaving = false
  #wasMember = false

  constructor(os: Os, log: Logger, file: Network, identity: Identity) {
    this.#os = os
    this.#log = log
    this.#file = file
    this.#identity = identity
    const { clock, random, crypto } = os
    const store = statementStore(os.files, statementsFile(file.name, identity.publicKey), log)
    const parts = { clock, random, crypto, log, identity, name: file.name, store }
    this.registrar = new Registrar(parts, adminsOf(file))
  }

  /** The network of file and roll. */
  network(): Network {
    return this.#now().network
  }

  /** Its members with their addresses. */
  members(): readonly Member[] {
    return this.#now().members
  }

  /** Computed once for each change: who asks asks often. */
  #now(): Lived {
    const membership = this.registrar.takesPart ? this.registrar.membership : null
    if (this.#lived?.file === this.#file && this.#lived.membership === membership) return this.#lived
    const names = new Map(membership?.members.map(({ key, hostname }) => [key, hostname]))
    const called = (key: PublicKey) => names.get(key) ?? `${key.slice(0, 10)}…`
    const { network, warnings } = membership
      ? effective(this.#file, membership, called)
      : { network: this.#file, warnings: [] }
    const all = members(network)
    const keys = new Set(all.flatMap(({ key, role }) => (role === 'alias' ? [] : [key])))
    this.#lived = { file: this.#file, membership, network, warnings, members: all, keys }
    return this.#lived
  }

  get file(): Network {
    return this.#file
  }

  /** What a person should know of who belongs to the network. */
  get warnings(): readonly string[] {
    const now = this.#os.clock.wall()
    const soon = (this.registrar.membership?.members ?? []).flatMap(
      ({ key, hostname = `${key.slice(0, 10)}…`, expires }) => {
        if (
          expires === undefined ||
          expires > now + announced ||
          this.#file.nodes.some(node => node.key === key && isMember(node))
        )
          return []
        return [
          `the membership of ${hostname} ends ${moment(expires)}: an admin gives it more time with wh extend ${hostname} 90d`,
        ]
      },
    )
    return [...this.#now().warnings, ...soon]
  }

  /** The file is another now. @returns the network of it and the roll */
  read(file: Network): Network {
    this.#file = file
    this.registrar.accept(adminsOf(file))
    return this.network()
  }

  /** A key that is over, and that the file does not trust. */
  isOver(key: PublicKey): boolean {
    const { registrar } = this
    if (!registrar.takesPart || !registrar.membership?.ended.has(key)) return false
    return !this.#file.nodes.some(node => node.key === key && isMember(node))
  }

  /** Whom this node neither hears nor speaks to. Who has just been revoked is told so first. */
  readonly isBanned = (key: PublicKey): boolean => {
    return this.isOver(key) && (this.#toldUntil.get(key) ?? 0) < this.#os.clock.now()
  }

  /** A member has answered from there. */
  readonly met = (...it: Parameters<Spread['met']>): void => this.#spread?.met(...it)

  /** What is spoken about the roll. */
  get talks(): Talk[] {
    return [
      { protocol: syncProtocol, take: (key, stream) => void this.#spread?.answer(key, stream) },
      { protocol: joinProtocol, take: (key, stream) => void this.#admission?.answer(key, stream) },
    ]
  }

  set directory(directory: Directory) {
    this.#directory = directory
  }

  live(node: Node, ends: Ends): void {
    this.#node = node
    this.#wasMember = this.#now().keys.has(this.#identity.publicKey)
    const { clock, crypto, random } = this.#os
    const { registrar } = this
    const log = this.#log
    const self = this.#identity.publicKey
    const all = () => this.members()
    this.#admission = new Admission({ clock, log, crypto, registrar, members: all })
    const spread = new Spread({
      ...{ clock, random, log, registrar, self },
      isMember: key => this.#now().keys.has(key),
      places: () => node.discovery.inquiry.members(),
      members: () => all().flatMap(({ key, role }) => (key === self || role === 'alias' ? [] : [key])),
      want: key => node.discovery.inquiry.want(key),
      talk: (...it) => {
        if (!this.#directory) throw new Error('libp2p is not up')
        return this.#directory.talk(...it)
      },
    })
    this.#spread = spread
    registrar.news = (statements, from) => {
      const ended = statements.flatMap(({ statement }) => {
        if (statement.kind === 'revoke') return [statement.key]
        return statement.kind === 'rotate' ? [statement.author] : []
      })
      for (const key of ended) this.#toldUntil.set(key, clock.now() + toldFor)
      spread.tell(from, ended)
    }
    registrar.changed = () => void this.#relive(ends)
    this.#reliveLater()
  }

  /** This node's key ends, and that one takes its place: said, and told to whoever is there. What it lives by from now on is another daemon's. */
  async rotate(next: PrivateKey): Promise<void> {
    const { registrar } = this
    const { random } = this.#os
    const [old, key] = [this.#identity.publicKey, next.publicKey()]
    const proof = proveRotation(registrar.roll!.network, old, next, count => random.bytes(count))
    this.#isLeaving = true
    try {
      registrar.say({ kind: 'rotate', key, proof })
    } catch (error) {
      this.#isLeaving = false
      throw error
    }
    const kept = statementStore(this.#os.files, statementsFile(this.#file.name, key), this.#log)
    kept.append(registrar.roll!.all().map(({ bytes }) => bytes))
    await this.#spread?.told(farewell)
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#spread?.stop()
  }

  async #relive({ stop, again }: Ends): Promise<void> {
    if (this.#stopped || this.#isLeaving) return
    const self = this.#identity.publicKey
    const out = this.#whyOut(self)
    if (out !== null) {
      this.#log.warn(`${out}: taking the network down`)
      // others are to hear it from us while we have a voice
      this.#os.clock.at(this.#os.clock.now() + farewell, stop)
      return
    }
    if (!this.#wasMember && this.#now().keys.has(self)) {
      this.#log.info('this node has been admitted: coming up as a member')
      this.#isLeaving = true
      again()
      return
    }
    try {
      const { changes } = await this.#node!.reload(this.network())
      for (const change of changes) this.#log.info('membership', { change })
    } catch (error) {
      this.#log.warn('who belongs to the network has changed, and cannot be applied', {
        problem: (error as Error).message,
      })
    }
    this.#reliveLater()
  }

  /** Why this node, which came up as a member, is none any more. */
  #whyOut(self: PublicKey): string | null {
    const end = this.registrar.membership?.ended.get(self)
    if (end && this.isOver(self)) {
      if (end.statement.kind === 'rotate') return 'this node has another key now'
      return end.statement.author === self ? 'this node has left' : 'this node was revoked'
    }
    if (!this.#wasMember || this.#now().keys.has(self)) return null
    const isExpired = this.registrar.membership?.expired.some(({ key }) => key === self)
    if (isExpired) return 'the time of this node is over'
    return 'this node is a member no more: somebody else came by the same invite, or who let it in had no right to'
  }

  /** Memberships that end by themselves. */
  #reliveLater(): void {
    const { clock } = this.#os
    this.#timer?.cancel()
    const ends = this.registrar.membership?.members.flatMap(({ expires }) => expires ?? []) ?? []
    if (ends.length === 0 || this.#stopped) return
    const wait = Math.min(Math.max(0, Math.min(...ends) - clock.wall()), longest)
    this.#timer = clock.at(clock.now() + wait, () => this.registrar.changed())
  }
}
