/**
 * Birthday probing for all members: what the machines of `protocol/nat/birthday.ts` ask for is done here, with real branches.
 *
 *     hard   branches ──PING each──▶ member       tellSpray ──OFFER──▶ member
 *            a branch hears the member: bound to W for its endpoint ──PING from W──▶ PONG ──▶ `hit`
 *     easy   the member's spray ──▶ PINGs from W, 100 a second ──PONG──▶ `hit`
 *
 * `hit` is the path machine's: from there on, the endpoint is a candidate that has answered.
 */

import { type Endpoint, familyOf, sameEndpoint } from '../base/ip.ts'
import type { Logger } from '../base/log.ts'
import { second, type Time } from '../base/time.ts'
import type { Channel, Way } from '../drivers/control/channel.ts'
import type { Branch, Branches } from '../drivers/control/port.ts'
import type { Clock } from '../os/clock.ts'
import { chance, type Random } from '../os/random.ts'
import type { Spray } from '../protocol/control/message.ts'
import type { RecordBody } from '../protocol/directory/record-body.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import { Birthday, type BirthdayView } from '../protocol/nat/birthday.ts'
import type { Input, Output } from '../protocol/nat/birthday-events.ts'
import type { Side } from '../protocol/nat/roles.ts'
import type { Step } from '../protocol/nat/step.ts'
import { refusal, type Surroundings } from '../protocol/path/candidate.ts'
import { isPrivate } from '../protocol/path/own-endpoints.ts'

export type BirthdaysParts = {
  readonly clock: Clock
  readonly random: Pick<Random, 'int'>
  readonly log: Logger
  readonly channel: Pick<Channel, 'ping' | 'receive'>
  /** `birthday off` in the settings says no. */
  readonly enabled: () => boolean
  /** `null` where nftables cannot be used. */
  readonly branches: () => Branches | null
  /** What is known of our own NAT, for IPv4. `port`: one that it gave to W. */
  readonly own: () => Side & { readonly step: Step; readonly port?: number }
  readonly surroundings: () => Surroundings
  /** A node outside that tells where it sees a branch: a home, a boot node. */
  readonly reflector: () => { readonly key: PublicKey; readonly endpoint: Endpoint } | null
  /** Does the member have a path now? */
  readonly direct: (key: PublicKey) => boolean
  /** Sends the member an OFFER with this spray. */
  readonly tellSpray: (key: PublicKey, spray: Spray) => void
  /** For the path machine. */
  readonly hit: (key: PublicKey, endpoint: Endpoint, rtt: Time) => void
  /** How the log names a member. */
  readonly called: (key: PublicKey) => string
}

/** Each may open 256 sockets, or send 100 PINGs a second; small routers know some 1000 flows at once. */
const atOnce = 2
const once = [0]
/** Longer than any round trip on earth, by satellite too. */
const answerWait = 3 * second
/** The proof from W, through the branch. Its last try is answered within `answerWait`, too. */
const proofTimes = [0, 100, 300, 700, 1_500]
/** What a prediction may wait for the reflector: after it, the last port that is known has to do. */
const reflectorWait = 500
/** Sealing costs 0.3 ms each, and a router may take more at once for a flood. */
const burst = { pings: 16, every: 10 } as const

type Contact = {
  readonly key: PublicKey
  readonly machine: Birthday
  timer: { cancel(): void } | null
  /** What is under way for an older one is over. */
  generation: number
  target: Endpoint | null
  spray: Spray | null
  readonly open: Set<Branch>
  bound: { readonly endpoint: Endpoint; readonly branch: Branch } | null
}

export class Birthdays {
  readonly #parts: BirthdaysParts
  readonly #contacts = new Map<PublicKey, Contact>()
  readonly #atWork = new Set<Contact>()
  readonly #queue = new Set<Contact>()
  readonly #unbinding = new Set<Promise<void>>()
  #stopped = false

  constructor(parts: BirthdaysParts) {
    this.#parts = parts
  }

