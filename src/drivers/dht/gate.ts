/**
 * The gate of the DHT: only keys with enough work (`workbit.ts`) are spoken with, or spoken of. A PeerId is a WireGuard key under
 * another name, so the work can be seen before anything is sent; the Noise handshake then proves that the key is really the peer's.
 *
 *     before a dial      a peer that an answer names, or the peer store
 *     after the Noise    both directions; over W the key that sealed the OPEN must be the one that Noise proved
 *     before storing     addresses, and the peer itself
 *     before naming      answers name only peers of the routing table, and none else gets in
 *
 * Members and boot nodes of the file pass without work.
 */

import type { ConnectionGater, PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { PublicKey } from '../../protocol/identity/key.ts'
import { keyOfPeerId, peerIdOf } from '../../protocol/identity/peer-id.ts'
import { workbitOf } from '../../protocol/identity/workbit.ts'
import { isLoopback, isUnicast, readPeerAddress } from './address.ts'

export type GateParts = {
  readonly namespace: string
  /** The least work that is enough. */
  readonly workbit: number
  readonly exempt: (key: PublicKey) => boolean
  /** Whose key is over, whatever its work. */
  readonly banned?: ((key: PublicKey) => boolean) | undefined
  /** Open connections with a peer. */
  readonly connections: (peer: PeerId) => number
  /** Called for each refusal. */
  readonly count: (reason: string) => void
}

type Known = { readonly key: PublicKey | null; readonly enough: boolean }

/** One each way, and one that is about to be noticed dead; a single key must not take all that there are. */
const connectionsOfPeer = 4

/** A look-up names some hundred peers. */
const cacheSize = 4096

/** The peer that has this key. @throws {TypeError} where the key is no point of the curve, which `readPublicKey` refuses. */
export function peerOf(key: PublicKey): PeerId {
  const text = peerIdOf(key)
  if (text === null) throw new TypeError('this key has no PeerId')
  return peerIdFromString(text)
}

export class Gate {
  readonly #parts: GateParts
  /** By the text of the PeerId, oldest first. */
  readonly #known = new Map<string, Known>()
  /** A stranger's word must not make us speak to ourselves; who is on loopback himself has his network there. */
  loopback = false

  constructor(parts: GateParts) {
    this.#parts = parts
  }

  /** The WireGuard key of a peer; `null` where it cannot have one. */
  keyOf(peer: PeerId): PublicKey | null {
    return this.#look(peer).key
  }

  /** Has this peer done its work, or need not? A refusal is counted as `too little work: WHEN`. */
  admits(peer: PeerId, when: string): boolean {
    const { key, enough } = this.#look(peer)
    if (key !== null && this.#parts.banned?.(key)) {
      this.#parts.count(`revoked: ${when}`)
      return false
    }
    if (enough || (key !== null && this.#parts.exempt(key))) return true
    this.#parts.count(key === null ? `no WireGuard key: ${when}` : `too little work: ${when}`)
    return false
  }

  isExempt(peer: PeerId): boolean {
    const { key } = this.#look(peer)
    return key !== null && this.#parts.exempt(key)
  }

  /** May this address be dialled, and told to others? */
  allows(address: Multiaddr): boolean {
    const read = readPeerAddress(address)
    // WebSockets are for carriers, which nobody needs to be told of
    if (!read || read.via === 'wss' || read.endpoint.port === 0 || !isUnicast(read.endpoint.host)) return false
    return this.loopback || !isLoopback(read.endpoint.host)
  }

  /** The hooks of libp2p. */
  gater(): ConnectionGater {
    const deny = (when: string) => (peer: PeerId, connection: { remoteAddr: Multiaddr }) => {
      const named = readPeerAddress(connection.remoteAddr)?.peer
      if (named !== undefined && named !== peer.toString()) {
        this.#parts.count('another key than the one that opened')
        return true
      }
      if (this.#parts.connections(peer) >= connectionsOfPeer) {
        this.#parts.count('too many connections of one peer')
        return true
      }
      return !this.admits(peer, when)
    }
    return {
      denyDialPeer: peer => !this.admits(peer, 'dial'),
      denyDialMultiaddr: address => !this.allows(address),
      denyInboundEncryptedConnection: deny('inbound'),
      denyOutboundEncryptedConnection: deny('outbound'),
      filterMultiaddrForPeer: (peer, address) => this.allows(address) && this.admits(peer, 'address'),
    }
  }

  #look(peer: PeerId): Known {
    const text = peer.toString()
    const known = this.#known.get(text)
    if (known) return known
    const key = keyOfPeerId(text)
    const fresh = { key, enough: key !== null && workbitOf(key, this.#parts.namespace) >= this.#parts.workbit }
    if (this.#known.size >= cacheSize) this.#known.delete(this.#known.keys().next().value!)
    this.#known.set(text, fresh)
    return fresh
  }
}
