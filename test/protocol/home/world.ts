// A node and its homes in simulated time: the machine is the real one, and so are the desks; packets get lost by a seed.

import type { Endpoint } from '../../../src/base/ip.ts'
import { second, type Time } from '../../../src/base/time.ts'
import { systemCrypto as crypto } from '../../../src/os/crypto.ts'
import { Desk } from '../../../src/protocol/home/desk.ts'
import { type GivenLease, Homes, type HomesInput, type KnownNode } from '../../../src/protocol/home/homes.ts'
import { type PublicKey, publicKeyOf } from '../../../src/protocol/identity/key.ts'

/** Numbers from 0 up to 1 (mulberry32). */
export function chances(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

export type Server = KnownNode & {
  readonly desk: Desk
  rtt: Time
  up: boolean
  /** Answers in place of the desk. */
  answer?: (token: Uint8Array | null, now: Time) => Omit<GivenLease, 'observed'>
}
export type Ask = { readonly at: Time; readonly key: PublicKey; readonly token: boolean }

const sendTimes = [0, 200, 500]
const patience = 1 * second

export class World {
  now: Time = 100 * second
  readonly homes: Homes
  readonly asks: Ask[] = []
  /** `current()` at each `changed`. */
  readonly changes: { at: Time; keys: PublicKey[] }[] = []
  loss = 0
  /** Where the node is seen. */
  place: Endpoint = { host: '198.51.100.1', port: 40_000 }
  readonly key = publicKeyOf(new Uint8Array(32).fill(7))
  readonly #chance: () => number
  readonly #servers = new Map<PublicKey, Server>()
  readonly #events: { at: Time; call: () => void }[] = []

  constructor(seed = 1) {
    this.#chance = chances(seed)
    this.homes = new Homes(this.#chance)
  }

  server(number: number, member: boolean, rtt: Time): Server {
    const key = publicKeyOf(new Uint8Array(32).fill(number))
    const desk = new Desk(crypto, new Uint8Array(32).fill(number), () => 'stranger')
    const endpoint = { host: `192.0.2.${number}`, port: 51820 }
    const server = { key, endpoint, member, rtt, desk, up: true }
    this.#servers.set(key, server)
    return server
  }

  /** The machine is told of these. */
  know(...servers: readonly Server[]): void {
    const nodes = servers.map(({ key, endpoint, member, rtt }) => ({ key, endpoint, member, rtt }))
    this.input({ kind: 'known', nodes })
  }

  input(input: HomesInput): void {
    for (const output of this.homes.handle(input, this.now)) {
      if (output.kind === 'ask') this.#ask(output.key, output.endpoint, output.token)
      else this.changes.push({ at: this.now, keys: this.homes.current().map(({ key }) => key) })
    }
  }

  keys(): PublicKey[] {
    return this.homes.current().map(({ key }) => key)
  }

  at(at: Time, call: () => void): void {
    this.#events.push({ at, call })
  }

  pass(duration: Time): void {
    const end = this.now + duration
    for (;;) {
      const [event] = this.#events.sort((a, b) => a.at - b.at)
      const next = Math.min(event?.at ?? end, this.homes.wakeAt)
      if (next > end) break
      if (event?.at === next) {
        this.now = Math.max(this.now, next)
        this.#events.shift()
        event.call()
      } else if (this.homes.wakeAt === next) {
        this.now = Math.max(this.now, next)
        this.input({ kind: 'timer' })
      } else break
    }
    this.now = end
  }

  /** As the node's glue does: three tries, then it is silent. */
  #ask(key: PublicKey, endpoint: Endpoint, token: Uint8Array | null): void {
    this.asks.push({ at: this.now, key, token: token !== null })
    let settled = false
    const settle = (input: HomesInput) => {
      if (settled) return
      settled = true
      this.input(input)
    }
    const start = this.now
    const server = this.#servers.get(key)!
    for (const time of sendTimes) {
      this.at(start + time, () => {
        if (settled || this.#lost()) return
        const observed = this.place
        this.at(this.now + server.rtt / 2, () => {
          if (!server.up) return
          const answer = server.answer?.(token, this.now) ?? server.desk.home(this.key, observed, token, this.now)
          const moved = this.place !== observed
          if (this.#lost() || moved) return
          const lease = { ...answer, observed }
          this.at(this.now + server.rtt / 2, () => settle({ kind: 'lease', key, endpoint, lease }))
        })
      })
    }
    this.at(start + patience, () => settle({ kind: 'silent', key, endpoint }))
  }

  #lost(): boolean {
    return this.#chance() < this.loss
  }
}
