// A wire between channels in one process: time is set by the test, datagrams are written down, and an attacker can do to them what he likes.

import { type Endpoint, formatEndpoint } from '../../../src/base/ip.ts'
import type { Time } from '../../../src/base/time.ts'
import { Channel, type ChannelOptions, type Way } from '../../../src/drivers/control/channel.ts'
import type { Clock } from '../../../src/os/clock.ts'
import { systemCrypto } from '../../../src/os/crypto.ts'
import { systemRandom } from '../../../src/os/random.ts'
import type { PublicKey } from '../../../src/protocol/identity/key.ts'
import { keyWithWork, namespace } from '../../protocol/control/nodes.ts'

export type Datagram = { readonly bytes: Uint8Array; readonly from: Endpoint; readonly to: Endpoint }

export type Node = {
  readonly channel: Channel
  readonly endpoint: Endpoint
  readonly key: PublicKey
}

export class Wire {
  now: Time = 1_000
  /** Everything that was ever sent. */
  readonly log: Datagram[] = []
  /** What becomes of a datagram: by default it arrives, once. */
  carry: (datagram: Datagram) => Datagram[] = datagram => [datagram]
  /** Milliseconds one way. */
  delay: Time = 10
  readonly #timers = new Set<{ time: Time; call: () => void }>()
  readonly #nodes = new Map<string, (bytes: Uint8Array, from: Endpoint) => void>()

  readonly clock: Clock = {
    now: () => this.now,
    wall: () => 1_800_000_000_000 + this.now,
    at: (time, call) => {
      const timer = { time, call }
      this.#timers.add(timer)
      return { cancel: () => void this.#timers.delete(timer) }
    },
  }

  /** A node on this wire. */
  node(host: string, options: Partial<ChannelOptions> = {}, port = 51820): Node {
    const endpoint = { host, port }
    const channel = new Channel({
      os: { clock: this.clock, random: systemRandom, crypto: systemCrypto },
      port: { send: (bytes, to) => this.#send({ bytes, from: endpoint, to }) },
      privateKey: keyWithWork(0),
      namespace,
      workbit: 0,
      ...options,
    })
    this.#nodes.set(formatEndpoint(endpoint), channel.receive)
    return { channel, endpoint, key: channel.publicKey }
  }

  /** Another socket of a node. */
  way({ channel }: Node, endpoint: Endpoint): Way {
    const way: Way = this.socket(endpoint, (bytes, from) => channel.receive(bytes, from, way))
    return way
  }

  /** A socket whose owner does what he likes with what comes. */
  socket(endpoint: Endpoint, receive: (bytes: Uint8Array, from: Endpoint) => void): Way {
    this.#nodes.set(formatEndpoint(endpoint), receive)
    return { send: (bytes, to) => this.#send({ bytes, from: endpoint, to }) }
  }

  #send(datagram: Datagram): void {
    this.log.push(datagram)
    for (const arriving of this.carry(datagram)) this.clock.at(this.now + this.delay, () => this.deliver(arriving))
  }

  /** As if it came from there: the attacker's pen. */
  deliver({ bytes, from, to }: Datagram): void {
    this.#nodes.get(formatEndpoint(to))?.(bytes, from)
  }

  /** Lets time pass, timer by timer, and promises settle between them. */
  async pass(milliseconds: Time): Promise<void> {
    const end = this.now + milliseconds
    for (;;) {
      for (let i = 0; i < 5; i++) await Promise.resolve()
      const next = [...this.#timers].sort((a, b) => a.time - b.time)[0]
      if (!next || next.time > end) break
      this.#timers.delete(next)
      this.now = Math.max(this.now, next.time)
      next.call()
    }
    this.now = end
    for (let i = 0; i < 5; i++) await Promise.resolve()
  }
}