  /** An OFFER of a member came, and ours is out, too. */
  offered(key: PublicKey, body: RecordBody, spray?: Spray): void {
    const { enabled, own, branches } = this.#parts
    if (this.#stopped || !enabled()) return
    const contact = this.#contact(key)
    const target = this.#targetOf(contact, body)
    const { step, port: _port, ...side } = own()
    if (spray && this.#allows(spray, body)) this.#input(contact, { kind: 'sprayed', own: side, spray })
    this.#input(contact, {
      ...{ kind: 'crossed', own: side, peer: sideOf(body, target), target },
      regular: step.kind === 'regular',
      able: branches() !== null,
    })
  }

  /** A PING of a member came in. @returns whether by a branch of ours: then W has heard nothing */
  heard(key: PublicKey, from: Endpoint, via: Way | undefined): boolean {
    const contact = this.#contacts.get(key)
    if (contact && !via) this.#input(contact, { kind: 'heard', endpoint: from })
    const found = via && this.#branch(via)
    if (!found) return false
    if (contact && sameEndpoint(from, contact.target ?? undefined)) {
      // two members behind one address, and a NAT that looks at addresses only: it may have been opened for the other one
      found.owner.open.delete(found.branch)
      contact.open.add(found.branch)
      void this.#met(contact, found.branch)
    }
    return true
  }

  /** The path machine has found a path, or lost it. */
  path(key: PublicKey, direct: boolean): void {
    const contact = this.#contacts.get(key)
    if (contact) this.#input(contact, { kind: 'path', direct })
  }

  /** Nobody here uses the path any more, and nobody looks for one: what was bound for it is closed. */
  released(key: PublicKey): void {
    const contact = this.#contacts.get(key)
    if (contact) this.#input(contact, { kind: 'released' })
  }

  /** It is no member any more. */
  forget(key: PublicKey): void {
    const contact = this.#contacts.get(key)
    if (!contact) return
    this.#input(contact, { kind: 'forgotten' })
    contact.timer?.cancel()
    this.#contacts.delete(key)
  }

