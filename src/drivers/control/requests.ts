/**
 * Our own questions that wait for an answer. Each datagram that asks has a fresh random transaction, so the round trip of its answer is
 * known exactly, and an old answer fits nothing. A question ends with its first answer, after its time, or when all are closed.
 *
 *     open --answer that fits--> answered
 *        \ --time over---------> null
 */

import { type Endpoint, formatEndpoint, parseAddress } from '../../base/ip.ts'
import type { Time } from '../../base/time.ts'
import type { Clock } from '../../os/clock.ts'
import type { Random } from '../../os/random.ts'
import { answerTimeout, maxOpenRequests, sendTimes, transactionLength } from '../../protocol/control/constants.ts'
import { transactionKey } from '../../protocol/control/message.ts'
import type { PublicKey } from '../../protocol/identity/key.ts'

export type Asking = {
  /** Milliseconds from the start after which there is no answer. */
  readonly timeout?: Time
  /** Milliseconds from the start at which the question is sent. */
  readonly sendTimes?: readonly Time[]
  /** What it asks for may well not arrive: silence does not say that the node cannot be reached. */
  readonly isTest?: boolean
}

/** A node has not answered a question that it was asked there, at that time. */
export type Silent = (key: PublicKey, endpoint: Endpoint, askedAt: Time) => void

export type Question = 'ping' | 'find' | 'home' | 'call' | 'bind'

/** Why an answer is not taken: nobody asked (any more), or somebody else was asked, or elsewhere. */
export type Unfit = 'answer to nothing' | 'answer of another key' | 'answer from another endpoint'

type Request = {
  readonly question: Question
  readonly key: PublicKey
  readonly endpoint: string
  readonly from: (endpoint: Endpoint) => boolean
  readonly transactions: Set<string>
  settle(answer: unknown): void
}

type Sent = { readonly request: Request; readonly at: Time }

export class Requests {
  readonly #clock: Clock
  readonly #random: Random
  readonly #sent = new Map<string, Sent>()
  readonly #open = new Set<Request>()
  readonly #silent: Silent

  /** @param silent a question was not answered in its time */
  constructor(clock: Clock, random: Random, silent: Silent = () => {}) {
    this.#clock = clock
    this.#random = random
    this.#silent = silent
  }

  /** How many questions wait. */
  get size(): number {
    return this.#open.size
  }

  /** No more can wait. */
  get full(): boolean {
    return this.#open.size >= maxOpenRequests
  }

  /**
   * Asks until an answer comes: what `settle` was given, or `null`.
   *
   * @param send one datagram, with this transaction
   * @param from where the answer may come from, if not just from `endpoint`
   */
  ask<T>(
    question: Question,
    key: PublicKey,
    endpoint: Endpoint,
    asking: Asking,
    send: (transaction: Uint8Array) => void,
    from?: ((endpoint: Endpoint) => boolean) | undefined,
  ): Promise<T | null> {
    const host = parseAddress(endpoint.host)
    if (host === null) throw new TypeError(`${endpoint.host} is not an address`)
    if (this.full) return Promise.resolve(null)
    const { timeout = answerTimeout, sendTimes: times = sendTimes, isTest = false } = asking
    const asked = formatEndpoint({ host, port: endpoint.port })
    return new Promise(resolve => {
      const start = this.#clock.now()
      const timers: { cancel(): void }[] = []
      const request: Request = {
        question,
        key,
        endpoint: asked,
        from: from ?? (endpoint => formatEndpoint(endpoint) === asked),
        transactions: new Set(),
        settle: answer => {
          for (const timer of timers) timer.cancel()
          for (const transaction of request.transactions) this.#sent.delete(transaction)
          this.#open.delete(request)
          resolve(answer as T | null)
        },
      }
      this.#open.add(request)
      const sendOne = () => {
        const transaction = this.#random.bytes(transactionLength)
        const id = transactionKey(transaction)
        request.transactions.add(id)
        this.#sent.set(id, { request, at: this.#clock.now() })
        send(transaction)
      }
      const silent = () => {
        request.settle(null)
        // a relay's port is no place where a node is
        if (question !== 'bind' && !isTest) this.#silent(key, endpoint, start)
      }
      timers.push(this.#clock.at(start + timeout, silent))
      for (const time of times) {
        if (time <= 0) sendOne()
        else if (time < timeout) timers.push(this.#clock.at(start + time, sendOne))
      }
    })
  }

  /** The request that this answer belongs to. `asked`: it came from where the question went. */
  match(
    question: Question,
    transaction: Uint8Array,
    key: PublicKey,
    from: Endpoint,
  ): { rtt: Time; asked: boolean; settle(answer: unknown): void } | Unfit {
    const sent = this.#sent.get(transactionKey(transaction))
    if (sent === undefined || sent.request.question !== question) return 'answer to nothing'
    const { request, at } = sent
    if (request.key !== key) return 'answer of another key'
    if (!request.from(from)) return 'answer from another endpoint'
    const asked = request.endpoint === formatEndpoint(from)
    return { rtt: this.#clock.now() - at, asked, settle: request.settle }
  }

  /** Ends all without an answer. */
  close(): void {
    for (const request of [...this.#open]) request.settle(null)
  }
}
