// One peer's machine, run in simulated time: jumps from `wakeAt` to `wakeAt`, grants what it asks for, writes down what it does.

import { formatEndpoint } from '../../../src/base/ip.ts'
import type { Time } from '../../../src/base/time.ts'
import type { Surroundings } from '../../../src/protocol/path/candidate.ts'
import type { Input, Output } from '../../../src/protocol/path/events.ts'
import { Peer } from '../../../src/protocol/path/peer.ts'

/** An endpoint as a person writes it. */
export function at(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':')
  return { host: text.slice(0, colon).replace(/[[\]]/g, ''), port: Number(text.slice(colon + 1)) }
}

export const around: Surroundings = {
  overlays: [{ address: '10.0.42.0', length: 24, family: 4 }],
  own: [
    { address: '192.168.1.2', length: 24 },
    { address: '2001:db8::2', length: 64 },
  ],
  port: 51_820,
}

export function show(output: Output): string {
  if (output.kind === 'probe') return `probe ${formatEndpoint(output.endpoint)}`
  if (output.kind === 'use') return `use ${formatEndpoint(output.endpoint)}: ${output.because}`
  if (output.kind === 'hold') return output.on ? 'hold' : 'let go'
  if (output.kind === 'ask') return `ask ${output.urgency}`
  if (output.kind !== 'tell') return output.kind
  if (!output.endpoint) return output.state
  const state = output.state === 'direct' && output.relayed ? 'relayed' : output.state
  return `${state} ${formatEndpoint(output.endpoint)} by ${output.proof}`
}

export class Run {
  readonly peer: Peer
  now: Time = 0
  /** Every action and when it was done. */
  readonly log: [Time, string][] = []
  readonly #ids = new Map<string, number>()
  /** Endpoints that answer PINGs, with their round trip in ms. */
  readonly answering = new Map<string, number>()
  readonly #answers: { at: Time; input: Input }[] = []
  #grants: boolean
  /** The counters are to be read now. */
  onLook = () => {}
  /** Look-ups end so many ms later, with nothing. */
  noRecordAfter: number | null = null
  #received = 0
  #sent = 0

  constructor(options: { around?: Surroundings; grants?: boolean } = {}) {
    this.peer = new Peer(
      options.around ?? around,
      () => 0,
      () => 300,
    )
    this.#grants = options.grants ?? true
  }

  give(input: Input): this {
    for (const output of this.peer.handle(input, this.now)) {
      this.log.push([Math.round(this.now), show(output)])
      if (output.kind === 'ask' && this.#grants) this.give({ kind: 'granted' })
      if (output.kind === 'look') this.onLook()
      if (output.kind === 'look up' && this.noRecordAfter !== null) {
        this.#answers.push({ at: this.now + this.noRecordAfter, input: { kind: 'no record' } })
      }
      if (output.kind !== 'probe') continue
      const text = formatEndpoint(output.endpoint)
      this.#ids.set(text, output.candidate)
      const rtt = this.answering.get(text)
      if (rtt === undefined) continue
      this.#answers.push({
        at: this.now + rtt,
        input: { kind: 'pong', endpoint: output.endpoint, candidate: output.candidate, rtt },
      })
    }
    return this
  }

  /** Lets time pass. */
  until(time: Time): this {
    for (;;) {
      this.#answers.sort((a, b) => a.at - b.at)
      const first = this.#answers[0]
      const next = Math.min(this.peer.wakeAt, first?.at ?? Number.POSITIVE_INFINITY)
      if (next > time) break
      if (next < this.now) throw new Error(`wakes in the past: ${next} at ${this.now}`)
      this.now = next
      if (first && first.at === next) this.give(this.#answers.shift()!.input)
      else this.give({ kind: 'timer' })
    }
    this.now = time
    return this
  }

  pass(time: Time): this {
    return this.until(this.now + time)
  }

  /** The id of the last PING to an endpoint. */
  id(endpoint: string): number {
    return this.#ids.get(endpoint) ?? -1
  }

  /** WireGuard is asked; by default a session that has carried what is said here since the last time. */
  tunnel(more: { received?: number; sent?: number; endpoint?: string; handshake?: number }): this {
    this.#received += more.received ?? 0
    this.#sent += more.sent ?? 0
    return this.give({
      kind: 'tunnel',
      wall: 1_800_000_000_000 + this.now,
      received: this.#received,
      sent: this.#sent,
      ...(more.handshake === undefined ? {} : { latestHandshake: 1_800_000_000_000 + more.handshake }),
      ...(more.endpoint ? { endpoint: at(more.endpoint) } : {}),
    })
  }

  /** What was done since the last time this was asked, without what is about places in the queue. */
  done(): [Time, string][] {
    return this.log.splice(0).filter(([, text]) => !/^(ask|done)/.test(text))
  }

  actions(): string[] {
    return this.done().map(([, text]) => text)
  }

  why(endpoint: string): string | undefined {
    return this.peer.view().candidates.find(each => formatEndpoint(each.endpoint) === endpoint)?.why
  }
}