  /** Our addresses, or those of our NAT, are others now. @param slept perhaps: what is bound may still work */
  moved(slept: boolean): void {
    for (const contact of this.#contacts.values()) this.#input(contact, { kind: slept ? 'slept' : 'moved' })
  }

  /** W's packets to it leave from a branch: what is seen of us there is the branch's mapping, and says nothing of W's. */
  isBound(endpoint: Endpoint): boolean {
    return [...this.#contacts.values()].some(({ bound }) => sameEndpoint(bound?.endpoint, endpoint))
  }

  view(key: PublicKey): BirthdayView | null {
    return this.#contacts.get(key)?.machine.view() ?? null
  }

  /** Leaves no branch open and none bound. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#queue.clear()
    for (const key of [...this.#contacts.keys()]) this.forget(key)
    await Promise.all(this.#unbinding)
  }

  #contact(key: PublicKey): Contact {
    const known = this.#contacts.get(key)
    if (known) return known
    const { random, clock, direct } = this.#parts
    const machine = new Birthday(() => chance(random))
    machine.handle({ kind: 'path', direct: direct(key) }, clock.now())
    const contact: Contact = {
      ...{ key, machine, timer: null, generation: 0, target: null, spray: null },
      ...{ open: new Set<Branch>(), bound: null },
    }
    this.#contacts.set(key, contact)
    return contact
  }

  /** Where its packets come from, in IPv4: where they came from before, what others saw, what it has itself. */
  #targetOf({ bound }: Contact, { endpoints }: RecordBody): Endpoint | null {
    const good = endpoints.filter(({ kind, endpoint }) => {
      if (familyOf(endpoint.host) !== 4 || refusal(endpoint, this.#parts.surroundings())) return false
      return kind !== 'host' || !isPrivate(endpoint.host)
    })
    const same = good.find(({ endpoint }) => sameEndpoint(endpoint, bound?.endpoint))
    const seen = good.filter(({ kind }) => kind === 'reflexive')
    // a member in the provider's network saw it in there, and we may be outside
    const outside = seen.find(({ endpoint }) => !isPrivate(endpoint.host))
    return (same ?? outside ?? seen[0] ?? good[0])?.endpoint ?? null
  }

  /** A member chooses where our probes go: to where it says that it is, and not into our own machine or our tunnels. */
  #allows({ host }: Spray, { endpoints }: RecordBody): boolean {
    const named = endpoints.some(({ kind, endpoint }) => kind !== 'host' && endpoint.host === host)
    return named && familyOf(host) === 4 && refusal({ host, port: 1 }, this.#parts.surroundings()) === null
  }

  #input(contact: Contact, input: Input): void {
    const { clock } = this.#parts
    const before = contact.machine.view()
    for (const output of contact.machine.handle(input, clock.now())) this.#act(contact, output)
    const after = contact.machine.view()
    if (before.state !== after.state || before.why !== after.why) this.#tell(contact, after)
    contact.timer?.cancel()
    const { wakeAt } = contact.machine
    const wake = () => this.#input(contact, { kind: 'timer' })
    contact.timer = wakeAt === Number.POSITIVE_INFINITY ? null : clock.at(wakeAt, wake)
    this.#grant()
  }

  #act(contact: Contact, output: Output): void {
    switch (output.kind) {
      case 'ask':
        this.#queue.add(contact)
        break
      case 'done':
        this.#queue.delete(contact)
        this.#atWork.delete(contact)
        break
      case 'open':
        void this.#open(contact, output.sockets, output.target)
        break
      case 'tell':
        if (contact.spray) this.#parts.tellSpray(contact.key, contact.spray)
        break
      case 'probe':
        void this.#probe(contact, output.endpoint)
        break
      case 'close':
        this.#close(contact)
        if (output.bound) this.#unbind(contact)
        break
    }
  }

  #grant(): void {
    if (this.#stopped) return
    for (const contact of this.#queue) {
      if (this.#atWork.size >= atOnce) return
      this.#queue.delete(contact)
      this.#atWork.add(contact)
      this.#input(contact, { kind: 'granted' })
    }
  }

  /** Opens as many as are missing, and has each make its mapping. */
  async #open(contact: Contact, count: number, target: Endpoint): Promise<void> {
    const { own, branches, reflector, channel } = this.#parts
    const generation = ++contact.generation
    const isOver = () => this.#stopped || generation !== contact.generation
    contact.target = target
    const { step, address, port } = own()
    const seer = step.kind === 'regular' ? reflector() : null
    const missing = count - contact.open.size
    let opened: Branch[]
    try {
      const all = branches()
      if (!all) throw new Error('nftables cannot be used any more')
      opened = await all.open(missing + (seer ? 1 : 0), (bytes, from, branch) => channel.receive(bytes, from, branch))
    } catch (error) {
      const problem = `no ports can be opened: ${(error as Error).message}`
      if (!isOver()) this.#input(contact, { kind: 'not opened', problem })
      return
    }
    if (isOver()) {
      for (const branch of opened) branch.close()
      return
    }
    const probe = seer ? opened.pop()! : null
    for (const branch of opened) contact.open.add(branch)
    // the counter's place now, as a mapping shows that is made in the same moment
    const sight =
      seer && probe
        ? channel.ping(seer.key, seer.endpoint, { via: probe, sendTimes: once, timeout: reflectorWait })
        : null
    this.#knock(contact, opened, target, generation)
    const pong = await sight
    probe?.close()
    if (isOver()) return
    // before it is known how the NAT chooses, it may well be a counter
    const base = pong?.observed.port ?? ('last' in step ? step.last : port)
    contact.spray = {
      host: pong?.observed.host ?? address!,
      ...(base !== undefined && { base }),
      ...(step.kind === 'regular' && { step: step.step }),
      sockets: count,
    }
    this.#input(contact, { kind: 'opened' })
  }

  /** A PING from each, a few at a time. */
  #knock(contact: Contact, branches: readonly Branch[], target: Endpoint, generation: number): void {
    const { clock } = this.#parts
    if (this.#stopped || generation !== contact.generation) return
    for (const branch of branches.slice(0, burst.pings)) void this.#ask(contact, branch, target)
    const rest = branches.slice(burst.pings)
    if (rest.length > 0) {
      clock.at(clock.now() + burst.every, () => this.#knock(contact, rest, target, generation))
    }
  }

  /** Mostly it only opens the NAT. A PONG that comes back is as good as a PING. */
  async #ask(contact: Contact, branch: Branch, target: Endpoint): Promise<void> {
    const asking = { ofNetwork: true, via: branch, sendTimes: once, timeout: answerWait }
    const pong = await this.#parts.channel.ping(contact.key, target, asking)
    if (pong && pong.sameNetwork !== false) await this.#met(contact, branch)
  }

  #branch(way: Way): { owner: Contact; branch: Branch } | null {
    for (const owner of this.#contacts.values()) {
      for (const branch of owner.open) if (branch === way) return { owner, branch }
    }
    return null
  }

