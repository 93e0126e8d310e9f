/**
 * Dialling a peer that has several addresses, of which some lead nowhere: one attempt after the other is begun, none waits for
 * those before it to fail, and the first that is through ends the rest (RFC 8305 §5, "Happy Eyeballs"). libp2p's own dialler tries one
 * address at a time, which takes longer than a question of Kademlia may.
 *
 *     /udp  |---------------------------------- … silence
 *     /tcp          |-------- connected              250 ms later
 */

import type { Connection, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { second } from '../../base/time.ts'
import type { Clock } from '../../os/clock.ts'
import { isGlobal, isLoopback, readPeerAddress } from './address.ts'
import type { Gate } from './gate.ts'

/** RFC 8305 §5: between two attempts. An attempt that fails begins the next at once. */
const stagger = 250
/** For all attempts together: three tries of a first packet that is lost. */
const dialTime = 4 * second
/** Peers being dialled at a time; further ones wait. */
const atOnce = 32
/** Addresses of one peer: he may name as many as he likes, and not all of them need be his. */
const addressesOfPeer = 8

export type DialerParts = {
  /** Ourselves: answers name us too, and nobody is reached by dialling himself. */
  readonly self: PeerId
  readonly clock: Clock
  readonly gate: Gate
  /** One attempt, with the handshakes. */
  readonly attempt: (address: Multiaddr, signal: AbortSignal) => Promise<Connection>
  /** What is known of a peer. */
  readonly addressesOf: (peer: PeerId) => Promise<readonly Multiaddr[]>
}

export class DialFailed extends Error {
  override readonly name = 'DialFailed'
}

export class Dialer {
  readonly #parts: DialerParts
  readonly #underWay = new Map<string, Promise<Connection>>()
  readonly #waiting: (() => void)[] = []
  /** Ends each race that is under way. */
  readonly #races = new Set<() => void>()
  #stopped = false

  constructor(parts: DialerParts) {
    this.#parts = parts
  }

  /**
   * A new connection with the peer. Who dials a peer that is being dialled at the same addresses gets that connection.
   * @param given addresses instead of those that are known
   * @throws {DialFailed} with the reasons of all attempts, or the signal's reason; the attempts go on for others
   */
  async dial(peer: PeerId, given?: readonly Multiaddr[], signal?: AbortSignal): Promise<Connection> {
    const { gate, addressesOf, self } = this.#parts
    if (peer.equals(self)) throw new DialFailed('this node itself')
    if (!gate.admits(peer, 'dial')) throw new DialFailed('too little work')
    const addresses = (given ?? (await addressesOf(peer)))
      .filter(address => gate.allows(address))
      .map(address => (readPeerAddress(address)?.peer ? address : address.encapsulate(`/p2p/${peer}`)))
      .sort((a, b) => rank(a) - rank(b))
      .slice(0, addressesOfPeer)
    if (addresses.length === 0) throw new DialFailed('no address is known')
    const name = addresses.join(' ')
    let dialling = this.#underWay.get(name)
    if (!dialling) {
      dialling = this.#inTurn(addresses).finally(() => this.#underWay.delete(name))
      this.#underWay.set(name, dialling)
      // everybody who wanted it may have gone
      dialling.catch(() => {})
    }
    return signal ? unlessAborted(dialling, signal) : dialling
  }

  /** Ends what is under way. */
  stop(): void {
    this.#stopped = true
    for (const end of this.#races) end()
    for (const go of this.#waiting.splice(0)) go()
  }

  async #inTurn(addresses: readonly Multiaddr[]): Promise<Connection> {
    if (this.#underWay.size >= atOnce) await new Promise<void>(resolve => this.#waiting.push(resolve))
    try {
      if (this.#stopped) throw new DialFailed('this node has stopped')
      return await this.#race(addresses)
    } finally {
      this.#waiting.shift()?.()
    }
  }

  #race(addresses: readonly Multiaddr[]): Promise<Connection> {
    const { clock, attempt } = this.#parts
    // one for each attempt: TCP holds on to its signal after it is through
    const attempts = new Set<AbortController>()
    const timers: { cancel(): void }[] = []
    const errors: Error[] = []
    let next = 0
    let over = false
    return new Promise<Connection>((resolve, reject) => {
      const begin = async () => {
        if (over || next === addresses.length) return
        const address = addresses[next++]!
        if (next < addresses.length) timers.push(clock.at(clock.now() + stagger, begin))
        const own = new AbortController()
        attempts.add(own)
        try {
          const connection = await attempt(address, own.signal)
          attempts.delete(own)
          // two may get through at the same moment
          if (over) connection.abort(new DialFailed('another was first'))
          else resolve(connection)
          end()
        } catch (error) {
          attempts.delete(own)
          errors.push(error as Error)
          if (errors.length === addresses.length) end()
          else void begin()
        }
      }
      const end = () => {
        over = true
        this.#races.delete(end)
        for (const timer of timers) timer.cancel()
        for (const other of attempts) other.abort(new DialFailed('no answer'))
        // without effect where one was through
        reject(new DialFailed(errors.map(reason).join('; ') || 'no answer', { cause: errors }))
      }
      this.#races.add(end)
      timers.push(clock.at(clock.now() + dialTime, end))
      void begin()
    })
  }
}

const reason = ({ name, message }: Error) => `${name}: ${message}`

/** Over W first: it is the port that is known to be open. Then what is far: an address nearby may be of another network. */
function rank(address: Multiaddr): number {
  const read = readPeerAddress(address)
  if (!read) return 9
  const { host } = read.endpoint
  return (read.via === 'udp' ? 0 : 3) + (isGlobal(host) ? 0 : isLoopback(host) ? 2 : 1)
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort)
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

export type Target = PeerId | Multiaddr | readonly Multiaddr[]

/** The peer and the addresses of what libp2p is asked to dial; `null` where there is no peer. */
export function readTarget(
  target: Target,
  peerOf: (text: string) => PeerId,
): { peer: PeerId; addresses?: Multiaddr[] } | null {
  if ('toMultihash' in target) return { peer: target }
  const addresses = 'getComponents' in target ? [target] : [...target]
  const text = addresses[0] && readPeerAddress(addresses[0])?.peer
  return text === undefined ? null : { peer: peerOf(text), addresses }
}
