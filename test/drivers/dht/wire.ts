// A wire between the real streams of `control/streams.ts` in this process, with a delay and losses in real time. What an OPEN is
// sealed with is left out; who has which key is known here.

import { type Endpoint, formatEndpoint } from '../../../src/base/ip.ts'
import { Streams } from '../../../src/drivers/control/streams.ts'
import { systemClock } from '../../../src/os/clock.ts'
import { systemCrypto } from '../../../src/os/crypto.ts'
import { systemRandom } from '../../../src/os/random.ts'
import type { PublicKey } from '../../../src/protocol/identity/key.ts'
import { readHeader } from '../../../src/protocol/stream/packet.ts'

type End = { readonly key: PublicKey; readonly endpoint: Endpoint; readonly streams: Streams }

export class Wire {
  readonly #ends = new Map<string, End>()
  /** Who opened a connection, and at which of its addresses the other end was called: its answers come from there. */
  readonly #calls = new Map<string, { readonly by: PublicKey; readonly at: Endpoint }>()
  /** Milliseconds one way. */
  delay = 0
  /** The part of packets that is lost. */
  loss = 0

  port(key: PublicKey, endpoint: Endpoint, addresses: readonly Endpoint[] = []): Streams {
    const send = (connection: Uint8Array, to: Endpoint, deliver: (other: End, from: Endpoint) => void) => {
      const call = this.#calls.get(String(connection))
      const from = call && call.by !== key ? call.at : endpoint
      const other = this.#ends.get(formatEndpoint(to))
      if (!other || Math.random() < this.loss) return
      if (this.delay > 0) setTimeout(() => deliver(other, from), this.delay)
      else setImmediate(() => deliver(other, from))
    }
    const streams = new Streams(
      { clock: systemClock, random: systemRandom, crypto: systemCrypto },
      {
        sendOpen: (to, at, open) => {
          this.#calls.set(String(open.connection), { by: key, at })
          send(open.connection, at, (other, from) => {
            if (other.key === to) other.streams.handleOpen(key, from, open)
          })
        },
        sendStream: (bytes, at) =>
          send(readHeader(bytes)!.connection, at, (other, from) => other.streams.handleStream(bytes, from)),
      },
    )
    for (const at of [endpoint, ...addresses]) this.#ends.set(formatEndpoint(at), { key, endpoint, streams })
    return streams
  }
}
