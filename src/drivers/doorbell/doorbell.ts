/**
 * Where WireGuard's packets to idle peers go: a socket on the loopback interface, which costs the network nothing. The first packet
 * towards such a peer makes WireGuard begin a handshake, and the initiation rings here. It is told apart by its mac1 and given to `ring`,
 * whose business it is to find a path and to send the same bytes there from W: WireGuard takes the answer as if it had sent them itself,
 * and what waited for the session follows. What is not answered WireGuard says anew every 5 s.
 *
 *     somebody ─▶ WireGuard ─ initiation from W ─▶ 127.0.0.1 ─ mac1 ─▶ ring(key, initiation)
 *
 * A ring takes one keyed hash (5 µs) for each key, those first that rang last. Hashes are budgeted, so that whoever sends to all peers
 * at once (a scan of the overlay's addresses) takes a tenth of a processor and not all of it; WireGuard rings again.
 *
 * Only an initiation rings. A packet of a session that still lives is dropped, so only peers without one belong here.
 */

import { Allowance } from '../../base/allowance.ts'
import type { Endpoint } from '../../base/ip.ts'
import type { Clock } from '../../os/clock.ts'
import type { Udp, UdpSocket } from '../../os/udp.ts'
import { controlByte } from '../../protocol/control/constants.ts'
import type { PublicKey } from '../../protocol/identity/key.ts'
import { isFor, isInitiation, mac1Key } from '../../protocol/wireguard/mac1.ts'

const host = '127.0.0.1'
const rings = { burst: 400, perSecond: 200 }
/** Keys that are tried for one taken from `searches`. */
const keysPerSearch = 64
/** 19 200 keys a second, and at first 76 800 at once. */
const searches = { burst: 1_200, perSecond: 300 }
/** A control packet of a format that nobody reads. */
const knock = Uint8Array.of(controlByte, 0x7f)
/** How long a packet may take through the loopback interface, ms. */
const patience = 200

export type DoorbellOptions = {
  readonly clock: Clock
  /** WireGuard wants to talk to `key`. @param initiation to be sent to it from W, within 5 s */
  readonly ring: (key: PublicKey, initiation: Uint8Array) => void
}

/** Is this a doorbell, ours or one of before a restart, and not where a peer is? */
export const isDoorbell = (endpoint: Endpoint | undefined): boolean => endpoint?.host === host

export class Doorbell {
  readonly counters: { rung: number; readonly dropped: Record<string, number> } = { rung: 0, dropped: {} }
  readonly #listenPort: number
  readonly #options: DoorbellOptions
  readonly #rings = new Allowance(rings.burst, rings.perSecond)
  readonly #searches = new Allowance(searches.burst, searches.perSecond)
  #endpoint: Endpoint = { host, port: 0 }
  #socket: UdpSocket | null = null
  #keys: { readonly key: PublicKey; readonly mac: Uint8Array }[] = []
  #tested = () => {}

  private constructor(listenPort: number, options: DoorbellOptions) {
    this.#listenPort = listenPort
    this.#options = options
  }

  /**
   * @param listenPort W: who sends from another port is not our WireGuard
   * @throws with `code` where there is no loopback address
   */
  static async open(udp: Udp, listenPort: number, options: DoorbellOptions): Promise<Doorbell> {
    const doorbell = new Doorbell(listenPort, options)
    const socket = await udp.bind(host, 0, (bytes, from) => doorbell.#receive(bytes, from))
    doorbell.#socket = socket
    doorbell.#endpoint = { host, port: socket.port }
    return doorbell
  }

  /** Whose initiations ring. */
  know(keys: readonly PublicKey[]): void {
    const wanted = new Set(keys)
    const stay = this.#keys.filter(({ key }) => wanted.delete(key))
    this.#keys = [...stay, ...[...wanted].map(key => ({ key, mac: mac1Key(key) }))]
  }

  /** What WireGuard is given as the endpoint of idle peers. */
  get endpoint(): Endpoint {
    return this.#endpoint
  }

  /**
   * Does it work here? The rules of the machine's own firewall may keep packets off the loopback interface.
   * @param send sends from W
   */
  async check(send: (bytes: Uint8Array, to: Endpoint) => void): Promise<boolean> {
    const { clock } = this.#options
    const heard = Promise.withResolvers<boolean>()
    this.#tested = () => heard.resolve(true)
    const late = clock.at(clock.now() + patience, () => heard.resolve(false))
    send(knock, this.endpoint)
    const works = await heard.promise
    late.cancel()
    return works
  }

  close(): void {
    this.#socket?.close()
    this.#socket = null
  }

  #receive(bytes: Uint8Array, from: Endpoint): void {
    if (!this.#socket) return
    if (from.host !== host || from.port !== this.#listenPort) this.#drop('not from W')
    else if (bytes.length === knock.length && knock.every((byte, i) => byte === bytes[i])) this.#tested()
    else if (!isInitiation(bytes)) this.#drop('no initiation')
    else if (!this.#rings.take(this.#options.clock.now())) this.#drop('too many')
    else this.#find(bytes)
  }

  #find(bytes: Uint8Array): void {
    const at = this.#search(bytes)
    if (typeof at === 'string') {
      this.#drop(at)
      return
    }
    const [found] = this.#keys.splice(at, 1)
    // who was not reached rings every 5 s
    this.#keys.unshift(found!)
    this.counters.rung++
    this.#options.ring(found!.key, bytes)
  }

  #search(bytes: Uint8Array): number | string {
    const now = this.#options.clock.now()
    for (const [i, { mac }] of this.#keys.entries()) {
      if (i % keysPerSearch === 0 && !this.#searches.take(now)) return 'too many'
      if (isFor(bytes, mac)) return i
    }
    return 'for nobody'
  }

  #drop(reason: string): void {
    const { dropped } = this.counters
    dropped[reason] = (dropped[reason] ?? 0) + 1
  }
}
