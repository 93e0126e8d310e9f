/**
 * This node as a relay: the desk says who has a port and who is connected with whom, the driver does it. Things are done one after the
 * other, in the order in which the desk said them.
 *
 *     HOME, BIND ──▶ desk ──open, close, connect, disconnect──▶ driver
 *
 * On while others can reach this node. The driver is opened when the first port is given.
 */

import type { Endpoint } from '../base/ip.ts'
import type { Logger } from '../base/log.ts'
import { minute } from '../base/time.ts'
import type { Channel } from '../drivers/control/channel.ts'
import type { ControlPort } from '../drivers/control/port.ts'
import type { Carried, Relay, RelayPort, SendElsewhere } from '../drivers/relay/relay.ts'
import type { Os } from '../os/index.ts'
import type { Desk, Rank } from '../protocol/home/desk.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import type { Surroundings } from '../protocol/path/candidate.ts'
import { RelayDesk, type RelayOutput, type RelayPolicy } from '../protocol/relay/desk.ts'

type Receive = (bytes: Uint8Array, from: Endpoint, at: number) => void
/** @param receive datagrams for the relay itself @param backend how W is shared */
export type OpenRelay = (
  listenPort: number,
  receive: Receive,
  backend: ControlPort['backend'] | null,
  elsewhere?: SendElsewhere,
) => Promise<Relay>

export type RelayingParts = {
  readonly os: Pick<Os, 'clock' | 'crypto'>
  readonly log: Logger
  readonly channel: Channel
  readonly tokens: Pick<Desk, 'token' | 'isToken'>
  readonly rank: (key: PublicKey) => Rank
  readonly policy: RelayPolicy
  readonly around: () => Surroundings
  /** Absent: this node is no relay. */
  readonly open: ((listenPort: number, receive: Receive) => Promise<Relay>) | undefined
  /** @param message `null`: it is well again */
  readonly warn: (topic: string, message: string | null) => void
}

/** For people, and for scripts. */
export type RelayingReport = {
  readonly backend: Relay['backend'] | null
  readonly ports: readonly { readonly key: PublicKey; readonly port: number; readonly rank: Rank }[]
  readonly legs: readonly Carried[]
  readonly dropped: Readonly<Record<string, number>>
}

/** What a program before us left, and that nobody claims, ends then. Guests refresh within 20 s. */
const leftoverFor = 1 * minute

export class Relaying {
  readonly #parts: RelayingParts
  #desk: RelayDesk | null = null
  #driver: Relay | null = null
  /** W, when the driver was opened. */
  #listenPort = 0
  readonly #ports = new Map<number, RelayPort>()
  #last: Promise<unknown> = Promise.resolve()
  #timer: { cancel(): void } | null = null
  #sweeper: { cancel(): void } | null = null

  constructor(parts: RelayingParts) {
    this.#parts = parts
  }

  /** @param on others can reach this node */
  set(on: boolean): void {
    const { open, policy } = this.#parts
    if (on && open && policy !== 'never') this.#start()
    else if (this.#desk) this.#end()
  }

  /** Addresses or routes of this machine have changed. */
  moved(): void {
    // the rules lead to a W that is not ours any more; what follows `set` begins anew
    if (this.#driver && this.#parts.around().port !== this.#listenPort) this.#end()
    this.#try(async () => this.#driver?.refresh())
  }

  /** A datagram for one of its ports has come by a carrier. @returns whether it is one of its ports */
  hear(bytes: Uint8Array, from: Endpoint, at: number): boolean {
    return this.#driver?.hear(bytes, from, at) ?? false
  }

  /** Does this node pass on what others send, for whom? */
  get policy(): RelayPolicy {
    return this.#desk ? this.#parts.policy : 'never'
  }

  async report(): Promise<RelayingReport | null> {
    const desk = this.#desk
    if (!desk) return null
    const { legs, dropped } = (await this.#driver?.counters()) ?? { legs: [], dropped: {} }
    return { backend: this.#driver?.backend ?? null, ports: desk.guests(), legs, dropped }
  }

  /** Nothing is forwarded any more, and nothing of it is left. */
  async stop(): Promise<void> {
    const desk = this.#desk
    this.#desk = null
    this.#parts.channel.relay = undefined
    this.#timer?.cancel()
    this.#sweeper?.cancel()
    if (desk) this.#act(desk.close())
    await this.#then(async () => {
      const driver = this.#driver
      this.#driver = null
      await driver?.close()
    })
  }

  #end(): void {
    this.stop().catch(error => this.#problem(error))
  }

  #start(): void {
    if (this.#desk) return
    const { os, channel, tokens, rank, policy, around } = this.#parts
    const desk = new RelayDesk({ crypto: os.crypto, tokens, rank, policy: () => policy, around })
    this.#desk = desk
    channel.relay = {
      desk,
      port: port => this.#ports.get(port) ?? null,
      act: outputs => this.#act(outputs),
    }
  }

  #act(outputs: readonly RelayOutput[]): void {
    for (const output of outputs) this.#try(() => this.#do(output))
    this.#sleep()
  }

  async #do(output: RelayOutput): Promise<void> {
    const driver = output.kind === 'open' ? await this.#open() : this.#driver
    if (!driver) return
    if (output.kind === 'connect') await driver.connect(output.legs)
    else if (output.kind === 'disconnect') await driver.disconnect(output.legs)
    else if (output.kind === 'open') await this.#hold(driver, output.port)
    else {
      this.#ports.get(output.port)?.close()
      this.#ports.delete(output.port)
    }
    this.#parts.warn('relay', null)
  }

  async #hold(driver: Relay, port: number): Promise<void> {
    const held = await driver.open(port)
    if (held.port === port) {
      this.#ports.set(port, held)
      return
    }
    // somebody else on this machine has it: its guest gets another one
    held.close()
    const desk = this.#desk
    if (desk) this.#act(desk.lose(port, this.#parts.os.clock.now()))
  }

  async #open(): Promise<Relay> {
    if (this.#driver) return this.#driver
    const { open, around, channel, os, log } = this.#parts
    const { port } = around()
    const driver = await open!(port, (bytes, from) => channel.receive(bytes, from))
    this.#driver = driver
    this.#listenPort = port
    log.info('relaying for others', { backend: driver.backend })
    this.#sweeper = os.clock.at(os.clock.now() + leftoverFor, () => {
      this.#try(() => driver.disconnect(driver.leftover()))
    })
    return driver
  }

  #sleep(): void {
    const desk = this.#desk
    this.#timer?.cancel()
    if (!desk || desk.wakeAt === Number.POSITIVE_INFINITY) return
    const { clock } = this.#parts.os
    this.#timer = clock.at(desk.wakeAt, () => this.#act(desk.tick(clock.now())))
  }

  #try(work: () => Promise<void>): void {
    this.#then(work).catch(error => this.#problem(error))
  }

  #problem(error: unknown): void {
    this.#parts.warn('relay', `cannot relay: ${(error as Error).message}`)
  }

  #then<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work, work)
    this.#last = next.catch(() => {})
    return next
  }
}
