// A network of byte streams in this process: what `control/streams.ts` gives, without packets. Nodes have any address that a test
// wants; one can be cut off, as by a pulled plug.

import type { Endpoint } from '../../../src/base/ip.ts'
import { formatEndpoint } from '../../../src/base/ip.ts'
import { type StreamCallbacks, type StreamConnection, StreamError } from '../../../src/drivers/control/streams.ts'
import type { StreamSource } from '../../../src/drivers/dht/transport.ts'
import type { PublicKey } from '../../../src/protocol/identity/key.ts'

const window = 64 * 1024

class Half implements StreamConnection {
  readonly on: StreamCallbacks = {}
  readonly key: PublicKey
  readonly endpoint: Endpoint
  readonly direction: 'outbound' | 'inbound'
  readonly port: FabricPort
  other: Half | null = null
  #unread: Uint8Array[] = []
  #unreadBytes = 0
  #paused = false
  #wantsRoom = false
  #ended = false
  #peerEnded = false
  #closed = false

  constructor(port: FabricPort, key: PublicKey, endpoint: Endpoint, direction: 'outbound' | 'inbound') {
    this.port = port
    this.key = key
    this.endpoint = endpoint
    this.direction = direction
  }

  get room(): number {
    return this.#ended || this.#closed ? 0 : window - (this.other?.waiting ?? 0)
  }

  /** Bytes that are under way to this half, or unread in it. */
  get waiting(): number {
    return this.#unreadBytes
  }

  write(bytes: Uint8Array): number {
    const taken = Math.min(bytes.length, Math.max(0, this.room))
    if (taken < bytes.length) this.#wantsRoom = true
    if (taken > 0) this.#send(other => other.#arrive(Uint8Array.from(bytes.subarray(0, taken))), taken)
    return taken
  }

  end(): void {
    if (this.#ended || this.#closed) return
    this.#ended = true
    this.#send(other => other.#arriveEnd())
  }

  reset(): void {
    if (this.#closed) return
    this.#send(other => other.#close(new StreamError('reset by peer')))
    this.#close()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#read()
  }

  #send(deliver: (other: Half) => void, bytes = 0): void {
    const { other } = this
    if (other) other.#unreadBytes += bytes
    const { fabric } = this.port
    const go = () => {
      if (other && !other.#closed && !this.port.cut && !other.port.cut) deliver(other)
    }
    if (fabric.delay > 0) setTimeout(go, fabric.delay).unref()
    else setImmediate(go)
  }

  #arrive(bytes: Uint8Array): void {
    this.#unread.push(bytes)
    this.#read()
  }

  #arriveEnd(): void {
    this.#peerEnded = true
    this.#read()
  }

  #read(): void {
    while (!this.#paused && this.#unread.length > 0 && !this.#closed) {
      const bytes = this.#unread.shift()!
      this.#unreadBytes -= bytes.length
      this.on.data?.(bytes)
      this.other?.maybeDrain()
    }
    if (this.#unread.length > 0 || !this.#peerEnded || this.#closed) return
    this.on.end?.()
    if (this.#ended) this.#close()
    else this.#peerEnded = true
  }

  maybeDrain(): void {
    if (!this.#wantsRoom || this.room < window / 2) return
    this.#wantsRoom = false
    setImmediate(() => this.on.drain?.())
  }

  #close(error?: StreamError): void {
    if (this.#closed) return
    this.#closed = true
    this.on.closed?.(error)
  }
}

export class FabricPort implements StreamSource {
  readonly fabric: Fabric
  readonly key: PublicKey
  readonly endpoint: Endpoint
  accept: (connection: StreamConnection) => void = () => {}
  /** Nothing arrives any more, and nothing leaves. */
  cut = false
  dials = 0

  constructor(fabric: Fabric, key: PublicKey, endpoint: Endpoint) {
    this.fabric = fabric
    this.key = key
    this.endpoint = endpoint
  }

  dial(key: PublicKey, to: Endpoint): StreamConnection {
    this.dials++
    const ours = new Half(this, key, to, 'outbound')
    const port = this.fabric.ports.get(formatEndpoint(to))
    // an OPEN that is sealed to another key is noise to who gets it
    if (!port || port.key !== key) return ours
    const theirs = new Half(port, this.key, this.endpoint, 'inbound')
    ours.other = theirs
    theirs.other = ours
    if (!port.cut && !this.cut) port.accept(theirs)
    return ours
  }
}

export class Fabric {
  readonly ports = new Map<string, FabricPort>()
  /** Milliseconds one way. */
  delay = 0

  /** @param addresses more endpoints that lead to the same port */
  port(key: PublicKey, endpoint: Endpoint, addresses: readonly Endpoint[] = []): FabricPort {
    const port = new FabricPort(this, key, endpoint)
    for (const at of [endpoint, ...addresses]) this.ports.set(formatEndpoint(at), port)
    return port
  }
}
