/**
 * kad-dht with what it lacks against liars, the dead and the greedy. It has no hooks for most of that, so its parts are wrapped
 * where every question and every answer passes; the version is pinned, and each cure has a test that fails without it.
 *
 * | part                    | what is added                                                                             |
 * |-------------------------|-------------------------------------------------------------------------------------------|
 * | `network.sendRequest`   | no question to the gate's refused, nor again to who just did not answer; who does not answer leaves the table; an answer names at most k peers, all with work |
 * | `network` event `peer`  | peers that answers name: filtered by the gate, each once in 10 s, a limited number a second |
 * | `routingTable.kb.verify`| work, room in its IP group; who is connected and answers needs no ping                     |
 * | both ends of a question | a limit of bytes: libp2p itself would read 4 MB                                             |
 * | `routingTable.kb._split`| in one go: peers that came during its pauses were lost                                       |
 * | `rpc.handleMessage`     | a budget of questions for each peer, a limit of places; nothing of IPFS' provider records |
 */

import type { PeerId, PeerInfo } from '@libp2p/interface'
import type { KadDHT, MessageType, QueryEvent } from '@libp2p/kad-dht'
import { minute, second, type Time } from '../../base/time.ts'
import type { Clock } from '../../os/clock.ts'
import { readPeerAddress } from './address.ts'
import type { Gate } from './gate.ts'
import { commonBits, hasRoom, ipGroup, type Place } from './ip-groups.ts'
import type { Values } from './values.ts'

export const protocol = '/wirehub/kad/1'
/** Neighbours in a bucket, and holders of a record. */
export const k = 10

/** Who did not answer is not asked again so soon: every answer of others still names him, and each question costs its timeout. */
const silentFor = 10 * second
/** Questions a peer may ask: so many at once, and then so many a second. A record that is put counts for more, it costs a signature. */
const questions = { burst: 200, perSecond: 20, put: 5 }
/** Peers that answers may name to us: so many at once, and then so many a second. */
const names = { burst: 200, perSecond: 20 }
/** Bytes of one stream; a question or an answer has some 4 kB. */
const streamLimit = 64 * 1024
/** Entries of each table here that strangers fill. */
const tableSize = 4096

type Message = { readonly type: MessageType; readonly record?: Uint8Array }
type ByteSource = EventTarget & { abort(error: Error): void }
/** A leaf of the table's tree, which has peers, or a fork, which has two more of them. */
type Bucket = { prefix?: string; depth?: number; peers?: TablePeer[]; left?: Bucket; right?: Bucket }
type TablePeer = { readonly peerId: PeerId; readonly kadId: Uint8Array }

/** The parts of kad-dht 16.4 that are wrapped. TypeScript hides them, JavaScript does not. */
export type Parts = {
  readonly network: {
    sendRequest(to: PeerId, message: object, options: { signal?: AbortSignal }): AsyncGenerator<QueryEvent>
    safeDispatchEvent(type: string, init: { detail: PeerInfo }): boolean
    _writeReadMessage(stream: ByteSource, message: object, options: object): Promise<object>
  }
  readonly rpc: {
    onIncomingStream(stream: ByteSource, connection: object): Promise<void>
    handleMessage(peer: PeerId, message: Message): Promise<object | undefined>
  }
  readonly contentFetching: {
    getMany(key: Uint8Array, options: { signal?: AbortSignal }): AsyncGenerator<QueryEvent>
  }
  readonly routingTable: EventTarget & {
    readonly size: number
    readonly kb: {
      verify(peer: TablePeer, options?: { signal?: AbortSignal }): Promise<boolean>
      toIterable(): Iterable<TablePeer>
      _split(bucket: Bucket): Promise<void>
      readonly localPeer?: TablePeer
    }
    add(peer: PeerId, options?: { signal?: AbortSignal }): Promise<void>
    remove(peer: PeerId): Promise<void>
    queueRoutingTableUpdate(peer: PeerId, options?: { activeTimeout?: number }): void
  }
}

export const partsOf = (dht: KadDHT): Parts => dht as unknown as Parts

export type Surroundings = {
  readonly clock: Clock
  readonly gate: Gate
  readonly values: Values
  readonly count: (reason: string) => void
  readonly connections: (peer: PeerId) => readonly { readonly remoteAddr: Parameters<typeof readPeerAddress>[0] }[]
  /** A peer was named that was not known; the store may want to be swept. */
  readonly named: () => void
}

/** So many at once and then so many a second, for each name. Bounded: the one that was longest without use is forgotten. */
class Budget {
  readonly #clock: Clock
  readonly #limit: { burst: number; perSecond: number }
  readonly #left = new Map<string, { tokens: number; at: Time }>()

