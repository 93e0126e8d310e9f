// A relay for tests, and its guests: the desk of tokens is the real one.

import { randomBytes } from 'node:crypto'
import type { Endpoint } from '../../../src/base/ip.ts'
import { minute, type Time } from '../../../src/base/time.ts'
import { systemCrypto as crypto } from '../../../src/os/crypto.ts'
import { Desk, type Rank } from '../../../src/protocol/home/desk.ts'
import { type PublicKey, publicKeyOf } from '../../../src/protocol/identity/key.ts'
import type { Surroundings } from '../../../src/protocol/path/candidate.ts'
import { RelayDesk, type RelayDeskParts, type RelayOutput } from '../../../src/protocol/relay/desk.ts'

export const start: Time = 5 * minute

/** Any number of keys, which need not be on the curve. */
export function keyOf(number: number): PublicKey {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setUint32(4, number)
  return publicKeyOf(bytes)
}

export const at = (host: string, port = 40_000): Endpoint => ({ host, port })

export const around: Surroundings = {
  overlays: [{ address: '10.42.0.0', length: 16, family: 4 }],
  own: [{ address: '203.0.113.1', length: 24 }],
  port: 51820,
}

export type Options = Partial<Pick<RelayDeskParts, 'policy' | 'range' | 'around'>> & { rank?: (key: PublicKey) => Rank }

export class Relay {
  now: Time = start
  readonly tokens: Desk
  readonly desk: RelayDesk
  /** All that it wanted done. */
  readonly outputs: RelayOutput[] = []

  constructor(options: Options = {}) {
    const { rank = () => 'stranger' } = options
    this.tokens = new Desk(crypto, randomBytes(32), rank)
    this.desk = new RelayDesk({
      ...{ crypto, tokens: this.tokens, policy: () => 'anyone', around: () => around },
      ...options,
      rank,
    })
  }

  /** A port, as with a HOME that got its lease. */
  lease(key: PublicKey, from = at('192.0.2.99')): number | null {
    const { port, outputs } = this.desk.lease(key, from, this.now)
    this.outputs.push(...outputs)
    return port
  }

  bind(key: PublicKey, from: Endpoint, port: number, token: Uint8Array | null) {
    const { bound, outputs } = this.desk.bind(key, from, port, token, this.now)
    this.outputs.push(...outputs)
    return bound
  }

  /** As a node does it: with no token first, and again with the one it is given. */
  join(key: PublicKey, from: Endpoint, port: number) {
    return this.bind(key, from, port, this.bind(key, from, port, null).token)
  }

  pass(time: Time): void {
    this.now += time
    this.outputs.push(...this.desk.tick(this.now))
  }

  kinds(): string[] {
    return this.outputs.map(({ kind }) => kind)
  }

  /** What it wanted done since the last time. */
  done(): RelayOutput[] {
    return this.outputs.splice(0)
  }
}
