// A wire between the real streams of `control/streams.ts` in this process, with a delay and losses in real time. What an OPEN is
// sealed with is left out; who has which key is known here.

import { type Endpoint, formatEndpoint } from '../../../src/base/ip.ts'
import { Streams } from '../../../src/drivers/control/streams.ts'
import { systemClock } from '../../../src/os/clock.ts'
import { systemCrypto } from '../../../src/os/crypto.ts'
import { systemRandom } from '../../../src/os/random.ts'
import type { PublicKey } from '../../../src/protocol/identity/key.ts'

type End = { readonly key: PublicKey; readonly endpoint: Endpoint; readonly streams: Streams }

export class Wire {
  readonly #ends = new Map<string, End>()
  /** Which of its addresses an end was called at, by whom. */
  readonly #called = new Map<string, Endpoint>()
  /** Milliseconds one way. */
  delay = 0
  /** The part of packets that is lost. */
  loss = 0

  port(key: PublicKey, endpoint: Endpoint, addresses: readonly Endpoint[] = []): Streams {
    const send = (to: Endpoint, deliver: (other: End, from: Endpoint) => void) => {
      const other = this.#ends.get(formatEndpoint(to))
      if (!other || Math.random() < this.loss) return
      this.#called.set(`${formatEndpoint(endpoint)} ${formatEndpoint(other.endpoint)}`, to)
      const from = this.#called.get(`${formatEndpoint(other.endpoint)} ${formatEndpoint(endpoint)}`) ?? endpoint
      if (this.delay > 0) setTimeout(() => deliver(other, from), this.delay)
      else setImmediate(() => deliver(other, from))
    }
    const streams = new Streams(
      { clock: systemClock, random: systemRandom, crypto: systemCrypto },
      {
        sendOpen: (to, at, open) =>
          send(at, (other, from) => {
            if (other.key === to) other.streams.handleOpen(key, from, open)
          }),
        sendStream: (bytes, at) => send(at, (other, from) => other.streams.handleStream(bytes, from)),
      },
    )
    for (const at of [endpoint, ...addresses]) this.#ends.set(formatEndpoint(at), { key, endpoint, streams })
    return streams
  }
}
