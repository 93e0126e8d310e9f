// Two ends of a stream in one process, and nodes with a roll in memory.

import { createLogger } from '../../../src/base/log.ts'
import type { ByteStream } from '../../../src/drivers/carrier/carrier.ts'
import { Registrar, type RollStore } from '../../../src/node/membership/registrar.ts'
import { systemClock } from '../../../src/os/clock.ts'
import { systemCrypto } from '../../../src/os/crypto.ts'
import { systemRandom } from '../../../src/os/random.ts'
import type { PublicKey } from '../../../src/protocol/identity/key.ts'
import { type Signed, signStatement } from '../../../src/protocol/membership/signed.ts'
import { at, keyOf, privateKeyOf, subnet } from '../../protocol/membership/story.ts'

export type End = ByteStream & { readonly written: number }

/** What one end writes comes out of the other in the next turn, in pieces of any length. @param piece bytes at once */
export function line(piece = 1_000): [End, End] {
  const ends = [end(), end()] as const
  function end(): ByteStream & {
    written: number
    other: () => (ByteStream & { closed: boolean }) | undefined
    closed: boolean
  } {
    let onData: ByteStream['onData'] = () => {}
    let early: Uint8Array[] = []
    let heard = false
    return {
      written: 0,
      closed: false,
      other: () => undefined,
      write(bytes) {
        this.written += bytes.length
        const other = this.other()
        for (let i = 0; i < bytes.length; i += piece) {
          const part = bytes.slice(i, i + piece)
          queueMicrotask(() => other && !other.closed && other.onData(part))
        }
        return true
      },
      get onData() {
        return heard ? onData : (bytes: Uint8Array) => void early.push(bytes)
      },
      set onData(call) {
        onData = call
        heard = true
        for (const bytes of early) call(bytes)
        early = []
      },
      onDrain: () => {},
      onClosed: () => {},
      abort() {
        if (this.closed) return
        this.closed = true
        const other = this.other()
        queueMicrotask(() => {
          if (!other || other.closed) return
          other.closed = true
          other.onClosed()
        })
      },
    }
  }
  ends[0].other = () => ends[1]
  ends[1].other = () => ends[0]
  return [ends[0], ends[1]]
}

export const genesis: Signed = signStatement(
  privateKeyOf('anna'),
  null,
  {
    ...{ kind: 'genesis', author: keyOf('anna'), at, after: [], salt: new Uint8Array(16) },
    ...{ name: 'test', namespace: 'public', workbit: 0, subnet, admins: [keyOf('anna')], boots: [] },
  },
  count => new Uint8Array(count),
)

export type Memory = RollStore & { kept: Uint8Array[] }

export function memory(kept: Uint8Array[] = [genesis.bytes]): Memory {
  return {
    kept,
    load() {
      return this.kept.length > 0 ? this.kept : null
    },
    append(statements) {
      this.kept.push(...statements)
    },
  }
}

/** A node of the network that anna has begun. @param wall its clock */
export function registrar(
  name: string,
  store: Memory = memory(),
  wall = at,
  accepted: readonly PublicKey[] = [keyOf('anna')],
): Registrar {
  const privateKey = privateKeyOf(name)
  return new Registrar(
    {
      clock: { ...systemClock, wall: () => wall },
      random: systemRandom,
      crypto: systemCrypto,
      log: createLogger(() => {}),
      identity: { privateKey, publicKey: privateKey.publicKey() },
      name: 'test',
      store,
    },
    accepted,
  )
}