  constructor(clock: Clock, limit: { burst: number; perSecond: number }) {
    this.#clock = clock
    this.#limit = limit
  }

  take(name: string, cost = 1): boolean {
    const now = this.#clock.now()
    const { burst, perSecond } = this.#limit
    const last = this.#left.get(name)
    const tokens = Math.min(burst, last ? last.tokens + ((now - last.at) / second) * perSecond : burst)
    this.#left.delete(name)
    if (this.#left.size >= tableSize) this.#left.delete(this.#left.keys().next().value!)
    this.#left.set(name, { tokens: tokens >= cost ? tokens - cost : tokens, at: now })
    return tokens >= cost
  }
}

/** Names with the time at which each is forgotten; bounded. */
class Recent {
  readonly #clock: Clock
  readonly #life: Time
  readonly #until = new Map<string, Time>()

  constructor(clock: Clock, life: Time) {
    this.#clock = clock
    this.#life = life
  }

  add(name: string): void {
    this.#until.delete(name)
    if (this.#until.size >= tableSize) this.#until.delete(this.#until.keys().next().value!)
    this.#until.set(name, this.#clock.now() + this.#life)
  }

  has(name: string): boolean {
    return (this.#until.get(name) ?? 0) > this.#clock.now()
  }

  delete(name: string): void {
    this.#until.delete(name)
  }
}

export class Kademlia {
  readonly #parts: Parts
  readonly #around: Surroundings
  readonly #silent: Recent
  /** Did not answer, and has not since: only a ping can bring it back into the table. */
  readonly #doubtful: Recent
  readonly #namedLately: Recent
  readonly #places = new Map<string, Place>()
  readonly #names: Budget
  #tell: Parts['network']['safeDispatchEvent'] | null = null
  #stopped = false

  constructor(dht: KadDHT, around: Surroundings) {
    this.#parts = partsOf(dht)
    this.#around = around
    this.#silent = new Recent(around.clock, silentFor)
    this.#doubtful = new Recent(around.clock, 10 * minute)
    this.#namedLately = new Recent(around.clock, silentFor)
    this.#names = new Budget(around.clock, names)
    this.#wrapQuestions()
    this.#wrapNames()
    this.#wrapTable()
    this.#wrapAnswers()
    this.#wrapStreams()
  }

  stop(): void {
    this.#stopped = true
  }

  /** The peer is there again: whatever was held against it is forgotten. */
  welcome(peer: PeerId): void {
    this.#silent.delete(peer.toString())
    this.#doubtful.delete(peer.toString())
  }

  #wrapQuestions(): void {
    const { network } = this.#parts
    const { gate } = this.#around
    const original = network.sendRequest.bind(network)
    const silent = this.#silent
    const failed = (peer: PeerId) => this.#failed(peer)
    const welcome = (peer: PeerId) => this.welcome(peer)
    const name = (peer: PeerInfo) => this.#name(peer)
    network.sendRequest = async function* (to, message, options) {
      if (silent.has(to.toString()) || !gate.admits(to, 'named')) return
      for await (const event of original(to, message, options)) {
        // a question that the walk itself has given up says nothing about the peer
        if (event.name === 'QUERY_ERROR' && !options.signal?.aborted) failed(to)
        if (event.name === 'PEER_RESPONSE') {
          welcome(to)
          // each name may cost a dial at addresses that the peer chooses
          event.closer = event.closer.slice(0, k).filter(({ id }) => gate.admits(id, 'named'))
          for (const peer of event.closer) name(peer)
        }
        yield event
      }
    }
  }

  #failed(peer: PeerId): void {
    this.#silent.add(peer.toString())
    // nobody waits for the table: what it cannot do now, it does at the next failure
    this.#parts.routingTable.remove(peer).catch(() => {})
    this.#doubt(peer)
  }

  /** Perhaps it was only slow, or we were: one more ping decides. */
  #doubt(peer: PeerId): void {
    const { clock } = this.#around
    const known = this.#doubtful.has(peer.toString())
    this.#doubtful.add(peer.toString())
    if (known) return
    clock.at(clock.now() + silentFor, () => {
      if (!this.#stopped) this.#parts.routingTable.queueRoutingTableUpdate(peer, { activeTimeout: 4 * second })
    })
  }

  /** kad-dht tells of every peer that an answer names before anybody has looked at them; here it is told of those that `#name` lets through. */
  #wrapNames(): void {
    const { network } = this.#parts
    this.#tell = network.safeDispatchEvent.bind(network)
    network.safeDispatchEvent = (type, init) => type !== 'peer' && this.#tell!(type, init)
  }

