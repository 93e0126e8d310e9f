// The two ends of a stream connection over a simulated link.

import { Connection } from '../../src/protocol/stream/connection.ts'
import { openOverhead } from '../../src/protocol/stream/constants.ts'
import { firstNumber } from '../../src/protocol/stream/packet.ts'
import type { CloseReason, DropReason } from '../../src/protocol/stream/state.ts'
import { Simulation } from '../../src/sim/simulation.ts'
import { Link, type LinkOptions, type Side } from './link.ts'
import { plainCrypto } from './plain-crypto.ts'

/** A connection, driven: what it wants is done, what it receives is kept. */
export class End {
  readonly connection: Connection
  readonly #pair: StreamPair
  readonly #side: Side
  #timer: { at: number; cancel(): void } | null = null
  readonly chunks: Uint8Array[] = []
  length = 0
  ended = false
  closed: CloseReason | null = null
  drains = 0
  wakes = 0
  paused = false
  readonly dropped: DropReason[] = []
  onData: (bytes: Uint8Array) => void = () => {}
  onDrain: () => void = () => {}

  constructor(pair: StreamPair, side: Side) {
    this.#pair = pair
    this.#side = side
    const { simulation, id, secret } = pair
    const options = {
      role: side === 'a' ? 'client' : 'server',
      crypto: pair.crypto,
      connection: id,
      secret,
      firstNumber: firstNumber(simulation.bytes(7)),
    } as const
    this.connection = new Connection(options, simulation.now())
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks)
  }

  /** Writes everything, as room comes. */
  writeAll(bytes: Uint8Array, end = true): void {
    let at = 0
    const more = () => {
      at += this.connection.write(bytes.subarray(at))
      if (at === bytes.length && end) this.connection.end()
    }
    this.onDrain = () => at < bytes.length && more()
    more()
    this.advance()
  }

  write(bytes: Uint8Array): number {
    const taken = this.connection.write(bytes)
    this.advance()
    return taken
  }

  end(): void {
    this.connection.end()
    this.advance()
  }

  reset(): void {
    this.connection.reset()
    this.advance()
  }

  resume(): void {
    this.paused = false
    this.advance()
  }

  packet(bytes: Uint8Array, size?: number): void {
    this.#perform(this.connection.handlePacket(bytes, this.#pair.simulation.now(), size))
    this.advance()
  }

  advance(): void {
    for (let got = this.#read(); got !== null; got = this.#read()) {
      if (got === 'end') {
        this.ended = true
        break
      }
      this.chunks.push(got)
      this.length += got.length
      this.onData(got)
    }
    this.#perform(this.connection.advance(this.#pair.simulation.now()))
    this.#arm()
  }

  #read(): Uint8Array | 'end' | null {
    return this.paused ? null : this.connection.read()
  }

  #perform(outputs: ReturnType<Connection['advance']>): void {
    for (const output of outputs) {
      if (output.kind === 'send') this.#pair.send(this.#side, output.packet, output.open)
      if (output.kind === 'closed') this.closed = output.reason
      if (output.kind === 'dropped') this.dropped.push(output.reason)
      if (output.kind === 'drain') {
        this.drains++
        this.onDrain()
        this.advance()
      }
    }
  }

  #arm(): void {
    const at = this.connection.wakeAt
    if (this.#timer?.at === at) return
    this.#timer?.cancel()
    this.#timer = null
    if (at === Number.POSITIVE_INFINITY) return
    const { cancel } = this.#pair.simulation.at(at, () => {
      this.#timer = null
      this.wakes++
      this.advance()
    })
    this.#timer = { at, cancel }
  }
}

export class StreamPair {
  readonly simulation: Simulation
  readonly link: Link
  readonly crypto
  readonly id: Uint8Array
  readonly secret: Uint8Array
  readonly client: End
  server: End | null = null
  /** Called when the server's end begins to exist, before its first packet. */
  onServer: (server: End) => void = () => {}
  /** OPENs, first bytes of datagrams as they would travel. */
  readonly opens = new Set<Uint8Array>()
  /** UDP payload to and from the server. */
  readonly serverBytes = { received: 0, sent: 0 }

  constructor(seed: number, options: LinkOptions = {}, crypto = plainCrypto) {
    this.simulation = new Simulation(seed)
    this.link = new Link(this.simulation, options)
    this.crypto = crypto
    this.id = this.simulation.bytes(8)
    this.secret = this.simulation.bytes(32)
    this.client = new End(this, 'a')
    this.link.receive.a = bytes => this.client.packet(bytes)
    this.link.receive.b = bytes => this.#toServer(bytes)
    this.client.advance()
  }

  send(side: Side, packet: Uint8Array, open: boolean): void {
    if (side === 'b') this.serverBytes.sent += packet.length
    if (open) this.opens.add(packet)
    this.link.send(side, packet)
  }

  #toServer(packet: Uint8Array): void {
    const open = this.opens.has(packet)
    const size = packet.length + (open ? openOverhead : 0)
    this.serverBytes.received += size
    if (!this.server) {
      if (!open) return
      this.server = new End(this, 'b')
      this.onServer(this.server)
    }
    this.server.packet(packet, size)
  }

  run(until: number, done?: () => boolean): void {
    this.simulation.run(until, done)
  }
}
