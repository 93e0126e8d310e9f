/**
 * One end of a connection: a reliable stream of bytes in both directions, in the manner of QUIC (RFC 9000 §2-4, RFC 9002).
 * Its states are drawn in `state.ts`.
 *
 * Holds no socket and no clock. `handlePacket`, `write`, `end`, `reset` and `read` change what is known; `advance` does what is
 * due by then, and returns the packets. It has to be called after any of them, and when `wakeAt` has come.
 */

import type { Crypto } from '../../base/crypto.ts'
import type { Time } from '../../base/time.ts'
import { ReceivedPackets } from './ack.ts'
import { assemble, type Contents } from './assemble.ts'
import {
  closeEvery,
  confirmWithin,
  giveUpAfter,
  headerSize,
  helloDelay,
  initialWindow,
  lingerAtLeast,
  lingerTimeouts,
  maxDatagram,
  maxIdle,
  openOverhead,
  sendBuffer,
  tagSize,
} from './constants.ts'
import { closeCode, decodeFrames, type Frame } from './frame.ts'
import type { SentPacket } from './loss.ts'
import { openPacket, type Role, readHeader, type StreamKeys, sealPacket, streamKeys } from './packet.ts'
import { ReceiveBuffer } from './receive-buffer.ts'
import { Recovery } from './recovery.ts'
import { SendBuffer } from './send-buffer.ts'
import type { CloseReason, Closing, DropReason, Output, State } from './state.ts'

export type ConnectionOptions = {
  readonly role: Role
  readonly crypto: Crypto
  /** 8 bytes. */
  readonly connection: Uint8Array
  /** 32 bytes, of the OPEN. */
  readonly secret: Uint8Array
  /** See `firstNumber` of packet.ts: another one for each connection. */
  readonly firstNumber: number
}

const never = Number.POSITIVE_INFINITY
const overhead = headerSize + tagSize
/** Bytes of frames: with less, a packet is not worth it. An ACK of one range has 25. */
const leastRoom = 48

export class Connection {
  readonly #crypto: Crypto
  readonly #id: Uint8Array
  readonly #keys: StreamKeys
  readonly #role: Role
  #state: State
  readonly #received = new ReceivedPackets()
  readonly #out = new SendBuffer(initialWindow)
  readonly #recovery: Recovery
  readonly #in = new ReceiveBuffer()
  readonly #frames = new Uint8Array(maxDatagram - overhead)

  /** When a client without anything to say sends its OPEN nevertheless. */
  #helloAt: Time = never
  /** The server acknowledged an ACK of ours, so it knows that we receive. Until then each of them asks for an ACK. */
  #confirmed = false
  #wantsRoom = false
  #endRead = false
  #closeDue: CloseReason | null = null
  #heardAt: Time
  /** Since when something is unanswered. */
  #silentSince: Time = never

  constructor(options: ConnectionOptions, now: Time) {
    this.#crypto = options.crypto
    this.#id = options.connection
    this.#role = options.role
    this.#keys = streamKeys(options.crypto, options.secret)
    this.#recovery = new Recovery(this.#out, options.firstNumber)
    this.#heardAt = now
    if (options.role === 'client') {
      this.#state = { name: 'opening' }
      this.#helloAt = now + helloDelay
    } else {
      this.#state = { name: 'half-open', until: now + confirmWithin, credit: 0 }
    }
  }

  get state(): State['name'] {
    return this.#state.name
  }

  /** Smoothed RTT in milliseconds, once there is one. */
  get rtt(): number | undefined {
    const { measured, smoothed } = this.#recovery.rtt
    return measured ? smoothed : undefined
  }

  /** Bytes that the path may carry at a time. */
  get congestionWindow(): number {
    return this.#recovery.window
  }

  /** How many bytes `write` takes now. */
  get room(): number {
    return this.#alive ? this.#out.room : 0
  }

  /** When `advance` has something to do though nothing happened. */
  get wakeAt(): Time {
    const state = this.#state
    switch (state.name) {
      case 'unread':
      case 'gone':
        return never
      case 'closing':
      case 'draining':
        return state.until
      default: {
        // an ACK that there is no credit for waits for a packet, not for a time
        const ackAt = this.#frameRoom() < leastRoom ? never : this.#received.ackAt
        const until = state.name === 'half-open' ? state.until : this.#heardAt + maxIdle
        return Math.min(ackAt, this.#recovery.wakeAt, this.#helloAt, this.#giveUpAt, until)
      }
    }
  }

  get #alive(): boolean {
    const { name } = this.#state
    return name === 'opening' || name === 'half-open' || name === 'open' || name === 'unread'
  }