  /** A branch has heard the member. */
  async #met(contact: Contact, branch: Branch): Promise<void> {
    const { channel, log, called, hit } = this.#parts
    const { key, target } = contact
    const all = this.#parts.branches()
    if (!contact.open.has(branch) || !all || !target || contact.bound || this.#stopped) return
    const bound = { endpoint: target, branch }
    contact.open.delete(branch)
    contact.bound = bound
    this.#input(contact, { kind: 'hit' })
    try {
      await all.bind(target, branch)
    } catch (error) {
      log.warn('a port that was found cannot be used', { member: called(key), reason: (error as Error).message })
      if (contact.bound === bound) this.#input(contact, { kind: 'proof', held: false })
      return
    }
    if (contact.bound !== bound) return
    const pong = await channel.ping(key, target, { ofNetwork: true, sendTimes: proofTimes, timeout: answerWait })
    if (contact.bound !== bound) return
    const held = pong !== null && pong.sameNetwork !== false
    this.#input(contact, { kind: 'proof', held })
    if (held) hit(key, target, pong.rtt)
  }

  async #probe(contact: Contact, endpoint: Endpoint): Promise<void> {
    const { channel, hit } = this.#parts
    const { key } = contact
    const pong = await channel.ping(key, endpoint, { ofNetwork: true, sendTimes: once, timeout: answerWait })
    if (!pong || pong.sameNetwork === false || this.#stopped) return
    this.#input(contact, { kind: 'hit' })
    hit(key, endpoint, pong.rtt)
  }

  #close(contact: Contact): void {
    contact.generation++
    contact.spray = null
    for (const branch of contact.open) branch.close()
    contact.open.clear()
  }

  #unbind(contact: Contact): void {
    const { bound } = contact
    if (!bound) return
    contact.bound = null
    const unbinding = this.#release(bound).finally(() => this.#unbinding.delete(unbinding))
    this.#unbinding.add(unbinding)
  }

  async #release({ endpoint, branch }: NonNullable<Contact['bound']>): Promise<void> {
    try {
      await this.#parts.branches()?.bind(endpoint, null)
    } catch (error) {
      // its table may be gone, and the binding with it
      this.#parts.log.debug('a port was not given back', { reason: (error as Error).message })
    }
    branch.close()
  }

  #tell({ key }: Contact, { state, role, why, sockets, probes }: BirthdayView): void {
    const { log, called } = this.#parts
    const fields = { member: called(key), role: role ?? 'none', reason: why, sockets, probes }
    if (state === 'open' || state === 'spraying' || state === 'met') log.info('birthday probing', fields)
    else log.debug('birthday probing', fields)
  }
}

function sideOf(body: RecordBody, target: Endpoint | null): Side {
  const { nat, filtering = 'unknown', keepsPort = false } = body
  return { nat, filtering, keepsPort, address: target?.host ?? null }
}