  #name(peer: PeerInfo): void {
    const { gate, count, named } = this.#around
    const multiaddrs = peer.multiaddrs.filter(address => gate.allows(address))
    const name = `${peer.id} ${multiaddrs.join(' ')}`
    if (multiaddrs.length === 0 || this.#namedLately.has(name)) return
    if (!this.#names.take('all')) {
      count('too many names')
      return
    }
    this.#namedLately.add(name)
    // perhaps it has moved
    this.#silent.delete(peer.id.toString())
    named()
    this.#tell?.('peer', { detail: { ...peer, multiaddrs } })
  }

  #wrapTable(): void {
    const { routingTable } = this.#parts
    const { gate, connections, count } = this.#around
    const { kb } = routingTable
    const ping = kb.verify.bind(kb)
    kb._split = splitAtOnce
    const fits = (peer: TablePeer): boolean => {
      const place = this.#placeOf(peer)
      const others = [...this.#places].flatMap(([name, other]) => (name === peer.peerId.toString() ? [] : [other]))
      if (gate.isExempt(peer.peerId) || hasRoom(place, others)) return true
      count('too many of one IP group')
      return false
    }
    kb.verify = async (peer, options) => {
      if (!gate.admits(peer.peerId, 'table') || !fits(peer)) return false
      const known = connections(peer.peerId).length > 0 && !this.#doubtful.has(peer.peerId.toString())
      if (!known && !(await ping(peer, options))) {
        this.#doubt(peer.peerId)
        return false
      }
      this.#doubtful.delete(peer.peerId.toString())
      // only now is it sure where the peer is
      return fits(peer)
    }
    routingTable.addEventListener('peer:add', event => {
      const id = (event as CustomEvent<PeerId>).detail
      const peer = [...kb.toIterable()].find(({ peerId }) => peerId.equals(id))
      if (!peer) return
      // two may have come in at once, each finding the last room
      if (fits(peer)) this.#places.set(id.toString(), this.#placeOf(peer))
      else routingTable.remove(id).catch(() => {})
    })
    routingTable.addEventListener('peer:remove', event => {
      this.#places.delete((event as CustomEvent<PeerId>).detail.toString())
    })
  }

  /** Where its connection comes from; what it says of itself proves nothing. */
  #placeOf({ peerId, kadId }: TablePeer): Place {
    const connection = this.#around.connections(peerId)[0]
    const host = connection && readPeerAddress(connection.remoteAddr)?.endpoint.host
    const ours = this.#parts.routingTable.kb.localPeer?.kadId
    return { group: host ? ipGroup(host) : null, bucket: ours ? commonBits(ours, kadId) : 0 }
  }

  #wrapAnswers(): void {
    const { rpc } = this.#parts
    const { clock, count, values } = this.#around
    const original = rpc.handleMessage.bind(rpc)
    const budget = new Budget(clock, questions)
    rpc.handleMessage = async (peer, message) => {
      const put = message.type === 'PUT_VALUE'
      const name = peer.toString()
      const refusal = /PROVIDER/.test(message.type)
        ? 'no provider records here'
        : budget.take(name, put ? questions.put : 1)
          ? null
          : 'too many questions'
      if (refusal) {
        count(refusal)
        throw new Error(refusal)
      }
      if (!put) return original(peer, message)
      const place = values.checkPeer(name, message.record ?? new Uint8Array(0))
      const answer = await original(peer, message)
      values.stored(name, place)
      return answer
    }
  }

  #wrapStreams(): void {
    const { network, rpc } = this.#parts
    const { count } = this.#around
    const bound = (stream: ByteSource) => {
      let bytes = 0
      stream.addEventListener('message', event => {
        bytes += (event as Event & { data: { byteLength: number } }).data.byteLength
        if (bytes <= streamLimit) return
        count('too many bytes')
        stream.abort(new Error('too many bytes'))
      })
      return stream
    }
    const ask = network._writeReadMessage.bind(network)
    network._writeReadMessage = (stream, message, options) => ask(bound(stream), message, options)
    const answer = rpc.onIncomingStream.bind(rpc)
    rpc.onIncomingStream = (stream, connection) => answer(bound(stream), connection)
  }
}

/** As kad-dht's own, without a pause in which another peer could come into the leaf that is being taken apart. */
async function splitAtOnce(bucket: Bucket): Promise<void> {
  const { peers = [], depth = 0 } = bucket
  const side = (bit: 0 | 1): Bucket => ({
    prefix: `${bit}`,
    depth: depth + 1,
    peers: peers.filter(({ kadId }) => ((kadId[depth >> 3]! >> (7 - (depth & 7))) & 1) === bit),
  })
  delete bucket.peers
  bucket.left = side(0)
  bucket.right = side(1)
}