  get #giveUpAt(): Time {
    return this.#silentSince + Math.max(giveUpAfter, 3 * this.#recovery.rtt.probeTimeout)
  }

  /** Takes bytes from the front, and returns how many; with fewer than given, 'drain' tells when to go on. */
  write(bytes: Uint8Array): number {
    if (!this.#alive) return 0
    const taken = this.#out.write(bytes)
    if (taken < bytes.length && !this.#out.ended) this.#wantsRoom = true
    return taken
  }

  /** Nothing more will be written. */
  end(): void {
    this.#out.end()
  }

  /** Over, both directions, at once. */
  reset(reason: 'reset' | 'too many connections' = 'reset'): void {
    if (this.#alive) this.#closeDue ??= reason
  }

  /** The next bytes of the peer; 'end' after the last ones; `null` where they have not come yet. */
  read(): Uint8Array | 'end' | null {
    if (!this.#alive) return null
    const bytes = this.#in.read()
    if (bytes || !this.#in.done) return bytes
    this.#endRead = true
    return 'end'
  }

  /** @param size bytes of UDP payload in which it came */
  handlePacket(packet: Uint8Array, now: Time, size = packet.length): Output[] {
    const header = readHeader(packet)
    if (!header) return dropped('malformed')
    const { name } = this.#state
    if (name === 'unread' || name === 'draining' || name === 'gone') return dropped('closed')
    if (this.#received.isDuplicate(header.number)) return dropped('duplicate')
    const key = this.#keys[this.#role === 'client' ? 'server' : 'client']
    const plaintext = openPacket(this.#crypto, key, header.number, packet)
    if (!plaintext) return dropped('not authentic')
    const frames = decodeFrames(plaintext)
    if (!frames) return dropped('malformed')
    if (this.#state.name === 'half-open' || this.#state.name === 'closing') this.#state.credit += size
    if (this.#state.name === 'closing') return this.#handleLate(this.#state, frames)
    return this.#handleFrames(header.number, frames, now)
  }

  /** We have said CLOSE already: whoever says it too has heard it. */
  #handleLate(state: Closing, frames: readonly Frame[]): Output[] {
    if (frames.some(({ type }) => type === 'close')) this.#state = { name: 'draining', until: state.until }
    else state.heard = true
    return []
  }

  #handleFrames(number: number, frames: readonly Frame[], now: Time): Output[] {
    this.#heardAt = now
    if (this.#state.name === 'opening') this.#state = { name: 'open' }
    let eliciting = false
    for (const frame of frames) {
      if (frame.type === 'ack') {
        const acknowledged = this.#recovery.acknowledge(frame, now)
        if (acknowledged) this.#confirm(acknowledged)
        else this.#closeDue ??= 'protocol violation'
      } else if (frame.type === 'close') {
        return this.#closedByPeer(frame.code, now)
      } else if (frame.type !== 'padding') {
        eliciting = true
      }
      if (frame.type === 'max data') this.#out.limit = Math.max(this.#out.limit, frame.offset)
      if (frame.type === 'stream') {
        const result = this.#in.add(frame.offset, frame.bytes, frame.fin)
        if (result === 'violation') this.#closeDue ??= 'protocol violation'
        if (result === 'full') return dropped('out of room')
      }
    }
    this.#received.record(number, eliciting, now)
    this.#silentSince = this.#recovery.outstanding ? now : never
    return []
  }

  /** The peer received these packets: so it is where it says, and knows what their ACKs told. */
  #confirm(acknowledged: readonly SentPacket[]): void {
    if (acknowledged.length > 0 && this.#state.name === 'half-open') this.#state = { name: 'open' }
    for (const { acknowledges } of acknowledged) {
      if (acknowledges < 0) continue
      this.#received.forget(acknowledges)
      this.#confirmed = true
    }
  }

  /** A peer that says it is finished has everything of ours acknowledged and everything of its own. */
  #closedByPeer(code: number, now: Time): Output[] {
    if (code === closeCode.finished && this.#out.ended && this.#in.complete && this.#closeDue === null) {
      this.#state = { name: 'unread' }
      return []
    }
    this.#drain(now)
    return [{ kind: 'closed', reason: this.#closeDue ?? 'reset by peer' }]
  }

  #drain(now: Time): void {
    this.#state = { name: 'draining', until: now + lingerTimeouts * this.#recovery.rtt.probeTimeout }
  }

  /** Does everything that is due. */
  advance(now: Time): Output[] {
    const state = this.#state
    if (state.name === 'gone') return []
    if (state.name === 'closing' || state.name === 'draining') {
      if (now >= state.until) this.#state = { name: 'gone' }
      else if (state.name === 'closing' && state.heard) return this.#sendClose(state, now)
      return []
    }
    if (this.#endRead && (this.#out.done || state.name === 'unread')) this.#closeDue ??= 'finished'
    if (this.#closeDue !== null) return this.#close(this.#closeDue, now)
    if (state.name === 'unread') return []
    const silence = this.#silence(now)
    if (silence) {
      this.#state = { name: 'gone' }
      return [{ kind: 'closed', reason: silence }]
    }
    this.#recovery.tick(now)
    const outputs: Output[] = []
    for (let packet = this.#nextPacket(now); packet; packet = this.#nextPacket(now)) outputs.push(packet)
    if (this.#wantsRoom && this.#out.room >= sendBuffer / 2) {
      this.#wantsRoom = false
      outputs.push({ kind: 'drain' })
    }
    return outputs
  }

  /** An end of which the peer learns nothing, since it does not listen. */
  #silence(now: Time): CloseReason | null {
    if (this.#state.name === 'half-open' && now >= this.#state.until) return 'unconfirmed'
    if (now >= this.#giveUpAt) return 'no answer'
    return now >= this.#heardAt + maxIdle ? 'idle' : null
  }

  /** Bytes of frames that a packet may have now. */
  #frameRoom(): number {
    const state = this.#state
    if (state.name === 'opening') return maxDatagram - openOverhead - overhead
    if (state.name === 'half-open') return Math.min(maxDatagram, state.credit) - overhead
    return maxDatagram - overhead
  }

  #nextPacket(now: Time): Output | null {
    const opening = this.#state.name === 'opening'
    const room = this.#frameRoom()
    if (room < leastRoom) return null

    const probe = this.#recovery.probing
    if (probe) this.#recovery.prepareProbe()
    const { sendable } = this.#out
    const data = this.#recovery.allows(sendable, 2 * overhead) && sendable > 0
    const raise = this.#recovery.limitLost || this.#in.raisable
    const hello = now >= this.#helloAt
    const ackDue = now >= this.#received.ackAt
    if (!data && !raise && !probe && !hello && !ackDue) return null

    const ack = this.#received.pending || (probe && this.#received.any) ? this.#received.acknowledge(now) : undefined
    const unconfirmed = this.#role === 'client' ? !this.#confirmed : this.#state.name === 'half-open'
    const ping = !data && !raise && (probe || hello || unconfirmed)
    const maxData = raise ? this.#in.raise(now, this.#recovery.rtt.smoothed) : undefined
    this.#recovery.limitLost = false
    this.#helloAt = never
    return this.#send({ ack, maxData, ping, data: data ? this.#out : undefined, pad: opening }, room, now)
  }

  #send(contents: Contents, room: number, now: Time): Output {
    const { size, pieces } = assemble(this.#frames, room, contents)
    const header = { connection: this.#id, number: this.#recovery.nextNumber }
    const packet = sealPacket(this.#crypto, this.#keys[this.#role], header, this.#frames.subarray(0, size))
    const maxData = contents.maxData !== undefined
    const eliciting = pieces.length > 0 || maxData || contents.ping === true
    const acknowledges = contents.ack?.ranges[0]?.to ?? -1
    this.#recovery.sent({ size: packet.length, eliciting, pieces, maxData, acknowledges }, now)
    if (eliciting && this.#silentSince === never) this.#silentSince = now
    const state = this.#state
    if (state.name === 'half-open' || state.name === 'closing') state.credit -= packet.length
    return { kind: 'send', packet, open: state.name === 'opening' || (state.name === 'closing' && state.inOpen) }
  }

  #close(reason: CloseReason, now: Time): Output[] {
    const state = this.#state
    const closed: Output = { kind: 'closed', reason }
    if (state.name === 'unread') {
      this.#drain(now)
      return [closed]
    }
    if (state.name === 'opening' && !this.#recovery.outstanding) {
      // nobody heard of it
      this.#state = { name: 'gone' }
      return [closed]
    }
    const closing: Closing = {
      name: 'closing',
      until: now + Math.max(lingerAtLeast, lingerTimeouts * this.#recovery.rtt.probeTimeout),
      code: codeOf(reason),
      inOpen: state.name === 'opening',
      quietUntil: now,
      heard: false,
      credit: state.name === 'half-open' ? state.credit : never,
    }
    this.#state = closing
    return [...this.#sendClose(closing, now), closed]
  }

  #sendClose(state: Closing, now: Time): Output[] {
    state.heard = false
    const room = Math.min(maxDatagram - (state.inOpen ? openOverhead : 0), state.credit) - overhead
    if (now < state.quietUntil || room < leastRoom) return []
    state.quietUntil = now + closeEvery
    const ack = this.#received.any ? this.#received.acknowledge(now) : undefined
    return [this.#send({ ack, close: state.code, pad: state.inOpen }, room, now)]
  }
}

const codeOf = (reason: CloseReason): number =>
  reason === 'finished' ? closeCode.finished : reason === 'protocol violation' ? closeCode.violation : closeCode.reset

const dropped = (reason: DropReason): Output[] => [{ kind: 'dropped', reason }]
