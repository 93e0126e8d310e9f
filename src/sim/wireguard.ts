/**
 * A model of WireGuard: its messages by size and type, its timers and rules after the whitepaper (§5.4, §6), and no cryptography but mac1.
 * One interface; each peer is in `wireguard-peer.ts`.
 *
 *     initiation 148 ─▶        sender's index and key, mac1 for the receiver
 *     ◀─ response 92           both indices
 *     data 32 + n × 16 ─▶      receiver's index, counter; 32 is a keepalive
 */

import type { Endpoint } from '../base/ip.ts'
import type { ActualPeer } from '../drivers/wireguard/interface.ts'
import type { Clock } from '../os/clock.ts'
import type { Random } from '../os/random.ts'
import { type PublicKey, publicKeyBytes, publicKeyOf } from '../protocol/identity/key.ts'
import { initiationLength, isFor, mac1Key, mac1Of } from '../protocol/wireguard/mac1.ts'
import { type Session, WireguardPeer } from './wireguard-peer.ts'

export type WireguardParts = {
  /** The kernel's. */
  readonly clock: Clock
  readonly random: Random
  /** From port W. */
  readonly send: (bytes: Uint8Array, to: Endpoint) => void
  /** A packet came out of the tunnel. */
  readonly deliver: (from: PublicKey, payload: Uint8Array) => void
}

const responseLength = 92
const dataHead = 16
const tagLength = 16
const keyAt = 8
const timestampAt = 88
const mac1At = 116

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

export class Wireguard {
  readonly publicKey: PublicKey
  readonly parts: WireguardParts
  readonly #mac: Uint8Array
  readonly #peers = new Map<PublicKey, WireguardPeer>()
  readonly #macs = new Map<PublicKey, Uint8Array>()
  /** By our index. */
  readonly #sessions = new Map<number, { readonly peer: WireguardPeer; readonly session: Session }>()
  /** Handshakes that we began, by our index. */
  readonly #pending = new Map<number, WireguardPeer>()
  #closed = false

  constructor(publicKey: PublicKey, parts: WireguardParts) {
    this.publicKey = publicKey
    this.parts = parts
    this.#mac = mac1Key(publicKey)
  }

  peer(key: PublicKey): WireguardPeer | undefined {
    return this.#peers.get(key)
  }

  addPeer(key: PublicKey): WireguardPeer {
    const known = this.#peers.get(key)
    if (known) return known
    const peer = new WireguardPeer(key, this)
    this.#peers.set(key, peer)
    return peer
  }

  removePeer(key: PublicKey): void {
    const peer = this.#peers.get(key)
    peer?.close()
    this.#peers.delete(key)
    for (const [index, entry] of this.#sessions) if (entry.peer === peer) this.#sessions.delete(index)
    for (const [index, entry] of this.#pending) if (entry === peer) this.#pending.delete(index)
  }

  /** As `wg show dump` says it. */
  peers(): ActualPeer[] {
    return [...this.#peers.values()].map(peer => peer.dump())
  }

  close(): void {
    this.#closed = true
    for (const key of [...this.#peers.keys()]) this.removePeer(key)
  }

  /** A packet of this machine for a peer. */
  transmit(key: PublicKey, payload: Uint8Array): void {
    if (!this.#closed) this.#peers.get(key)?.transmit(payload)
  }

  index(): number {
    return this.parts.random.int(1, 2 ** 31)
  }

  initiation(peer: WireguardPeer, index: number, timestamp: number): Uint8Array {
    for (const [old, owner] of this.#pending) if (owner === peer) this.#pending.delete(old)
    this.#pending.set(index, peer)
    const bytes = new Uint8Array(initiationLength)
    const view = viewOf(bytes)
    bytes[0] = 1
    view.setUint32(4, index)
    // the real one has an ephemeral key here, and its own key sealed behind that
    bytes.set(publicKeyBytes(this.publicKey), keyAt)
    view.setFloat64(timestampAt, timestamp)
    let mac = this.#macs.get(peer.key)
    if (!mac) {
      mac = mac1Key(peer.key)
      this.#macs.set(peer.key, mac)
    }
    bytes.set(mac1Of(bytes, mac), mac1At)
    return bytes
  }

  response(mine: number, theirs: number): Uint8Array {
    const bytes = new Uint8Array(responseLength)
    bytes[0] = 2
    viewOf(bytes).setUint32(4, mine)
    viewOf(bytes).setUint32(8, theirs)
    return bytes
  }

  data(session: Session, payload: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(dataHead + 16 * Math.ceil(payload.length / 16) + tagLength)
    const view = viewOf(bytes)
    bytes[0] = 4
    view.setUint32(4, session.theirs)
    view.setUint32(8, session.sent++)
    // where the counter's upper half would be: how long the payload is without its padding
    view.setUint32(12, payload.length)
    bytes.set(payload, dataHead)
    return bytes
  }

  keep(session: Session, peer: WireguardPeer): void {
    this.#sessions.set(session.mine, { peer, session })
  }

  drop(session: Session): void {
    this.#sessions.delete(session.mine)
  }

  /** What came to W and is not control's. */
  readonly receive = (bytes: Uint8Array, from: Endpoint): void => {
    if (this.#closed) return
    if (bytes[0] === 1 && bytes.length === initiationLength) this.#initiated(bytes, from)
    else if (bytes[0] === 2 && bytes.length === responseLength) this.#answered(bytes, from)
    else if (bytes[0] === 4 && bytes.length >= dataHead + tagLength) this.#data(bytes, from)
  }

  #initiated(bytes: Uint8Array, from: Endpoint): void {
    if (!isFor(bytes, this.#mac)) return
    const peer = this.#peers.get(publicKeyOf(bytes.slice(keyAt, keyAt + 32)))
    const view = viewOf(bytes)
    peer?.initiated(view.getUint32(4), view.getFloat64(timestampAt), from, bytes.length)
  }

  #answered(bytes: Uint8Array, from: Endpoint): void {
    const view = viewOf(bytes)
    const mine = view.getUint32(8)
    const peer = this.#pending.get(mine)
    this.#pending.delete(mine)
    peer?.answered(mine, view.getUint32(4), from, bytes.length)
  }

  #data(bytes: Uint8Array, from: Endpoint): void {
    const view = viewOf(bytes)
    const found = this.#sessions.get(view.getUint32(4))
    if (!found) return
    const payload = bytes.slice(dataHead, dataHead + view.getUint32(12))
    const taken = found.peer.received(found.session, view.getUint32(8), from, bytes.length, payload.length > 0)
    if (taken && payload.length > 0) this.parts.deliver(found.peer.key, payload)
  }
}
